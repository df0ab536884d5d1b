"""Killed anywhere in what people decide, the store does not lie, and saying it again ends well.

A small case of `make measure NAME=gate_recovery`, which also kills gates.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.gate.conftest import House

from gatehouse.gate import run_gate
from gatehouse.store import open_store
from gatehouse.store.models import PublishedVersion

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks"
_CHECK = "be_between"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    found = importlib.import_module("gate_recovery")
    # Put back after the test.
    for name in ("PYTHONPATH", "GX_ANALYTICS_ENABLED", "GATEHOUSE_PROJECT"):
        monkeypatch.setenv(name, "")
    found.prepare_forks("_gate_steps")
    return found


def _built(house: House, *statements: str) -> int:
    snapshot = house.sql(*statements) if statements else house.fill()
    house.built(snapshot, f"b{snapshot}")
    return snapshot


@pytest.fixture
def home(house: House, program: ModuleType, tmp_path: Path) -> Any:
    """Two certified versions, and a third that is held by a check of fct_a."""
    snapshots = [
        _built(house),
        _built(house, "update lake.core.fct_a set score = 0.5 where key = 'k1'"),
        _built(house, "update lake.core.fct_a set score = 7.5 where key = 'k1'"),
    ]
    run_gate(house.settings, snapshot_id=snapshots[0])
    run_gate(house.settings, snapshot_id=snapshots[1])
    found = program.Home(house.settings, tmp_path / "states")
    found.keep("two versions")
    run_gate(house.settings, snapshot_id=snapshots[2])
    found.keep("one held")
    return found


def _steps(program: ModuleType) -> list[Any]:
    return [
        program.Case(before, program.Step(name, 0, "fct_a", _CHECK))
        for name, before in (("rollback", "two versions"), ("waiver", "one held"))
    ]


def test_killed_at_every_stage_nothing_lies_and_it_can_be_said_again(
    program: ModuleType, home: Any
) -> None:
    for case in _steps(program):
        usual = program.undisturbed(home, case)
        assert usual.start != usual.end
        # Of a rollback: at its first write, before its commit, and before the file of BI tools.
        for at in sorted({1, usual.points - 1, usual.points}):
            home.restore(case.before)
            assert program.take(case.step, home, at=at) == {}, "it was not killed"
            assert program.lies(home, usual) == []
            program.take(case.step, home)
            assert program.state_of(home.settings) == usual.end
            assert program.lies(home, usual, ended=True) == []


def test_a_lie_is_noticed(program: ModuleType, home: Any) -> None:
    case = _steps(program)[0]
    usual = program.undisturbed(home, case)
    home.restore("one held")
    with open_store(home.settings).begin() as session:
        shown = session.get_one(PublishedVersion, "fct_a")
        shown.snapshot_id += 1
    found = program.lies(home, usual)
    assert "fct_a shows what is not certified" in found
    assert "half of what was certified is on show" in found
