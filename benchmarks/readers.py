"""Eight readers in a loop while the lake is built, gated, maintained, broken and rolled back.

Settings: SECONDS (at least so long, in whole rounds), READERS, ACTORS, SEED.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from _harness import PROJECT, Measurement, run_stage, scratch, setting, stage_environment
from _landing import Delivery, make_landing
from _reader import content_of
from gatehouse.errors import GatehouseError
from gatehouse.gate.published import published_versions
from gatehouse.gate.results import CERTIFYING
from gatehouse.gate.rollback import lift, roll_back
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate

_DAYS = 12
# What a reader opened stays readable for so long; no session of these lasts longer.
_GRACE_SECONDS = "60"
_EVENT = "where event_id = (select min(event_id) from lake.core.fct_events)"

State = dict[str, int]


@dataclass
class House:
    """The home that is read, and what was done to it.

    Attributes:
        waiting: what has not arrived yet, a day at a time.
        states: every set of pointers that was committed, oldest first.
        done: seconds of each operation, by its name.
        held: tables held by each gate.
    """

    settings: Settings
    waiting: list[list[Delivery]]
    states: list[State] = field(default_factory=list)
    done: dict[str, list[float]] = field(default_factory=dict)
    held: list[list[str]] = field(default_factory=list)

    def do(self, name: str, action: Callable[[], object]) -> None:
        """One operation of writers or people; what is on show afterwards is kept."""
        started = time.monotonic()
        action()
        self.done.setdefault(name, []).append(round(time.monotonic() - started, 2))
        shown = published_versions(self.settings)
        self.states.append({table: each.snapshot_id for table, each in shown.items()})
        print(f"{name}: {self.done[name][-1]} s", flush=True)

    def stage(self, name: str, **options: str) -> dict[str, Any]:
        """One stage of the pipeline in its own process."""
        return run_stage(name, self.settings.home, **options).report

    def arrive_and_build(self) -> None:
        """The next day's files, to a build; the gate after it is an operation of its own."""
        for each in self.waiting.pop(0):
            each.put(self.settings.landing)
        self.do("ingest", lambda: self.stage("ingest"))
        self.do("build", lambda: self.stage("build"))
        self.do("gate", lambda: self.held.append(list(self.stage("gate")["held"])))


def main() -> None:
    """Run the measurement."""
    seconds, count = float(setting("SECONDS", "120")), int(setting("READERS", "8"))
    actors, seed = int(setting("ACTORS", "120")), int(setting("SEED", "1"))
    asked = {"SECONDS": f"{seconds:g}", "READERS": str(count), "ACTORS": str(actors)}
    measurement = Measurement("readers", "Readers while everything else goes on", asked)
    with scratch() as folder:
        house = make_house(folder, actors, seed)
        house.arrive_and_build()
        started = time.monotonic()
        with readers(house.settings.home, count) as seen:
            while len(house.waiting) >= 3 and time.monotonic() - started < seconds:
                one_round(house)
        report(measurement, house, seen, time.monotonic() - started)
    measurement.finish()


