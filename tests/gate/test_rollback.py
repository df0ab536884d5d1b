"""A rollback sends readers back and keeps them there, and names what was found meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from tests.gate.conftest import House
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import certified_versions, open_certified
from gatehouse.gate.publish import publish
from gatehouse.gate.query import run_query
from gatehouse.gate.results import GateReport, Outcome, TableResult
from gatehouse.gate.rollback import lift, roll_back
from gatehouse.gate.status import read_status
from gatehouse.gate.subject import Subject
from gatehouse.gate.waivers import end_waivers
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, Rollback

REASON = "scores doubled since noon"


TABLES = ("dim_c", "fct_a", "fct_b")


@pytest.fixture
def versions(house: House) -> tuple[int, int, int]:
    """Three snapshots, all certified, the last on show."""
    first = house.fill()
    second = house.sql("update lake.core.fct_a set score = 0.5 where key = 'k1'")
    third = house.sql("update lake.core.fct_a set score = 0.9 where key = 'k1'")
    for snapshot in (first, second, third):
        _report(house, snapshot)
    return first, second, third


def _report(house: House, snapshot: int, **results: Outcome) -> GateReport:
    """What the gate does once it has looked at everything."""
    tables = tuple(TableResult(name, results.get(name, "passed"), row_count=100) for name in TABLES)
    report = GateReport(snapshot, None, datetime.now(UTC), tables, {})
    return publish(house.settings, report, Subject(snapshot))


def _shown(house: House) -> Mapping[str, int]:
    return {name: each.snapshot_id for name, each in certified_versions(house.settings).items()}


def test_readers_of_a_table_and_of_what_is_made_from_it_go_back(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, third = versions
    report = roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert [each.table for each in report.tables] == ["fct_a", "fct_b"]
    assert _shown(house) == {"fct_a": second, "fct_b": second, "dim_c": third}
    with open_certified(house.settings) as connection:
        row = connection.execute("select score from fct_a where key = 'k1'").fetchall()
    assert row == [(0.5,)]
    states = {each["table"]: each for each in read_status(house.settings)["tables"]}
    assert states["fct_a"]["state"] == states["fct_b"]["state"] == "rolled_back"
    assert REASON in states["fct_b"]["why"]
    assert states["dim_c"]["state"] == "certified"
    assert f'from _at_{second}.core."fct_b"' in (house.settings.home / "certified.sql").read_text()


def test_nothing_newer_is_shown_until_it_is_lifted(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, _, _ = versions
    roll_back(house.settings, "fct_a", to=first, reason=REASON)
    with pytest.raises(GatehouseError, match="because of fct_a"):
        lift(house.settings, "fct_b")
    newer = house.sql("update lake.core.fct_a set score = 0.1 where key = 'k1'")
    report = _report(house, newer)
    assert (report.certified, report.published) == (TABLES, ("dim_c",))
    tables = {each.table: each for each in report.tables}
    assert tables["fct_a"].is_certified
    assert not tables["fct_a"].is_published
    assert REASON in tables["fct_a"].message
    assert _shown(house) == {"fct_a": first, "fct_b": first, "dim_c": newer}

    lifted = lift(house.settings, "fct_a")
    assert {each.table: each.to_snapshot_id for each in lifted.tables} == {
        "fct_a": newer,
        "fct_b": newer,
    }
    assert _shown(house) == dict.fromkeys(("fct_a", "fct_b", "dim_c"), newer)
    with pytest.raises(GatehouseError, match="not rolled back"):
        lift(house.settings, "fct_a")


def test_a_table_goes_back_alone_if_nothing_is_made_from_it(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, third = versions
    roll_back(house.settings, "fct_b", to=second, reason=REASON)
    assert _shown(house) == {"fct_a": third, "fct_b": second, "dim_c": third}


def test_a_rollback_is_told_wherever_it_acts(
    house: House, versions: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    answer = run_query(house.settings, "select count(*) from fct_b")
    assert REASON in answer.held["fct_b"]
    assert f"of snapshot {versions[1]}" in answer.held["fct_b"]
    assert run_query(house.settings, "select count(*) from dim_c").held == {}
    monkeypatch.setenv("GATEHOUSE_HOME", str(house.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(house.settings.project))
    assert REASON in CliRunner().invoke(app, ["certificate", "fct_a"]).stdout
    assert REASON not in CliRunner().invoke(app, ["certificate", "dim_c"]).stdout


def test_what_was_behind_or_never_shown_is_held_back_too(house: House) -> None:
    """Else the next gate would show a table that is made from what was taken back."""
    first = house.fill()
    second = house.sql("update lake.core.fct_a set score = 0.5 where key = 'k1'")
    _report(house, first)
    _report(house, second, fct_b="failed")
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    third = house.sql("update lake.core.fct_a set score = 0.9 where key = 'k1'")
    _report(house, third)
    assert _shown(house) == {"fct_a": first, "fct_b": first, "dim_c": third}
    lift(house.settings, "fct_a")
    assert _shown(house) == dict.fromkeys(TABLES, third)


def test_a_table_that_was_never_shown_waits_for_the_rollback(house: House) -> None:
    first = house.fill()
    second = house.sql("update lake.core.fct_a set score = 0.5 where key = 'k1'")
    _report(house, first, fct_b="failed")
    _report(house, second, fct_b="failed")
    report = roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert [each.table for each in report.tables] == ["fct_a"]
    _report(house, second)
    assert _shown(house) == {"fct_a": first, "dim_c": second}


def test_lifting_one_rollback_leaves_what_another_holds(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, second, third = versions
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    roll_back(house.settings, "fct_b", to=first, reason="wrong in itself")
    report = lift(house.settings, "fct_b")
    assert _shown(house) == {"fct_a": second, "fct_b": first, "dim_c": third}
    assert "gatehouse rollback fct_a --lift" in report.tables[0].note
    lift(house.settings, "fct_a")
    assert _shown(house) == dict.fromkeys(TABLES, third)


def test_a_clock_that_was_set_back_makes_no_failure_older(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, third = versions
    tables = tuple(TableResult(name, "failed", row_count=100) for name in TABLES)
    report = GateReport(third, None, datetime.now(UTC) - timedelta(minutes=10), tables, {})
    publish(house.settings, report, Subject(third))
    assert _shown(house) == dict.fromkeys(TABLES, second)
    states = {each["table"]: each["state"] for each in read_status(house.settings)["tables"]}
    assert set(states.values()) == {"stale"}


def test_an_older_snapshot_that_passes_again_says_nothing_of_the_newest(house: House) -> None:
    first = house.fill()
    second = house.sql("update lake.core.fct_a set score = 0.5 where key = 'k1'")
    _report(house, first)
    _report(house, second, fct_a="failed")
    before = {each["table"]: each["state"] for each in read_status(house.settings)["tables"]}
    _report(house, first)
    after = {each["table"]: each["state"] for each in read_status(house.settings)["tables"]}
    assert before["fct_a"] == after["fct_a"] != "certified"


def test_who_goes_back_further_replaces_the_rollback_before(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, _, third = versions
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    roll_back(house.settings, "fct_a", to=first, reason="worse than was thought")
    assert _shown(house) == {"fct_a": first, "fct_b": first, "dim_c": third}
    assert _standing(house) == {("fct_a", "fct_a"), ("fct_b", "fct_a")}
    lift(house.settings, "fct_a")
    assert set(_shown(house).values()) == {third}


def test_a_rollback_of_its_own_stands_beside_that_of_what_it_is_made_from(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, _, third = versions
    roll_back(house.settings, "fct_b", to=None, reason=REASON)
    roll_back(house.settings, "fct_a", to=first, reason="worse than was thought")
    assert _shown(house) == {"fct_a": first, "fct_b": first, "dim_c": third}
    assert _standing(house) == {("fct_a", "fct_a"), ("fct_b", "fct_a"), ("fct_b", "fct_b")}
    lift(house.settings, "fct_a")
    assert _shown(house) == {"fct_a": third, "fct_b": first, "dim_c": third}
    lift(house.settings, "fct_b")
    assert set(_shown(house).values()) == {third}


def _standing(house: House) -> set[tuple[str, str]]:
    with open_store(house.settings)() as session:
        rows = session.query(Rollback).filter(Rollback.lifted_at.is_(None)).all()
    return {(row.table_name, row.root_table_name) for row in rows}


def test_a_version_that_has_expired_is_passed_over_and_named(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, second, _ = versions
    _expire(house, "fct_b", second)
    report = roll_back(house.settings, "fct_a", to=second, reason=REASON)
    own, below = report.tables
    assert (own.table, own.to_snapshot_id, own.note) == ("fct_a", second, "")
    assert (below.table, below.to_snapshot_id) == ("fct_b", first)
    assert f"gatehouse gate --snapshot {second}" in below.note


def test_what_expired_and_failed_since_is_not_named(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, _ = versions
    _report(house, second, fct_b="failed")
    _expire(house, "fct_b", second)
    report = roll_back(house.settings, "fct_a", to=second, reason=REASON)
    assert [each.note for each in report.tables] == ["", ""]


def test_lifting_names_what_expired_meanwhile(house: House, versions: tuple[int, int, int]) -> None:
    _, second, third = versions
    roll_back(house.settings, "fct_b", to=second, reason=REASON)
    _expire(house, "fct_b", third)
    (moved,) = lift(house.settings, "fct_b").tables
    assert (moved.from_snapshot_id, moved.to_snapshot_id) == (second, second)
    assert f"snapshot {third} has expired" in moved.note


def _expire(house: House, table: str, snapshot_id: int) -> None:
    with open_store(house.settings).begin() as session:
        for each in session.query(Certificate).filter_by(table_name=table, snapshot_id=snapshot_id):
            each.expires_at = datetime.now(UTC)


def test_a_version_that_failed_since_is_no_target(
    house: House, versions: tuple[int, int, int]
) -> None:
    first, second, _ = versions
    _report(house, second, fct_a="failed")
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert _shown(house)["fct_a"] == first


@pytest.mark.parametrize(
    ("table", "to", "reason", "what"),
    [
        ("fct_a", None, " ", "needs a reason"),
        ("fct_z", None, REASON, "no core table"),
        ("fct_a", 999, REASON, "no certified version"),
        ("fct_a", 0, REASON, "no certified version"),
    ],
    ids=["no reason", "no table", "newer than shown", "never certified"],
)
def test_what_cannot_be_rolled_back(
    house: House,
    versions: tuple[int, int, int],
    table: str,
    to: int | None,
    reason: str,
    what: str,
) -> None:
    with pytest.raises(GatehouseError, match=what):
        roll_back(house.settings, table, to=to, reason=reason)
    assert set(_shown(house).values()) == {versions[2]}


def test_findings_made_on_what_was_taken_off_are_named(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, third = versions
    found = [
        ("old", f'{{"fct_a": {second}}}'),
        ("new", f'{{"fct_a": {third}}}'),
        ("elsewhere", f'{{"dim_c": {third}}}'),
        ("below", f'{{"fct_b": {third}, "dim_c": {third}}}'),
    ]
    house.sql(
        "create table lake.raw.findings (detection_id varchar, mode_code varchar, "
        "snapshot_ids varchar, found_at timestamp)",
        *(
            f"insert into lake.raw.findings values ('{name}', 'live', '{ids}', '2026-01-01')"
            for name, ids in found
        ),
    )
    report = roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert [each["detection"] for each in report.findings] == ["below", "new"]


def test_saying_it_twice_goes_back_once(house: House, versions: tuple[int, int, int]) -> None:
    _, second, _ = versions
    roll_back(house.settings, "fct_a", to=None, reason=REASON)
    file = house.settings.home / "certified.sql"
    told = file.read_text()
    # As if killed before the file was written.
    file.unlink()
    with pytest.raises(GatehouseError, match=f"rolled back to {second} already"):
        roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert _shown(house)["fct_a"] == second
    assert file.read_text() == told


def test_a_table_that_is_held_goes_further_back_only_by_name(
    house: House, versions: tuple[int, int, int]
) -> None:
    _, second, third = versions
    bad = house.sql("update lake.core.fct_a set score = 0.1 where key = 'k1'")
    _report(house, bad, fct_a="failed")
    with pytest.raises(GatehouseError, match=f"{third}, already") as refused:
        roll_back(house.settings, "fct_a", to=None, reason=REASON)
    assert f"--to {second}" in refused.value.next_step
    assert _shown(house)["fct_a"] == third
    roll_back(house.settings, "fct_a", to=second, reason=REASON)
    (state,) = (each for each in read_status(house.settings)["tables"] if each["table"] == "fct_a")
    # What is to be mended before it is lifted.
    assert (state["state"], f"snapshot {bad}" in state["why"]) == ("rolled_back", True)
    assert REASON in state["why"]


def test_whoever_lifts_or_ends_again_leaves_the_file_of_tools_right(
    house: House, versions: tuple[int, int, int]
) -> None:
    file = house.settings.home / "certified.sql"
    told = file.read_text()
    for again in (
        lambda: lift(house.settings, "fct_a"),
        lambda: end_waivers(house.settings, "none"),
    ):
        file.unlink()
        with pytest.raises(GatehouseError):
            again()
        assert file.read_text() == told
