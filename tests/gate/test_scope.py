"""What passed in a version is not looked at again, and nothing is missed for that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.gate.conftest import House

from gatehouse.gate import run_gate, scope
from gatehouse.gate.dbt_checks import CANARY
from gatehouse.gate.lineage import CoreTable
from gatehouse.gate.results import CANARIES, CheckResult, GateReport
from gatehouse.gate.scope import is_of_rows, on_new_rows
from gatehouse.gate.suites import Expectation
from gatehouse.lake.maintain import run_maintenance
from gatehouse.store import open_store
from gatehouse.store.models import Certificate


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "SMALL", 0)


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


def test_a_small_table_is_looked_at_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run_gate(house.settings, snapshot_id=house.fill())
    second = house.sql("insert into lake.core.fct_a values ('k100', 0.1, date '2024-01-01')")
    monkeypatch.setattr(scope, "SMALL", 102)
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


_SABOTAGE = {
    "great expectations": (
        "gatehouse.gate.expectations.GxRunner.run",
        lambda self, suite, *_: [
            CheckResult("gx", each.title, each.severity, "passed") for each in suite.expectations
        ],
        "expect_column_values_to_be_between(score)",
    ),
    "dbt": (
        "gatehouse.gate.dbt_checks._verdict",
        lambda *_: ("passed", "critical"),
        "unique_fct_a_key",
    ),
}


@pytest.mark.parametrize(("name", "dead", "check"), _SABOTAGE.values(), ids=_SABOTAGE)
def test_what_a_dead_check_passed_is_looked_at_again(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str, dead: Any, check: str
) -> None:
    house.fill()
    wrong = house.sql("insert into lake.core.fct_a values ('k1', 7.5, date '2024-01-01')")
    with monkeypatch.context() as patch:
        patch.setattr(name, dead)
        run_gate(house.settings, snapshot_id=wrong)
    later = house.sql("insert into lake.core.fct_a values ('k100', 0.1, date '2024-01-01')")
    report = run_gate(house.settings, snapshot_id=later)
    assert _since(report, "fct_a")[check] is None
    assert _checks(report, "fct_a")[check].result == "failed"


def test_a_check_of_another_tool_with_the_same_name_says_nothing(house: House) -> None:
    name = "unique_fct_a_key"
    suite = yaml.safe_load((house.settings.core_suites / "fct_a.yml").read_text("utf-8"))
    suite["expectations"][1]["name"] = name
    house.suite("fct_a", expectations=suite["expectations"])
    run_gate(house.settings, snapshot_id=house.fill())
    for key in ("k1", "n1"):
        snapshot = house.sql(
            f"insert into lake.core.fct_a values ('{key}', 0.5, date '2024-01-01')"
        )
        report = run_gate(house.settings, snapshot_id=snapshot)
        table = next(each for each in report.tables if each.table == "fct_a")
        failed = {(check.tool, check.name) for check in table.checks if check.result == "failed"}
        assert ("dbt", name) in failed


@pytest.mark.parametrize("module", ["scope", "expectations"])
def test_a_canary_is_asked_as_the_table_is(
    house: House, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Where new rows are not seen, the broken ones are not either."""
    run_gate(house.settings, snapshot_id=house.fill())
    second = house.sql("insert into lake.core.fct_a values ('k1', 7.5, date '2024-01-01')")
    monkeypatch.setattr(scope, "_count_new", lambda *_: 10**6)
    monkeypatch.setattr(
        f"gatehouse.gate.{module}.new_rows", lambda table, _: f"select * from {table} where false"
    )
    report = run_gate(house.settings, snapshot_id=second, tables=["fct_a"])
    found = next(each for each in report.tables if each.table == "fct_a")
    assert (found.checks[-1].name, found.checks[-1].result) == (CANARIES, "could_not_check")
    assert "canary not caught" in found.checks[-1].observed["error"]


# Each makes rows wrong, or rows of another table missing, without writing those that are wrong.
_UNWRITTEN = {
    "the parent is replaced": "create or replace table lake.core.dim_c as "
    "select * from lake.core.dim_c where key <> 'k1'",
    "the parent is swapped": "create table lake.core.other as "
    "select * from lake.core.dim_c where key <> 'k1'; "
    "alter table lake.core.dim_c rename to gone; alter table lake.core.other rename to dim_c",
    "the parent's keys are another column": "alter table lake.core.dim_c drop column key; "
    "alter table lake.core.dim_c add column key varchar default 'k1'",
    "a column is added again": "alter table lake.core.fct_b drop column score; "
    "alter table lake.core.fct_b add column score double default 9",
    "a column changes places": "alter table lake.core.fct_b add column other double default 9; "
    "alter table lake.core.fct_b rename column score to gone; "
    "alter table lake.core.fct_b rename column other to score",
    "an older table takes the name": "alter table lake.core.fct_b rename to gone; "
    "alter table lake.core.older rename to fct_b",
}


