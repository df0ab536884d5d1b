"""Simulated worlds, taken through the whole pipeline, two at a time.

Settings: ACTORS, DAYS of each world; JOBS worlds at once; WORLDS, a folder that keeps them for
the next program (by default they are deleted).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np

from _harness import scratch, setting, stage_environment
from gatehouse.gate.published import open_certified
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from gatehouse.detection.report import DetectionReport

T = TypeVar("T")
# Weights are fitted on the first days, of other seeds; what is measured after them is later too.
FIT_DAYS = 28
ACTORS, DAYS = int(setting("ACTORS", "2000")), int(setting("DAYS", "42"))
# Seeds that nobody looks at while rules and weights are made.
HELD_OUT = "331-350"
_BOOTSTRAPS = 2_000


@dataclass(frozen=True)
class World:
    """A world that was simulated, loaded, built, certified and looked through by detections.

    Attributes:
        seed: its seed.
        settings: its home; ground truth is in ``truth/`` there.
    """

    seed: int
    settings: Settings

    def tables(self) -> duckdb.DuckDBPyConnection:
        """Certified tables, with the ground truth as ``truth.<table>``."""
        connection = open_certified(self.settings)
        connection.execute("attach ':memory:' as truth_of_world")
        connection.execute("create schema truth_of_world.truth")
        for path in sorted((self.settings.home / "truth").glob("*.parquet")):
            connection.execute(
                f"create table truth_of_world.truth.{path.stem} as "
                f"select * from read_parquet('{path}')"
            )
        return connection


def each_world(seeds: list[int], measure: Callable[[World], T], days: int = DAYS) -> Iterator[T]:
    """Make the worlds of ``seeds`` and measure each; results in the order of seeds."""
    kept = setting("WORLDS", "")
    with scratch() as temporary:
        folder = Path(kept).resolve() if kept else temporary
        with ThreadPoolExecutor(int(setting("JOBS", "2"))) as pool:
            made = pool.map(lambda seed: _make(folder, seed, days), seeds)
            for number, world in enumerate(made, start=1):
                result = measure(world)
                if not kept:
                    shutil.rmtree(world.settings.home)
                print(f"world {number} of {len(seeds)}, seed {world.seed}", flush=True)
                yield result


def share_over_worlds(parts: Any, wholes: Any) -> str:
    """A share over worlds and its 95 % interval (percentile bootstrap), as text.

    Args:
        parts: (worlds,) counts.
        wholes: (worlds,) counts they are parts of.
    """
    if not wholes.sum():
        return "none"
    drawn = resampled_worlds(len(parts))
    totals = wholes[drawn].sum(axis=1)
    shares = parts[drawn].sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.percentile(shares, [2.5, 97.5])
    # What never varied says no more than so many trials do: actors of a campaign are no trials.
    worst = 0.025 ** (1 / int((wholes > 0).sum()))
    low = min(low, worst) if (parts == wholes).all() else low
    high = max(high, 1 - worst) if not parts.any() else high
    return f"{parts.sum() / wholes.sum():.2f} ({low:.2f} to {high:.2f})"


def resampled_worlds(worlds: int) -> Any:
    """(resamples, worlds) positions of worlds, drawn with repetition; the same ones each time."""
    return np.random.default_rng(0).integers(0, worlds, (_BOOTSTRAPS, worlds))


def asked_worlds(default: str = HELD_OUT) -> dict[str, str]:
    """The settings that say which worlds, as a measurement names them."""
    return {"SEEDS": setting("SEEDS", default), "ACTORS": str(ACTORS), "DAYS": str(DAYS)}


def seeds_of(default: str = HELD_OUT) -> list[int]:
    """The setting SEEDS: numbers and ranges, e.g. ``301-320`` or ``7 8 9``."""
    seeds: list[int] = []
    for part in setting("SEEDS", default).replace(",", " ").split():
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def _make(folder: Path, seed: int, days: int) -> World:
    home = folder / f"world-{ACTORS}-{days}-{seed}"
    if not (home / "whole.json").exists():
        shutil.rmtree(home, ignore_errors=True)
        command = [sys.executable, __file__, str(seed)]
        environment = {
            **stage_environment(home),
            "GATEHOUSE_MEMORY_LIMIT": "4GB",
            "DAYS": str(days),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"world {seed} failed: {done.stderr[-3000:]}")
    return World(seed, Settings(home=home))


def take_through(settings: Settings, *, actors: int, days: int, seed: int) -> DetectionReport:
    """Simulate a world in an empty home and take it through all stages, in this process.

    Raises:
        SystemExit: a table is held, or a detection failed: nothing can be measured on it.
    """
    from gatehouse.build import run_build
    from gatehouse.detection import run_detections
    from gatehouse.gate import run_gate
    from gatehouse.ingest import run_ingest
    from gatehouse.simulate.run import run_simulation

    run_simulation(settings, actors=actors, days=days, seed=seed)
    run_ingest(settings)
    run_build(settings).raise_for_failure()
    held = [*run_gate(settings).held]
    report = run_detections(settings)
    failed = [each.detection_id for each in report.results if each.status == "failed"]
    # Findings are signals too: once more, so that the risk score has them.
    run_build(settings).raise_for_failure()
    held += run_gate(settings).held
    if held or failed:
        raise SystemExit(f"held: {held}, failed: {failed}")
    return report


def _main() -> None:
    """Make the world of the seed given; its home is that of the settings."""
    settings = Settings()
    report = take_through(settings, actors=ACTORS, days=DAYS, seed=int(sys.argv[1]))
    shutil.rmtree(settings.landing)
    found = {"detections": {each.detection_id: each.found for each in report.results}}
    (settings.home / "whole.json").write_text(json.dumps(found))


if __name__ == "__main__":
    _main()
