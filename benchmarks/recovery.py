"""Kill -9 of ingest and build at random points, and other orders of arrival: equal tables.

Settings: POINTS (kills), ORDERS (orders of arrival of each kind), SEED.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path

from _fingerprint import Fingerprint, differences, fingerprints
from _harness import (
    Measurement,
    run_stage,
    scratch,
    setting,
    stage_command,
    stage_environment,
)
from _landing import Delivery, again, make_landing, split
from gatehouse.build import run_build
from gatehouse.ingest import run_ingest
from gatehouse.settings import Settings

_ALL = ("raw", "staging", "intermediate", "core")
# What arrives together, and so what a build covers, differs with the order; results must not.
_RESULTS = ("core",)
_KILLS_A_STAGE = 2

Stages = list[tuple[str, list[Delivery]]]


def main() -> None:
    """Run the measurement."""
    points, orders = int(setting("POINTS", "50")), int(setting("ORDERS", "2"))
    seed = int(setting("SEED", "1"))
    asked = {"POINTS": str(points), "ORDERS": str(orders), "SEED": str(seed)}
    measurement = Measurement("recovery", "Kill -9, and any order of arrival", asked)
    with scratch() as folder:
        files = make_landing(folder, actors=120, days=6, seed=seed)
        measurement.figure("landing files", len(files))
        kill_at_random_points(measurement, folder, files, points, seed)
        arrive_in_other_orders(measurement, folder, files, orders, seed)
    measurement.note(
        "A run is two increments: ingest, build, ingest, build. A process is killed a random "
        "time after its imports, started again and killed again, then left to finish."
    )
    measurement.note(
        "Tables are compared by the sum of the hashes of their rows, without arrival times, "
        "load ids and names of files; after kills all of raw, staging, intermediate and core, "
        "after other orders core."
    )
    measurement.finish()


def kill_at_random_points(
    measurement: Measurement, folder: Path, files: list[Delivery], points: int, seed: int
) -> None:
    """Compare interrupted runs with one that was not."""
    half = len(files) // 2
    stages: Stages = [
        ("ingest", files[:half]),
        ("build", []),
        ("ingest", files[half:]),
        ("build", []),
    ]
    seconds: list[float] = []
    expected = _run(folder / "plain", stages, seconds)
    measurement.figure("tables compared", len(expected))
    measurement.figure("rows compared", sum(each.rows for each in expected.values()))
    rng, at = random.Random(seed), defaultdict[str, list[float]](list)  # noqa: S311
    unequal, trials = [], 0
    while sum(map(len, at.values())) < points:
        trials += 1
        home = folder / f"trial-{trials}"
        for (name, deliveries), usual in zip(stages, seconds, strict=True):
            _deliver(home, deliveries)
            wanted = min(_KILLS_A_STAGE, points - sum(map(len, at.values())))
            at[name] += _kill(name, home, rng, usual, wanted)
            run_stage(name, home)
        found = differences(expected, fingerprints(Settings(home=home), _ALL))
        unequal += [(trials, *each) for each in found]
        print(f"run {trials}: {sum(map(len, at.values()))} kills, {len(found)} tables differ")
    measurement.figure("kills", sum(map(len, at.values())), at_least=points)
    measurement.figure("interrupted runs", trials)
    measurement.figure("tables that differ after kills", len(unequal), equals=0)
    measurement.table(
        "Where the kills hit, as a share of the time the stage takes undisturbed",
        ("stage", "kills", "earliest", "median", "latest"),
        [
            (name, len(shares), min(shares), sorted(shares)[len(shares) // 2], max(shares))
            for name, shares in sorted(at.items())
            if shares
        ],
    )
    if unequal:
        columns = ("run", "table", "rows expected", "rows found")
        measurement.table("Tables that differ after kills", columns, unequal)


def arrive_in_other_orders(
    measurement: Measurement, folder: Path, files: list[Delivery], orders: int, seed: int
) -> None:
    """Compare other orders of arrival with all files at once."""
    expected = _arrive(folder / "at-once", [files])
    measurement.figure("rows in core", sum(each.rows for each in expected.values()))
    rows, unequal = [], []
    for number in range(orders):
        for kind, batches in _orders(folder, files, random.Random(f"{seed} {number}")):  # noqa: S311
            found = differences(expected, _arrive(folder / f"{kind}-{number}", batches))
            rows.append((kind, number + 1, sum(map(len, batches)), len(batches), len(found)))
            unequal += [(kind, number + 1, *each) for each in found]
            print(f"{kind} {number + 1}: {len(found)} tables differ", flush=True)
    measurement.figure("orders of arrival tried", len(rows))
    measurement.figure("tables that differ after other orders", len(unequal), equals=0)
    measurement.table(
        "Orders of arrival", ("order", "try", "files", "builds", "tables that differ"), rows
    )
    if unequal:
        columns = ("order", "try", "table", "rows expected", "rows found")
        measurement.table("Tables that differ after other orders", columns, unequal)


def _orders(
    folder: Path, files: list[Delivery], rng: random.Random
) -> list[tuple[str, list[list[Delivery]]]]:
    """Batches of files by kind of order; each batch is ingested and built."""
    shuffled = rng.sample(files, len(files))
    twice = [again(each, number) for number, each in enumerate(rng.sample(files, len(files) // 2))]
    parts_folder = Path(folder / f"parts-{rng.randrange(10**9)}")
    parts_folder.mkdir()
    parts = [part for each in files for part in split(each, parts_folder, rng)]
    late = set(rng.sample(range(len(files)), len(files) // 3))
    in_time = [each for at, each in enumerate(files) if at not in late]
    return [
        ("shuffled", _cut(shuffled, 3)),
        ("newest first", _cut(files[::-1], 2)),
        ("repeated", [*_cut(files, 2), twice]),
        ("split", _cut(rng.sample(parts, len(parts)), 2)),
        ("a third late", [in_time, [files[at] for at in sorted(late)]]),
        ("one at a time", [[each] for each in rng.sample(files, len(files))]),
    ]


def _cut(files: list[Delivery], parts: int) -> list[list[Delivery]]:
    size = -(-len(files) // parts)
    return [files[at : at + size] for at in range(0, len(files), size)]


def _arrive(home: Path, batches: list[list[Delivery]]) -> dict[str, Fingerprint]:
    """Ingest batch by batch, with a build after each (after every eighth of single files)."""
    settings = Settings(home=home)
    for number, batch in enumerate(batches, start=1):
        _deliver(home, batch)
        run_ingest(settings)
        if len(batch) > 1 or number % 8 == 0 or number == len(batches):
            run_build(settings).raise_for_failure()
    return fingerprints(settings, _RESULTS)


def _run(home: Path, stages: Stages, seconds: list[float]) -> dict[str, Fingerprint]:
    """All stages undisturbed; adds how long each takes to ``seconds``."""
    for name, deliveries in stages:
        _deliver(home, deliveries)
        seconds.append(run_stage(name, home).seconds)
    return fingerprints(Settings(home=home), _ALL)


def _deliver(home: Path, deliveries: list[Delivery]) -> None:
    for each in deliveries:
        each.put(home / "landing")


def _kill(name: str, home: Path, rng: random.Random, seconds: float, wanted: int) -> list[float]:
    """Start a stage and kill it, some times over; returns when, as a share of its usual time.

    Fewer than ``wanted`` where it finished before it was killed.
    """
    shares: list[float] = []
    for _ in range(wanted):
        share = rng.random()
        with subprocess.Popen(
            stage_command(name),
            env=stage_environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            while (line := process.stdout.readline()) and line.strip() != "ready":
                pass
            time.sleep(share * seconds)
            if process.poll() is not None:
                break
            os.killpg(process.pid, signal.SIGKILL)
            shares.append(round(share, 3))
    return shares


if __name__ == "__main__":
    main()
