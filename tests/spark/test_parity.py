"""Both engines make the same tables of the same files; the tests follow one another."""

from __future__ import annotations

import json

import pytest

from _parity import Compared, compare_tables
from gatehouse.gate import certified_versions, run_gate
from gatehouse.gate.published import open_certified
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import read_versions
from gatehouse.spark import build as spark_build
from gatehouse.spark.raw import hand_over
from gatehouse.spark.session import spark_session
from tests.spark.conftest import Both

pytestmark = pytest.mark.timeout(900)


def test_a_build_at_once_and_findings_are_equal(both: Both) -> None:
    compared = compare_tables(both.duckdb, both.spark)
    assert len(compared) == 17
    assert _unequal(compared) == []
    rows = {each.table: each.rows for each in compared}
    assert rows["fct_findings"] > 0
    assert rows["dim_operations"] > 0
    assert rows["user_risk"] > 0


def test_certified_reads_give_the_certified_iceberg_snapshot(both: Both) -> None:
    shown = certified_versions(both.spark)
    assert shown.keys() == certified_versions(both.duckdb).keys()
    with Lake(both.spark).current() as connection:
        ids = read_versions(connection, at=shown["fct_events"].snapshot_id)
    with open_certified(both.spark) as connection:
        count = connection.sql("select count(*) from lake.core.fct_events").fetchall()[0][0]
    session = spark_session(both.spark)
    version = f"core.fct_events version as of {ids['fct_events']}"
    assert count == session.sql(f"select count(*) from {version}").collect()[0][0]
    assert count == shown["fct_events"].row_count


def test_what_is_certified_is_tagged(both: Both) -> None:
    shown = certified_versions(both.spark)
    session = spark_session(both.spark)
    for table, each in shown.items():
        with Lake(both.spark).current() as connection:
            snapshot = read_versions(connection, at=each.snapshot_id)[table]
        tags = session.sql(f"select name, snapshot_id from core.{table}.refs").collect()
        assert (f"kept_{snapshot}", snapshot) in {(row.name, row.snapshot_id) for row in tags}


def test_nothing_is_handed_over_twice(both: Both) -> None:
    session = spark_session(both.spark)
    before = session.sql("select count(*) from raw.events").collect()[0][0]
    assert sum(hand_over(both.spark, session).values()) == 0
    assert session.sql("select count(*) from raw.events").collect()[0][0] == before


def test_a_build_that_is_killed_before_its_end_changes_nothing_that_is_read(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = certified_versions(both.spark)["fct_events"]
    both.deliver(1)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spark_build, "write_versions", killed)
        with pytest.raises(KeyboardInterrupt):
            both.check(both.spark)
    with Lake(both.spark).pinned(Lake(both.spark).current_snapshot()) as connection:
        count = connection.sql("select count(*) from lake.core.fct_events").fetchall()[0][0]
    assert count == before.row_count
    # What was being written is not on show, and the gate vouches for what is.
    assert run_gate(both.spark).ok
    assert certified_versions(both.spark)["fct_events"].row_count == before.row_count


def test_an_increment_after_it_is_equal(both: Both) -> None:
    both.through()
    compared = compare_tables(both.duckdb, both.spark)
    assert _unequal(compared) == []


def test_an_interval_that_is_built_again_leaves_no_new_version(both: Both) -> None:
    from gatehouse.build import run_build

    session = spark_session(both.spark)
    before = session.sql("select snapshot_id from core.fct_events.refs where name = 'main'")
    (known,) = before.collect()
    run_build(both.spark, force=True).raise_for_failure()
    (now,) = session.sql(
        "select snapshot_id from core.fct_events.refs where name = 'main'"
    ).collect()
    assert now == known


def test_a_planted_fault_is_held_on_both(both: Both) -> None:
    both.deliver(1)
    for path in both.duckdb.landing.glob("model_scores/*/*"):
        if path.parent.name == max(each.parent.name for each in path.parents[1].glob("*/*")):
            path.unlink()
    held = [
        {each.table for each in both.check(settings).tables if not each.is_certified}
        for settings in (both.duckdb, both.spark)
    ]
    assert held[0] == held[1]
    assert held[0] != set()


def test_an_older_version_is_read_after_newer_ones(both: Both) -> None:
    shown = certified_versions(both.spark)["user_risk"]
    lake = Lake(both.spark)
    assert lake.current_snapshot() > shown.snapshot_id
    with lake.reader({"user_risk": shown.snapshot_id}) as connection:
        count = connection.sql("select count(*) from lake.core.user_risk").fetchall()[0][0]
    assert count == shown.row_count


def _unequal(compared: list[Compared]) -> list[str]:
    return [
        f"{each.table}: {each.differing} of {each.rows} {json.dumps(each.types)}"
        for each in compared
        if each.differing or each.types
    ]
