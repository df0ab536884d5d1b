"""Which rows a check has to look at: those written since a version in which it passed.

A row of the lake does not change: a changed one is a new one. What looks at one row at a time finds
in those that were there what it found before, and what counts how often a key stands there finds
news only at the keys of new rows. So the cost of such checks follows what was written, not history.
All others, and all checks of a small table, look at everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa

from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import CheckResult
from gatehouse.gate.suites import Expectation
from gatehouse.lake import LAKE, Lake
from gatehouse.lake.lake import snapshot_of
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck

if TYPE_CHECKING:
    from datetime import datetime

# Rows of a table that is looked at whole: to ask twice would cost more.
SMALL = 100_000
# New rows at least: a share of a few says nothing, and some expectations are about shares.
LEAST_ROWS = 10_000
# Certificates that are looked through for one in which a check passed.
_LOOKED_AT = 50

# By name of the check, the version in which it passed.
Passed = Mapping[str, int]

_OF_ROWS = frozenset(
    {
        "expect_column_values_to_be_between",
        "expect_column_value_lengths_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
    }
)
_TESTS_OF_ROWS = frozenset({"not_null", "accepted_values", "accepted_range"})
_TESTS_OF_KEYS = frozenset({"unique", "no_overlap"})
_STEADY = ("scalar", "CONSISTENT")


def passed_before(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    table: CoreTable,
    suite_version: str,
    snapshot_id: int,
) -> Passed:
    """The newest versions, `LEAST_ROWS` rows ago or more, in which the checks of a table passed.

    Args:
        settings: where the certificates are kept.
        connection: with the lake pinned at ``snapshot_id``.
        table: core table.
        suite_version: of its checks; what others found says nothing.
        snapshot_id: of what is checked; only versions before it count, so that a gate that is run
            again looks again.

    Returns:
        By name of the check. Empty for a small table, and where rows do not tell their version.
    """
    if not Lake(settings).tells_changes:
        return {}
    row = connection.execute(
        f"select count(*) from {LAKE}.core.{identifier(table.table)}"
    ).fetchone()
    count = int(row[0]) if row else 0
    if count < SMALL:
        return {}
    query = (
        sa.select(Certificate)
        .where(
            Certificate.table_name == table.table,
            Certificate.suite_version == suite_version,
            Certificate.snapshot_id < snapshot_id,
            Certificate.row_count <= count - LEAST_ROWS,
        )
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    checks = (
        sa.select(query.c.snapshot_id, query.c.checked_at, query.c.row_count, CertificateCheck.name)
        .join(CertificateCheck, CertificateCheck.certificate_id == query.c.certificate_id)
        .where(CertificateCheck.result == "passed", CertificateCheck.tool.in_(("gx", "dbt")))
    )
    with open_store(settings, read_only=True).begin() as session:
        rows = session.execute(checks).all()
    there = _there(connection, {each.snapshot_id: each.checked_at for each in rows})
    found: dict[str, int] = {}
    before: dict[int, int] = {}
    for each in rows:
        if each.snapshot_id in there:
            found[each.name] = max(each.snapshot_id, found.get(each.name, 0))
            before[each.snapshot_id] = each.row_count
    told = {
        since
        for since in {*found.values()}
        if _count_new(connection, table.table, since) >= count - before[since]
    }
    return {name: since for name, since in found.items() if since in told}


def _count_new(connection: duckdb.DuckDBPyConnection, table: str, since: int) -> int:
    """Rows that were written after a version, by what they tell: no fewer than there are more."""
    row = connection.execute(f"select count(*) from ({new_rows(table, since)})").fetchone()
    return int(row[0]) if row else 0


def _there(connection: duckdb.DuckDBPyConnection, checked: Mapping[int, datetime]) -> set[int]:
    """The versions that the lake has, and had when they were checked.

    A catalog that was put back to an older state gives their numbers to others.
    """
    if not checked:
        return set()
    rows = connection.execute(
        f"select snapshot_id, epoch(snapshot_time) from ducklake_snapshots('{LAKE}') "
        f"where snapshot_id in ({', '.join(map(str, checked))})"
    ).fetchall()
    return {number for number, made in rows if made <= checked[number].timestamp()}


def new_rows(table: str, since: int) -> str:
    """SQL of the rows of a core table that were written after a version."""
    return f"select * from {LAKE}.core.{identifier(table)} where snapshot_id > {int(since)}"


def since_of_expectation(expectation: Expectation, passed: Passed) -> int | None:
    """The version since which an expectation has to look at rows; None: at all of them."""
    return passed.get(expectation.title) if is_of_rows(expectation) else None


def on_new_rows(
    connection: duckdb.DuckDBPyConnection, table: CoreTable, test: DbtTest, since: int
) -> DbtTest | None:
    """A dbt test as one of what was written since a version in which it passed.

    Returns:
        None where it has to look at all rows.
    """
    own = f'"{LAKE}"."core"."{table.table}"'
    part = new_rows(table.table, since)
    is_any = own in test.sql and test.fails_on_any
    if is_any and test.kind in _TESTS_OF_KEYS:
        key = test.arguments.get("key", test.column)
        part = f"select * from {own} where {key} in (select {key} from ({part}))"
    elif is_any and test.kind == "relationships":
        is_any = not _lost_keys(connection, test, since)
    elif test.kind not in _TESTS_OF_ROWS:
        is_any = False
    return replace(test, sql=test.sql.replace(own, f"({part})")) if is_any else None


def _lost_keys(connection: duckdb.DuckDBPyConnection, test: DbtTest, since: int) -> bool:
    """Whether what a foreign key refers to lost keys since a version, or nobody knows."""
    parent, key = identifier(test.arguments["parent"]), identifier(test.arguments["field"])
    try:
        row = connection.execute(
            f"select count(*) from (select {key} from ducklake_table_deletions('{LAKE}', 'core', "
            "$1, cast($2 as bigint), cast($3 as bigint)) "
            f"except select {key} from {LAKE}.core.{parent})",
            [test.arguments["parent"], since + 1, snapshot_of(connection)],
        ).fetchone()
    except duckdb.Error:  # e.g. the older version has been expired
        return True
    return row is None or bool(row[0])


def of_new_rows(found: CheckResult, since: int) -> CheckResult:
    """A result that says which rows it looked at."""
    return replace(found, observed={**found.observed, "since_version": since})


def is_of_rows(expectation: Expectation) -> bool:
    """Whether an expectation looks at one row at a time, and at nothing else."""
    if expectation.type == "unexpected_rows_expectation":
        return _looks_at_rows(str(expectation.kwargs.get("unexpected_rows_query", "")))
    # A bound by the version before is one of the table.
    bounds = expectation.kwargs.values()
    return expectation.type in _OF_ROWS and not any(isinstance(each, dict) for each in bounds)


@cache
def _looks_at_rows(query: str) -> bool:
    """Whether a query takes rows of its batch by a condition on each of them and nothing else.

    Told by DuckDB's own parser: one table, no group, window, subquery or limit, and functions that
    always answer the same to the same.
    """
    batch = "the_batch"
    with duckdb.connect() as connection:
        row = connection.execute(
            "select json_serialize_sql($1)", [query.replace("{batch}", batch)]
        ).fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
        if tree["error"] or len(tree["statements"]) != 1:
            return False
        node = tree["statements"][0]["node"]
        source = node.get("from_table") or {}
        is_plain = (
            node.get("type") == "SELECT_NODE"
            and source.get("type") == "BASE_TABLE"
            and (source["table_name"], source["sample"], source["at_clause"]) == (batch, None, None)
            and not node["cte_map"]["map"]
            and not any(node.get(each) for each in _OF_MANY)
            and all(each["class"] == "CONSTANT" for each in node["select_list"])
        )
        if not is_plain:
            return False
        classes, functions = _parts(node.get("where_clause"))
        kinds = connection.execute(
            "select distinct function_name, function_type, coalesce(stability, '') "
            "from duckdb_functions() where list_contains($1, function_name)",
            [sorted(functions)],
        ).fetchall()
    steady = {name for name, *kind in kinds if tuple(kind) == _STEADY}
    unsteady = {name for name, *kind in kinds if tuple(kind) != _STEADY}
    return classes <= _PLAIN_CLASSES and functions <= steady - unsteady


_OF_MANY = ("modifiers", "group_expressions", "group_sets", "having", "qualify", "sample")
_PLAIN_CLASSES = {
    *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"),
    *("FUNCTION", "OPERATOR"),
}


def _parts(tree: Any) -> tuple[set[str], set[str]]:
    """Classes of the expressions in a parsed condition, and the functions it calls."""
    classes: set[str] = set()
    functions: set[str] = set()
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            if isinstance(each.get("class"), str):
                classes.add(each["class"])
            if each.get("class") == "FUNCTION":
                functions.add(each["function_name"])
            # Parsed as a column where there is none of that name.
            elif each.get("class") == "COLUMN_REF":
                functions |= {each["column_names"][-1]} & _MOMENTS
    return classes, functions


_MOMENTS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
