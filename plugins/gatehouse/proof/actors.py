"""Canary actors: each detection must find, in each run, the case that it was written for.

The case is run by the executor's own code, on a database in memory that no lake is attached to.
What it finds is looked at and forgotten: it is never recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from gatehouse.detection.cases import Case, Given
from gatehouse.detection.findings import find
from gatehouse.errors import GatehouseError, telling
from gatehouse.lake.sql import identifier

if TYPE_CHECKING:
    from gatehouse.detection.compiled import Detection
    from gatehouse.detection.inputs import Window

# What tells whether it is the canary; scores and counts are the unit test's to check.
_IDENTITY = ("actor_id", "product_code")


@dataclass(frozen=True)
class Sought:
    """What became of a detection's canary.

    Attributes:
        found: rows found where there is something to find.
        problem: why the detection is not alive; empty if nothing speaks against it.
    """

    found: int = 0
    problem: str = ""


def canary_problem(detection: Detection) -> str:
    """Why a detection is not known to be alive; empty if it found its canary and nobody else.

    Finding it is the proof: that nothing was said against it is none. A detection that says in its
    metadata why it has no canary (``without_canary``) passes.
    """
    if detection.spec.without_canary:
        return ""
    try:
        sought = seek_canary(detection)
        return sought.problem or ("" if sought.found > 0 else "its canary was not looked for")
    except Exception as error:  # of the search itself: what was not found is not alive
        return f"its canary could not be looked for ({type(error).__name__})"


def seek_canary(detection: Detection) -> Sought:
    """Look for its first case with a finding, and for nothing in its first case without one."""
    positive = next((each for each in detection.cases if each.expected), None)
    negative = next((each for each in detection.cases if not each.expected), None)
    if positive is None:
        return Sought(problem="it has no canary: no case of its YAML has a finding")
    rows = 0
    for case in filter(None, (positive, negative)):
        try:
            found = find_case(detection, case)
        except (duckdb.Error, GatehouseError) as error:
            words = error.message if isinstance(error, GatehouseError) else telling(str(error))
            return Sought(problem=f"its canary {case.name} could not be looked for: {words}")
        if not _is_as_expected(case, found):
            return Sought(
                problem=f"its canary {case.name} was not found"
                if case.expected
                else f"it found something in {case.name}, where nothing is"
            )
        rows += len(found)
    return Sought(rows)


def canary_key(detection_id: str) -> str:
    """The key of a detection that does not find its canary."""
    return f"silence:canary:{detection_id}"


def find_case(detection: Detection, case: Case) -> list[dict[str, Any]]:
    """What a detection finds in one of its cases, run on a database in memory."""
    connection = duckdb.connect(config={"threads": "1", "memory_limit": "512MB"})
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.core")
        for given in case.given:
            _fill(connection, given)
        connection.execute("use lake.core")
        rows: list[dict[str, Any]] = find(
            connection, detection, _window(connection, detection)
        ).to_pylist()
        return rows
    finally:
        connection.close()


def _fill(connection: duckdb.DuckDBPyConnection, given: Given) -> None:
    table = f"lake.core.{identifier(given.table)}"
    columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in given.types.items())
    connection.execute(f"create table {table} ({columns})")
    if isinstance(given.rows, str):
        connection.execute(f"insert into {table} by name {given.rows}")
        return
    for row in given.rows:
        names = ", ".join(identifier(name) for name in row)
        values = ", ".join(
            f"cast(${i + 1} as {given.types.get(name, 'varchar')})" for i, name in enumerate(row)
        )
        connection.execute(f"insert into {table} ({names}) values ({values})", [*row.values()])


def _window(connection: duckdb.DuckDBPyConnection, detection: Detection) -> Window:
    """All days of the case, with those before them that the detection needs to see."""
    spec = detection.spec
    row = connection.execute(
        f"select min({identifier(spec.time_column)}), max({identifier(spec.time_column)}) "
        f"from lake.core.{identifier(spec.driver)}"
    ).fetchone()
    if row is None or row[0] is None:
        raise GatehouseError(f"{spec.driver} has no row", next_step="give it some in the case.")
    reach = timedelta(days=spec.window_days)
    return _midnight(row[0]) - reach, _midnight(row[1]) + reach + timedelta(days=1)


def _midnight(moment: Any) -> datetime:
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def _is_as_expected(case: Case, found: list[dict[str, Any]]) -> bool:
    """Whether all that is expected was found; where nothing is, nothing."""
    if not case.expected:
        return not found
    return len(found) >= len(case.expected) and all(
        any(_matches(wanted, row) for row in found) for wanted in case.expected
    )


def _matches(wanted: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(str(wanted[name]) == str(row[name]) for name in _IDENTITY if name in wanted)
