"""Silence: whoever has nothing to say when it should is told of, within one cycle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gatehouse.alerts import run_cycle
from gatehouse.alerts.routing import load_routing
from gatehouse.errors import GatehouseError
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.proof import silence
from gatehouse.proof.heartbeats import INGEST, WATCH, WATCH_KEY, beat, watch_the_watch
from gatehouse.proof.silence import look_for_silence, watch
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import AlertDelivery, DetectionRun, Incident, PublishedVersion
from tests.alerts.conftest import Desk, _desk, project
from tests.store.factories import NOW, build_run, certificate

__all__ = ["project"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def desk(settings: Settings, project: Path) -> Desk:
    """An embedded store and an empty lake."""
    own = _desk(settings, project)
    with Lake(own.settings).writer("a test") as connection:
        ensure_tables(connection)
    return own


def keep(desk: Desk, *rows: Any) -> None:
    with open_store(desk.settings).begin() as session:
        for row in rows:
            session.merge(row)


def silent(desk: Desk, after: timedelta) -> list[str]:
    """Who is silent so long after the beginning."""
    return [each.key for each in look_for_silence(desk.settings, now=NOW + after)]


def states(desk: Desk) -> dict[str, str]:
    return {each.cause_key: each.state for each in desk.incidents()}


def built(desk: Desk, build_id: str = "b1", **changes: Any) -> None:
    values = {"status": "succeeded", "snapshot_id": 3, "finished_at": NOW} | changes
    keep(desk, build_run(build_id, **values))


def load(desk: Desk, *moments: Any, source: str = "web") -> None:
    with Lake(desk.settings).writer("a test") as connection:
        for moment in moments:
            connection.execute(
                "insert into lake.raw.files (source_id, rows_loaded, ingested_at) values (?, 5, ?)",
                [source, moment.replace(tzinfo=None)],
            )


def test_a_quiet_new_home_is_not_silent(desk: Desk) -> None:
    assert silent(desk, 100 * DAY) == []


def test_a_gate_that_did_not_follow_its_build(desk: Desk) -> None:
    built(desk)
    assert silent(desk, 5 * HOUR) == []
    assert silent(desk, 7 * HOUR) == ["silence:of:gate"]
    keep(desk, certificate(checked_at=NOW + 8 * HOUR))
    assert silent(desk, 9 * HOUR) == []
    assert states(desk) == {"silence:of:gate": "resolved"}


def test_a_gate_that_died_is_told_though_builds_go_on(desk: Desk) -> None:
    keep(desk, certificate(checked_at=NOW - HOUR))
    built(desk)
    built(desk, "b2", finished_at=NOW + 6 * HOUR, started_at=NOW + 5 * HOUR)
    assert silent(desk, 7 * HOUR) == ["silence:of:gate"]


def test_loads_that_no_build_covers(desk: Desk) -> None:
    load(desk, NOW)
    assert silent(desk, 11 * HOUR) == []
    assert silent(desk, 13 * HOUR) == ["silence:of:build"]
    built(desk, interval_end_at=NOW + HOUR)
    keep(desk, certificate(checked_at=NOW + 2 * HOUR))
    assert silent(desk, 14 * HOUR) == []


def test_a_source_that_pauses_longer_than_it_ever_did(desk: Desk) -> None:
    load(desk, *(NOW - hours * 8 * HOUR for hours in range(10)))
    built(desk, interval_end_at=NOW + HOUR)
    keep(desk, certificate(checked_at=NOW + HOUR))
    assert silent(desk, 23 * HOUR) == []
    assert silent(desk, 25 * HOUR) == ["silence:of:source:web"]


def test_a_source_that_is_hardly_known_may_pause(desk: Desk) -> None:
    load(desk, *(NOW - hours * 8 * HOUR for hours in range(7)))
    built(desk, interval_end_at=NOW + HOUR)
    keep(desk, certificate(checked_at=NOW + HOUR))
    assert silent(desk, 25 * HOUR) == []


def test_ingest_that_does_not_run(desk: Desk) -> None:
    beat(desk.settings, INGEST, now=NOW)
    assert silent(desk, 12 * HOUR) == []
    assert silent(desk, 14 * HOUR) == ["silence:of:ingest"]


def certified(desk: Desk, table: str = "dim_c", covered_to: Any = NOW, **changes: Any) -> None:
    name = f"{table}-{covered_to:%d%H}"
    keep(desk, certificate(name, table_name=table, interval_end_at=covered_to, **changes))
    keep(
        desk,
        PublishedVersion(table_name=table, certificate_id=name, snapshot_id=3, published_at=NOW),
    )


def ran(desk: Desk, covered_to: Any, run_id: str = "r1", **changes: Any) -> None:
    values = {
        "detection_run_id": run_id,
        "detection_id": "farm",
        "detection_version": 1,
        "code_hash": "0",
        "mode": "live",
        "status": "succeeded",
        "is_increment": True,
        "inputs": {"dim_c": {"covered_to": covered_to.isoformat()}},
        "parameters": {},
        "started_at": NOW,
        "finished_at": NOW,
    }
    keep(desk, DetectionRun(**(values | changes)))


def test_a_detection_that_did_not_run_on_what_was_certified(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.detection.inputs.datetime", Clock)
    certified(desk)
    ran(desk, NOW - HOUR)
    assert silent(desk, 11 * HOUR) == []
    assert silent(desk, 13 * HOUR) == ["silence:of:detection:farm"]
    ran(desk, NOW, "r2", started_at=NOW + 14 * HOUR)
    assert silent(desk, 15 * HOUR) == []


def test_a_detection_whose_table_is_held_waits_and_is_not_silent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.detection.inputs.datetime", Clock)
    certified(desk)
    keep(desk, certificate("bad", table_name="dim_c", snapshot_id=9, result="failed"))
    assert silent(desk, 13 * HOUR) == []


def test_a_detection_that_never_finds_anybody_is_a_warning(desk: Desk) -> None:
    ran(desk, NOW)
    ran(desk, NOW, "r2", started_at=NOW + 59 * DAY)
    assert silent(desk, 60 * DAY) == []
    ran(desk, NOW, "r3", started_at=NOW + 61 * DAY)
    assert silent(desk, 61 * DAY) == ["silence:of:finds:farm"]
    assert [each.severity for each in desk.open()] == ["warning"]
    ran(desk, NOW, "r4", started_at=NOW + 62 * DAY, found_count=1)
    assert silent(desk, 62 * DAY) == []


def test_a_channel_by_which_nothing_arrives(desk: Desk) -> None:
    desk.route("channels: {out: {type: webhook, connection: out}}\nroutes: [{channels: [out]}]\n")
    keep(desk, build_run(status="succeeded", snapshot_id=3, finished_at=NOW - 7 * HOUR))
    assert silent(desk, timedelta()) == ["silence:of:gate"]
    assert silent(desk, timedelta(minutes=61)) == ["silence:of:gate", "silence:of:channel:out"]
    # By the second channel, as the first is the one that is silent.
    with open_store(desk.settings, read_only=True).begin() as session:
        told = {
            each.channel_name
            for each in session.query(AlertDelivery)
            if session.get_one(Incident, each.incident_id).kind == "channel"
        }
    assert told == {"log"}


def test_drills_that_do_not_run(desk: Desk) -> None:
    beat(desk.settings, WATCH, now=NOW)
    assert silent(desk, 49 * HOUR) == []
    assert silent(desk, 51 * HOUR) == ["silence:of:drills"]


def test_a_rule_that_cannot_look_is_told_and_silences_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_view: object) -> Iterator[Any]:
        raise ConnectionRefusedError

    _, tells_of = silence._RULES["ingest"]
    monkeypatch.setitem(silence._RULES, "ingest", (broken, tells_of))
    built(desk)
    assert silent(desk, 7 * HOUR) == ["silence:of:gate", "silence:of:rule:ingest"]


def test_a_rule_that_cannot_look_ends_nothing_that_it_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_view: object) -> Iterator[Any]:
        raise OSError

    load(desk, *(NOW - hours * 8 * HOUR for hours in range(10)))
    built(desk, interval_end_at=NOW + HOUR)
    keep(desk, certificate(checked_at=NOW + HOUR))
    assert silent(desk, 25 * HOUR) == ["silence:of:source:web"]
    with monkeypatch.context() as patched:
        patched.setitem(silence._RULES, "ingest", (broken, silence._RULES["ingest"][1]))
        assert silent(desk, 26 * HOUR) == ["silence:of:rule:ingest"]
        assert states(desk)["silence:of:source:web"] == "open"
    silent(desk, 27 * HOUR)
    assert states(desk) == {
        "silence:of:source:web": "open",
        "silence:of:rule:ingest": "resolved",
    }


def test_a_source_that_died_stays_silent_until_it_loads_or_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(desk, *(NOW - days * DAY for days in range(10)))
    load(desk, *(NOW + days * DAY for days in range(60)), source="others")
    keep(desk, certificate(checked_at=NOW + 60 * DAY))
    built(desk, interval_end_at=NOW + 60 * DAY)
    assert "silence:of:source:web" in silent(desk, 60 * DAY)
    with monkeypatch.context() as patched:
        patched.setattr(silence, "sources_by_contract", lambda _: {"events": ["others"]})
        assert "silence:of:source:web" not in silent(desk, 60 * DAY)
    assert "silence:of:source:web" in silent(desk, 60 * DAY)
    load(desk, NOW + 60 * DAY)
    assert "silence:of:source:web" not in silent(desk, 60 * DAY + HOUR)


def test_a_silence_is_told_in_the_cycle_that_sees_it(desk: Desk) -> None:
    built(desk)
    report = watch(desk.settings, now=NOW + 7 * HOUR)
    assert (report["silent"], report["sent"]) == (1, 1)
    assert watch(desk.settings, now=NOW + 8 * HOUR)["sent"] == 0


def test_other_cycles_leave_silence_alone(desk: Desk) -> None:
    built(desk)
    watch(desk.settings, now=NOW + 7 * HOUR)
    run_cycle(desk.settings, now=NOW + 8 * HOUR)
    assert states(desk) == {"silence:of:gate": "open"}


def test_a_watch_that_died_is_told_by_ingest(desk: Desk) -> None:
    watch(desk.settings, now=NOW)
    for minutes in (0, 5, 30):
        assert watch_the_watch(desk.settings, INGEST, now=NOW + minutes * HOUR / 60) is False
    assert watch_the_watch(desk.settings, INGEST, now=NOW + 35 * HOUR / 60) is True
    assert states(desk) == {WATCH_KEY: "open"}
    assert desk.told() == [("log", "opened", "sent")]
    watch(desk.settings, now=NOW + HOUR)
    assert states(desk) == {WATCH_KEY: "resolved"}


def test_a_watch_that_never_ran_is_told(desk: Desk) -> None:
    for minutes in range(0, 35, 5):
        watch_the_watch(desk.settings, INGEST, now=NOW + minutes * HOUR / 60)
    assert states(desk) == {}
    assert watch_the_watch(desk.settings, INGEST, now=NOW + 35 * HOUR / 60) is True


def test_after_a_standstill_of_everything_the_watch_may_begin_again(desk: Desk) -> None:
    watch(desk.settings, now=NOW)
    beat(desk.settings, INGEST, now=NOW)
    assert watch_the_watch(desk.settings, INGEST, now=NOW + DAY) is None
    assert states(desk) == {}
    # The gate, which is not asked for every five minutes, trusts ingest's beat.
    assert watch_the_watch(desk.settings, now=NOW + DAY + HOUR / 12) is True


def test_the_watch_over_the_watch_never_fails_its_caller(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.proof.heartbeats.last_beat", lambda *_: 1 / 0)
    assert watch_the_watch(desk.settings, INGEST) is None


def test_a_wrong_number_of_the_file_is_named(desk: Desk) -> None:
    desk.route("routes: [{channels: [log]}]\nsilence: {gate_after_hours: -1}\n")
    with pytest.raises(GatehouseError, match=r"silence\.gate_after_hours.*greater than 0"):
        load_routing(desk.settings)
    desk.route("routes: [{channels: [log]}]\nsilence: {gate_after_hour: 1}\n")
    with pytest.raises(GatehouseError, match=r"silence\.gate_after_hour: Extra inputs"):
        load_routing(desk.settings)


class Clock:
    """The time of the tests, where certificates are asked whether they have expired."""

    @staticmethod
    def now(_zone: object) -> Any:
        return NOW

    fromisoformat = staticmethod(type(NOW).fromisoformat)
