"""A day's increment after a short and after a long history: ingest, build, gate and detect.

One world: a home has the last days of it, another one all; both know all of its accounts. Then they
take the same files day by day, in turns, so that what slows the machine slows both. Settings: DAYS
(of history, the short one first), ACTORS (that the world begins with), INCREMENTS, SEED.
"""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from _harness import Measurement, Stage, models_of, run_stage, scratch, setting
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

_FIRST = date(2026, 9, 7)
_STAGES = ("ingest", "build", "gate", "detect")
_MOST = 1.15


@dataclass
class Home:
    """A home with so many days of history."""

    folder: Path
    arriving: Path
    days: int
    spent: dict[str, list[Stage]] = field(default_factory=lambda: {name: [] for name in _STAGES})

    @property
    def home(self) -> Path:
        """Where its lake is."""
        return self.folder / "home"

    def prepare(self, longest: int) -> None:
        """Take the history through the stages at once."""
        for number in range(-longest, 0):
            self.deliver(number, "*" if number >= -self.days else "actors")
        for stage in _STAGES:
            found = run_stage(stage, self.home)
            print(f"{self.days} days, {stage}: {found.seconds:.1f} s", flush=True)
            if found.report.get("held"):
                raise SystemExit(f"{self.days} days: held: {found.report['held']}")

    def deliver(self, number: int, contract: str = "*") -> None:
        """Let the files of a day arrive; 0 is the first one after the history."""
        for source in self.arriving.glob(f"{contract}/dt={_FIRST + timedelta(days=number)}/*"):
            target = self.home / "landing" / source.relative_to(self.arriving)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def events(self, since: date | None = None) -> int:
        """Events in the lake."""
        connection = Lake(Settings(home=self.home)).current()
        try:
            row = connection.execute(
                "select count(*) from lake.core.fct_events where occurred_date >= $1",
                [since or date(1970, 1, 1)],
            ).fetchone()
        finally:
            connection.close()
        return int(row[0]) if row else 0

    def increment(self, number: int) -> None:
        """Take one day through the stages."""
        self.deliver(number)
        for stage in _STAGES:
            found = run_stage(stage, self.home)
            print(f"{self.days} days, day {number + 1}, {stage}: {found.seconds:.1f} s", flush=True)
            self.spent[stage].append(found)


def main() -> None:
    """Run the measurement."""
    days = [int(each) for each in setting("DAYS", "30 365").replace(",", " ").split()]
    actors, increments = int(setting("ACTORS", "1000")), int(setting("INCREMENTS", "4"))
    seed = int(setting("SEED", "1"))
    asked = {
        "DAYS": " ".join(map(str, days)),
        "ACTORS": str(actors),
        "INCREMENTS": str(increments),
        "SEED": str(seed),
    }
    measurement = Measurement("history", "A day after a short and after a long history", asked)
    with scratch() as folder:
        world = Settings(home=folder / "world")
        run_simulation(
            world,
            actors=actors,
            days=max(days) + increments,
            seed=seed,
            start_date=_FIRST - timedelta(days=max(days)),
        )
        homes = [Home(folder / f"{each}-days", world.landing, each) for each in days]
        for each in homes:
            each.prepare(max(days))
        before = {each.days: each.events() for each in homes}
        for number in range(increments):
            for each in homes:
                each.increment(number)
        _tell(measurement, homes, before, increments)
    measurement.finish()


def _tell(
    measurement: Measurement, homes: list[Home], before: dict[int, int], increments: int
) -> None:
    # The first one is not counted: what a version passed before is known from then on.
    counted = slice(1, None) if increments > 1 else slice(None)
    for each in homes:
        measurement.figure(f"{each.days} days: events before", before[each.days])
        measurement.figure(
            f"{each.days} days: events a day after", round(each.events(_FIRST) / increments)
        )
        held = [name for one in each.spent["gate"] for name in one.report["held"]]
        measurement.figure(f"{each.days} days: core tables held", len(held), equals=0)
    rows = []
    short, long = homes[0], homes[-1]
    for stage in _STAGES:
        seconds, cpu = (
            [
                statistics.median(getattr(one, what) for one in each.spent[stage][counted])
                for each in homes
            ]
            for what in ("seconds", "cpu_seconds")
        )
        ratio = round(seconds[-1] / seconds[0], 2)
        bound = _MOST if stage in ("build", "gate") else None
        measurement.figure(
            f"{stage} after {long.days} days beside {short.days}", ratio, "times", at_most=bound
        )
        rows.append((stage, *seconds, ratio, *cpu, round(cpu[-1] / cpu[0], 2)))
    columns = [
        "stage",
        *(f"s after {each.days} days" for each in homes),
        "times",
        *(f"cpu s after {each.days} days" for each in homes),
        "times (cpu)",
    ]
    measurement.table("A day's increment, medians", columns, rows)
    models = [models_of(each.home) for each in homes]
    more = sorted(models[-1], key=lambda name: models[0].get(name, 0) - models[-1][name])
    measurement.table(
        "Models of the last increment that cost most more",
        ("model", *(f"s after {each.days} days" for each in homes)),
        [(name, *(own.get(name, 0.0) for own in models)) for name in more[:8]],
    )
    parts = [each.spent["gate"][-1].report["seconds"] for each in homes]
    measurement.table(
        "Parts of the last gate",
        ("part", *(f"s after {each.days} days" for each in homes)),
        [(name, *(own.get(name, 0.0) for own in parts)) for name in parts[-1]],
    )
    measurement.note(
        "Each stage is a process of its own; starting it and its imports are not in the seconds. "
        "The first increment is not counted."
    )


if __name__ == "__main__":
    main()
