"""Tables and findings of both engines, row by row: at once, by increments, real logs, a fault.

The same files arrive in two homes. One is built by DuckDB, the other on a Spark cluster of a
master and two workers, processes of their own. Settings: ACTORS, DAYS, SEED of the simulated
world; INCREMENTS (days that arrive one by one); DATA (folder of the public sets).
"""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from _cluster import spark_cluster
from _harness import Measurement, data_folder, scratch, setting
from _parity import compare_tables, findings_on_spark, homes, rows_that_differ, run_on
from gatehouse.detection.compiled import load_detections
from gatehouse.detection.findings import find
from gatehouse.gate.published import open_certified
from gatehouse.settings import Settings
from gatehouse.simulate.run import run_simulation
from gatehouse.spark.session import spark_session, stop_session

ACTORS, DAYS = int(setting("ACTORS", "3000")), int(setting("DAYS", "21"))
SEED, INCREMENTS = int(setting("SEED", "1")), int(setting("INCREMENTS", "3"))
_MEMORY = "2GB"

Homes = tuple[Settings, Settings]


def main() -> None:
    """Run the measurement."""
    asked = {"ACTORS": str(ACTORS), "DAYS": str(DAYS), "INCREMENTS": str(INCREMENTS)}
    measurement = Measurement("parity", "DuckDB and Spark: the same tables and findings", asked)
    with scratch() as folder, spark_cluster(folder / "cluster") as master:
        _simulated(measurement, folder / "simulated", master)
        _real(measurement, folder / "real", master)
    measurement.note(
        "When a row arrived, which run found it and at which days that run looked is left out of "
        "the comparison. Numbers are "
        "equal within 1e-9 of their size, everything else to the letter, types too."
    )
    measurement.finish()


def _simulated(measurement: Measurement, folder: Path, master: str) -> None:
    both = homes(folder, master, memory_limit=_MEMORY)
    arriving = folder / "arriving"
    run_simulation(both[0], actors=ACTORS, days=DAYS, seed=SEED, folder=arriving)
    days = sorted({path.parent.name for path in arriving.glob("*/dt=*/*")})
    first, later = days[: -INCREMENTS - 1], days[-INCREMENTS - 1 :]
    for day in first:
        _deliver(arriving, folder / "landing", day)
    _through(measurement, "simulated, at once", both)
    for number, day in enumerate(later[:-1], start=1):
        _deliver(arriving, folder / "landing", day)
        _through(measurement, f"simulated, day {number} after it", both)
    _detections(measurement, both)
    _fault(measurement, both, arriving, later[-1])


def _real(measurement: Measurement, folder: Path, master: str) -> None:
    both = homes(folder, master, memory_limit=_MEMORY)
    folder.mkdir(parents=True)
    (folder / "landing").symlink_to(data_folder())
    _through(measurement, "real logs", both)


def _through(measurement: Measurement, what: str, both: Homes) -> None:
    """Take what has arrived through all stages on both engines, and compare."""
    for settings in both:
        run_on(settings, "ingest", "build", "gate", "detect")
    compared = compare_tables(*both)
    differing = sum(each.differing for each in compared)
    types = sum(len(each.types) for each in compared)
    found = sum(each.rows for each in compared if each.table == "fct_findings")
    measurement.figure(f"{what}: core tables", len(compared), at_least=17)
    measurement.figure(f"{what}: rows", sum(each.rows for each in compared), at_least=1)
    measurement.figure(f"{what}: findings", found, at_least=1)
    measurement.figure(f"{what}: rows that differ", differing, equals=0)
    measurement.figure(f"{what}: columns of another type", types, equals=0)
    measurement.table(
        f"Tables, {what}",
        ("table", "rows", "differing"),
        [(each.table, each.rows, each.differing) for each in compared],
    )


def _detections(measurement: Measurement, both: Homes) -> None:
    """Each detection as SQL of its engine, on the tables that its engine has built."""
    window = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    on_duckdb = load_detections(both[0])
    spark_session(both[1])
    on_spark = load_detections(both[1], target="spark")
    rows = []
    connection = open_certified(both[0])
    for one, other in zip(on_duckdb, on_spark, strict=True):
        found = find(connection, one, window)
        theirs = findings_on_spark(both[1], other, window)
        differing = rows_that_differ(found, theirs.select(found.column_names))
        rows.append((one.spec.id, found.num_rows, differing))
    connection.close()
    stop_session()
    measurement.figure("detections as SQL of Spark", len(rows), at_least=1)
    measurement.figure("their findings", sum(count for _, count, _ in rows), at_least=1)
    measurement.figure("their findings that differ", sum(each for *_, each in rows), equals=0)
    measurement.table("Detections", ("detection", "findings", "differing"), rows)


def _fault(measurement: Measurement, both: Homes, arriving: Path, day: str) -> None:
    """Half of a day's events never arrive: both gates hold the same tables."""
    _deliver(arriving, both[0].landing, day)
    for path in both[0].landing.glob(f"events/{day}/*"):
        _halve(path)
    reports = [run_on(settings, "ingest", "build", "gate") for settings in both]
    held = [
        {each["table"]: each["result"] for each in report["tables"] if not each["is_certified"]}
        for report in reports
    ]
    measurement.figure("tables held for half a day of events, DuckDB", len(held[0]), at_least=1)
    measurement.figure("the same tables held on Spark", held[0] == held[1], equals=True)


def _deliver(arriving: Path, landing: Path, day: str) -> None:
    for source in arriving.glob(f"*/{day}/*"):
        target = landing / source.relative_to(arriving)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _halve(path: Path) -> None:
    """Every other row of a file."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path)
        pq.write_table(rows.take([*range(0, rows.num_rows, 2)]), path)
        return
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[::2])))


if __name__ == "__main__":
    main()
