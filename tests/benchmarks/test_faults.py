"""The planted faults: each can be planted, and breaks what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation
from tests.conftest import PROJECT

sys.path.insert(0, str(PROJECT / "benchmarks"))
from faults import write_broken
from faults_cases import FAULTS, Fault

FEEDS = [fault for fault in FAULTS if fault.sql]


@pytest.fixture(scope="module")
def arriving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of a small world."""
    home = tmp_path_factory.mktemp("world")
    run_simulation(Settings(home=home), actors=150, days=10, seed=1)
    return home / "landing"


def test_there_are_forty_kinds_and_more_each_with_its_own_name() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 40
    assert all(fault.feed or fault.lake for fault in FAULTS)


@pytest.mark.parametrize("fault", FEEDS, ids=[fault.name for fault in FEEDS])
def test_a_feed_is_broken_as_said(arriving: Path, tmp_path: Path, fault: Fault) -> None:
    # Not the newest: what reviewers say of a day comes days later.
    source = sorted(arriving.glob(f"{fault.feed}/dt=*/part*"))[-4]
    target = tmp_path / source.name
    write_broken(arriving, source, target, fault, 1)
    if fault.is_cut or fault.encoding:
        with pytest.raises(duckdb.Error):
            _rows(target)
        return
    assert _rows(target) != _rows(source)


def _rows(path: Path) -> list[tuple[object, ...]]:
    read = "read_parquet" if path.suffix == ".parquet" else "read_json"
    return duckdb.sql(
        f"select * from {read}('{path}', hive_partitioning = false) order by all"
    ).fetchall()
