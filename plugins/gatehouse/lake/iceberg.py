"""Core tables that Spark builds: which Iceberg snapshot each has in a snapshot of the lake.

A snapshot of the lake is one number for all tables; Iceberg has one for each table. So the end of a
build is a commit of the lake's own: a row of ``raw.iceberg_versions`` for each core table. Whoever
pins the lake at that commit or after it reads the tables by those rows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.files import write_whole
from gatehouse.lake.sql import identifier, literal

EXTENSIONS = ("avro", "iceberg")
_VERSIONS = "iceberg_versions"
_WAREHOUSE = "iceberg_warehouse"
# In the warehouse's folder: whose it is.
_OWNER = "gatehouse.json"


class Version(NamedTuple):
    """A version of a table.

    Attributes:
        snapshot_id: Iceberg's.
        metadata_file: name of a file of the table's metadata that knows it: what names the newest
            one is gone for a moment while another is written.
    """

    snapshot_id: int
    metadata_file: str


def check_engine(engine: str, tables: Mapping[str, Collection[str]]) -> None:
    """Refuse a lake whose core tables the other engine builds: each would hold half of the rows.

    Args:
        engine: that is to build it, or to read what it built.
        tables: of the lake, by schema.

    Raises:
        GatehouseError: it is one.
    """
    if engine == "spark" and tables.get("core"):
        raise GatehouseError(
            "The tables of this home are built by DuckDB.",
            next_step="ingest into a home of its own for Spark: GATEHOUSE_HOME=…",
        )
    if engine != "spark" and _VERSIONS in tables.get("raw", ()):
        raise GatehouseError(
            "The tables of this home are built by Spark.",
            next_step="set GATEHOUSE_ENGINE=spark, or ingest into another home.",
        )


def bind_warehouse(connection: duckdb.DuckDBPyConnection, warehouse: str) -> None:
    """Make the tables of versions, and let one lake and one warehouse belong to each other.

    Args:
        connection: from `Lake.writer`.
        warehouse: folder of the Iceberg tables; of another lake, its rows would be taken for ours.

    Raises:
        GatehouseError: one of the two belongs to another.
    """
    connection.execute(
        f"create table if not exists lake.raw.{_VERSIONS} "
        "(table_name varchar, iceberg_snapshot_id bigint, metadata_file varchar)"
    )
    connection.execute(f"create table if not exists lake.raw.{_WAREHOUSE} (warehouse_id varchar)")
    found = connection.execute(f"select warehouse_id from lake.raw.{_WAREHOUSE}").fetchone()
    owner = Path(warehouse) / _OWNER
    theirs = json.loads(owner.read_text("utf-8"))["warehouse_id"] if owner.exists() else None
    ours = str(found[0]) if found else None
    # A build that was killed between the two has written no table.
    is_empty = not (Path(warehouse) / "raw").exists()
    if theirs != ours and not (theirs is None and is_empty):
        raise GatehouseError(
            f"The warehouse {warehouse} is not the one that this lake is built into.",
            next_step="mend GATEHOUSE_WAREHOUSE; for a new lake, name a folder that is not there.",
        )
    if ours is None:
        ours = str(uuid.uuid4())
        connection.execute(f"insert into lake.raw.{_WAREHOUSE} values ($1)", [ours])
    if theirs is None:
        write_whole(owner, json.dumps({"warehouse_id": ours}).encode())


def write_versions(connection: duckdb.DuckDBPyConnection, versions: Mapping[str, Version]) -> None:
    """Say which versions belong together from now on, in one commit; none if it is no news."""
    if read_versions(connection) == dict(versions):
        return
    connection.execute("begin")
    try:
        connection.execute(f"delete from lake.raw.{_VERSIONS}")
        for table, each in sorted(versions.items()):
            connection.execute(
                f"insert into lake.raw.{_VERSIONS} values ($1, $2, $3)",
                [table, each.snapshot_id, each.metadata_file],
            )
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def read_versions(
    connection: duckdb.DuckDBPyConnection, *, attached: str = "lake", at: int | None = None
) -> dict[str, Version]:
    """Version by core table, in a snapshot of the lake; empty before the first build."""
    try:
        return versions_at(connection, attached=attached, at=at)
    except duckdb.CatalogException:
        return {}


def versions_at(
    connection: duckdb.DuckDBPyConnection, *, attached: str = "lake", at: int | None = None
) -> dict[str, Version]:
    """The same of a snapshot that has them.

    Raises:
        duckdb.CatalogException: it has none, or is gone.
    """
    version = "" if at is None else f" at (version => {int(at)})"
    rows = connection.execute(
        f"select table_name, iceberg_snapshot_id, metadata_file "
        f"from {attached}.raw.{_VERSIONS}{version}"
    ).fetchall()
    return {str(table): Version(int(snapshot), str(file)) for table, snapshot, file in rows}


def scan(warehouse: str, table: str, version: Version) -> str:
    """A version of a core table, as SQL that DuckDB reads from."""
    where = literal(str(Path(warehouse) / "core" / table / "metadata" / version.metadata_file))
    return f"iceberg_scan({where}, snapshot_from_id => {version.snapshot_id}::ubigint)"


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
