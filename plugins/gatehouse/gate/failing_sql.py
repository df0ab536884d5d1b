"""SQL that gives the rows that a failed check is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from gatehouse.gate.suites import Drift, Expectation
from gatehouse.lake.sql import identifier, literal

Arguments = Mapping[str, Any]


def of_expectation(expectation: Expectation, table: str) -> str:
    """SQL of the rows that an expectation does not hold of; empty if it is about no single row."""
    relation = f"lake.core.{identifier(table)}"
    if expectation.type == "unexpected_rows_expectation":
        query = str(expectation.kwargs["unexpected_rows_query"])
        return whole_rows(query.replace("{batch}", relation))
    condition = _CONDITIONS.get(expectation.type)
    if condition is None:
        return ""
    chosen = condition(expectation.kwargs)
    return f"select * from {relation} {chosen}" if chosen else ""


def whole_rows(query: str) -> str:
    """A query that selects constants, so that it gives the rows instead; any other as it is.

    Suites select a constant, because the gate fetches no rows.
    """
    with duckdb.connect() as connection:
        row = connection.execute(f"select json_serialize_sql({literal(query)})").fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
        if tree["error"]:
            return query
        node = tree["statements"][0]["node"]
        if node.get("type") != "SELECT_NODE" or not _is_constant(node):
            return query
        node["select_list"] = [_star(connection)]
        text = literal(json.dumps(tree))
        made = connection.execute(f"select json_deserialize_sql({text}::json)").fetchone()
    return str(made[0]) if made else query


def of_monitor(drift: Drift, table: str, observed: Arguments, column: str | None) -> str:
    """SQL of the rows of the day and product that a monitor found furthest from its past.

    Empty where rows are missing: what is there is not what is wrong.
    """
    monitor = observed["limit_name"]
    if monitor in ("rows_drop", "units_drop", "restated_drop", "value_drop"):
        return ""
    conditions = []
    schema, _, name = drift.relation(table).partition(".")
    source = f"lake.{identifier(schema)}.{identifier(name)}"
    if drift.day and "day" in observed:
        conditions.append(f"cast({identifier(drift.day)} as date) = date '{observed['day']}'")
    if monitor == "replayed" and drift.looks_for_replays:
        time, unit = identifier(drift.time), identifier(drift.unit)
        conditions.append(
            f"({unit}, {time} - interval 1 day) in (select ({unit}, {time}) from {source} where "
            f"cast({identifier(drift.day)} as date) = date '{observed['day']}' - 1)"
        )
    if drift.surface and "product" in observed:
        conditions.append(
            f"cast({identifier(drift.surface)} as varchar) = {literal(observed['product'])}"
        )
    if monitor == "nulls" and column:
        conditions.append(f"{identifier(column)} is null")
    if monitor == "value_rise" and column and "value" in observed:
        conditions.append(
            f"cast({identifier(column)} as varchar) = {literal(str(observed['value']))}"
        )
    where = f" where {' and '.join(conditions)}" if conditions else ""
    query = f"select * from {source}{where}"
    if monitor == "repeats":
        same = [*([drift.unit] if drift.unit else []), *drift.repeats]
        query += f" qualify count(*) over (partition by {_listed(same)}) > 1"
    return query


def _is_constant(node: Mapping[str, Any]) -> bool:
    grouped = node.get("group_expressions") or node.get("having")
    return not grouped and all(
        each.get("class") == "CONSTANT" for each in node.get("select_list", [])
    )


def _star(connection: duckdb.DuckDBPyConnection) -> Any:
    row = connection.execute("select json_serialize_sql('select * from t')").fetchone()
    text = row[0] if row else ""
    return json.loads(text)["statements"][0]["node"]["select_list"][0]


def _listed(names: list[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def _value(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else literal(str(value))


def _between(expression: str, arguments: Arguments) -> str:
    parts = []
    for name, strictly, wrong, wrong_or_equal in (
        ("min_value", "strict_min", "<", "<="),
        ("max_value", "strict_max", ">", ">="),
    ):
        bound = arguments.get(name)
        # A bound by the version before is one of the table, not of a row.
        if bound is not None and not isinstance(bound, dict):
            sign = wrong_or_equal if arguments.get(strictly) else wrong
            parts.append(f"{expression} {sign} {_value(bound)}")
    return f"where {' or '.join(parts)}" if parts else ""


def _in_set(arguments: Arguments, sign: str) -> str:
    values = ", ".join(_value(each) for each in arguments["value_set"])
    return f"where {identifier(arguments['column'])} {sign} ({values})"


def _unique(columns: list[str]) -> str:
    there = " and ".join(f"{identifier(name)} is not null" for name in columns)
    return f"where {there} qualify count(*) over (partition by {_listed(columns)}) > 1"


def _pair(arguments: Arguments, sign: str) -> str:
    first, second = identifier(arguments["column_A"]), identifier(arguments["column_B"])
    return f"where not ({first} {sign} {second})"


def _greater(arguments: Arguments) -> str:
    return _pair(arguments, ">=" if arguments.get("or_equal") else ">")


def _matches(arguments: Arguments) -> str:
    return f"regexp_matches({identifier(arguments['column'])}, {literal(arguments['regex'])})"


# By type of expectation: what its failing rows have in common. Those that are not here are about
# a table as a whole: counts, means, sums.
_CONDITIONS: dict[str, Callable[[Arguments], str]] = {
    "expect_column_values_to_be_between": lambda a: _between(identifier(a["column"]), a),
    "expect_column_value_lengths_to_be_between": lambda a: _between(
        f"length({identifier(a['column'])})", a
    ),
    "expect_column_values_to_be_in_set": lambda a: _in_set(a, "not in"),
    "expect_column_values_to_not_be_in_set": lambda a: _in_set(a, "in"),
    "expect_column_values_to_match_regex": lambda a: f"where not {_matches(a)}",
    "expect_column_values_to_not_match_regex": lambda a: f"where {_matches(a)}",
    "expect_column_values_to_not_be_null": lambda a: f"where {identifier(a['column'])} is null",
    "expect_column_values_to_be_null": lambda a: f"where {identifier(a['column'])} is not null",
    "expect_column_values_to_be_unique": lambda a: _unique([a["column"]]),
    "expect_compound_columns_to_be_unique": lambda a: _unique(list(a["column_list"])),
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": lambda a: _pair(a, "="),
}
