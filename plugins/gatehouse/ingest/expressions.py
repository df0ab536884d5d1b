"""What a mapping's SQL expression may be, and what it reads."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gatehouse.lake.sql import literal

if TYPE_CHECKING:
    import duckdb

# A row must give the same values whenever and wherever it is read.
_NOT_OF_THE_ROW = frozenset(
    {
        *("now", "get_current_timestamp", "current_timestamp", "current_date", "today"),
        *("current_localtime", "current_localtimestamp", "transaction_timestamp", "txid_current"),
        *("random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "currval"),
        *("getenv", "getvariable", "current_setting", "current_user", "session_user", "user"),
        *("read_text", "read_blob", "query", "query_table"),
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
        if kind == "FUNCTION" and node["function_name"].lower() in _NOT_OF_THE_ROW:
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


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": "1"})
