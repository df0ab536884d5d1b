"""What a mapping's SQL expression may be, and what it reads."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gatehouse.lake.sql import literal

if TYPE_CHECKING:
    import duckdb

# A row must give the same values whenever and wherever it is read. These DuckDB calls consistent,
# or they are no scalar functions.
_NOT_OF_THE_ROW = frozenset(
    {
        *("current_timestamp", "current_time", "current_localtime", "current_localtimestamp"),
        *("getenv", "getvariable", "current_setting", "current_user", "session_user", "user"),
        *("read_text", "read_blob", "query", "query_table", "version", "shuffle", "list_shuffle"),
    }
)


class ExpressionError(ValueError):
    """An expression that a mapping may not have."""


@functools.lru_cache(maxsize=4096)
def fields_of(expression: str) -> frozenset[str]:
    """The raw fields an expression reads.

    Raises:
        ExpressionError: not one scalar expression over the row alone.
    """
    tree = _parse(expression)
    names: set[str] = set()
    parameters: set[str] = set()
    for node in _walk(tree):
        kind = node.get("class")
        if kind in {"SUBQUERY", "WINDOW", "STAR", "PARAMETER"}:
            raise ExpressionError(f"has a {kind.lower()}; it may read the row alone")
        if kind == "FUNCTION" and not _is_of_the_row(node):
            raise ExpressionError(f"calls {node['function_name']}; it may read the row alone")
        if kind == "LAMBDA":
            parameters |= {n["column_names"][0] for n in _walk(node["lhs"]) if "column_names" in n}
        if kind == "COLUMN_REF":
            names.add(node["column_names"][0])
    return frozenset(names - parameters)


def is_bare(expression: str) -> bool:
    """Whether an expression is a field's name and nothing else."""
    return _parse(expression).get("class") == "COLUMN_REF"


@functools.lru_cache(maxsize=4096)
def _parse(expression: str) -> dict[str, Any]:
    # As a literal: a bound parameter makes DuckDB import pandas, which takes longer than all this.
    statement = literal(f"select (\n{expression}\n) as v")
    row = _parser().execute(f"select json_serialize_sql({statement})").fetchone()
    document = json.loads(row[0]) if row else {"error": True, "error_message": "no answer"}
    if document["error"]:
        raise ExpressionError(f"is no SQL expression: {document.get('error_message')}")
    nodes = [statement["node"] for statement in document["statements"]]
    if len(nodes) != 1 or not _is_scalar(nodes[0]):
        raise ExpressionError("is not one scalar expression")
    expression_node: dict[str, Any] = nodes[0]["select_list"][0]
    return expression_node


def _is_scalar(node: dict[str, Any]) -> bool:
    return (
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["from_table"]["type"] == "EMPTY"
        and not node["modifiers"]
        and not any(node[part] for part in ("where_clause", "group_expressions", "qualify"))
    )


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)


def _is_of_the_row(call: dict[str, Any]) -> bool:
    name = call["function_name"].lower()
    # The age of one time is counted from today.
    return name not in _refused() and (name != "age" or len(call["children"]) == 2)


@functools.cache
def _refused() -> frozenset[str]:
    """Functions that give one row different values, as DuckDB says, and macros over them."""
    rows = _parser().execute(
        "select lower(function_name), stability, macro_definition from duckdb_functions() "
        "where stability <> 'CONSISTENT' or function_type = 'macro'"
    )
    refused = set(_NOT_OF_THE_ROW)
    macros: dict[str, set[str]] = {}
    for name, stability, definition in rows.fetchall():
        if stability is not None:
            refused.add(name)
        else:
            macros.setdefault(name, set()).update(re.findall(r"\w+", (definition or "").lower()))
    count = 0
    while count != len(refused):
        count = len(refused)
        refused |= {name for name, words in macros.items() if words & (refused | {"select"})}
    return frozenset(refused)


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": "1"})
