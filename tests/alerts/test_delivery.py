"""An alert arrives once, or is tried again; and somebody hears of a channel that fails."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest

from gatehouse.alerts import deliver
from gatehouse.alerts.cycle import alert_gate
from gatehouse.alerts.people import acknowledge, snooze
from gatehouse.store import open_store
from gatehouse.store.models import AlertDelivery, Incident
from tests.alerts.conftest import Desk, Sink, failing, routes
from tests.alerts.test_channels import connect


@pytest.fixture
def out(desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """A webhook that all incidents of ``desk`` go to."""
    connect(monkeypatch, host=sink.url)
    desk.route(routes("out"))
    return sink


def test_what_failed_is_sent_in_the_next_cycle(desk: Desk, out: Sink) -> None:
    out.status = 503
    desk.gated(1, "fct_a", "failed", failing())
    assert desk.cycle()["failed"] == 1
    assert desk.told("out") == [("out", "opened", "failed")]
    out.status = 200
    desk.cycle(5)
    assert desk.told("out") == [("out", "opened", "sent")]
    assert [each["event"] for each in out.bodies()] == ["opened", "opened"]


def test_the_second_channel_tells_of_the_first(desk: Desk, out: Sink) -> None:
    out.status = 503
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    desk.cycle(5)
    (found,) = [each for each in desk.open() if each.kind == "channel"]
    assert (found.subject_name, found.details["error"]) == ("out", "http_503")
    assert found.details["untold"] == ["fct_a: unique_fct_a_key does not hold"]
    assert desk.told("log") == [("log", "opened", "sent")], "once, however long it lasts"
    out.status = 200
    desk.cycle(5)
    assert [each.kind for each in desk.open()] == ["data"]
    assert desk.told("log") == [("log", "opened", "sent"), ("log", "resolved", "sent")]


def test_the_second_channel_is_the_one_that_is_named(
    desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "first", host="http://127.0.0.1:1")
    connect(monkeypatch, "other", host=sink.url)
    desk.route(
        "channels:\n"
        "  first: {type: webhook, connection: first, second: other}\n"
        "  other: {type: webhook, connection: other}\n"
        "routes: [{channels: [first]}]\n"
    )
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    (body,) = sink.bodies()
    assert (body["kind"], body["facts"]["Error"]) == ("channel", "no_answer")
    assert "fct_a" in body["facts"]["Could not be told"]


def test_what_stands_first_in_the_project_is_told_first(desk: Desk, out: Sink) -> None:
    desk.gated(1, "dim_c", "failed", failing())
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    # dim_c is made from nothing, and comes after what is made from fct_a.
    assert [each["headline"][:5] for each in out.bodies()] == ["fct_a", "dim_c"]


def test_a_channel_that_is_down_is_tried_once_a_cycle(desk: Desk, out: Sink) -> None:
    out.status = 503
    for table in ("fct_a", "fct_b", "dim_c"):
        desk.gated(1, table, "failed", failing())
    desk.cycle()
    assert len(out.got) == 1
    out.status = 200
    desk.cycle(5)
    assert sorted(each["headline"][:5] for each in out.bodies()[1:]) == ["dim_c", "fct_a", "fct_b"]


def test_a_message_that_is_refused_keeps_no_other_back(desk: Desk, out: Sink) -> None:
    out.status = 400
    for table in ("fct_a", "fct_b"):
        desk.gated(1, table, "failed", failing())
    desk.cycle()
    assert len(out.got) == 2


def test_what_was_not_told_in_time_is_not_told(desk: Desk, out: Sink) -> None:
    out.status = 503
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    desk.gated(2, "fct_a", "passed")
    out.status = 200
    desk.cycle(5)
    assert desk.told("out") == [("out", "opened", "left_out")]


def test_an_optional_channel_without_connection_is_left_out(desk: Desk) -> None:
    desk.route(routes("nowhere", required=False))
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    assert desk.told() == [("out", "opened", "left_out")]
    assert [each.kind for each in desk.open()] == ["data"]


def test_an_optional_channel_that_worked_and_lost_its_connection_is_told_of(
    desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        connect(there, host=sink.url)
        desk.route(routes("out", required=False))
        desk.gated(1, "fct_a", "failed", failing())
        desk.cycle()
        assert desk.told("out") == [("out", "opened", "sent")]
    desk.gated(1, "dim_c", "failed", failing())
    desk.cycle()
    assert sorted(each.kind for each in desk.open()) == ["channel", "data", "data"]


def test_a_dead_channel_keeps_no_other_waiting(
    desk: Desk, out: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_MOST_AT_ONCE", 1)
    desk.route(
        "channels: {out: {type: webhook, connection: out}}\n"
        "routes: [{owner: other, channels: [log]}, {channels: [out]}]\n"
    )
    out.status = 503
    for table in ("fct_a", "fct_b"):
        desk.gated(1, table, "failed", failing())
    desk.cycle()
    desk.gated(1, "dim_c", "failed", failing(owner="other"))
    desk.cycle()
    # Of the channel, and of what goes by the log.
    assert desk.told("log") == [("log", "opened", "sent")] * 2


def test_a_channel_that_should_have_a_connection_is_told_of(desk: Desk) -> None:
    desk.route(routes("nowhere"))
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    assert sorted(each.kind for each in desk.open()) == ["channel", "data"]


def test_two_that_deliver_at_once_send_once(desk: Desk, out: Sink) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    threads = [threading.Thread(target=desk.cycle) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(out.got) == 1
    assert len(desk.incidents()) == 1


def test_what_was_claimed_by_one_that_was_killed_is_sent_later(desk: Desk, out: Sink) -> None:
    out.status = 503
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    with open_store(desk.settings).begin() as session:
        for each in session.query(AlertDelivery):
            each.claimed_until_at = desk.now + timedelta(minutes=10)
    out.status = 200
    desk.cycle(5)
    assert len(out.got) == 1
    desk.cycle(6)
    assert len(out.got) == 2


def test_a_broken_file_loses_no_alert(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.route("routes: [")
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    assert desk.told() == [("log", "opened", "sent")]
    assert re.search(r"alerts\.yml: not YAML \(line \d\)", caplog.text)


def test_alerts_that_break_do_not_break_the_gate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = desk.settings.model_copy(update={"store_url": "postgresql://a:pa55@127.0.0.1:1/b"})
    assert alert_gate(broken) is None
    assert "the next cycle tries again" in caplog.text
    assert "pa55" not in caplog.text


ESCALATES = (
    "channels: {other: {type: log}}\n"
    "routes: [{channels: [log], escalate: {after_minutes: 30, channels: [other]}}]\n"
)


def test_nobody_acknowledges_and_others_are_told_once(desk: Desk) -> None:
    desk.route(ESCALATES)
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    desk.cycle(29)
    assert desk.told("other") == []
    desk.cycle(1)
    desk.cycle(60)
    assert desk.told("other") == [("other", "escalated", "sent")]


def test_who_acknowledges_keeps_it_from_others(desk: Desk) -> None:
    desk.route(ESCALATES)
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    acknowledge(desk.settings, desk.open()[0].incident_id)
    desk.cycle(60)
    assert desk.told("other") == []
    assert desk.open()[0].state == "acknowledged"


def test_it_gets_worse_and_has_to_be_taken_again(desk: Desk) -> None:
    desk.route(ESCALATES)
    desk.gated(1, "fct_a", "passed", failing(severity="warning"))
    desk.cycle()
    acknowledge(desk.settings, desk.open()[0].incident_id)
    snooze(desk.settings, desk.open()[0].incident_id, hours=100, reason="known")
    desk.gated(2, "fct_a", "failed", failing())
    desk.cycle()
    assert desk.told("log") == [("log", "opened", "sent"), ("log", "repeated", "sent")]
    desk.cycle(30)
    assert desk.told("other") == [("other", "escalated", "sent")]


def test_a_snooze_is_quiet_and_ends_aloud(desk: Desk) -> None:
    desk.route(ESCALATES)
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    snooze(desk.settings, desk.open()[0].incident_id, hours=2, reason="known")
    with open_store(desk.settings).begin() as session:
        session.query(Incident).one().snoozed_until_at = desk.now + timedelta(hours=2)
    desk.cycle(119)
    assert [event for _, event, _ in desk.told()] == ["opened"]
    desk.cycle(1)
    assert [event for _, event, _ in desk.told()] == ["opened", "repeated"]
    desk.cycle(29)
    assert desk.told("other") == []
    desk.cycle(1)
    assert desk.told("other") == [("other", "escalated", "sent")]