def make_house(folder: Path, actors: int, seed: int) -> House:
    """A home with nothing in it, and twelve days that wait to arrive."""
    files = make_landing(folder, actors=actors, days=_DAYS, seed=seed)
    size = -(-len(files) // _DAYS)
    days = [files[at : at + size] for at in range(0, len(files), size)]
    return House(Settings(home=folder / "home"), days)


def one_round(house: House) -> None:
    """A good build, maintenance, a rollback and its end, a fault that is held, and its mending."""
    house.arrive_and_build()
    house.do("maintenance", lambda: house.stage("maintain", grace=_GRACE_SECONDS))
    house.do("rollback", lambda: _roll_back(house))
    house.do("lift", lambda: _lift(house))
    break_events(house.settings)
    house.arrive_and_build()
    house.do("maintenance", lambda: house.stage("maintain", grace=_GRACE_SECONDS))
    mend_events(house.settings)
    house.arrive_and_build()


def _roll_back(house: House) -> None:
    roll_back(house.settings, "fct_events", to=None, reason="measured")


def _lift(house: House) -> None:
    lift(house.settings, "fct_events")


def break_events(settings: Settings) -> None:
    """A value that the suite of ``fct_events`` refuses, as a bad build would leave it."""
    with Lake(settings).writer("a planted fault") as connection:
        connection.execute(
            f"update lake.core.fct_events set occurred_nanos = occurred_nanos + 5000 {_EVENT}"
        )


def mend_events(settings: Settings) -> None:
    """Take back `break_events`."""
    with Lake(settings).writer("a mended fault") as connection:
        connection.execute(
            "update lake.core.fct_events set occurred_nanos = occurred_nanos - 5000 "
            "where occurred_nanos > 4000"
        )


@contextmanager
def readers(home: Path, count: int) -> Iterator[list[dict[str, Any]]]:
    """Readers that run meanwhile; what they saw is in the list afterwards.

    Raises:
        RuntimeError: a reader ended by itself.
    """
    stop, seen = home / "stop-reading", list[dict[str, Any]]()
    program = str(PROJECT / "benchmarks" / "_reader.py")
    small = {"GATEHOUSE_MEMORY_LIMIT": "1GB", "GATEHOUSE_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, program, str(number), str(stop)],
            env=stage_environment(home) | small,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        yield seen
    finally:
        stop.touch()
        for each in running:
            said, complaint = each.communicate()
            if each.returncode:
                raise RuntimeError(f"a reader died: {complaint[-1000:]}")
            seen.append(json.loads(said.splitlines()[-1]))


def report(
    measurement: Measurement, house: House, seen: list[dict[str, Any]], seconds: float
) -> None:
    """Figures with their bounds."""
    opening = sorted(each for reader in seen for each in reader["opening_seconds"])
    measurement.figure("readers", len(seen))
    measurement.figure("time", round(seconds), "s")
    measurement.figure("sessions", sum(each["sessions"] for each in seen), at_least=len(seen))
    measurement.figure("queries", sum(each["queries"] for each in seen))
    errors = {kind: text for each in seen for kind, text in each["errors"].items()}
    measurement.figure("errors", len(errors), equals=0)
    wrong = wrongs(house, seen)
    for name, found in wrong.items():
        measurement.figure(name, len(found), equals=0)
    measurement.figure("queries over several tables", sum(each["compared"] for each in seen))
    # The first gate is before the rounds; the second of the three of a round meets the fault.
    faults = house.held[2::3]
    measurement.figure("faults planted", len(faults), at_least=1)
    measurement.figure("of them let through", sum("fct_events" not in h for h in faults), equals=0)
    measurement.figure("versions on show, one after the other", len(_distinct(house.states)))
    if opening:
        measurement.figure("to open, median", opening[len(opening) // 2], "s")
        measurement.figure("to open, longest", opening[-1], "s")
    measurement.table(
        "What was done meanwhile",
        ("operation", "times", "median s", "longest s"),
        [(n, len(s), sorted(s)[len(s) // 2], max(s)) for n, s in sorted(house.done.items())],
    )
    details = list(errors.items())
    details += [(name, each) for name, found in wrong.items() for each in found[:10]]
    if details:
        measurement.table("What was wrong", ("what", "which"), details)
    measurement.note(
        "A reader opens the certified tables, reads three of them twice, compares tables of one "
        "version with each other, and closes. What it read is compared afterwards with the "
        "snapshot that the certificate names."
    )


def wrongs(house: House, seen: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What no reader may see, by what it is."""
    certified = certified_versions_ever(house.settings)
    shown = {tuple(sorted(state.items())) for reader in seen for state in reader["states"]}
    versions = {f"{table}@{snapshot}" for state in shown for table, snapshot in state}
    contents: dict[str, set[str]] = {}
    for reader in seen:
        for version, found in reader["contents"].items():
            contents.setdefault(version, set()).update(found)
    committed = {tuple(sorted(state.items())) for state in house.states}
    return {
        "versions read that were not certified": sorted(versions - certified),
        "sets of versions that were never on show together": sorted(map(str, shown - committed)),
        "versions that did not read as their snapshot": [
            version
            for version, found in sorted(contents.items())
            if found != {content_at(house.settings, version)}
        ],
        "queries whose tables disagreed": [
            each for reader in seen for each in reader["disagreements"]
        ],
    }


def certified_versions_ever(settings: Settings) -> set[str]:
    """All that any certificate has let through, as ``table@snapshot``."""
    query = sa.select(Certificate.table_name, Certificate.snapshot_id, Certificate.held_by).where(
        Certificate.result.in_(CERTIFYING)
    )
    with open_store(settings, read_only=True).begin() as session:
        return {f"{row[0]}@{row[1]}" for row in session.execute(query) if not row[2]}


def content_at(settings: Settings, version: str) -> str:
    """What a version holds, read from its snapshot."""
    table, _, snapshot = version.partition("@")
    try:
        with Lake(settings).pinned(int(snapshot)) as connection:
            return content_of(connection, table)
    except GatehouseError as error:
        return f"cannot be read any more: {error.message}"


def _distinct(states: list[State]) -> list[State]:
    return [each for at, each in enumerate(states) if at == 0 or each != states[at - 1]]


if __name__ == "__main__":
    main()
