"""Queries of people: certified tables only, read only, one statement at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.gate.needs import Needs
from gatehouse.gate.published import (
    Published,
    certified_versions,
    held_now,
    open_certified,
    published_versions,
)
from gatehouse.lake import CERTIFIED_SCHEMA, LAKE
from gatehouse.lake.sql import literal
from gatehouse.lake.storage import Storage
from gatehouse.settings import Settings

# Table functions that make rows of their arguments. All others read files, settings or catalogs.
_HARMLESS = {"generate_series", "json_each", "json_tree", "range", "unnest"}
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: names, in order.
        rows: at most as many as asked for.
        is_cut: there were more.
        held: tables of the query of which readers have an older version than there is; see
            `gatehouse.gate.published.held_now`.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool
    held: Mapping[str, str] = field(default_factory=dict)

    def as_dicts(self) -> list[dict[str, Any]]:
        """One dictionary a row; of columns of one name the last wins."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def run_query(
    settings: Settings,
    sql: str,
    *,
    limit: int = 1000,
    allow_expired: bool = False,
    needs: Needs = "critical",
) -> Answer:
    """Answer one SELECT on the certified tables.

    Args:
        settings: which home.
        sql: one statement.
        limit: most rows to return; 0 for all.
        allow_expired: also read tables whose certificate has expired.
        needs: ``warning``: only versions whose warnings passed, too.

    Raises:
        GatehouseError: it is no single SELECT, reads anything but certified tables, or fails.
    """
    with certified_session(settings, allow_expired=allow_expired, needs=needs) as connection:
        certified = certified_versions(settings, allow_expired=allow_expired, needs=needs)
        read = _inspect(settings, connection, sql, certified)
        try:
            cursor = connection.execute(sql)
            columns = [column[0] for column in cursor.description or []]
            rows = cursor.fetchmany(limit + 1) if limit else cursor.fetchall()
        except duckdb.Error as error:
            raise GatehouseError(
                f"The query failed: {error}", next_step="gatehouse tables lists tables and columns."
            ) from error
    cut = bool(limit) and len(rows) > limit
    return Answer(columns, rows[:limit] if cut else rows, cut, held_now(settings, certified, read))


@contextmanager
def certified_session(
    settings: Settings, *, allow_expired: bool = False, needs: Needs = "critical"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A certified reader that opens no file outside the lake and keeps its settings."""
    connection = open_certified(settings, allow_expired=allow_expired, needs=needs)
    try:
        connection.execute("set python_enable_replacements = false")
        readable = ", ".join(literal(each) for each in Storage.of(settings).roots)
        connection.execute(f"set allowed_directories = [{readable}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _inspect(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    certified: dict[str, Published],
) -> set[str]:
    """The tables that are read; what is no single SELECT on certified ones is refused.

    A certified session also has each pinned version of the whole lake attached, the restricted
    schema in it: so what a query names is read from its syntax tree, and all else refused.
    """
    try:
        tree = _tree(connection, sql)
    except duckdb.Error as error:
        raise GatehouseError(f"This is no SQL: {error}", next_step="mend the query.") from error
    if tree is None:
        raise GatehouseError(
            "Only one SELECT (or FROM, VALUES, DESCRIBE, SUMMARIZE) at a time can be answered.",
            next_step="for anything else open the tables in Python: gatehouse.connect()",
        )
    read = set()
    names = {key for node in _nodes(tree) for key in _cte_names(node)}
    for node in _nodes(tree):
        if node.get("type") == "BASE_TABLE" and "table_name" in node:
            read |= _inspect_table(settings, node, names, certified)
        elif node.get("type") == "TABLE_FUNCTION" and "function" in node:
            called = str(node["function"].get("function_name", "")).lower()
            if called not in _HARMLESS:
                raise GatehouseError(
                    f"The table function {called} is not available here.",
                    next_step="read certified tables by name; gatehouse tables lists them.",
                )
    return read


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        return None
    # Not bound: for a bound value DuckDB imports pandas, which takes longer than most queries.
    row = connection.execute(f"select json_serialize_sql({literal(sql)})").fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    return None if tree["error"] else tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _cte_names(node: dict[str, Any]) -> list[str]:
    ctes = node.get("cte_map")
    entries = ctes.get("map", []) if isinstance(ctes, dict) else []
    # A name with a dot in it could also be a file, outside the scope of the CTE.
    return [e["key"].lower() for e in entries if _PLAIN_NAME.fullmatch(e["key"])]


def _inspect_table(
    settings: Settings, node: dict[str, Any], ctes: set[str], certified: dict[str, Published]
) -> set[str]:
    name = str(node["table_name"])
    catalog, schema = str(node.get("catalog_name") or ""), str(node.get("schema_name") or "")
    home = catalog.lower() in ("", LAKE) and schema.lower() in ("", CERTIFIED_SCHEMA, LAKE)
    if home and name.lower() in certified:
        return {name.lower()}
    if not catalog and not schema and name.lower() in ctes:
        return set()
    shown = published_versions(settings) if home else {}
    if name.lower() in shown and not shown[name.lower()].is_expired:
        raise GatehouseError(
            f"No certified version of {name} has all its warnings passed.",
            next_step=f"gatehouse certificate {name}; or read it as it is without --needs warning.",
        )
    if name.lower() in shown:
        raise GatehouseError(
            f"The certificate of {name} expired at "
            f"{shown[name.lower()].expires_at:%Y-%m-%d %H:%M} UTC.",
            next_step="gatehouse gate; or read it as it is with --allow-expired.",
        )
    full = ".".join(part for part in (catalog, schema, name) if part)
    raise GatehouseError(
        f"{full} is not a certified table.",
        next_step="gatehouse tables lists those there are; gatehouse status says why others wait.",
    )