@pytest.mark.parametrize("change", _UNWRITTEN.values(), ids=_UNWRITTEN)
def test_what_changes_without_being_written_is_seen(house: House, change: str) -> None:
    house.fill()
    first = house.sql(
        "create table lake.core.older as select key, 9.0::double as score, day from lake.core.fct_b"
    )
    run_gate(house.settings, snapshot_id=first)
    house.sql(*change.split("; "))
    second = house.sql(
        "insert into lake.core.fct_b (key, score, day) values ('k2', 0.1, date '2024-01-01')",
        "delete from lake.core.fct_b where rowid = (select max(rowid) from lake.core.fct_b)",
    )
    new = run_gate(house.settings, snapshot_id=second)
    whole = run_gate(house.settings, snapshot_id=second, all_rows=True)
    outcomes = [
        {name: check.result for name, check in _checks(report, "fct_b").items()}
        for report in (new, whole)
    ]
    assert outcomes[0] == outcomes[1]
    assert "failed" in outcomes[0].values()


_WRITTEN = {
    "an old key once more": (
        "insert into lake.core.fct_b values ('k1', 0.5, date '2024-01-01')",
        "unique_fct_b_key",
    ),
    "a new key twice": (
        "insert into lake.core.fct_b select 'n', 0.5, date '2024-01-01' from range(2)",
        "unique_fct_b_key",
    ),
    "a parent goes": ("delete from lake.core.dim_c where key = 'k1'", "relationships"),
    "a new orphan": (
        "insert into lake.core.fct_b values ('n', 0.5, date '2024-01-01')",
        "relationships",
    ),
}


@pytest.mark.parametrize(("change", "check"), _WRITTEN.values(), ids=_WRITTEN)
def test_what_new_rows_do_to_old_ones_is_seen(house: House, change: str, check: str) -> None:
    run_gate(house.settings, snapshot_id=house.fill())
    report = run_gate(house.settings, snapshot_id=house.sql(change))
    found = {name: each.result for name, each in _checks(report, "fct_b").items()}
    assert [result for name, result in found.items() if name.startswith(check)] == ["failed"]


def test_a_parent_that_is_written_again_is_no_loss(house: House) -> None:
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    second = house.sql("update lake.core.dim_c set score = 0.25 where key = 'k1'")
    since = _since(run_gate(house.settings, snapshot_id=second), "fct_b")
    assert set(since.values()) == {first}


_OWN = '"lake"."core"."fct_a"'
_PARENT = '"lake"."core"."dim_c"'
_CHILD = (
    "with child as (select key as from_field from {own} where key is not null), parent as "
    "(select key as to_field from {parent}) select from_field from child left join parent "
    "on child.from_field = parent.to_field where parent.to_field is null"
)
# Kind, SQL, and what is read besides: None where it is asked of all rows.
_TESTS = {
    "not null": ("not_null", f"select key from {_OWN} where key is null", ""),
    "with a where of its own rows": (
        "not_null",
        f"select key from (select * from {_OWN} where score > 1) dbt_subquery where key is null",
        "",
    ),
    "accepted values": (
        "accepted_values",
        f"with all_values as (select key as value_field, count(*) as n_records from {_OWN} "
        "group by key) select * from all_values where value_field not in ('a', 'b')",
        "",
    ),
    "unique": (
        "unique",
        f"select key as unique_field, count(*) as n_records from {_OWN} where key is not null "
        "group by key having count(*) > 1",
        "",
    ),
    "a foreign key": ("relationships", _CHILD.format(own=_OWN, parent=_PARENT), "dim_c"),
    "a foreign key to itself": ("relationships", _CHILD.format(own=_OWN, parent=_OWN), None),
    "a foreign key to raw": (
        "relationships",
        _CHILD.format(own=_OWN, parent='"lake"."raw"."c"'),
        None,
    ),
    "a where that reads another table": (
        "not_null",
        f"select key from (select * from {_OWN} where key in (select key from lake.core.dim_c)) "
        "dbt_subquery where key is null",
        None,
    ),
    "a bound that is read": (
        "accepted_range",
        f"select score from {_OWN} where score > (select max(score) from lake.core.dim_c)",
        None,
    ),
    "a where about today": (
        "not_null",
        f"select key from (select * from {_OWN} where day <= current_date) dbt_subquery "
        "where key is null",
        None,
    ),
    "a name that is not dbt's": (
        "not_null",
        "select key from lake.core.fct_a where key is null",
        None,
    ),
    "another kind": ("at_least_one", f"select key from {_OWN} where key is null", None),
}


