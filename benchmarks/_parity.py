"""The same rows through both engines: DuckDB with DuckLake, and Spark with Iceberg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq

from _harness import run_stage
from gatehouse.environment import environment_variables
from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from gatehouse.detection.compiled import Detection
    from gatehouse.detection.inputs import Window

TOLERANCE = 1e-9
# Of a run, and of when a row came: two homes ingest at two times. Nor does Iceberg tell which days
# of a table changed: a run may look at more of them again.
_OF_THE_RUN = frozenset(
    {
        *("ingested_at", "found_at", "detection_run_id", "certificate_ids", "snapshot_ids"),
        *("window_start_at", "window_end_at"),
    }
)


@dataclass(frozen=True)
class Compared:
    """A core table in both lakes.

    Attributes:
        rows: on DuckDB.
        differing: rows that only one of them has, or whose numbers differ by more than a
            billionth part.
        types: columns that have another type, with both.
    """

    table: str
    rows: int
    differing: int
    types: dict[str, tuple[str, str]]


def run_on(settings: Settings, *stages: str) -> dict[str, Any]:
    """Run stages in a home, each in a process of its own; what the last one reported."""
    report: dict[str, Any] = {}
    names = ("engine", "spark_master", "landing", "memory_limit")
    with environment_variables(
        {f"GATEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in names}
    ):
        for stage in stages:
            report = run_stage(stage, settings.home).report
    return report


def homes(folder: Path, master: str, **settings: Any) -> tuple[Settings, Settings]:
    """A home of each engine below a folder; both read one landing folder."""
    shared = {"landing": folder / "landing", **settings}
    return (
        Settings(home=folder / "duckdb", engine="duckdb", **shared),
        Settings(home=folder / "spark", engine="spark", spark_master=master, **shared),
    )


def compare_tables(one: Settings, other: Settings) -> list[Compared]:
    """Every core table as the newest build has left it, DuckDB's first."""
    connections = [Lake(each).pinned(Lake(each).current_snapshot()) for each in (one, other)]
    try:
        names = [_tables(connection) for connection in connections]
        return [_compare(*connections, table) for table in sorted({*names[0], *names[1]})]
    finally:
        for connection in connections:
            connection.close()


def rows_that_differ(one: pa.Table, other: pa.Table) -> int:
    """Rows that only one has, numbers within `TOLERANCE`."""
    doubles = [field.name for field in one.schema if str(field.type) == "double"]
    exact = [name for name in one.column_names if name not in doubles]
    with duckdb.connect() as connection:
        for name, rows in (("one", one), ("other", other)):
            connection.register(f"{name}_rows", rows)
            order = ", ".join(map(identifier, [*doubles, *exact]))
            connection.execute(
                f"create table {name} as select *, row_number() over ("
                f"partition by {', '.join(map(identifier, exact))} order by {order}"
                f") as _place from {name}_rows"
            )
        same = " and ".join(
            f"one.{identifier(name)} is not distinct from other.{identifier(name)}"
            for name in [*exact, "_place"]
        )
        far = " or ".join(
            f"(one.{name} is null) <> (other.{name} is null) or abs(one.{name} - other.{name})"
            f" > {TOLERANCE} * greatest(abs(one.{name}), abs(other.{name}))"
            for name in map(identifier, doubles)
        )
        row = connection.execute(
            f"select count(*) from one full outer join other on {same} "
            f"where one._place is null or other._place is null or ({far or 'false'})"
        ).fetchone()
    return int(row[0]) if row else 0


def findings_on_spark(settings: Settings, detection: Detection, window: Window) -> pa.Table:
    """What a detection's SQL for Spark gives on the tables that Spark has built.

    Args:
        settings: a home of Spark.
        detection: compiled for Spark.
        window: what is looked at.
    """
    from gatehouse.detection.compiled import WINDOW_END, WINDOW_START
    from gatehouse.spark.session import spark_session

    sql = detection.sql
    for mark, moment in ((WINDOW_START, window[0]), (WINDOW_END, window[1])):
        sql = sql.replace(mark, f"{moment:%Y-%m-%d %H:%M:%S}")
    written = settings.home / "spill" / "findings"
    spark_session(settings).sql(sql).write.mode("overwrite").parquet(str(written))
    return pq.read_table(written)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables "
        "where table_catalog = 'lake' and table_schema = 'core'"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _compare(
    one: duckdb.DuckDBPyConnection, other: duckdb.DuckDBPyConnection, table: str
) -> Compared:
    try:
        relations = [
            each.sql(f"select * from lake.core.{identifier(table)}") for each in (one, other)
        ]
    except duckdb.CatalogException:
        return Compared(table, 0, 1, {"": ("a table of one", "only")})
    shapes = [dict(zip(each.columns, map(str, each.types), strict=True)) for each in relations]
    types = {
        name: (shapes[0].get(name, "none"), shapes[1].get(name, "none"))
        for name in {*shapes[0], *shapes[1]}
        if shapes[0].get(name) != shapes[1].get(name)
    }
    columns = ", ".join(identifier(name) for name in shapes[0] if name not in _OF_THE_RUN)
    rows = [each.project(columns).to_arrow_table() for each in relations]
    return Compared(table, rows[0].num_rows, rows_that_differ(*rows), types)
