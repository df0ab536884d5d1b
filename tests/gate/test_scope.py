"""What passed in a version is not looked at again, and nothing is missed for that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.gate.conftest import House

from gatehouse.gate import run_gate, scope
from gatehouse.gate.results import CheckResult, GateReport
from gatehouse.gate.scope import is_of_rows
from gatehouse.gate.suites import Expectation
from gatehouse.lake.maintain import run_maintenance
from gatehouse.store import open_store
from gatehouse.store.models import Certificate


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "SMALL", 0)
    monkeypatch.setattr(scope, "LEAST_ROWS", 0)


def _checks(report: GateReport, table: str) -> dict[str, CheckResult]:
    found = next(each for each in report.tables if each.table == table)
    return {check.name: check for check in found.checks if check.tool != "gate"}


def _since(report: GateReport, table: str) -> dict[str, Any]:
    return {
        name: check.observed.get("since_version") for name, check in _checks(report, table).items()
    }


def test_only_new_rows_are_looked_at_again(house: House) -> None:
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    second = house.sql("insert into lake.core.fct_b values ('k100', 0.1, date '2024-01-01')")
    report = run_gate(house.settings, snapshot_id=second)
    assert _since(report, "fct_b") == dict.fromkeys(_checks(report, "fct_b"), first)
    looked_at = _checks(report, "fct_b")["expect_column_values_to_be_between(score)"]
    assert looked_at.observed["element_count"] == 1
    third = house.sql("insert into lake.core.fct_b values ('k101', 0.1, date '2024-01-01')")
    whole = run_gate(house.settings, snapshot_id=third, all_rows=True)
    assert set(_since(whole, "fct_b").values()) == {None}


def test_a_gate_that_is_run_again_looks_again(house: House) -> None:
    first = house.fill()
    assert set(_since(run_gate(house.settings, snapshot_id=first), "fct_a").values()) == {None}
    assert set(_since(run_gate(house.settings, snapshot_id=first), "fct_a").values()) == {None}


def test_a_check_that_failed_is_asked_of_the_rows_it_failed_on_until_they_are_mended(
    house: House,
) -> None:
    name = "no day after 2030"
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    wrong = house.sql("update lake.core.fct_a set day = date '2040-01-01' where key = 'k1'")
    report = run_gate(house.settings, snapshot_id=wrong)
    # A warning: the version is certified all the same, and the next one still has the row.
    assert next(each for each in report.tables if each.table == "fct_a").is_certified
    later = house.sql("insert into lake.core.fct_a values ('k100', 0.1, date '2024-01-01')")
    report = run_gate(house.settings, snapshot_id=later)
    assert _checks(report, "fct_a")[name].result == "failed"
    assert _since(report, "fct_a")[name] == first
    assert _since(report, "fct_a")["expect_column_values_to_be_between(score)"] == wrong
    mended = house.sql("update lake.core.fct_a set day = date '2024-01-01' where key = 'k1'")
    assert _checks(run_gate(house.settings, snapshot_id=mended), "fct_a")[name].result == "passed"


_OTHER_CHECKS = {
    "a suite that changed": lambda house: house.suite("fct_a", owner="somebody else"),
    "a catalog that was put back to an older state": lambda house: _checked_earlier(house),
}


@pytest.mark.parametrize("change", _OTHER_CHECKS.values(), ids=_OTHER_CHECKS)
def test_what_other_checks_or_another_lake_passed_is_looked_at_again(
    house: House, change: Any
) -> None:
    run_gate(house.settings, snapshot_id=house.fill())
    change(house)
    second = house.sql("insert into lake.core.fct_a values ('k100', 0.1, date '2024-01-01')")
    report = run_gate(house.settings, snapshot_id=second)
    assert set(_since(report, "fct_a").values()) == {None}


def _checked_earlier(house: House) -> None:
    with open_store(house.settings).begin() as session:
        for each in session.scalars(select(Certificate)):
            each.checked_at -= timedelta(days=1)


def test_small_tables_and_few_new_rows_are_looked_at_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    second = house.sql("insert into lake.core.fct_a values ('k100', 0.1, date '2024-01-01')")
    for name, value in (("SMALL", 102), ("LEAST_ROWS", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(scope, name, value)
            report = run_gate(house.settings, snapshot_id=second)
            assert set(_since(report, "fct_a").values()) == {None}


def test_a_lake_whose_rows_do_not_tell_when_they_were_written_is_looked_at_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_gate(house.settings, snapshot_id=house.fill())
    second = house.sql("insert into lake.core.fct_a values ('k1', 7.5, date '2024-01-01')")
    nothing = "select * from lake.core.{} where false"
    monkeypatch.setattr(scope, "new_rows", lambda table, _: nothing.format(table))
    report = run_gate(house.settings, snapshot_id=second, tables=["fct_a"])
    assert set(_since(report, "fct_a").values()) == {None}
    assert next(each for each in report.tables if each.table == "fct_a").result == "failed"


# Each leaves something that a check sees, or mends it, or is none of its business.
_CHANGES = {
    "new rows": "insert into lake.core.fct_b select 'n' || range || '-{n}', 0.5, date '2024-01-01' "
    "from range(5)",
    "a score out of range": "update lake.core.fct_b set score = 7 where key = 'k{n}'",
    "scores in range": "update lake.core.fct_b set score = 0.5 where score > 1",
    "an old key twice": "insert into lake.core.fct_b values ('k{n}', 0.5, date '2024-01-01')",
    "a new key twice": "insert into lake.core.fct_b select 'd{n}', 0.5, date '2024-01-01' "
    "from range(2)",
    "keys once": "delete from lake.core.fct_b where rowid not in "
    "(select min(rowid) from lake.core.fct_b group by key)",
    "no key": "update lake.core.fct_b set key = null where key = 'k{n}'",
    "a key for all": "delete from lake.core.fct_b where key is null",
    "a parent goes": "delete from lake.core.dim_c where key = 'k{n}'",
    "a parent is rewritten": "update lake.core.dim_c set score = 0.25 where key = 'k{n}'",
    "parents for all": "insert into lake.core.dim_c select distinct key, 0.5, date '2024-01-01' "
    "from lake.core.fct_b where key not in (select key from lake.core.dim_c)",
    "written anew": "create or replace table lake.core.fct_b as select * from lake.core.fct_b",
}


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([*_CHANGES, "maintenance"]), st.integers(0, 20), st.booleans()),
        min_size=3,
        max_size=6,
    )
)
def test_new_rows_tell_what_all_rows_would(
    house: House, steps: list[tuple[str, int, bool]]
) -> None:
    run_gate(house.settings, snapshot_id=house.fill(), tables=["fct_b", "dim_c"])
    for change, number, is_checked in steps:
        if change == "maintenance":
            run_maintenance(house.settings, keep_newest=1, grace=timedelta(0))
        else:
            house.sql(_CHANGES[change].format(n=number))
        if not is_checked:
            continue
        snapshot = house.sql()
        tables = ["fct_b", "dim_c"]
        new = run_gate(house.settings, snapshot_id=snapshot, tables=tables)
        whole = run_gate(house.settings, snapshot_id=snapshot, tables=tables, all_rows=True)
        assert {
            (table, name): check.result
            for table in tables
            for name, check in _checks(new, table).items()
        } == {
            (table, name): check.result
            for table in tables
            for name, check in _checks(whole, table).items()
        }


def _query(text: str) -> Expectation:
    return Expectation.model_validate(
        {
            "type": "unexpected_rows_expectation",
            "name": "a query",
            "kwargs": {"unexpected_rows_query": text},
            "severity": "critical",
            "meta": {"reason": "a reason of its own", "owner": "data"},
        }
    )


_OF_MANY_ROWS = {
    "another table": "select 1 from lake.core.fct_a",
    "a join": "select 1 from {batch} as a inner join lake.core.dim_c as c on a.key = c.key",
    "a subquery": "select 1 from {batch} where key in (select key from lake.core.dim_c)",
    "a group": "select 1 from {batch} group by key",
    "a window": "select 1 from {batch} qualify count(*) over () > 1",
    "a window in its condition": "select 1 from {batch} where count(*) over () > 1",
    "a count": "select count(*) from {batch}",
    "a limit": "select 1 from {batch} where score > 1 limit 1",
    "the moment": "select 1 from {batch} where day > current_date",
    "the moment, called": "select 1 from {batch} where day > today()",
    "chance": "select 1 from {batch} where random() > 1",
    "two of them": "select 1 from {batch} where score > 1; select 1",
    "a CTE": "with rows as (select * from {batch}) select 1 from rows",
    "a union": "select 1 from {batch} where score > 1 union all select 1 from {batch}",
    "a sample": "select 1 from {batch} tablesample 50%",
    "no SQL": "select from where",
    "a function that nobody knows": "select 1 from {batch} where my_own(score)",
}


@pytest.mark.parametrize("query", _OF_MANY_ROWS.values(), ids=_OF_MANY_ROWS)
def test_a_query_that_looks_at_more_than_one_row_is_asked_of_all(query: str) -> None:
    assert not is_of_rows(_query(query))


_OF_A_ROW = {
    "times": "select 1 as wrong from {batch} where day > seen_at + interval 1 day or day < "
    "timestamp '1995-01-01'",
    "texts": "select 1 from {batch} where not json_valid(text) or text not in ('a', 'b') or "
    "coalesce(text, '') like '%@%' or regexp_matches(text, '^a')",
    "cases": "select 1 from {batch} where case when a then b is null else c between 1 and 2 end",
}


@pytest.mark.parametrize("query", _OF_A_ROW.values(), ids=_OF_A_ROW)
def test_a_condition_on_each_row_is_asked_of_new_rows(query: str) -> None:
    assert is_of_rows(_query(query))


def test_a_bound_by_the_version_before_is_one_of_the_table() -> None:
    found = _query("select 1").model_copy(
        update={
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "a", "max_value": {"previous": "row_count", "times": 2}},
        }
    )
    assert not is_of_rows(found)