@pytest.mark.parametrize(("kind", "sql", "parent"), _TESTS.values(), ids=_TESTS)
def test_a_dbt_test_is_known_by_its_sql(kind: str, sql: str, parent: str | None) -> None:
    table = CoreTable(
        table="fct_a",
        unique_id="",
        description="",
        columns={"key": "varchar", "score": "double", "day": "date"},
        descriptions={},
        upstream=(),
        sources=(),
        nodes=(),
        tests=(),
    )
    test = replace(CANARY, kind=kind, sql=sql, arguments={"field": "key"}, fails_on_any=True)
    found = scope._parts_of_test(table, test)
    assert (found.parent if found else None) == parent
    assert scope._parts_of_test(table, replace(test, fails_on_any=False)) is None


def test_new_rows_without_a_key_are_asked_beside_old_ones_without() -> None:
    """`no_overlap` takes them for versions of one thing, as every partition does."""
    table = CoreTable("fct_a", "", "", {"key": "", "a": "", "b": ""}, {}, (), (), (), ())
    sql = (
        f"with versions as (select key, a, b, lead(a) over (partition by key order by a) as next "
        f"from {_OWN}) select * from versions where b <= a or b > next"
    )
    test = replace(CANARY, kind="no_overlap", sql=sql, arguments={"key": "key"}, fails_on_any=True)
    assert scope._parts_of_test(table, test) is not None
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.core")
        connection.execute(
            "create table lake.core.fct_a as select * from (values (null, 1, 5, 1), "
            "(null, 3, 4, 2), ('x', 1, 9, 1)) as own (key, a, b, snapshot_id)"
        )
        assert len(connection.execute(on_new_rows(table, test, 1).sql).fetchall()) == 1


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
    "the parent is written anew": "create or replace table lake.core.dim_c as "
    "select * from lake.core.dim_c where key <> 'k{n}'",
    "written anew": "create or replace table lake.core.fct_b as select * from lake.core.fct_b",
}


@settings(
    max_examples=3,
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


COLUMNS = ("key", "score", "day", "seen_at", "text", "a", "b", "c")
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
    "the moment, in capitals": "select 1 from {batch} where day > CURRENT_DATE",
    "the moment, called": "select 1 from {batch} where day > today()",
    "an age until today": "select 1 from {batch} where age(day) > interval 1 day",
    "who asks": "select 1 from {batch} where key = current_user",
    "a setting": "select 1 from {batch} where key = current_setting('TimeZone')",
    "a variable": "select 1 from {batch} where key = getvariable('a')",
    "what is no column": "select 1 from {batch} where nothing > 1",
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
    assert not is_of_rows(_query(query), COLUMNS)


_OF_A_ROW = {
    "times": "select 1 as wrong from {batch} where day > seen_at + interval 1 day or day < "
    "timestamp '1995-01-01'",
    "texts": "select 1 from {batch} where not json_valid(text) or text not in ('a', 'b') or "
    "coalesce(text, '') like '%@%' or regexp_matches(text, '^a')",
    "cases": "select 1 from {batch} where case when a then b is null else c between 1 and 2 end",
}


@pytest.mark.parametrize("query", _OF_A_ROW.values(), ids=_OF_A_ROW)
def test_a_condition_on_each_row_is_asked_of_new_rows(query: str) -> None:
    assert is_of_rows(_query(query), COLUMNS)


_OF_TABLES = {
    "a bound by the version before": {"max_value": {"previous": "row_count", "times": 2}},
    "a share": {"max_value": 2, "mostly": 0.9},
    "a condition of its own": {"max_value": 2, "row_condition": "a > 1"},
}


@pytest.mark.parametrize("kwargs", _OF_TABLES.values(), ids=_OF_TABLES)
def test_what_is_about_the_table_is_asked_of_all_rows(kwargs: dict[str, Any]) -> None:
    kind = "expect_column_values_to_be_between"
    plain = {"column": "a", "max_value": 2}
    found = _query("select 1").model_copy(update={"type": kind, "kwargs": plain})
    assert is_of_rows(found, COLUMNS)
    other = found.model_copy(update={"kwargs": {"column": "a", **kwargs}})
    assert not is_of_rows(other, COLUMNS)
