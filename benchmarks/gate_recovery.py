"""Kill -9 of gate, certification, rollback and waiver at random points: certificates never lie.

Settings: POINTS (kills), ACTORS, SEED.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import _gate_steps
from _gate_steps import Step
from _harness import PROJECT, Measurement, run_stage, scratch, setting
from _landing import make_landing
from gatehouse.gate.published import published_versions
from gatehouse.gate.results import CERTIFYING
from gatehouse.gate.waivers import in_force
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, PublishedVersion, Rollback, TableProfile
from readers import break_events

_SHOWN = re.compile(r'view lake\.core\."(\w+)" as select \* from _at_(\d+)')
# How often each is killed: what lasts milliseconds is where a half-done thing could stay.
_WEIGHTS = {
    "gate": 4,
    "certification": 6,
    "rollback": 4,
    "lift": 2,
    "waiver": 3,
    "end of waiver": 3,
}

# Result of a certificate, and what holds it.
Outcome = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Case:
    """A step from a state of the store.

    Attributes:
        before: name of the state that it begins with.
        step: what is done then.
    """

    before: str
    step: Step


@dataclass
class Undisturbed:
    """What a case does when nobody kills it.

    Attributes:
        points: at which it can be killed; 0: it is killed by time.
        start: `state_of` before.
        end: `state_of` after.
        outcomes: table, snapshot and outcome of every certificate there is then.
    """

    points: int
    seconds: float
    start: dict[str, Any]
    end: dict[str, Any]
    outcomes: set[tuple[str, int, Outcome]]


@dataclass
class Home:
    """A home whose lake stays and whose store is put back to a state before each step."""

    settings: Settings
    states: Path
    counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def keep(self, state: str) -> None:
        """Keep the store and the file of BI tools under a name."""
        folder = self.states / state
        folder.mkdir(parents=True)
        with (
            closing(sqlite3.connect(self.settings.home / "store.db")) as now,
            closing(sqlite3.connect(folder / "store.db")) as kept,
        ):
            now.backup(kept)
        file = self.settings.home / "certified.sql"
        if file.exists():
            shutil.copy(file, folder)

    def restore(self, state: str) -> None:
        """Put both back, as they were."""
        for each in self.settings.home.glob("store.db*"):
            each.unlink()
        for each in ("store.db", "certified.sql"):
            (self.settings.home / each).unlink(missing_ok=True)
            if (self.states / state / each).exists():
                shutil.copy(self.states / state / each, self.settings.home)


def main() -> None:
    """Run the measurement."""
    points, actors = int(setting("POINTS", "50")), int(setting("ACTORS", "80"))
    seed = int(setting("SEED", "1"))
    asked = {"POINTS": str(points), "ACTORS": str(actors), "SEED": str(seed)}
    measurement = Measurement("gate_recovery", "Kill -9 of gate and people's decisions", asked)
    prepare_forks("_gate_steps", "_gate_imports")
    with scratch() as folder:
        home = Home(Settings(home=folder / "home"), folder / "states")
        snapshots = make_snapshots(home, folder, actors, seed)
        make_states(home, snapshots, "fct_events", "occurred_nanos")
        cases = cases_of(snapshots, "fct_events", "occurred_nanos")
        kills = kill_at_random_points(home, cases, points, random.Random(seed))  # noqa: S311
    report(measurement, kills, points)
    measurement.finish()


def prepare_forks(*modules: str) -> None:
    """Import modules once, in the process that is forked for each step."""
    os.environ |= {"GX_ANALYTICS_ENABLED": "false", "GATEHOUSE_PROJECT": str(PROJECT)}
    # The server does not know this program's path of modules.
    os.environ["PYTHONPATH"] = str(PROJECT / "benchmarks")
    multiprocessing.set_forkserver_preload([*modules])


def make_snapshots(home: Home, folder: Path, actors: int, seed: int) -> list[int]:
    """Three builds, of which the last has a row that the suite of ``fct_events`` refuses."""
    files = make_landing(folder, actors=actors, days=6, seed=seed)
    size, snapshots = -(-len(files) // 3), []
    for number in range(3):
        for each in files[number * size : (number + 1) * size]:
            each.put(home.settings.landing)
        run_stage("ingest", home.settings.home)
        if number == 2:
            break_events(home.settings)
        snapshots.append(int(run_stage("build", home.settings.home).report["snapshot_id"]))
        print(f"build {number + 1}: snapshot {snapshots[-1]}", flush=True)
    return snapshots


def make_states(home: Home, snapshots: list[int], table: str, check: str) -> None:
    """Keep the states that steps begin with.

    Args:
        home: with nothing certified yet.
        snapshots: two that are fine, and one in which ``check`` of ``table`` fails.
        table: core table.
        check: one of its checks, or a part of its name.
    """
    first, second, bad = snapshots
    steps = [
        ("nothing certified", "gate", first),
        ("one version", "gate", second),
        ("two versions", "gate", bad),
        ("one held", "waiver", bad),
        ("waived", "gate", bad),
        ("waived and certified", "", 0),
    ]
    for state, name, snapshot in steps:
        home.keep(state)
        step = Step(name, snapshot, table, check)
        if name and (error := take(step, home)["error"]):
            raise RuntimeError(f"{name} after {state}: {error}")
    home.restore("two versions")
    take(Step("rollback", 0, table, check), home)
    home.keep("rolled back")


def cases_of(snapshots: list[int], table: str, check: str) -> list[Case]:
    """Every step that is killed, with the state it begins with."""
    _, second, bad = snapshots
    gates = [("one version", second), ("two versions", bad), ("waived", bad)]
    people = [
        ("rollback", "two versions"),
        ("lift", "rolled back"),
        ("waiver", "one held"),
        ("end of waiver", "waived and certified"),
    ]
    return [
        *(
            Case(state, Step(name, snapshot, table, check))
            for name in ("gate", "certification")
            for state, snapshot in gates
        ),
        *(Case(state, Step(name, 0, table, check)) for name, state in people),
    ]


def take(
    step: Step, home: Home, *, at: int | None = None, after: float | None = None
) -> dict[str, Any]:
    """Take a step in a process of its own.

    Args:
        step: what to do.
        home: where; its store is as it is now.
        at: point at which the process kills itself.
        after: seconds after which it is killed.

    Returns:
        What it told at its end; nothing if it did not live to see it.

    Raises:
        RuntimeError: it ended otherwise than by being killed.
    """
    forks = multiprocessing.get_context("forkserver")
    mine, its = forks.Pipe(duplex=False)
    process = forks.Process(target=_gate_steps.take, args=(step, home.settings, at, its))
    process.start()
    its.close()
    told: dict[str, Any] = {}
    try:
        mine.recv()
        if after is not None and not mine.poll(after):
            process.kill()
        told = mine.recv()
    except EOFError:
        process.join()
        if process.exitcode != -9:
            raise RuntimeError(f"{step.name} ended with {process.exitcode}") from None
    process.join()
    return told


def undisturbed(home: Home, case: Case) -> Undisturbed:
    """Take a step in peace."""
    home.restore(case.before)
    start = state_of(home.settings)
    told = take(case.step, home)
    print(f"{case.step.name} after {case.before}: {told['points']} points", flush=True)
    for each in _certificates(home.settings):
        home.counts[each.table_name, each.snapshot_id] = len(each.checks)
    end = state_of(home.settings)
    outcomes = {
        # A snapshot may have several: before a waiver and under it.
        (each.table_name, each.snapshot_id, _outcome(each))
        for each in _certificates(home.settings)
    }
    return Undisturbed(told["points"], told["seconds"], start, end, outcomes)


@dataclass(frozen=True)
class Kill:
    """One kill, and what was wrong after it.

    Attributes:
        where: point of how many, or share of the usual time.
        lies: what the store said that is not so, before anything was done again.
        left: what differs from an undisturbed run after the step was taken again.
        usual: that run.
    """

    case: Case
    where: float
    lies: tuple[str, ...]
    left: tuple[str, ...]
    usual: Undisturbed


def kill_at_random_points(
    home: Home, cases: list[Case], points: int, rng: random.Random
) -> list[Kill]:
    """Kill steps, look at what is left, take them again."""
    kills: list[Kill] = []
    usual: dict[Case, Undisturbed] = {}
    while len(kills) < points:
        name = rng.choices([*_WEIGHTS], weights=[*_WEIGHTS.values()])[0]
        chosen = [each for each in cases if each.step.name == name]
        if not chosen:
            continue
        case = rng.choice(chosen)
        if case not in usual:
            usual[case] = undisturbed(home, case)
        kill = _kill(home, case, usual[case], rng)
        if kill is not None:
            kills.append(kill)
            wrong = "; ".join((*kill.lies, *kill.left)) or "fine"
            print(f"{len(kills)}: {name} after {case.before} at {kill.where}: {wrong}", flush=True)
    return kills


def _kill(home: Home, case: Case, usual: Undisturbed, rng: random.Random) -> Kill | None:
    """Kill a step once; None if it was at its end before."""
    home.restore(case.before)
    if usual.points:
        at = rng.randint(1, usual.points)
        where, told = at / usual.points, take(case.step, home, at=at)
    else:
        where = rng.random()
        told = take(case.step, home, after=where * usual.seconds)
    if told:
        return None
    found = lies(home, usual)
    take(case.step, home)
    end = state_of(home.settings)
    left = [name for name in end if end[name] != usual.end[name]]
    left += lies(home, usual, ended=True)
    return Kill(case, round(where, 3), tuple(found), tuple(left), usual)


def lies(home: Home, usual: Undisturbed, *, ended: bool = False) -> list[str]:
    """What the store says that is not so.

    Args:
        home: where.
        usual: the same step in peace.
        ended: the step was taken again, to its end: nothing of before need be there.
    """
    found = []
    settings = home.settings
    certificates = _certificates(settings)
    for each in certificates:
        key = (each.table_name, each.snapshot_id)
        name = f"{each.table_name} at {each.snapshot_id}"
        if (*key, _outcome(each)) not in usual.outcomes:
            found.append(f"{name} is {each.result}, and is not when nobody kills")
        if len(each.checks) != home.counts.get(key):
            found.append(f"{name} has {len(each.checks)} checks of {home.counts.get(key)}")
        decisive = [c for c in each.checks if c.severity == "critical" and not c.waiver_id]
        good = all(check.result in CERTIFYING for check in decisive)
        if each.result in CERTIFYING and not each.held_by and not good:
            found.append(f"{name} is certified, and a check of it is not passed")
    by_id = {each.certificate_id: each for each in certificates}
    with open_store(settings, read_only=True).begin() as session:
        pointers = session.scalars(sa.select(PublishedVersion)).all()
    for pointer in pointers:
        of = by_id.get(pointer.certificate_id)
        if (
            of is None
            or (of.table_name, of.snapshot_id) != (pointer.table_name, pointer.snapshot_id)
            or of.result not in CERTIFYING
            or of.held_by
        ):
            found.append(f"{pointer.table_name} shows what is not certified")
    now = state_of(settings)["on show"]
    if not ended and now not in (usual.start["on show"], usual.end["on show"]):
        found.append("half of what was certified is on show")
    return found


def state_of(settings: Settings) -> dict[str, Any]:
    """What a step may change, without ids and times, by what it is."""
    now = datetime.now(UTC)
    with open_store(settings, read_only=True).begin() as session:
        rollbacks = session.scalars(sa.select(Rollback).where(Rollback.lifted_at.is_(None))).all()
        profiles = session.execute(
            sa.select(
                TableProfile.table_name,
                TableProfile.relation_name,
                TableProfile.day,
                TableProfile.surface,
                TableProfile.snapshot_id,
            )
        ).all()
    shown = published_versions(settings)
    file = settings.home / "certified.sql"
    return {
        "on show": {
            name: (each.snapshot_id, each.expires_at > now) for name, each in shown.items()
        },
        "newest results": _outcomes(_certificates(settings)),
        "waivers": sorted(in_force(settings)),
        "rollbacks": sorted((each.table_name, each.to_snapshot_id) for each in rollbacks),
        "certified days": sorted(map(tuple, profiles)),
        "file of BI tools": sorted(_SHOWN.findall(file.read_text())) if file.exists() else [],
    }


def _certificates(settings: Settings) -> list[Certificate]:
    query = sa.select(Certificate).options(sa.orm.selectinload(Certificate.checks))
    with open_store(settings, read_only=True).begin() as session:
        return list(session.scalars(query.order_by(Certificate.checked_at)))


def _outcomes(certificates: list[Certificate]) -> dict[tuple[str, int], Outcome]:
    """By table and snapshot; of several the newest."""
    return {(each.table_name, each.snapshot_id): _outcome(each) for each in certificates}


def _outcome(each: Certificate) -> Outcome:
    return each.result, tuple(each.held_by)


def report(measurement: Measurement, kills: list[Kill], points: int) -> None:
    """Figures with their bounds."""
    measurement.figure("kills", len(kills), at_least=points)
    measurement.figure("certificates that lie", sum(bool(k.lies) for k in kills), equals=0)
    measurement.figure(
        "steps that do not end as undisturbed when taken again",
        sum(bool(k.left) for k in kills),
        equals=0,
    )
    counts = Counter(kill.case for kill in kills)
    usual = {kill.case: kill.usual for kill in kills}
    measurement.table(
        "What was killed",
        ("step", "begins with", "points", "seconds", "kills"),
        [
            (c.step.name, c.before, own.points or "any time", round(own.seconds, 1), counts[c])
            for c, own in usual.items()
        ],
    )
    wrong = [
        (kill.case.step.name, kill.case.before, kill.where, "; ".join((*kill.lies, *kill.left)))
        for kill in kills
        if kill.lies or kill.left
    ]
    if wrong:
        columns = ("step", "begins with", "killed at", "what is wrong")
        measurement.table("What was wrong", columns, wrong)
    measurement.note(
        "A gate is killed at a random time; what lasts milliseconds kills itself at a random one "
        "of its points: before a statement or commit of the store, or before a file is renamed."
    )
    measurement.note(
        "A certificate lies if it names another result than the gate comes to in peace, lacks a "
        "check, or certifies with a critical check that is neither passed nor waived; a pointer, "
        "if it shows anything else than a certified version, or half of a publication."
    )


if __name__ == "__main__":
    main()
