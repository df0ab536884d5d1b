"""PostgreSQL and S3: four writers and eight readers at once, and kill -9 of a writer each minute.

The catalog and the store are databases of a real PostgreSQL, the files in a bucket of a real
S3-compatible server. Every writer has a home of its own, as if on a machine of its own: two load
the same landing folder, in which files arrive all the time, two build and check. Settings:
SECONDS, READERS, EVERY (seconds from kill to kill), ACTORS, DAYS, SEED.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _fingerprint import differences, fingerprints
from _harness import PROJECT, Measurement, run_stage, scratch, setting, stage_environment
from _landing import Delivery, make_landing
from _servers import PostgresServer, postgres, s3
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from readers import certified_versions_ever, content_at, readers

_ROLES = ("load", "load", "build", "build")
_RESULTS = ("core",)


@dataclass
class Writers:
    """The writers that run.

    Attributes:
        environment: of all of them, but for the home.
        folder: of their homes.
        kills: how often each was killed, by what it does.
        died: exit codes of those that ended by themselves before they were told to.
    """

    environment: dict[str, str]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    died: list[int] = field(default_factory=list)

    @property
    def stop(self) -> Path:
        """The file that ends them."""
        return self.folder / "stop-writing"

    @property
    def errors(self) -> Path:
        """Where they note what went wrong."""
        return self.folder / "errors.jsonl"

    @property
    def done(self) -> Path:
        """Where they note what they have done."""
        return self.folder / "done.txt"

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """A writer, by its place in `_ROLES`."""
        own = {"GATEHOUSE_HOME": str(self.folder / f"writer-{number}")}
        program = str(PROJECT / "benchmarks" / "_writer.py")
        return subprocess.Popen(
            [
                sys.executable,
                program,
                _ROLES[number],
                str(self.stop),
                str(self.errors),
                str(self.done),
            ],
            env=self.environment | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill_one(self, rng: random.Random) -> None:
        """Kill -9, and start another in its place."""
        number = rng.randrange(len(self.running))
        self.look()
        self.running[number].kill()
        self.running[number].wait()
        self.kills[_ROLES[number]] += 1
        print(f"killed writer {number} ({_ROLES[number]})", flush=True)
        self.running[number] = self.start(number)

    def look(self) -> None:
        """Note whose process has ended, and start another in its place."""
        for number, each in enumerate(self.running):
            if (code := each.poll()) is not None:
                self.died.append(code)
                self.running[number] = self.start(number)


def main() -> None:
    """Run the measurement."""
    seconds, every = float(setting("SECONDS", "600")), float(setting("EVERY", "60"))
    count = int(setting("READERS", "8"))
    actors, days = int(setting("ACTORS", "300")), int(setting("DAYS", "20"))
    seed = int(setting("SEED", "1"))
    asked = {"SECONDS": f"{seconds:g}", "EVERY": f"{every:g}", "READERS": str(count)}
    asked |= {"ACTORS": str(actors), "DAYS": str(days), "SEED": str(seed)}
    measurement = Measurement("soak", "Four writers and eight readers on PostgreSQL and S3", asked)
    with scratch() as folder, servers() as database:
        files = make_landing(folder, actors=actors, days=days, seed=seed)
        settings = shared(folder, database)
        first = len(files) // 4
        for each in files[:first]:
            each.put(settings.landing)
        # Readers need something to read.
        for stage in ("ingest", "build", "gate"):
            run_stage(stage, settings.home)
        rng = random.Random(seed)  # noqa: S311
        small = {"GATEHOUSE_MEMORY_LIMIT": "1GB", "GATEHOUSE_THREADS": "1"}
        crew = Writers(stage_environment(settings.home) | small, folder)
        began = time.monotonic()
        with readers(settings.home, count) as seen, writers(crew):
            arrive(files[first:], settings, crew, rng, seconds, every)
        measurement.figure("time", round(time.monotonic() - began), "s")
        for stage in ("ingest", "build", "gate"):
            run_stage(stage, settings.home)
        report(measurement, settings, crew, seen)
        compare(measurement, folder, files, settings)
    measurement.note(
        "Two writers load the same folder, two build and check, each in a home of its own; files "
        "arrive evenly. Afterwards what is left is loaded, built and checked once more, and the "
        "core tables are compared with those of an embedded lake that got all files at once."
    )
    measurement.finish()


@contextmanager
def servers() -> Iterator[PostgresServer]:
    """A real PostgreSQL with two databases, and a real S3 server, whose keys this process has."""
    with postgres("measured") as database, s3("measured", "measured-in-secret") as bucket:
        for name in ("catalog", "store"):
            database.new_database(name)
        before = dict(os.environ)
        os.environ |= bucket.environment
        try:
            yield database
        finally:
            os.environ.clear()
            os.environ |= before


def shared(folder: Path, database: PostgresServer) -> Settings:
    """The settings that all share; every process of this measurement inherits them."""
    os.environ |= {
        "GATEHOUSE_CATALOG": database.catalog("catalog"),
        "GATEHOUSE_STORE_URL": database.store_url("store"),
        "GATEHOUSE_DATA_PATH": "s3://lake/data",
        "GATEHOUSE_LANDING": str(folder / "landing"),
    }
    return Settings(home=folder / "home")


@contextmanager
def writers(crew: Writers) -> Iterator[None]:
    """Writers that run meanwhile; told to stop at the end, and waited for."""
    crew.running = [crew.start(number) for number in range(len(_ROLES))]
    try:
        yield
        crew.look()
    finally:
        crew.stop.touch()
        for each in crew.running:
            each.wait()


def arrive(
    files: list[Delivery],
    settings: Settings,
    crew: Writers,
    rng: random.Random,
    seconds: float,
    every: float,
) -> None:
    """Let files arrive evenly, and kill a writer at a random moment of each period."""
    began = time.monotonic()
    kills = [every * number + rng.uniform(0, every) for number in range(int(seconds // every))]
    waiting = list(files)
    while (now := time.monotonic() - began) < seconds:
        due = round(len(files) * min(1.0, now / (seconds * 0.9)))
        while len(files) - len(waiting) < due:
            waiting.pop(0).put(settings.landing)
        while kills and now >= kills[0]:
            kills.pop(0)
            crew.kill_one(rng)
        time.sleep(0.2)
    for each in waiting:
        each.put(settings.landing)


def report(
    measurement: Measurement, settings: Settings, crew: Writers, seen: list[dict[str, Any]]
) -> None:
    """What readers and writers met."""
    measurement.figure("writers", len(_ROLES), at_least=4)
    measurement.figure("readers", len(seen), at_least=8)
    measurement.figure("writers killed", sum(crew.kills.values()), at_least=1)
    measurement.figure("writers that died by themselves", len(crew.died), equals=0)
    done = Counter(crew.done.read_text().split() if crew.done.exists() else [])
    for kind in sorted({*_ROLES}):
        measurement.figure(f"{kind}s done meanwhile", done[kind], at_least=1)
    complaints = crew.errors.read_text().splitlines() if crew.errors.exists() else []
    measurement.figure("errors of writers that were not killed", len(complaints), equals=0)
    measurement.figure("sessions of readers", sum(each["sessions"] for each in seen))
    measurement.figure("queries of readers", sum(each["queries"] for each in seen))
    errors = {kind: text for each in seen for kind, text in each["errors"].items()}
    measurement.figure("errors of readers", len(errors), equals=0)
    read: dict[str, set[str]] = {}
    for each in seen:
        for version, contents in each["contents"].items():
            read.setdefault(version, set()).update(contents)
    certified = certified_versions_ever(settings)
    measurement.figure("versions read", len(read), at_least=1)
    measurement.figure("of them not certified", len({*read} - certified), equals=0)
    other = [v for v, contents in read.items() if contents != {content_at(settings, v)}]
    measurement.figure("versions that did not read as their snapshot", len(other), equals=0)
    disagreements = sum(len(each["disagreements"]) for each in seen)
    measurement.figure("queries whose tables disagreed", disagreements, equals=0)
    kinds = Counter(f"{json.loads(c)['kind']}: {json.loads(c)['words']}" for c in complaints)
    rows = list(errors.items())
    rows += [(f"writer, {number} times", text) for text, number in kinds.most_common(10)]
    if rows:
        measurement.table("What was wrong", ("who", "what"), rows)
    measurement.table("Kills", ("what it does", "times"), sorted(crew.kills.items()))


def compare(
    measurement: Measurement, folder: Path, files: list[Delivery], settings: Settings
) -> None:
    """What is in the lake, beside one that got all files at once and was left alone."""
    for name in ("GATEHOUSE_CATALOG", "GATEHOUSE_STORE_URL", "GATEHOUSE_DATA_PATH"):
        del os.environ[name]
    plain = Settings(home=folder / "plain")
    for stage in ("ingest", "build"):
        run_stage(stage, plain.home)
    measurement.figure("files delivered", len(files))
    loaded, twice, missing = _ledger(settings)
    measurement.figure("files loaded", loaded, equals=_ledger(plain)[0])
    measurement.figure("files loaded twice", twice, equals=0)
    measurement.figure("rows that the ledger misses", missing, equals=0)
    expected, found = fingerprints(plain, _RESULTS), fingerprints(settings, _RESULTS)
    differ = differences(expected, found)
    measurement.figure("core tables compared", len(expected), at_least=15)
    measurement.figure("rows in them", sum(each.rows for each in expected.values()))
    measurement.figure("core tables that differ", len(differ), equals=0)
    if differ:
        measurement.table("Tables that differ", ("table", "expected", "found"), differ)


def _ledger(settings: Settings) -> tuple[int, int, int]:
    """Files loaded, files in it twice, and rows that it does not account for."""
    with Lake(settings).current() as connection:
        row = connection.execute(
            "select count(distinct file_id), count(*) - count(distinct file_id), sum(rows_in "
            "- rows_loaded - rows_quarantined - rows_repeated - rows_left_out) from lake.raw.files"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


if __name__ == "__main__":
    main()
