"""Plain DuckDB running what Gatehouse runs: the same files, the same compiled SQL.

No contracts, ledger, transactions over many files, snapshots or checks of what comes in: the
floor that the pipeline is compared with. Prints one line of JSON, as `_stage` does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from gatehouse.lake import SCHEMAS, Lake
from gatehouse.lake.sql import identifier, literal
from gatehouse.settings import Settings
from gatehouse.simulate.landing import JSON_CONTRACTS

Spent = tuple[float, float]  # wall clock and processor time, seconds


def main() -> None:
    """Run the part named by the first argument on the home of the settings."""
    settings = Settings()
    database = settings.home / "plain.duckdb"
    connection = duckdb.connect(
        config={"memory_limit": settings.memory_limit, "threads": str(settings.threads)}
    )
    connection.execute(f"attach {literal(str(database))} as lake")
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists lake.{schema}")
        # As in a build, what serves one run is in memory.
        connection.execute(f"create schema if not exists memory.{schema}")
    connection.execute("use lake.core")
    report: dict[str, Any] = {}
    seconds, cpu_seconds = _PARTS[sys.argv[1]](connection, settings, report)
    result = {
        "report": report,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(result))


def _ingest(
    connection: duckdb.DuckDBPyConnection, settings: Settings, report: dict[str, Any]
) -> Spent:
    """Each contract's files into one table."""
    started = _now()
    for folder in sorted(settings.landing.iterdir()):
        pattern = str(folder / "**" / "*")
        reader = (
            f"read_json({literal(pattern)}, ignore_errors = true, union_by_name = true)"
            if folder.name in JSON_CONTRACTS
            else f"read_parquet({literal(pattern)}, hive_partitioning = false)"
        )
        connection.execute(
            f"create or replace table lake.raw.plain_{folder.name} as select * from {reader}"
        )
    report["rows"] = _count(connection, "plain_events")
    return _since(started)


def _build(
    connection: duckdb.DuckDBPyConnection, settings: Settings, report: dict[str, Any]
) -> Spent:
    """The models in the order dbt ran them; copying raw tables and seeds over is not timed."""
    nodes = _compiled(settings.home / "models.json")
    _copy_raw(connection, settings)
    for seed in sorted((settings.dbt_project / "seeds").glob("*.csv")):
        connection.execute(
            f"create or replace table memory.staging.{identifier(seed.stem)}"
            f" as select * from read_csv({literal(str(seed))})"
        )
    models = [node for node in nodes if node["unique_id"].startswith("model.")]
    started = _now()
    for node in models:
        kind = "view" if '"staging"' in node["relation_name"] else "table"
        connection.execute(
            f"create or replace {kind} {node['relation_name']} as ({node['compiled_code']})"
        )
    report["models"] = len(models)
    return _since(started)


def _gate(
    connection: duckdb.DuckDBPyConnection, settings: Settings, report: dict[str, Any]
) -> Spent:
    """The data tests that the gate ran, without its GX suites."""
    tests = [node for node in _compiled(settings.home / "tests.json") if node["compiled_code"]]
    started = _now()
    for node in tests:
        connection.execute(f"select count(*) from ({node['compiled_code']})").fetchall()
    report["tests"] = len(tests)
    return _since(started)


def _now() -> Spent:
    return time.monotonic(), time.process_time()


def _since(started: Spent) -> Spent:
    return time.monotonic() - started[0], time.process_time() - started[1]


def _copy_raw(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    source = Lake(settings).current()
    tables = source.execute(
        "select table_name from duckdb_tables()"
        " where database_name = 'lake' and schema_name = 'raw' order by 1"
    ).fetchall()
    path = settings.home / "copy.parquet"
    for (name,) in tables:
        table = f"lake.raw.{identifier(name)}"
        source.execute(f"copy (select * from {table}) to {literal(str(path))} (format parquet)")
        connection.execute(
            f"create or replace table {table} as select * from read_parquet({literal(str(path))})"
        )
    path.unlink()
    source.close()


def _compiled(path: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["results"]
    return results


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from lake.raw.{table}").fetchone()
    assert row is not None
    return int(row[0])


_PARTS = {"ingest": _ingest, "build": _build, "gate": _gate}

if __name__ == "__main__":
    main()
