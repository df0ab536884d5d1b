"""New raw rows from the lake that ingest writes into the Iceberg tables that Spark reads."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.errors import GatehouseError
from gatehouse.ingest.contracts import load_contracts
from gatehouse.ingest.tables import raw_tables
from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier, literal
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

_TYPES = {"varchar": "string", "integer": "int"}


def hand_over(settings: Settings, session: SparkSession) -> dict[str, int]:
    """Append what has arrived since the last time, table by table.

    Arrival is stamped by the one writer and only ever grows, so what a table lacks is what is
    newer than its newest row. A table takes all of that in one commit or none of it.

    Returns:
        Rows handed over, by table of ``raw``.
    """
    tables = raw_tables(load_contracts(settings.input_contracts))
    # No model reads them, and rows of theirs are replaced.
    del tables["quarantine"], tables["files"]
    connection = Lake(settings).current()
    try:
        return {
            name: _append(settings, session, connection, name, columns)
            for name, columns in tables.items()
        }
    finally:
        connection.close()


def _append(
    settings: Settings,
    session: SparkSession,
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
) -> int:
    name = f"raw.{table}"
    described = ", ".join(
        f"`{column}` {_TYPES.get(kind, kind)}" for column, kind in columns.items()
    )
    session.sql(f"create table if not exists {name} ({described}) using iceberg")
    present = set(session.table(name).columns)
    for column in columns.keys() - present:
        kind = _TYPES.get(columns[column], columns[column])
        session.sql(f"alter table {name} add column `{column}` {kind}")
    newest = session.sql(f"select max(ingested_at) from {name}").collect()[0][0]
    since = "1970-01-01" if newest is None else str(newest)
    wanted = ", ".join(identifier(column) for column in columns)
    query = (
        f"select {wanted} from lake.raw.{identifier(table)} "
        f"where ingested_at > {literal(since)}::timestamp"
    )
    # Beside the warehouse: workers read it, too.
    staged = Path(f"{settings.warehouse}.arriving") / table
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True, mode=0o700)
    try:
        copied = connection.execute(
            f"copy ({query}) to {literal(str(staged / 'rows.parquet'))} (format parquet)"
        ).fetchone()
        rows = int(copied[0]) if copied else 0
        if rows:
            named = ", ".join(f"`{column}`" for column in columns)
            session.sql(f"insert into {name} ({named}) select {named} from parquet.`{staged}`")
    finally:
        shutil.rmtree(staged)
    _compare(session, connection, table)
    return rows


def _compare(session: SparkSession, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Count both sides, which is a look at their metadata.

    Raises:
        GatehouseError: rows were lost or doubled; nothing is built of them.
    """
    query = f"select count(*) from lake.raw.{identifier(table)}"
    row = connection.execute(query).fetchone()
    there = session.sql(f"select count(*) from raw.`{table}`").collect()[0][0]
    if row is None or int(row[0]) != int(there):
        raise GatehouseError(
            f"raw.{table}: {there} rows in the warehouse, {row[0] if row else 0} in the lake.",
            next_step="name a new folder in GATEHOUSE_WAREHOUSE and ingest into a new home.",
        )
