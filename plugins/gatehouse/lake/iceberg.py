"""Core tables that Spark builds: which Iceberg snapshot each has in a snapshot of the lake.

A snapshot of the lake is one number for all tables; Iceberg has one for each table. So the end of a
build is a commit of the lake's own: a row of ``raw.iceberg_versions`` for each core table. Whoever
pins the lake at that commit or after it reads the tables by those numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.lake.sql import identifier, literal

EXTENSIONS = ("avro", "iceberg")
_VERSIONS = "iceberg_versions"


def ensure_versions(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of versions, in a connection from `Lake.writer`.

    Raises:
        GatehouseError: DuckDB has built this lake's tables: half of the rows would be in each.
    """
    if tables_of(connection, "lake", "core"):
        raise GatehouseError(
            "The tables of this home were built by DuckDB.",
            next_step="ingest into a home of its own for Spark: GATEHOUSE_HOME=…",
        )
    connection.execute(
        f"create table if not exists lake.raw.{_VERSIONS} "
        "(table_name varchar, iceberg_snapshot_id bigint)"
    )


def refuse_versions(connection: duckdb.DuckDBPyConnection) -> None:
    """The same the other way.

    Raises:
        GatehouseError: Spark has built this lake's tables.
    """
    if _VERSIONS in tables_of(connection, "lake", "raw"):
        raise GatehouseError(
            "The tables of this home are built by Spark.",
            next_step="set GATEHOUSE_ENGINE=spark, or ingest into another home.",
        )


def write_versions(connection: duckdb.DuckDBPyConnection, ids: Mapping[str, int]) -> None:
    """Say which Iceberg snapshots belong together from now on, in one commit; none if no news."""
    if read_versions(connection) == dict(ids):
        return
    rows = [[table, snapshot] for table, snapshot in sorted(ids.items())]
    connection.execute("begin")
    try:
        connection.execute(f"delete from lake.raw.{_VERSIONS}")
        if rows:
            connection.executemany(f"insert into lake.raw.{_VERSIONS} values ($1, $2)", rows)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def read_versions(
    connection: duckdb.DuckDBPyConnection, *, attached: str = "lake", at: int | None = None
) -> dict[str, int]:
    """Iceberg snapshot by core table, in a snapshot of the lake; empty before the first build."""
    version = "" if at is None else f" at (version => {int(at)})"
    try:
        rows = connection.execute(
            f"select table_name, iceberg_snapshot_id from {attached}.raw.{_VERSIONS}{version}"
        ).fetchall()
    except duckdb.CatalogException:
        return {}
    return {str(table): int(snapshot) for table, snapshot in rows}


def scan(warehouse: str, table: str, iceberg_snapshot_id: int) -> str:
    """A version of a core table, as SQL that DuckDB reads from."""
    where = literal(str(Path(warehouse) / "core" / table))
    return f"iceberg_scan({where}, snapshot_from_id => {int(iceberg_snapshot_id)}::ubigint)"


def views(
    connection: duckdb.DuckDBPyConnection, warehouse: str, attached: str, schemas: Iterable[str]
) -> list[str]:
    """SQL that makes a database ``lake`` of views on a lake attached under another name."""
    statements = ["attach ':memory:' as lake"]
    statements += [f"create schema lake.{schema}" for schema in schemas]
    statements += [
        f"create view lake.{schema}.{identifier(table)} as "
        f"select * from {attached}.{schema}.{identifier(table)}"
        for schema in schemas
        for table in tables_of(connection, attached, schema)
    ]
    statements += [
        f"create view lake.core.{identifier(table)} as select * from {scan(warehouse, table, each)}"
        for table, each in sorted(read_versions(connection, attached=attached).items())
    ]
    return statements


def tables_of(connection: duckdb.DuckDBPyConnection, attached: str, schema: str) -> list[str]:
    """The tables of a schema of an attached lake."""
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = $1 and schema_name = $2 "
        "order by table_name",
        [attached, schema],
    ).fetchall()
    return [str(row[0]) for row in rows]
