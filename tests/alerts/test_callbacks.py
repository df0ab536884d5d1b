"""What Airflow calls when a task or a run goes wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gatehouse.alerts.callbacks import run_is_late, run_key, task_failed, task_succeeded
from gatehouse.alerts.cycle import alert_gate
from gatehouse.errors import GatehouseError
from tests.alerts.conftest import Desk


def _context(tag: str = "impact:tier_1", exception: object = None) -> dict[str, Any]:
    return {
        "ti": SimpleNamespace(dag_id="build_core", task_id="build"),
        "dag": SimpleNamespace(tags={"domain:all", tag}),
        "dag_run": SimpleNamespace(dag_id="build_core"),
        "exception": exception,
    }


@pytest.fixture(autouse=True)
def home(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(desk.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(desk.settings.project))


def test_a_task_that_fails_has_an_incident_until_it_succeeds(desk: Desk) -> None:
    task_failed(_context(exception=GatehouseError("the model /home/m.sql failed")))
    task_failed(_context(exception=ValueError("row mallory@example.org")))
    (found,) = desk.open()
    assert (found.cause_key, found.kind) == ("pipeline:build_core.build", "pipeline")
    assert (found.severity, found.seen_count) == ("critical", 2)
    assert found.details["error"] == "ValueError"
    assert desk.told() == [("log", "opened", "sent")]
    task_succeeded(_context())
    assert [each.resolution for each in desk.incidents("resolved")] == ["succeeded"]
    assert desk.told()[-1] == ("log", "resolved", "sent")
    task_succeeded(_context())


def test_our_own_words_are_told_without_paths(desk: Desk) -> None:
    task_failed(_context(exception=GatehouseError("the file /landing/mallory.csv is broken")))
    assert desk.open()[0].details["error"] == "the file (path) is broken"


def test_what_matters_less_is_a_warning(desk: Desk) -> None:
    task_failed(_context("impact:tier_3"))
    assert desk.open()[0].severity == "warning"


@pytest.mark.parametrize("as_data", [True, False], ids=["data", "object"])
def test_a_run_that_is_late_has_an_incident(desk: Desk, as_data: bool) -> None:
    context = _context() | ({"dag_run": {"dag_id": "build_core"}} if as_data else {})
    run_is_late(context)
    assert [each.cause_key for each in desk.open()] == [run_key("build_core")]
    alert_gate(desk.settings, over=run_key("build_core"))
    assert desk.open() == []


def test_a_run_is_late_until_its_last_task_is_done(desk: Desk) -> None:
    run_is_late(_context())
    task_succeeded(_context() | {"task": SimpleNamespace(downstream_task_ids={"gate"})})
    assert len(desk.open()) == 1
    task_succeeded(_context() | {"task": SimpleNamespace(downstream_task_ids=set())})
    assert desk.open() == []


def test_the_days_of_a_backfill_wait_for_each_other(desk: Desk) -> None:
    run_is_late({"dag_run": {"dag_id": "build_core", "run_type": "backfill"}})
    assert desk.open() == []


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_has_ended_is_not_late(desk: Desk, state: str) -> None:
    run_is_late({"dag_run": {"dag_id": "build_core", "state": state}})
    run_is_late({"dag_run": SimpleNamespace(dag_id="build_core", state=state)})
    assert desk.open() == []
    run_is_late({"dag_run": {"dag_id": "build_core", "state": "running"}})
    assert len(desk.open()) == 1


def test_a_callback_never_raises(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GATEHOUSE_STORE_URL", "postgresql://a:pa55@127.0.0.1:1/b")
    task_failed(_context())
    task_succeeded(_context())
    run_is_late(_context())
    run_is_late(None)
    assert len(caplog.records) == 4
    assert "pa55" not in caplog.text
