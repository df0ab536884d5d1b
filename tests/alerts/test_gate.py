"""From a real run of the gate to what people read, and back."""

from __future__ import annotations

import shlex

import pytest
from typer.testing import CliRunner

from gatehouse.alerts import run_cycle
from gatehouse.alerts.checked import read_readers
from gatehouse.alerts.people import list_incidents, read_incident
from gatehouse.cli.app import app
from gatehouse.detection.compiled import load_detections
from gatehouse.gate import run_gate
from gatehouse.gate.status import read_status
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store.access import PLACEHOLDER
from tests.gate.conftest import House, house, project

__all__ = ["house", "project"]

RANGE = "expect_column_values_to_be_between"


@pytest.fixture
def here(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("GATEHOUSE_HOME", str(house.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(house.settings.project))
    return house


def _gate(*args: str) -> int:
    return CliRunner().invoke(app, ["gate", *args]).exit_code


def test_the_command_the_alert_names_is_the_one_that_helps(here: House) -> None:
    here.fill()
    bad = here.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'")
    here.built(bad)
    assert _gate("--no-alert") == 1
    assert list_incidents(here.settings) == []
    assert _gate() == 1
    (found,) = list_incidents(here.settings)
    assert (found["subject_name"], found["details"]["tables"]) == ("fct_a", ["fct_a", "fct_b"])
    assert found["details"]["checks"][0]["counts"]["unexpected_count"] == 1
    assert read_status(here.settings)["incidents_open"] == {"critical": 1}
    assert "Incidents open: 1 critical" in CliRunner().invoke(app, ["status"]).stdout
    commands = read_incident(here.settings, found["incident_id"])["message"]["commands"]
    for name in ("Look closer", "See rows", "Let it pass"):
        command = commands[name].replace(PLACEHOLDER, "'a known gap'")
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, done.output
    assert _gate() == 0
    assert list_incidents(here.settings) == []
    assert [e["resolution"] for e in list_incidents(here.settings, ended=True)] == ["waived"]


def test_a_lost_file_is_no_failure_of_the_data(here: House) -> None:
    snapshot = here.fill()
    (here.settings.core_suites / "fct_a.yml").unlink()
    run_gate(here.settings, snapshot_id=snapshot)
    run_cycle(here.settings)
    (found,) = list_incidents(here.settings)
    assert (found["kind"], found["subject_name"]) == ("infrastructure", "fct_a")
    assert str(here.settings.project) not in str(found)
    assert found["details"]["tables"] == ["fct_a", "fct_b"]


@pytest.mark.slow
def test_who_reads_what_is_what_detections_read(settings: Settings) -> None:
    with Lake(settings).writer("test"):
        readers = read_readers(settings)
    assert readers is not None
    assert {each.detection_id: each.reads for each in readers} == {
        each.spec.id: tuple(sorted(each.reads)) for each in load_detections(settings)
    }
    assert all(each.owner for each in readers)
    assert read_readers(settings) == readers
