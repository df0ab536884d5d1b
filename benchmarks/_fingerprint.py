"""What the lake holds, as one number a table: equal numbers, equal rows in whatever order."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings

# When and by which file something arrived: the one thing that may differ.
_ARRIVAL = frozenset({"ingested_at", "load_id", "file_id", "path", "row_number", "quarantine_key"})
# The store's own history: when builds ran, not what they made.
_HISTORY = frozenset({"raw.store_changes", "staging.stg_store__certificates"})


@dataclass(frozen=True)
class Fingerprint:
    """Rows of a table, and the sum of their hashes."""

    rows: int
    hash: int


def fingerprints(settings: Settings, schemas: tuple[str, ...]) -> dict[str, Fingerprint]:
    """Fingerprint by ``schema.table`` of all tables and views in ``schemas``."""
    connection = Lake(settings).current()
    try:
        columns: dict[str, list[str]] = {}
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where database_name = 'lake' order by all"
        ).fetchall():
            name = f"{schema}.{table}"
            if schema in schemas and name not in _HISTORY:
                columns.setdefault(name, [])
                if column not in _ARRIVAL:
                    columns[name].append(column)
        return {name: _fingerprint(connection, name, columns[name]) for name in sorted(columns)}
    finally:
        connection.close()


def differences(
    expected: dict[str, Fingerprint], found: dict[str, Fingerprint]
) -> list[tuple[str, int, int]]:
    """Tables that differ, with their rows as expected and as found."""
    nothing = Fingerprint(0, 0)
    return [
        (name, expected.get(name, nothing).rows, found.get(name, nothing).rows)
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]


def _fingerprint(
    connection: duckdb.DuckDBPyConnection, table: str, columns: list[str]
) -> Fingerprint:
    listed = ", ".join(identifier(column) for column in columns)
    schema, _, name = table.partition(".")
    # A sum and not an exclusive or: two equal rows would cancel out.
    row = connection.execute(
        f"select count(*), coalesce(sum(hash({listed})::hugeint), 0)"
        f" from lake.{identifier(schema)}.{identifier(name)}"
    ).fetchone()
    assert row is not None
    return Fingerprint(int(row[0]), int(row[1]))
