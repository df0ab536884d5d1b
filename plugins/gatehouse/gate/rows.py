"""Whether a table has rows, and whether it may have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from gatehouse.errors import CouldNotCheckError
from gatehouse.gate.results import CheckResult, Outcome
from gatehouse.gate.suites import Empty
from gatehouse.lake.sql import identifier


@dataclass(frozen=True)
class Rows:
    """Number of rows of a table, and the gate's own check on it."""

    count: int
    check: CheckResult


def count_rows(
    connection: duckdb.DuckDBPyConnection, table: str, empty: Empty, previous: Mapping[str, float]
) -> Rows:
    """Count, and judge an empty table by what its suite allows.

    Raises:
        CouldNotCheckError: the table is not in the snapshot.
    """
    found = connection.execute(
        "select 1 from information_schema.tables where table_catalog = 'lake' "
        "and table_schema = 'core' and table_name = $1",
        [table],
    ).fetchone()
    if found is None:
        raise CouldNotCheckError(f"{table} is not in the snapshot: it was never built")
    count = _count(connection, "core", table)
    inputs = {name: _count(connection, "raw", name) for name in empty.inputs} if not count else {}
    result = _judge(count, empty, inputs, previous.get("row_count", 0))
    observed: dict[str, object] = {"row_count": count}
    if not count:
        observed |= {"input_rows": inputs, "rows_before": int(previous.get("row_count", 0))}
    check = CheckResult(
        tool="gate",
        name=f"rows (may be empty: {empty.when})",
        severity="critical",
        result=result,
        reason=empty.reason,
        observed=observed,
    )
    return Rows(count, check)


def _judge(count: int, empty: Empty, inputs: Mapping[str, int], before: float) -> Outcome:
    if count:
        return "passed"
    if empty.when == "always":
        return "no_data"
    if empty.when == "never" or before or any(inputs.values()):
        return "failed"
    return "no_data"


def _count(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    row = connection.execute(
        f"select count(*) from lake.{identifier(schema)}.{identifier(table)}"
    ).fetchone()
    return int(row[0]) if row else 0
