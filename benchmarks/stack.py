"""The services of docker-compose.yml as processes: PostgreSQL, S3, each part of Airflow apart.

Days arrive one after the other; each is taken through the DAGs by `gatehouse run` on the services,
and between the days one of them is killed and started again. Afterwards the core tables are
compared, row by row, with those of an embedded lake that got the same files stage by stage.
Settings: ACTORS, DAYS, INCREMENTS (days that arrive one by one), SEED.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _compose import Stack, stack
from _harness import Measurement, scratch, setting
from _landing import Delivery, make_landing
from _parity import compare_tables, run_on
from gatehouse.environment import environment_variables
from gatehouse.settings import Settings

ACTORS, DAYS = int(setting("ACTORS", "400")), int(setting("DAYS", "14"))
INCREMENTS, SEED = int(setting("INCREMENTS", "4")), int(setting("SEED", "1"))
# Killed between the days. The catalog and the files are other programs', with their own ways.
_MORTAL = ("scheduler", "dag-processor", "triggerer", "api-server")


def measure(name: str, title: str, engine: str) -> None:
    """Run the measurement.

    Args:
        name: of the measurement.
        title: of its part of the docs.
        engine: that builds the tables, as in `Settings`; `spark` with the profile of that name.
    """
    asked = {"ACTORS": str(ACTORS), "DAYS": str(DAYS), "INCREMENTS": str(INCREMENTS)}
    asked |= {"SEED": str(SEED)}
    measurement = Measurement(name, title, asked)
    with scratch() as folder:
        arrivals = _arrivals(make_landing(folder, actors=ACTORS, days=DAYS, seed=SEED))
        plain = Settings(home=folder / "plain", landing=folder / "plain-landing")
        for files in arrivals:
            for each in files:
                each.put(plain.landing)
            run_on(plain, "ingest", "build", "gate", "detect")
        run_on(plain, "build", "gate")
        with _services(engine) as (services, seconds):
            measurement.figure("until all services are healthy", round(seconds), "s")
            _days(measurement, services, arrivals)
            _after(measurement, services, engine)
            _compare(measurement, plain, services)
    measurement.note(
        "Commands, environments, secrets and health checks are read from docker-compose.yml; "
        "folders, addresses and ports are this machine's. A run's seconds are those of `gatehouse "
        "run`: from its request to the last Airflow run that follows from it."
    )
    measurement.finish()


@contextmanager
def _services(engine: str) -> Iterator[tuple[Stack, float]]:
    """All services, and how long they took to come up."""
    # The server's user must be able to enter every folder above its own.
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-stack-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "landing").mkdir()
    began = time.monotonic()
    try:
        given = {"GATEHOUSE_ENGINE": engine, "COMPOSE_PROFILES": engine}
        with stack(folder, folder / "landing", given) as services:
            yield services, time.monotonic() - began
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arrivals(files: list[Delivery]) -> list[list[Delivery]]:
    """The files of the first days at once, those of the others day by day."""
    days = sorted({Path(each.target).parent.name for each in files})
    first = len(days) - INCREMENTS
    return [
        [each for each in files if Path(each.target).parent.name in arriving]
        for arriving in [days[:first], *([day] for day in days[first:])]
    ]


def _days(measurement: Measurement, services: Stack, arrivals: list[list[Delivery]]) -> None:
    """Each arrival through the DAGs, on services of which one has just been killed."""
    rng = random.Random(SEED)  # noqa: S311
    rows, failed = [], 0
    for number, files in enumerate(arrivals):
        killed = rng.choice(_MORTAL) if number else ""
        if killed:
            services.kill(killed)
            services.start(killed)
        for each in files:
            each.put(services.landing)
        report = _run(services)
        failed += not report["ok"]
        loaded = report["summary"]["loaded"]["rows_loaded"]
        held = len(report["summary"]["held"])
        row = (len(files), killed or "-", len(report["runs"]), loaded, held)
        rows.append((*row, round(report["seconds"], 1)))
    measurement.figure("runs of the pipeline", len(rows), at_least=2)
    measurement.figure("of them failed", failed, equals=0)
    columns = ("files", "killed before", "Airflow runs", "rows loaded", "tables held", "seconds")
    measurement.table("Runs", columns, rows)


def _after(measurement: Measurement, services: Stack, engine: str) -> None:
    """What is certified, what may not lie about, and whether all services are alive."""
    status = json.loads(_gatehouse(services, "status", "--json"))
    certified = [each for each in status["tables"] if each["state"] == "certified"]
    measurement.figure("tables certified", len(certified), equals=len(status["tables"]))
    alive = [name for name, each in services.processes.items() if each.poll() is None]
    measurement.figure("services alive at the end", len(alive), at_least=6)
    own = services.own_files()
    where = "PostgreSQL and S3" if engine == "duckdb" else "PostgreSQL, S3 and the warehouse"
    measurement.figure(f"files of lake or store outside {where}", len(own), equals=0)
    measurement.figure(
        "files of logs and home read for secrets", len(services.written()), at_least=10
    )
    measurement.figure("of them with a secret", len(services.leaking()), equals=0)


def _compare(measurement: Measurement, plain: Settings, services: Stack) -> None:
    """The core tables of both lakes, read with the settings of each."""
    # Findings of the last day are in the tables by the next build, whoever asks for it.
    _gatehouse(services, "build")
    with environment_variables(services.environment("api-server")):
        compared = compare_tables(plain, Settings())
    measurement.figure("core tables compared", len(compared), at_least=15)
    measurement.figure("rows in them", sum(each.rows for each in compared))
    differ = [each for each in compared if each.differing or each.types]
    measurement.figure("core tables that differ", len(differ), equals=0)
    if differ:
        columns = ("table", "rows", "rows that differ")
        rows = [(each.table, each.rows, each.differing) for each in differ]
        measurement.table("Tables that differ", columns, rows)


def _run(services: Stack) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_gatehouse(services, "run", "--json"))
    return report


def _gatehouse(services: Stack, *arguments: str) -> str:
    """What a command prints in the container of the API server.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    done = services.gatehouse(*arguments)
    if done.returncode:
        raise RuntimeError(f"gatehouse {arguments[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    measure("stack", "The production services, as processes", "duckdb")
