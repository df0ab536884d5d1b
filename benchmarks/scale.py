"""Events a second of simulate, ingest, build and gate, beside plain DuckDB in the same run.

Settings: EVENTS, one or more numbers, e.g. ``EVENTS="1000000 10000000"``; DAYS they are of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from _harness import (
    PROJECT,
    Measurement,
    Stage,
    models_of,
    run_stage,
    scratch,
    setting,
    stage_environment,
)
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

_EVENTS_AN_ACTOR = 250
# 6 GiB.
_MOST_MB = 6144
_COLUMNS = (
    "stage",
    "s",
    "events/s",
    "cpu s",
    "peak MB",
    "plain s",
    "plain cpu s",
    "plain peak MB",
    "cpu ratio",
)


def main() -> None:
    """Run the measurement."""
    asked, days = setting("EVENTS", "1000000"), int(setting("DAYS", "30"))
    measurement = Measurement(
        "scale", "Events a second, beside plain DuckDB", {"EVENTS": asked, "DAYS": str(days)}
    )
    for events in map(int, asked.replace(",", " ").split()):
        with scratch() as folder:
            measure(measurement, folder / "home", events, days)
    measurement.note(
        "Plain DuckDB reads the same files, runs the same compiled models on a copy of the same "
        "raw tables in one DuckDB file, and the same data tests, with the same memory limit and "
        "threads. It has no contracts, quarantine, ledger, snapshots, per-model record or GX."
    )
    measurement.note(
        "Each stage is a process of its own; starting it and its imports are not in the seconds. "
        "Later increments cost less than this first build, which makes everything."
    )
    measurement.finish()


def measure(measurement: Measurement, home: Path, events: int, days: int) -> None:
    """All stages at one size."""
    settings = Settings(home=home)
    world = run_simulation(
        settings, actors=max(500, events // _EVENTS_AN_ACTOR), days=days, events=events
    )
    written = world.rows["events"]
    label = f"{events:,} events"
    measurement.figure(f"{label}: rows written, all contracts", sum(world.rows.values()))
    measurement.figure(f"{label}: simulate", round(written / world.seconds), "events/s")
    rows, took = [], {}
    for name in ("ingest", "build", "gate"):
        ours, plain = run_stage(name, home), _run_plain(name, home)
        took[name] = ours
        print(f"{label}: {name} {ours.seconds:.1f} s, plain {plain.seconds:.1f} s", flush=True)
        speed = round(written / ours.seconds)
        measurement.figure(f"{label}: {name}", speed, "events/s")
        rows.append(
            (
                name,
                ours.seconds,
                speed,
                ours.cpu_seconds,
                ours.peak_mb,
                plain.seconds,
                plain.cpu_seconds,
                plain.peak_mb,
                round(ours.cpu_seconds / max(plain.cpu_seconds, 0.001), 1),
            )
        )
        if name == "gate":
            measurement.figure(f"{label}: core tables held", len(ours.report["held"]), equals=0)
        elif name == "ingest":
            account(measurement, label, ours, sum(world.rows.values()), world.broken_rows)
    measurement.table(
        f"Stages at {label}",
        _COLUMNS,
        rows,
    )
    peak = max(each.peak_mb for each in took.values())
    measurement.figure(f"{label}: largest process", peak, "MB", at_most=_MOST_MB)
    share = took["gate"].seconds / took["build"].seconds
    measurement.figure(f"{label}: gate, as a share of the build", round(share, 3))
    parts = sorted(took["gate"].report["seconds"].items(), key=lambda each: -each[1])
    measurement.table(f"Parts of the gate at {label}", ("part", "s"), parts)
    tables = took["gate"].report["tables"]
    slow = sorted(((each["table"], each["seconds"]) for each in tables), key=lambda each: -each[1])
    measurement.table(f"Slowest tables of the gate at {label}", ("table", "s"), slow[:8])
    slowest = sorted(models_of(home).items(), key=lambda each: -each[1])[:10]
    measurement.table(f"Slowest models at {label}", ("model", "s"), slowest)


def account(measurement: Measurement, label: str, stage: Stage, rows: int, broken: int) -> None:
    """Every written row is in the ledger, every broken one in quarantine."""
    totals = stage.report["totals"]
    measurement.figure(f"{label}: rows not in the ledger", rows - totals["rows_in"], equals=0)
    measurement.figure(f"{label}: rows in quarantine", totals["rows_quarantined"], equals=broken)


def _run_plain(part: str, home: Path) -> Stage:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "benchmarks" / "_plain.py"), part],
        env=stage_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"plain {part} failed: {done.stderr[-2000:]}")
    return Stage(**json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
