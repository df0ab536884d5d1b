"""Many increments of files in random order, beside a full rebuild of the same rows.

Every file of DAYS simulated days arrives in one of as many increments, drawn at random; each is
ingested and built, and now and then detections run, so that findings become signals too. At the
end everything is rebuilt from raw. Settings: DAYS, ACTORS, SEED, DETECT (increments between runs
of detections).
"""

from __future__ import annotations

import random

from _fingerprint import fingerprints
from _harness import Measurement, scratch, setting
from _landing import make_landing
from gatehouse.build import run_build
from gatehouse.detection import run_detections
from gatehouse.gate import run_gate
from gatehouse.ingest import run_ingest
from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings


def main() -> None:
    """Run the measurement."""
    days, actors = int(setting("DAYS", "60")), int(setting("ACTORS", "100"))
    seed, detect = int(setting("SEED", "1")), int(setting("DETECT", "20"))
    asked = {"DAYS": str(days), "ACTORS": str(actors), "SEED": str(seed), "DETECT": str(detect)}
    measurement = Measurement("incremental", "Increments, and a full rebuild", asked)
    with scratch() as folder:
        files = make_landing(folder, actors=actors, days=days, seed=seed)
        rng = random.Random(seed)  # noqa: S311
        rng.shuffle(files)
        settings = Settings(home=folder / "home")
        findings, held = 0, 0
        for number in range(days):
            for each in files[number::days]:
                each.put(settings.landing)
            run_ingest(settings)
            run_build(settings).raise_for_failure()
            if (number + 1) % detect == 0:
                held += len(run_gate(settings).held)
                findings += run_detections(settings).new
            print(f"increment {number + 1} of {days}", flush=True)
        # Findings of the last run are not in any build yet.
        run_build(settings).raise_for_failure()
        increments = fingerprints(settings, ("core",))
        version = _version(settings)
        run_build(settings, full_refresh=True).raise_for_failure()
        rebuilt = fingerprints(settings, ("core",))
        rows = _compare(settings, version, sorted({*increments, *rebuilt}))
        exact = sum(increments.get(name) == rebuilt.get(name) for name in rebuilt)
    measurement.figure("files", len(files))
    measurement.figure("increments", days)
    measurement.figure("tables held by the gate on the way", held)
    measurement.figure("findings on the way", findings)
    measurement.figure("core tables", len(rebuilt), at_least=15)
    measurement.figure("of them with equal hashes of all rows", exact)
    unequal = sum(only_before + only_after for _, _, only_before, only_after in rows)
    measurement.figure("rows that differ, floats within 1e-9", unequal, equals=0)
    measurement.table(
        "Rows after increments and after the rebuild",
        ("table", "rows", "only after increments", "only after the rebuild"),
        rows,
    )
    measurement.note(
        "When and with which load a row arrived is left out of the comparison. Files arrive in "
        "random order, so many rows are weeks late when they come."
    )
    measurement.finish()


def _version(settings: Settings) -> int:
    connection = Lake(settings).current()
    try:
        row = connection.execute(
            "select max(snapshot_id) from ducklake_snapshots('lake')"
        ).fetchone()
    finally:
        connection.close()
    assert row is not None
    return int(row[0])


def _compare(
    settings: Settings, version: int, tables: list[str]
) -> list[tuple[str, int, int, int]]:
    """Rows by table that only one of the two builds has, floats rounded to ten digits."""
    connection = Lake(settings).current()
    rows = []
    try:
        for table in tables:
            schema, _, name = table.partition(".")
            place = f"lake.{identifier(schema)}.{identifier(name)}"
            columns = connection.execute(f"describe {place}").fetchall()
            items = ", ".join(
                _rounded(column) if kind == "DOUBLE" else identifier(column)
                for column, kind, *_ in columns
                if column not in ("ingested_at", "load_id", "file_id")
            )
            before, after = (
                f"select {items} from {place} at (version => {version})",
                f"select {items} from {place}",
            )
            counts = [
                connection.execute(f"select count(*) from ({query})").fetchall()[0][0]
                for query in (after, f"{before} except all {after}", f"{after} except all {before}")
            ]
            rows.append((table, *counts))
    finally:
        connection.close()
    return rows


def _rounded(column: str) -> str:
    """SQL: the number to ten significant digits, so that 1e-9 relative is equal."""
    name = identifier(column)
    return f"case when {name} = 0 then 0 else round({name}, 9 - floor(log10(abs({name})))::int) end"


if __name__ == "__main__":
    main()
