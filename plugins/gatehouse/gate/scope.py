"""Which rows a check has to look at: those written since a version in which it passed.

While a table is neither altered nor replaced, its rows do not change: a changed one is a new one.
What looks at one row at a time finds in those that were there what it found before, and what counts
how often a key stands there finds news only at the keys of new rows. So the cost of such checks
follows what was written, not history. All others, and all checks of a small table, look at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import CANARIES, CheckResult
from gatehouse.gate.suites import Expectation, Suite
from gatehouse.gate.versions import suite_version
from gatehouse.lake import CERTIFIED_SCHEMA, LAKE, Lake
from gatehouse.lake.lake import snapshot_of
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck

if TYPE_CHECKING:
    from datetime import datetime

# Rows of a table that is looked at whole: to ask twice would cost more.
SMALL = 100_000
# Certificates that are looked through for one in which a check passed.
_LOOKED_AT = 50
# What DuckLake calls the version that wrote a row.
_VERSION = "snapshot_id"

# By tool and name of the check, the version since which it looks at rows.
Since = Mapping[tuple[str, str], int]

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
# Not `mostly`: a share is one of all rows; nor `row_condition`, which may say anything.
_PLAIN_ARGUMENTS = frozenset(
    {
        *("column", "column_A", "column_B", "min_value", "max_value", "strict_min", "strict_max"),
        *("value_set", "regex", "or_equal", "ignore_row_if"),
    }
)
_TESTS_OF_ROWS = frozenset({"not_null", "accepted_values", "accepted_range"})
_TESTS_OF_KEYS = frozenset({"unique", "no_overlap"})
_PLAIN_CLASSES = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"),
        *("FUNCTION", "OPERATOR", "STAR"),
    }
)
# Those that answer the same to the same, whatever the moment and the session. What DuckDB says of
# itself will not do: to it, an age until today is a constant.
_STEADY = frozenset(
    {
        *("+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*", "abs", "ceil", "concat"),
        *("contains", "date_diff", "date_part", "date_trunc", "day", "epoch", "exp", "floor"),
        *("greatest", "hour", "isfinite", "isnan", "json_array_length", "json_extract"),
        *("json_extract_string", "json_type", "json_valid", "least", "left", "length", "ln"),
        *("list_contains", "list_position", "list_value", "log2", "lower", "md5", "minute"),
        *("month", "pow", "prefix", "regexp_full_match", "regexp_matches", "replace", "right"),
        *("round", "sign", "split_part", "sqrt", "starts_with", "strlen", "substring", "suffix"),
        *("to_days", "to_hours", "to_minutes", "to_seconds", "trim", "trunc", "upper", "year"),
    }
)
_COUNTS = frozenset({"count", "count_star", "lead"})
_OF_MANY = ("modifiers", "group_expressions", "group_sets", "having", "qualify", "sample")


def since_passed(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    table: CoreTable,
    suite: Suite,
    snapshot_id: int,
) -> Since:
    """The newest versions in which checks of a table passed that are about single rows or keys.

    Args:
        settings: where the certificates are kept.
        connection: with the lake pinned at ``snapshot_id``.
        table: core table.
        suite: its suite; what another version of the checks found says nothing.
        snapshot_id: of what is checked; only versions before it count, so that a gate that is run
            again looks again.

    Returns:
        Empty for a small table, and where rows do not tell their version.
    """
    lake = Lake(settings)
    if not lake.tells_changes or _VERSION in map(str.lower, table.columns):
        return {}
    row = connection.execute(
        f"select count(*) from {LAKE}.{CERTIFIED_SCHEMA}.{identifier(table.table)}"
    ).fetchone()
    count = int(row[0]) if row else 0
    if count < SMALL:
        return {}
    version = suite_version(suite, table)
    rows = _passed(settings, table.table, version, snapshot_id)
    there = _there(connection, {each.snapshot_id: each.checked_at for each in rows})
    found: dict[tuple[str, str], int] = {}
    before: dict[int, int] = {}
    for each in rows:
        if each.snapshot_id in there:
            key = (each.tool, each.name)
            found[key] = max(each.snapshot_id, found.get(key, 0))
            before[each.snapshot_id] = each.row_count
    alike = {
        since
        for since in {*found.values()}
        if lake.is_as_it_was(connection, CERTIFIED_SCHEMA, table.table, since)
        and _count_new(connection, table.table, since) >= count - before[since]
    }
    asked = {("gx", each.title): is_of_rows(each, table.columns) for each in suite.expectations}
    kept = {key: since for key, since in found.items() if since in alike}
    for test in table.tests:
        key = ("dbt", test.name)
        parts = _parts_of_test(table, test)
        asked[key] = parts is not None and (
            not parts.parent
            or (key in kept and not _lost_keys(lake, connection, test, parts.parent, kept[key]))
        )
    return {key: since for key, since in kept.items() if asked.get(key)}


def _passed(settings: Settings, table: str, version: str, before: int) -> list[Any]:
    """Checks that passed, of certificates whose checks were all proven to be alive."""
    own = (
        sa.select(Certificate)
        .where(
            Certificate.table_name == table,
            Certificate.suite_version == version,
            Certificate.snapshot_id < before,
        )
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    canaries = aliased(CertificateCheck)
    query = (
        sa.select(
            own.c.snapshot_id,
            own.c.checked_at,
            own.c.row_count,
            CertificateCheck.tool,
            CertificateCheck.name,
        )
        .join(CertificateCheck, CertificateCheck.certificate_id == own.c.certificate_id)
        .join(canaries, canaries.certificate_id == own.c.certificate_id)
        .where(
            CertificateCheck.result == "passed",
            CertificateCheck.tool.in_(("gx", "dbt")),
            canaries.tool == "gate",
            canaries.name == CANARIES,
            canaries.result == "passed",
        )
    )
    with open_store(settings, read_only=True).begin() as session:
        return [*session.execute(query)]


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
    return (
        f"select * from {LAKE}.{CERTIFIED_SCHEMA}.{identifier(table)} "
        f"where {_VERSION} > {int(since)}"
    )


def _count_new(connection: duckdb.DuckDBPyConnection, table: str, since: int) -> int:
    """Rows that were written after a version, by what they tell: no fewer than there are more."""
    row = connection.execute(f"select count(*) from ({new_rows(table, since)})").fetchone()
    return int(row[0]) if row else 0


def on_new_rows(table: CoreTable, test: DbtTest, since: int, of: str = "") -> DbtTest:
    """A dbt test as one of what was written since a version.

    Args:
        table: whose test it is.
        test: one that `since_passed` names.
        since: the version.
        of: another table to ask it of, default ``table`` itself.
    """
    whole, part = _relation(of or table.table), new_rows(of or table.table, since)
    if test.kind in _TESTS_OF_KEYS:
        key = test.arguments.get("key", test.column)
        # Rows without a key are alike to what partitions by it.
        part = f"select * from {whole} where {key} in (select {key} from ({part})) or {key} is null"
    return replace(test, sql=test.sql.replace(_relation(table.table), f"({part})"))


def of_new_rows(found: CheckResult, since: int) -> CheckResult:
    """A result that says which rows it looked at."""
    return replace(found, observed={**found.observed, "since_version": since})


def is_of_rows(expectation: Expectation, columns: Collection[str]) -> bool:
    """Whether an expectation looks at one row at a time, and at nothing else.

    Args:
        expectation: of a suite.
        columns: of its table.
    """
    kwargs = expectation.kwargs
    if expectation.type == "unexpected_rows_expectation":
        query = str(kwargs.get("unexpected_rows_query", ""))
        return kwargs.keys() == {"unexpected_rows_query"} and _looks_at_rows(query, (*columns,))
    # A bound by the version before is one of the table.
    is_plain = not any(isinstance(each, dict) for each in kwargs.values())
    return expectation.type in _OF_ROWS and kwargs.keys() <= _PLAIN_ARGUMENTS and is_plain


@cache
def _looks_at_rows(query: str, columns: tuple[str, ...]) -> bool:
    """Whether a query takes rows of its batch by a condition on each of them and nothing else."""
    batch = "the_batch"
    node = _parsed(query.replace("{batch}", batch))
    if node is None or node.get("type") != "SELECT_NODE":
        return False
    source = node.get("from_table") or {}
    is_plain = (
        source.get("type") == "BASE_TABLE"
        and (source["table_name"], source["sample"], source["at_clause"]) == (batch, None, None)
        and not node["cte_map"]["map"]
        and not any(node.get(each) for each in _OF_MANY)
        and all(each["class"] == "CONSTANT" for each in node["select_list"])
    )
    return is_plain and _is_steady(node.get("where_clause"), columns)


@dataclass(frozen=True)
class _Parts:
    """What a dbt test reads beside its own table: another core table, or none."""

    parent: str = ""


def _parts_of_test(table: CoreTable, test: DbtTest) -> _Parts | None:
    """What a test reads that is about single rows or keys, told from its SQL; None of any other.

    Its own table stands there once; a foreign key's is another core table; and nothing in it
    depends on the moment. What dbt's generic test of that name means is known; arguments and
    ``where`` may hold any SQL.
    """
    kinds = _TESTS_OF_ROWS | _TESTS_OF_KEYS | {"relationships"}
    if test.kind not in kinds or not test.fails_on_any:
        return None
    return _parts_of_sql(test.sql, test.kind, table.table, (*table.columns,), test.arguments)


def _parts_of_sql(
    sql: str, kind: str, table: str, columns: tuple[str, ...], arguments: Mapping[str, str]
) -> _Parts | None:
    node = _parsed(sql)
    if node is None or sql.count(_relation(table)) != 1:
        return None
    nodes = [*_nodes(node)]
    names = {each["alias"] for each in nodes if each.get("alias")}
    views = {each["key"] for each in nodes if each.keys() == {"key", "value"}}
    read = sorted(
        (each["catalog_name"].lower(), each["schema_name"].lower(), each["table_name"])
        for each in nodes
        if each.get("type") == "BASE_TABLE" and each["table_name"] not in views
    )
    others = [each for each in read if each != (LAKE, CERTIFIED_SCHEMA, table)]
    known = {*columns, *names, *arguments.values()}
    is_steady = _is_steady(
        node, known, functions=_COUNTS, classes={"WINDOW"} if kind == "no_overlap" else set()
    )
    if len(read) != len(others) + 1 or not is_steady:
        return None
    if kind != "relationships":
        return None if others else _Parts()
    if len(others) != 1 or others[0][:2] != (LAKE, CERTIFIED_SCHEMA):
        return None
    return _Parts(others[0][2])


def _lost_keys(
    lake: Lake, connection: duckdb.DuckDBPyConnection, test: DbtTest, parent: str, since: int
) -> bool:
    """Whether what a foreign key refers to lost keys since a version, or nobody knows."""
    field = test.arguments.get("field", "")
    if not re.fullmatch(r"[A-Za-z_]\w*", field):
        return True
    if not lake.is_as_it_was(connection, CERTIFIED_SCHEMA, parent, since):
        return True
    key = identifier(field)
    try:
        row = connection.execute(
            f"select count(*) from (select {key} from ducklake_table_deletions('{LAKE}', "
            f"'{CERTIFIED_SCHEMA}', $1, cast($2 as bigint), cast($3 as bigint)) "
            f"except select {key} from {_relation(parent)})",
            [parent, since + 1, snapshot_of(connection)],
        ).fetchone()
    except duckdb.Error:  # e.g. the older version has been expired
        return True
    return row is None or bool(row[0])


def _relation(table: str) -> str:
    """A core table as dbt names it in SQL."""
    return f'"{LAKE}"."{CERTIFIED_SCHEMA}"."{table}"'


def _parsed(query: str) -> dict[str, Any] | None:
    """The one query of a text, as DuckDB's parser reads it; None if it is something else."""
    row = _parser().execute("select json_serialize_sql($1)", [query]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    if tree["error"] or len(tree["statements"]) != 1:
        return None
    node: dict[str, Any] = tree["statements"][0]["node"]
    return node


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """An empty database: opening one costs more than parsing."""
    return duckdb.connect()


def _is_steady(
    tree: Any,
    columns: Collection[str],
    *,
    functions: Collection[str] = (),
    classes: Collection[str] = (),
) -> bool:
    """Whether expressions are of plain kinds and say the same whenever they are asked.

    Args:
        tree: of the parser.
        columns: that there are; the moment, too, is parsed as the name of a column.
        functions: more functions than those that answer the same to the same.
        classes: more kinds of expressions.
    """
    known = {name.lower() for name in columns}
    for each in _nodes(tree):
        kind = each.get("class")
        if isinstance(kind, str) and kind not in _PLAIN_CLASSES and kind not in classes:
            return False
        name = str(each.get("function_name", "")).lower()
        if kind in ("FUNCTION", "WINDOW") and name not in _STEADY and name not in functions:
            return False
        if kind == "COLUMN_REF" and each["column_names"][-1].lower() not in known:
            return False
    return True


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of a parsed query."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            yield each
