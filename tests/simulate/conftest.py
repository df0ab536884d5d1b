"""Worlds that several tests look at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gatehouse.settings import Settings
from gatehouse.simulate import SimulationReport, run_simulation
from tests.conftest import PROJECT

Query = Callable[[str], list[tuple[object, ...]]]


def simulate(home: Path, **arguments: object) -> SimulationReport:
    settings = Settings(project=PROJECT, home=home)
    plain = {"actors": 300, "days": 14, "seed": 3}
    return run_simulation(settings, **{**plain, **arguments})  # type: ignore[arg-type]


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def open_world(report: SimulationReport) -> Query:
    connection = duckdb.connect()
    for folder in report.landing.iterdir():
        parquet = any(folder.glob("*/*.parquet"))
        reader = "read_parquet" if parquet else "read_json"
        # Rows broken on purpose include lines that are no JSON.
        options = "" if parquet else ", ignore_errors = true, union_by_name = true"
        pattern = folder / "*" / ("*.parquet" if parquet else "*.jsonl.gz")
        connection.execute(
            f"create view {folder.name} as select * from {reader}("
            f"'{pattern}', hive_partitioning = true, filename = true{options})"
        )
    for path in report.truth.glob("*.parquet"):
        connection.execute(f"create view truth_{path.stem} as select * from '{path}'")
    return lambda sql: connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> SimulationReport:
    return simulate(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def query(report: SimulationReport) -> Query:
    return open_world(report)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Query:
    """A larger world, for shares and distributions."""
    home = tmp_path_factory.mktemp("town")
    return open_world(simulate(home, actors=2_500, days=15, seed=5))
