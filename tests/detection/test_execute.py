"""The executor on a real lake and store: what is held, what is looked at, what is recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from gatehouse.detection import execute
from gatehouse.detection.compiled import Detection
from gatehouse.detection.inputs import read_inputs
from gatehouse.detection.report import DetectionResult
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import CertificateCheck, DetectionRun
from tests.detection.factories import CASES, NOW, SQL, certify, detection, load_days, load_events

MONDAY = "2026-01-05 10:00:00"
MONDAY_LATER = "2026-01-05 11:00:00"
TUESDAY = "2026-01-06 10:00:00"


def run(settings: Settings, subject: Detection | None = None) -> DetectionResult:
    subject = subject or detection()
    store = open_store(settings)
    with store() as session:
        inputs = read_inputs(session, set(subject.reads))
    return execute._run_one(settings, store, subject, inputs, None)


def recorded(settings: Settings, columns: str = "actor_id") -> list[tuple[object, ...]]:
    connection = Lake(settings).current()
    return connection.execute(f"select {columns} from lake.raw.findings order by all").fetchall()


@pytest.fixture
def busy_monday(settings: Settings) -> int:
    """Actor a is busy on Monday; actor b is not."""
    return load_events(settings, ("a", MONDAY), ("a", MONDAY_LATER), ("b", MONDAY), arrived_at=NOW)


def test_records_a_finding_with_what_it_was_made_from(settings: Settings, busy_monday: int) -> None:
    certificate = certify(settings, busy_monday)
    result = run(settings)
    assert (result.status, result.found, result.new) == ("succeeded", 1, 1)
    columns = "actor_id, detection_version, code_hash, certificate_ids, snapshot_ids, mode_code"
    actor, version, code, certificates, snapshots, mode = recorded(settings, columns)[0]
    assert (actor, version, code, mode) == ("a", 1, "0" * 64, "live")
    assert json.loads(str(certificates)) == {"fct_events": certificate}
    assert json.loads(str(snapshots)) == {"fct_events": busy_monday}


def test_reads_the_certified_version_and_not_what_came_after(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    load_events(settings, ("c", MONDAY), ("c", MONDAY_LATER), arrived_at=NOW)
    run(settings)
    assert recorded(settings) == [("a",)]


def test_a_second_run_on_the_same_certificate_looks_at_nothing(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    run(settings)
    assert run(settings).status == "nothing_new"


def test_a_window_by_hand_finds_again_and_records_nothing_twice(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    run(settings)
    store = open_store(settings)
    with store() as session:
        inputs = read_inputs(session, {"fct_events"})
    window = (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC))
    again = execute._run_one(settings, store, detection(), inputs, window)
    assert (again.found, again.new) == (1, 0)
    assert recorded(settings) == [("a",)]


def test_late_rows_reopen_their_day_and_no_other(settings: Settings, busy_monday: int) -> None:
    certify(settings, busy_monday, covered_to=NOW + timedelta(seconds=1))
    run(settings)
    later = NOW + timedelta(hours=1)
    snapshot = load_events(settings, ("b", MONDAY_LATER), arrived_at=later)
    certify(settings, snapshot, covered_to=later + timedelta(seconds=1))
    result = run(settings)
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    assert result.windows == ((monday, monday + timedelta(days=1)),)
    assert recorded(settings) == [("a",), ("b",)]


def test_a_driver_without_arrival_times_reopens_the_days_it_gained_rows_on(
    settings: Settings,
) -> None:
    events = [("a", "2026-01-01 10:00:00"), ("a", MONDAY), ("a", MONDAY_LATER)]
    certify(settings, load_days(settings, *events), covered_to=NOW)
    assert run(settings).new == 1
    later = NOW + timedelta(hours=1)
    certify(settings, load_days(settings, ("b", TUESDAY), ("b", TUESDAY)), covered_to=later)
    result = run(settings)
    tuesday = datetime(2026, 1, 6, tzinfo=UTC)
    assert result.windows == ((tuesday, tuesday + timedelta(days=1)),)
    assert recorded(settings) == [("a",), ("b",)]


def test_a_day_whose_past_was_not_read_gives_no_finding(settings: Settings) -> None:
    """A late row reopens Tuesday; Monday is read for what lies before, and judged by itself."""
    snapshot = load_events(settings, ("a", TUESDAY), arrived_at=NOW)
    certify(settings, snapshot, covered_to=NOW + timedelta(seconds=1))
    two_days = detection(window_days=2)
    assert run(settings, two_days).found == 0
    load_events(settings, ("b", MONDAY), ("b", MONDAY_LATER), arrived_at=NOW)
    later = NOW + timedelta(hours=1)
    snapshot = load_events(settings, ("a", TUESDAY), arrived_at=later)
    certify(settings, snapshot, covered_to=later + timedelta(seconds=1))
    result = run(settings, two_days)
    assert result.windows[0][0] == datetime(2026, 1, 5, tzinfo=UTC)
    assert recorded(settings) == [("a",)]


def test_a_window_by_hand_is_about_its_days_and_reads_those_before(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    store = open_store(settings)
    with store() as session:
        inputs = read_inputs(session, {"fct_events"})
    window = (datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC))
    result = execute._run_one(settings, store, detection(window_days=3), inputs, window)
    assert result.windows == ((datetime(2026, 1, 4, tzinfo=UTC), window[1]),)
    assert result.found == 0


def test_findings_and_runs_carry_their_parameters(settings: Settings, busy_monday: int) -> None:
    certify(settings, busy_monday)
    thresholds = {"default": {"min_items": 3}, "api": {"min_items": 5}}
    run(settings, detection(thresholds=thresholds))
    expected = {"window_days": 1, "review_budget": 1, "thresholds": thresholds}
    assert json.loads(str(recorded(settings, "parameters")[0][0])) == expected
    with open_store(settings)() as session:
        assert session.query(DetectionRun).one().parameters == expected


@pytest.mark.parametrize("bad", ["failed", "could_not_check"])
def test_a_table_that_did_not_pass_holds_its_readers_though_an_older_version_did(
    settings: Settings, busy_monday: int, bad: str
) -> None:
    certify(settings, busy_monday)
    snapshot = load_events(settings, ("c", TUESDAY), arrived_at=NOW)
    certify(settings, snapshot, result=bad, publish=False, held_by=("fct_events",))
    result = run(settings)
    assert result.status == "held"
    assert "fct_events" in result.message
    assert recorded(settings) == []
    with open_store(settings)() as session:
        assert session.query(DetectionRun).one().status == "held"


def test_an_expired_certificate_holds(settings: Settings, busy_monday: int) -> None:
    certify(settings, busy_monday, expires_at=NOW - timedelta(minutes=1))
    assert "expired" in run(settings).message


def test_a_table_that_covers_less_than_the_driver_holds(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    certify(settings, busy_monday, table="dim_actors", covered_to=NOW - timedelta(days=1))
    both = detection(reads=("fct_events", "dim_actors"))
    result = run(settings, both)
    assert result.status == "held"
    assert "dim_actors is behind fct_events" in result.message


def test_a_table_never_checked_holds(settings: Settings, busy_monday: int) -> None:
    assert run(settings).message == "fct_events has never been checked"


def test_an_empty_table_is_no_all_clear(settings: Settings) -> None:
    snapshot = load_events(settings, arrived_at=NOW)
    certify(settings, snapshot, result="no_data")
    assert run(settings).status == "held"
    optional = detection(optional_inputs=("fct_events",))
    assert run(settings, optional).status == "nothing_new"


def test_a_detection_that_fails_records_nothing_and_says_why(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    broken = detection(SQL.replace("count(*) as event_count", "'many' as event_count"))
    result = run(settings, broken)
    assert result.status == "failed"
    assert "event_count" in result.message
    assert recorded(settings) == []


def test_two_actors_with_one_dedup_key_are_an_error(settings: Settings, busy_monday: int) -> None:
    certify(settings, busy_monday)
    doubled = detection(
        SQL.replace("md5(actor_id || cast(day as varchar))", "'same'").replace(">= 2", ">= 1"),
        cases=CASES[:1],
    )
    assert "two actors with one dedup_key" in run(settings, doubled).message


def test_an_actor_found_twice_under_one_key_hides_nobody(
    settings: Settings, busy_monday: int
) -> None:
    certify(settings, busy_monday)
    twice = SQL.replace(
        "cast(0.5 as double) as score",
        "cast(case when p.n = 1 then 0.9 else 0.5 end as double) as score",
    )
    twice = twice.replace("'p' as product_code", "'p' || p.n as product_code")
    twice = twice.replace("as day from lake", "as day, unnest([1, 2]) as n from lake")
    twice = (
        twice.replace("from (select *", "from (select *")
        .replace("group by actor_id, day", "group by actor_id, day, p.n")
        .replace("fct_events)", "fct_events) as p")
    )
    twice = twice.replace(">= 2", ">= 1")
    result = run(settings, detection(twice, cases=CASES[:1]))
    assert (result.status, result.found) == ("succeeded", 2)
    assert recorded(settings, "actor_id, product_code, score") == [
        ("a", "p1", 0.9),
        ("b", "p1", 0.9),
    ]


def test_counts_what_reviewers_cannot_take(settings: Settings) -> None:
    snapshot = load_events(
        settings,
        *[(actor, moment) for actor in "abc" for moment in (MONDAY, MONDAY_LATER)],
        arrived_at=NOW,
    )
    certify(settings, snapshot)
    result = run(settings)
    assert (result.new, result.over_budget) == (3, 2)


def test_findings_of_a_run_that_was_killed_are_known_to_be_unpublished(
    settings: Settings, busy_monday: int
) -> None:
    store = open_store(settings)
    assert not execute._has_unpublished(settings, store)
    certify(settings, busy_monday)
    run(settings)
    assert execute._has_unpublished(settings, store)
    certify(settings, busy_monday, table="fct_findings")  # of one row
    assert not execute._has_unpublished(settings, store)


def test_a_failure_tells_its_kind_and_quotes_no_row(
    settings: Settings, busy_monday: int, caplog: pytest.LogCaptureFixture
) -> None:
    certify(settings, busy_monday)
    sql = SQL.replace(
        "actor_id", "cast(cast(actor_id || '-secret' as integer) as text) as actor_id", 1
    )
    result = run(settings, detection(sql=sql))
    assert result.status == "failed"
    assert "Conversion Error" in result.message
    assert "secret" not in result.message + caplog.text


def test_findings_never_stand_without_their_run(
    settings: Settings, busy_monday: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(settings, busy_monday)
    real = execute.record

    def record_and_die(*arguments: object) -> int:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "record", record_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(settings)
    [(run_id,)] = recorded(settings, "detection_run_id")
    with open_store(settings)() as session:
        assert session.get_one(DetectionRun, run_id).status == "failed"


def test_a_detection_that_needs_warnings_waits_for_them(
    settings: Settings, busy_monday: int
) -> None:
    certificate = certify(settings, busy_monday)
    with open_store(settings).begin() as session:
        session.add(
            CertificateCheck(
                certificate_id=certificate,
                position=0,
                tool="gx",
                name="volume",
                severity="warning",
                result="failed",
                observed={},
            )
        )
    held = run(settings, detection(needs="warning"))
    assert held.status == "held"
    assert "volume is a warning that does not hold" in held.message
    assert run(settings).new == 1
