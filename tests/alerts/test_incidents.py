"""One incident for one cause: opened once, seen again, and over by itself."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gatehouse.alerts import Cause, note, settle
from gatehouse.alerts.message import compose
from gatehouse.alerts.people import acknowledge
from gatehouse.store import open_store
from gatehouse.store.models import (
    AlertDelivery,
    Certificate,
    CertificateCheck,
    Incident,
    Waiver,
)
from tests.alerts.conftest import TABLES, Desk, failing, unable
from tests.gate.conftest import suite


def test_one_cause_is_one_incident_however_many_tables_wait(any_desk: Desk) -> None:
    any_desk.gated(1, "fct_a", "failed", failing())
    any_desk.gated(1, "fct_b", "failed", held_by=["fct_a"])
    any_desk.gated(1, "dim_c", "failed", failing("its own"), held_by=["fct_a", "fct_b"])
    any_desk.cycle()
    (found,) = any_desk.open()
    assert (found.cause_key, found.kind, found.severity) == ("data:fct_a", "data", "critical")
    assert found.details["tables"] == ["fct_a", "fct_b", "dim_c"]
    assert found.details["detections"] == ["farm", "takeover"]
    assert found.details["owners"] == ["account-team", "data", "fraud-team"]
    assert any_desk.told() == [("log", "opened", "sent")]


@pytest.mark.parametrize(
    ("products", "going_on"), [(["api"], ["takeover"]), ([], [])], ids=["one", "all"]
)
def test_a_detection_that_goes_on_without_a_product_is_not_said_to_wait(
    desk: Desk, products: list[str], going_on: list[str]
) -> None:
    folder = desk.settings.core_suites
    folder.mkdir(parents=True)
    known = {"by_product": "product_code"}
    (folder / "fct_b.yml").write_text(yaml.safe_dump(suite("fct_b", **known)), "utf-8")
    path = next((desk.settings.home / "gate").glob("tables-*.json"))
    tables = json.loads(path.read_text("utf-8"))
    for each in tables:
        each["columns"] = dict.fromkeys(("score", "day", "product_code"), "varchar")
    path.write_text(json.dumps(tables), "utf-8")
    check = failing()
    check.observed = {"products": products}
    desk.gated(1, "fct_b", "failed", check)
    desk.cycle()
    (found,) = desk.open()
    assert found.details["going_on"] == going_on
    assert found.details["detections"] == ([] if going_on else ["takeover"])


def _kept_out(feed: str = "events", **changes: object) -> CertificateCheck:
    observed = {"feed": feed, "sources": [f"shop_{feed}"], "failing_rows": 700, "share": 0.7}
    return failing(f"rows quarantined of {feed}", observed=observed, **changes)


def test_a_feed_in_quarantine_is_one_incident_for_all_that_is_made_of_it(any_desk: Desk) -> None:
    any_desk.gated(1, "dim_c", "failed", _kept_out())
    any_desk.gated(1, "fct_a", "failed", _kept_out(), failing("rows missing by day"))
    any_desk.gated(1, "fct_b", "failed", _kept_out(), held_by=["fct_a"])
    any_desk.cycle()
    (found,) = any_desk.open()
    assert found.cause_key == "data:raw.events"
    assert found.title.startswith("raw.events: ")
    assert found.details["tables"] == ["fct_a", "fct_b", "dim_c"]
    assert [each["check"] for each in found.details["checks"]] == [
        "rows quarantined of events",
        "fct_a: rows missing by day",
    ]
    commands = dict(compose(found, "opened").commands)
    assert commands["Why, of shop_events"] == "gatehouse quarantine list --source shop_events"
    replay = "gatehouse quarantine replay --source shop_events"
    assert commands["Once its mapping is mended, shop_events"] == replay
    assert commands["Once its files came again, shop_events"] == (
        "gatehouse ingest --source shop_events"
    )
    assert [name for name in commands if name.startswith("Let it pass")] == ["Let it pass in dim_c"]
    # A waiver of that check alone would not let this one pass.
    assert commands["What else holds fct_a"] == "gatehouse certificate fct_a"


def _rejected(
    feed: str = "events", severity: str = "critical", **changes: object
) -> CertificateCheck:
    observed = {
        "feed": feed,
        "sources": [f"web_{feed}"],
        "failing_files": 2,
    }
    return failing(f"files rejected of {feed}", severity, observed=observed, **changes)


def test_what_a_feed_lacks_in_files_and_in_rows_is_one_incident(any_desk: Desk) -> None:
    any_desk.gated(1, "dim_c", "failed", _kept_out(), _rejected())
    any_desk.gated(1, "fct_a", "failed", _rejected())
    any_desk.cycle()
    (found,) = any_desk.open()
    assert "2 files were rejected and too many of its rows" in found.title
    message = compose(found, "opened")
    commands = dict(message.commands)
    look = "gatehouse files --status rejected --source web_events"
    assert commands["Which files, of web_events"] == look
    assert commands["Why, of shop_events"] == "gatehouse quarantine list --source shop_events"
    for table in ("dim_c", "fct_a"):
        assert "files rejected of events" in commands[f"Let it pass in {table}"]
    assert "rows quarantined of events" in commands["Let it pass in dim_c"]
    # All that it lacks has to come before it has arrived.
    any_desk.gated(2, "fct_a")
    any_desk.gated(2, "dim_c", "failed", _kept_out(result="passed"), _rejected())
    any_desk.cycle()
    assert [each.cause_key for each in any_desk.open()] == ["data:raw.events"]
    unknown = _rejected(result="could_not_check")
    any_desk.gated(3, "dim_c", "failed", failing(), _kept_out(result="passed"), unknown)
    any_desk.cycle()
    assert {each.cause_key for each in any_desk.open()} == {"data:raw.events", "data:dim_c"}


def test_a_few_rejected_files_are_told_once_and_hold_nothing(desk: Desk) -> None:
    for table in ("dim_c", "fct_a"):
        desk.gated(1, table, "passed", _rejected(severity="warning"))
    desk.cycle()
    (found,) = desk.open()
    assert (found.cause_key, found.severity) == ("data:raw.events", "warning")
    assert not [name for name in dict(compose(found, "opened").commands) if "pass" in name]
    for table in ("dim_c", "fct_a"):
        desk.gated(2, table, "passed", _rejected(result="passed"))
    desk.cycle()
    assert desk.open() == []


@pytest.mark.parametrize(
    ("severity", "others", "title"),
    [
        ("critical", 0, "unique does not hold"),
        ("critical", 2, "unique and 2 more do not hold"),
        ("warning", 0, "unique does not hold, holding nothing up"),
        ("warning", 1, "unique and 1 more do not hold, holding nothing up"),
    ],
)
def test_what_is_said_of_several_checks(desk: Desk, severity: str, others: int, title: str) -> None:
    checks = [failing(name, severity) for name in ("unique", "b", "c")[: 1 + others]]
    desk.gated(1, "fct_a", "failed" if severity == "critical" else "passed", *checks)
    desk.cycle()
    assert [each.title for each in desk.open()] == [f"fct_a: {title}"]


def test_a_few_rejected_files_explain_no_other_warning(desk: Desk) -> None:
    other = failing("raw.logins: hours", severity="warning")
    desk.gated(1, "fct_a", "passed", other, _rejected(severity="warning"))
    desk.cycle()
    found = {each.cause_key: each for each in desk.open()}
    assert found.keys() == {"data:raw.events", "data:fct_a"}
    (named,) = found["data:raw.events"].details["failing"]
    assert named == "files rejected of events"
    assert found["data:fct_a"].details["failing"] == ["raw.logins: hours"]
    assert dict(compose(found["data:raw.events"], "opened").facts)["Missing in"] == "fct_a"


def test_missing_rows_point_to_the_files_that_were_rejected(desk: Desk) -> None:
    missing = failing("rows missing by day")
    desk.gated(1, "fct_a", "failed", missing, _rejected(severity="warning"))
    desk.cycle()
    (found,) = desk.open()
    assert found.title.startswith("fct_a: rows missing by day")
    assert "Which files, of web_events" in dict(compose(found, "opened").commands)


def test_two_feeds_are_two_incidents_though_one_table_lacks_both(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", _kept_out("events"), _kept_out("logins"))
    desk.cycle()
    assert {each.cause_key for each in desk.open()} == {"data:raw.events", "data:raw.logins"}


def test_a_feed_has_arrived_when_no_table_lacks_it(desk: Desk) -> None:
    for table in ("dim_c", "fct_a"):
        desk.gated(1, table, "failed", _kept_out())
    desk.cycle()
    desk.gated(2, "fct_a")
    desk.cycle()
    assert [each.cause_key for each in desk.open()] == ["data:raw.events"]
    # Nobody is told to let pass what has passed.
    assert desk.open()[0].details["roots"] == ["dim_c"]
    # The other one fails by something else; whether it has its rows, nobody could count.
    uncounted = unable("mapping")
    uncounted.name = "rows quarantined of its feeds"
    desk.gated(3, "dim_c", "failed", failing(), uncounted)
    desk.cycle()
    assert {each.cause_key for each in desk.open()} == {"data:raw.events", "data:dim_c"}
    desk.gated(4, "dim_c", "failed", failing(), _kept_out(result="passed"))
    desk.cycle()
    assert [each.cause_key for each in desk.open()] == ["data:dim_c"]
    assert [each.resolution for each in desk.incidents("resolved")] == ["passed"]


def test_a_feed_is_missing_in_a_table_that_another_one_holds_besides(desk: Desk) -> None:
    desk.gated(1, "dim_c", "failed", _kept_out())
    desk.gated(1, "fct_a", "failed", _kept_out(), held_by=["fct_b"])
    desk.cycle()
    assert desk.open()[0].details["roots"] == ["dim_c", "fct_a"]
    desk.gated(2, "dim_c")
    desk.cycle()
    assert [each.cause_key for each in desk.open()] == ["data:raw.events"]
    desk.gated(2, "fct_a")
    desk.cycle()
    assert desk.open() == []


def test_what_a_table_fails_by_becomes_part_of_what_its_feed_lacks(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing("rows missing by day"))
    desk.cycle()
    desk.gated(2, "fct_a", "failed", failing("rows missing by day"), _kept_out())
    desk.cycle()
    assert [each.cause_key for each in desk.open()] == ["data:raw.events"]
    (found,) = desk.incidents("resolved")
    assert found.resolution == "part"
    assert "feed" in dict(compose(found, "resolved").facts)["How"]


def test_a_feed_is_missing_while_one_of_its_tables_could_not_be_checked(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", _kept_out())
    desk.cycle()
    desk.gated(2, "fct_a", "could_not_check", unable())
    desk.cycle()
    assert {each.kind for each in desk.open()} == {"data", "infrastructure"}


def test_two_causes_are_two_incidents(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.gated(1, "dim_c", "failed", failing())
    desk.gated(1, "fct_b", "failed", held_by=["fct_a", "dim_c"])
    desk.cycle()
    assert {each.subject_name: each.details["tables"] for each in desk.open()} == {
        "fct_a": ["fct_a", "fct_b"],
        "dim_c": ["fct_b", "dim_c"],
    }


def test_the_same_cause_again_is_seen_and_not_told(desk: Desk) -> None:
    for snapshot in (1, 2, 3):
        desk.gated(snapshot, "fct_a", "failed", failing(observed={"failing_rows": snapshot}))
        desk.cycle()
        desk.cycle()  # nothing was checked in between: not seen
    (found,) = desk.open()
    assert found.seen_count == 3
    assert found.details["checks"][0]["counts"] == {"failing_rows": 3}
    assert desk.told() == [("log", "opened", "sent")]


def test_it_is_over_when_the_next_check_passes(any_desk: Desk) -> None:
    any_desk.gated(1, "fct_a", "failed", failing())
    any_desk.cycle()
    any_desk.gated(2, "fct_a", "passed")
    any_desk.cycle()
    (found,) = any_desk.incidents("resolved")
    assert found.resolution == "passed"
    assert any_desk.told() == [("log", "opened", "sent"), ("log", "resolved", "sent")]
    any_desk.gated(3, "fct_a", "failed", failing())
    any_desk.cycle()
    assert len(any_desk.incidents()) == 2


def _waiver(desk: Desk) -> Waiver:
    return Waiver(
        waiver_id="w",
        table_name="fct_a",
        check_name="c",
        person_name="p",
        reason="r",
        created_at=desk.now,
        expires_at=desk.now,
    )


def test_it_is_over_when_its_check_is_waived(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    with open_store(desk.settings).begin() as session:
        session.add(_waiver(desk))
    desk.gated(1, "fct_a", "passed", failing(waiver_id="w"))
    desk.cycle()
    assert [each.resolution for each in desk.incidents("resolved")] == ["waived"]


def test_what_an_older_snapshot_says_changes_nothing(desk: Desk) -> None:
    desk.gated(5, "fct_a", "failed", failing())
    desk.cycle()
    desk.gated(4, "fct_a", "passed")
    desk.cycle()
    assert len(desk.open()) == 1
    desk.gated(6, "fct_a", "passed")
    desk.gated(3, "fct_a", "failed", failing())
    desk.cycle()
    assert desk.open() == []


def test_what_could_not_be_checked_is_a_kind_of_its_own(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.gated(1, "fct_b", "could_not_check", unable("IO Error: cannot open /lake/part-17"))
    desk.gated(1, "dim_c", "could_not_check", unable("IO Error: cannot open /lake/part-18"))
    desk.cycle()
    found = {each.kind: each for each in desk.open()}
    assert set(found) == {"data", "infrastructure"}
    assert len(desk.open()) == 2, "one fault of two tables"
    assert found["infrastructure"].details["roots"] == ["fct_b", "dim_c"]
    assert "lake" not in str(found["infrastructure"].details["fault"])
    desk.gated(2, "fct_b", "passed")
    desk.cycle()
    assert {each.kind for each in desk.open()} == {"data", "infrastructure"}
    desk.gated(2, "dim_c", "failed", failing())
    desk.cycle()
    assert [each.subject_name for each in desk.open()] == ["fct_a", "dim_c"]
    assert [each.resolution for each in desk.incidents("resolved")] == ["checked"]


def test_data_that_cannot_be_checked_any_more_is_still_bad(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    desk.gated(2, "fct_a", "could_not_check", unable())
    desk.cycle()
    assert [each.kind for each in desk.open()] == ["data", "infrastructure"]


def test_another_fault_is_another_incident(desk: Desk) -> None:
    desk.gated(1, "fct_a", "could_not_check", unable("IO Error: lost"))
    desk.gated(1, "fct_b", "could_not_check", unable("Binder Error: no such column"))
    desk.cycle()
    assert len(desk.open()) == 2


def test_what_fails_besides_what_somebody_let_pass_is_another_incident(desk: Desk) -> None:
    """Waived, and never checked in between: the next check fails on something else."""
    with open_store(desk.settings).begin() as session:
        session.add(_waiver(desk))
    desk.gated(1, "fct_a", "failed", failing("one"))
    desk.cycle()
    desk.gated(2, "fct_a", "failed", failing("one", waiver_id="w"), failing("two"))
    desk.cycle()
    assert [(each.state, each.resolution) for each in desk.incidents()] == [
        ("resolved", "waived"),
        ("open", None),
    ]
    assert desk.open()[0].details["failing"] == ["two"]


def test_another_fault_of_a_table_is_not_told_as_the_one_before(desk: Desk) -> None:
    desk.gated(1, "fct_a", "passed", failing("values become rare", severity="warning"))
    desk.cycle()
    (before,) = desk.open()
    desk.gated(2, "fct_a", "failed", failing(), failing("rows missing", severity="warning"))
    desk.cycle()
    (found,) = desk.open()
    assert found.incident_id != before.incident_id
    assert found.opened_at > before.opened_at
    assert [each.resolution for each in desk.incidents("resolved")] == ["other"]
    assert [event for _, event, _ in desk.told()] == ["opened", "resolved", "opened"]
    # One of them is still there.
    desk.gated(3, "fct_a", "failed", failing(), failing("rows missing"))
    desk.cycle()
    assert [each.incident_id for each in desk.open()] == [found.incident_id]


def test_what_is_left_after_a_waiver_does_not_say_that_the_check_passed(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing(), failing("rare", severity="warning"))
    desk.cycle()
    with open_store(desk.settings).begin() as session:
        session.add(_waiver(desk))
    desk.gated(1, "fct_a", "passed", failing(waiver_id="w"), failing("rare", severity="warning"))
    desk.cycle()
    assert [each.resolution for each in desk.incidents("resolved")] == ["waived"]
    assert [each.severity for each in desk.open()] == ["warning"]


def test_whoever_has_it_is_named_and_nobody_else_is_asked_to_take_it(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    (found,) = desk.open()
    assert "Take it" in dict(compose(found, "opened").commands)
    acknowledge(desk.settings, found.incident_id)
    message = compose(desk.open()[0], "opened")
    assert "Take it" not in dict(message.commands)
    assert dict(message.facts)["Taken by"]


@pytest.mark.parametrize(("severity", "offered"), [("critical", False), ("warning", True)])
def test_readers_of_a_held_table_are_not_sent_further_back(
    desk: Desk, severity: str, offered: bool
) -> None:
    desk.gated(
        1, "fct_a", "failed" if severity == "critical" else "passed", failing(severity=severity)
    )
    desk.cycle()
    assert ("Go back" in dict(compose(desk.open()[0], "opened").commands)) == offered


def test_a_warning_is_told_lower_and_worsens(desk: Desk) -> None:
    desk.gated(1, "fct_a", "passed", failing(severity="warning"))
    desk.cycle()
    (found,) = desk.open()
    assert (found.severity, found.details["tables"]) == ("warning", [])
    desk.gated(2, "fct_a", "failed", failing())
    desk.cycle()
    (found,) = desk.open()
    assert found.severity == "critical"
    assert [event for _, event, _ in desk.told()] == ["opened", "repeated"]
    desk.gated(3, "fct_a", "passed", failing(severity="warning"))
    desk.cycle()
    assert [each.severity for each in desk.open()] == ["warning"]
    assert [each.severity for each in desk.incidents("resolved")] == ["critical"]


def test_the_first_failing_day_is_kept(desk: Desk) -> None:
    day = {"since": "2026-02-20", "products": ["chat"], "beyond": 3}
    desk.gated(1, "fct_a", "failed", failing(observed=day))
    desk.cycle()
    desk.gated(2, "fct_a", "failed", failing(observed=day | {"since": "2026-02-25"}))
    desk.cycle()
    (found,) = desk.open()
    assert (found.details["since"], found.details["products"]) == ("2026-02-20", ["chat"])


def test_no_value_of_a_row_is_kept(desk: Desk) -> None:
    observed = {
        "failing_rows": 2,
        "observed_value": 4711.5,
        "value": "mallory@example.org",
        "since": "mallory",
    }
    desk.gated(1, "fct_a", "failed", failing(observed=observed))
    desk.cycle()
    (found,) = desk.open()
    assert found.details["checks"][0]["counts"] == {"failing_rows": 2}
    # A value that was certified may be told, with the day; a new one may be anything.
    named = {"day": "2026-02-20", "value": "web", "limit_name": "value_drop"}
    desk.gated(2, "fct_a", "failed", failing(observed=named))
    desk.cycle()
    assert desk.open()[0].details["checks"][0]["where"] == ["value web", "day 2026-02-20"]
    desk.gated(3, "fct_a", "failed", failing(observed=observed | {"limit_name": "new_value"}))
    desk.cycle()
    (found,) = desk.open()
    assert "mallory" not in str(found.details)
    assert "4711" not in str(found.details)


def test_a_table_that_is_gone_is_nobodys_trouble(desk: Desk) -> None:
    desk.gated(1, "fct_left", "failed", failing())
    desk.cycle()
    assert desk.open() == []


def test_what_a_killed_gate_did_not_tell_is_told(desk: Desk) -> None:
    desk.gated(1, "fct_a", "failed", failing())  # and then killed
    desk.gated(1, "dim_c", "passed")
    assert desk.incidents() == []
    assert desk.cycle() == {"open": 1, "sent": 1, "failed": 0, "left_out": 0}


def test_another_monitor_opens_and_ends_its_own(desk: Desk) -> None:
    cause = Cause("silence:gate", "silence", "critical", "gate", "The gate is silent", desk.now)
    note(desk.settings, cause, now=desk.now)
    note(desk.settings, cause, now=desk.now)
    desk.cycle()
    assert [each.title for each in desk.open()] == ["The gate is silent"]
    assert settle(desk.settings, "silence:gate", "spoke", now=desk.now)
    assert not settle(desk.settings, "silence:gate", "spoke", now=desk.now)
    assert desk.open() == []


def test_a_monitor_that_says_little_is_told(desk: Desk) -> None:
    details = {"checks": [{}], "tables": "all", "products": [1]}
    note(desk.settings, Cause("silence:x", "data", "critical", "x", "x", desk.now, "", details))
    assert desk.cycle()["sent"] >= 1


_REPORTS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(TABLES),
        st.sampled_from(["passed", "failed", "could_not_check", "warned", "held"]),
        st.booleans(),
    ),
    max_size=12,
)


@examples(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(reports=_REPORTS)
def test_any_order_of_reports_leaves_one_incident_for_one_cause(
    desk: Desk, reports: list[tuple[int, str, str, bool]]
) -> None:
    with open_store(desk.settings).begin() as session:
        for kind in (AlertDelivery, Incident, Certificate):
            for row in session.query(kind):
                session.delete(row)
            session.flush()
    newest: dict[str, tuple[int, str]] = {}
    for snapshot, table, result, then_looked in reports:
        check = {
            "failed": failing(),
            "could_not_check": unable(),
            "warned": failing("w", "warning"),
        }
        checks = [check[result]] if result in check else []
        words = {"warned": "passed", "held": "failed"}.get(result, result)
        held = [each for each in TABLES if each != table][:1] if result == "held" else []
        desk.gated(snapshot, table, words, *checks, held_by=held)
        if snapshot >= newest.get(table, (0, ""))[0]:
            newest[table] = (snapshot, result)
        if then_looked:
            desk.cycle()
            _holds(desk, newest)
    desk.cycle()
    _holds(desk, newest)


def _holds(desk: Desk, newest: dict[str, tuple[int, str]]) -> None:
    found = desk.open()
    keys = [each.cause_key for each in found]
    assert len(keys) == len(set(keys))
    results = {table: result for table, (_, result) in newest.items()}
    data = {each.subject_name: each.severity for each in found if each.kind == "data"}
    # Passed: no incident. Failed: one. Held, or not checked: what was known before stands.
    assert not [table for table in data if results[table] == "passed"]
    wanted = {"failed": "critical", "warned": "warning"}
    expected = {t: wanted[result] for t, result in results.items() if result in wanted}
    assert {t: severity for t, severity in data.items() if t in expected} == expected
    silent = [each for each in found if each.kind == "infrastructure"]
    assert len(silent) == ("could_not_check" in results.values())


@pytest.mark.parametrize("snapshot", [1, 2], ids=["the same", "a newer"])
def test_a_table_passes_on_a_snapshot_that_is_no_older(desk: Desk, snapshot: int) -> None:
    desk.gated(1, "fct_a", "failed", failing())
    desk.cycle()
    desk.gated(snapshot, "fct_a", "passed")
    desk.cycle()
    assert desk.open() == []
