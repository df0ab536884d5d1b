"""What people do about incidents, from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from gatehouse.alerts.people import list_incidents
from gatehouse.cli.app import app
from tests.alerts.conftest import Desk, Sink, failing, routes
from tests.alerts.test_channels import SECRET, connect


class Cli:
    """The command line in the home of a desk."""

    def __call__(self, *args: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["alerts", *args, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout else done.exception

    def text(self, *args: str) -> str:
        done = CliRunner().invoke(app, ["alerts", *args])
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture
def cli(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("GATEHOUSE_HOME", str(desk.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(desk.settings.project))
    return Cli()


@pytest.fixture
def incident(desk: Desk) -> str:
    """An open incident."""
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    return desk.open()[0].incident_id


def test_nothing_is_wrong(cli: Cli) -> None:
    assert cli("list") == []
    assert "No incident is open" in cli.text("list")


def test_critical_ones_come_first(desk: Desk, cli: Cli) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.gated(1, "dim_c", "passed", failing(severity="warning"))
    desk.cycle()
    assert [each["severity"] for each in cli("list")] == ["critical", "warning"]
    assert [each["severity"] for each in list_incidents(desk.settings)] == ["critical", "warning"]


def test_an_incident_is_shown_with_what_to_do(incident: str, cli: Cli) -> None:
    found = cli("show", incident[:8])
    assert found["message"]["commands"]["Look closer"] == "gatehouse certificate fct_a"
    assert [each["outcome"] for each in found["deliveries"]] == ["sent"]
    text = cli.text("show", incident)
    for part in ("unique_fct_a_key", "failing rows 7", "gatehouse waive fct_a", "takeover"):
        assert (part in text) == (part != "takeover"), part


def test_who_takes_it_is_named(incident: str, cli: Cli, desk: Desk) -> None:
    taken = cli("ack", incident)
    assert (taken["state"], bool(taken["acknowledged_by_name"])) == ("acknowledged", True)
    again = cli("ack", incident, code=1)
    assert "has it since" in str(again)
    desk.gated(2, "fct_a", "passed")
    desk.cycle()
    assert "is over" in str(cli("ack", incident, code=1))
    assert cli("list") == []
    assert [each["resolution"] for each in cli("list", "--all")] == ["passed"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--reason", " "], "needs a reason"),
        (["--reason", "r", "--hours", "0"], "1 to 168"),
        (["--reason", "r", "--hours", "169"], "1 to 168"),
    ],
)
def test_what_is_no_snooze(incident: str, cli: Cli, options: list[str], what: str) -> None:
    assert what in str(cli("snooze", incident, *options, code=1))
    assert cli("list")[0]["snoozed_until_at"] is None


def test_a_snooze_has_a_name_and_a_reason(incident: str, cli: Cli) -> None:
    cli("snooze", incident, "--reason", "mended tonight", "--hours", "3")
    text = cli.text("show", incident)
    assert "mended tonight" in text
    assert cli("list")[0]["snoozed_by_name"]


@pytest.mark.parametrize("wrong", ["nonsense", "", "%%%%%", "____-"])
def test_an_incident_that_is_not_there(incident: str, cli: Cli, wrong: str) -> None:
    assert "There is no incident" in str(cli("show", wrong, code=1))


def test_every_channel_is_tried(
    desk: Desk, cli: Cli, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url, password=SECRET)
    desk.route(
        "channels:\n"
        "  good: {type: webhook, connection: out}\n"
        "  bad: {type: slack, connection: nowhere}\n"
        "  maybe: {type: slack, connection: nowhere, required: false}\n"
        "routes: [{channels: [good]}]\n"
    )
    done = CliRunner().invoke(app, ["alerts", "test", "--json"])
    assert done.exit_code == 1
    assert "1 of 4 channels failed: bad." in str(done.exception)
    assert {each["channel"]: each["outcome"] for each in json.loads(done.stdout)} == {
        "log": "sent",
        "good": "sent",
        "bad": "failed",
        "maybe": "left_out",
    }
    assert sink.bodies()[0]["event"] == "test"
    assert SECRET not in done.output
    assert desk.told() == []
    assert [each["channel"] for each in cli("test", "--channel", "good")] == ["good"]
    assert "no channel" in str(cli("test", "--channel", "other", code=1))


def test_only_json_is_printed_as_json(cli: Cli, desk: Desk) -> None:
    desk.route(
        "channels:\n"
        "  first: {type: slack, connection: nowhere}\n"
        "  other: {type: slack, connection: nowhere}\n"
        "routes: [{channels: [log]}]\n"
    )
    command = [sys.executable, "-m", "gatehouse.cli.app", "alerts", "test", "--json"]
    environment = {k: v for k, v in os.environ.items() if k != "AIRFLOW_HOME"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert [each["outcome"] for each in json.loads(done.stdout)] == ["sent", "failed", "failed"]
    assert done.stderr.count("The alert channel") == 2
    # Airflow writes its own files where it is told to be.
    assert (desk.settings.home / "airflow").is_dir()


def test_watching_from_the_command_line(desk: Desk, cli: Cli) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    assert cli("watch") == {"open": 1, "sent": 1, "failed": 0, "left_out": 0, "silent": 0}
    assert "1 open" in cli.text("watch")


def test_no_terminal_obeys_a_name(desk: Desk, cli: Cli) -> None:
    desk.gated(1, "fct_a", "failed", failing("a\x1b]0;owned\x07"))
    desk.cycle()
    desk.route(routes("out"))
    for text in (cli.text("list"), cli.text("show", desk.open()[0].incident_id)):
        assert "\x1b" not in text
        assert "owned" in text
