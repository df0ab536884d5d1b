"""Canaries of the gate: nothing is certified by a check that could not have failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from gatehouse.gate import monitors, results, run_gate
from gatehouse.gate import run as gate_run
from gatehouse.gate.dbt_checks import DbtChecks
from gatehouse.gate.expectations import GxRunner
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.gate.suites import Drift, Limits, load_suite
from gatehouse.lake import Lake
from gatehouse.proof import gate as proof_gate
from gatehouse.proof.days import uncaught
from gatehouse.settings import Settings
from tests.conftest import PROJECT
from tests.gate.conftest import House, suite

DRIFT = {
    "day": "day",
    "unit": "key",
    "numbers": ["score"],
    "reason": "a feed may lose a part",
    "owner": "data",
}


def of(report: GateReport, table: str = "fct_a") -> TableResult:
    return next(each for each in report.tables if each.table == table)


def passing(self: GxRunner, own: Any, *_: Any) -> list[Any]:
    """A runner that says that all is well."""
    return [
        results.CheckResult("gx", each.title, each.severity, "passed") for each in own.expectations
    ]


def undecided(patch: pytest.MonkeyPatch) -> None:
    """Let nothing decide, neither in the gate nor where it is asked."""
    for module in (gate_run, proof_gate):
        patch.setattr(module, "decide", lambda *_: ("passed", ""))


def test_every_check_of_a_certified_table_caught_its_canary(house: House) -> None:
    house.suite("fct_a", drift=[DRIFT])
    house.built(house.fill())
    canary = of(run_gate(house.settings)).checks[-1]
    # 2 expectations, 2 dbt tests, 1 monitor, the check on being empty.
    assert (canary.name, canary.result) == (results.CANARIES, "passed")
    assert canary.observed == {"canaries": 6}


_SABOTAGE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "great expectations passes everything": lambda patch: patch.setattr(GxRunner, "run", passing),
    "great expectations says nothing": lambda patch: patch.setattr(GxRunner, "run", lambda *_: []),
    "dbt passes everything": lambda patch: patch.setattr(
        "gatehouse.gate.dbt_checks._verdict", lambda *_: ("passed", "critical")
    ),
    "dbt says nothing": lambda patch: patch.setattr(
        gate_run, "run_dbt_tests", lambda *given: DbtChecks({each.table: [] for each in given[1]})
    ),
    "the monitors read nothing": lambda patch: patch.setattr(monitors, "judge", lambda *_: []),
    "what fails does not decide": undecided,
    "an empty table passes": lambda patch: patch.setattr(
        "gatehouse.gate.rows._judge", lambda *_: "passed"
    ),
    "nobody looks at the canaries": lambda patch: patch.setattr(
        proof_gate.Canaries, "check", lambda *_: None
    ),
    "the canaries raise": lambda patch: patch.setattr(
        proof_gate.Canaries, "check", lambda *_: 1 / 0
    ),
    "no canary can be planted": lambda patch: patch.setattr(gate_run, "Canaries", lambda *_: 1 / 0),
}


@pytest.mark.parametrize("sabotage", _SABOTAGE.values(), ids=_SABOTAGE.keys())
def test_a_dead_gate_certifies_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    house.suite("fct_a", drift=[DRIFT])
    house.built(house.fill())
    sabotage(monkeypatch)
    found = of(run_gate(house.settings))
    assert (found.result, found.is_published) == ("could_not_check", False)
    assert "canar" in found.message


def test_a_check_that_cannot_fail_holds_its_table_alone(house: House) -> None:
    dead = suite("dim_c")["expectations"]
    assert isinstance(dead, list)
    dead[1]["kwargs"] = {"unexpected_rows_query": "select 1 from {batch} where day is null and 1=2"}
    dead[1]["canary"] = {"day": "null"}
    house.suite("dim_c", expectations=dead)
    house.built(house.fill())
    report = run_gate(house.settings)
    assert of(report, "dim_c").message == "canary not caught by no day after 2030 (passed)"
    assert of(report, "fct_a").result == "passed"


def test_a_suite_may_say_how_its_check_is_broken(house: House) -> None:
    own = suite("dim_c")["expectations"]
    assert isinstance(own, list)
    query = "select 1 from {batch} where key = 'of no ordinary wreck'"
    own[1] |= {"kwargs": {"unexpected_rows_query": query}}
    house.suite("dim_c", expectations=own)
    house.built(house.fill())
    title = "no day after 2030 (passed)"
    found = of(run_gate(house.settings), "dim_c")
    assert found.result == "passed"
    assert found.checks[-1].observed["not_broken_by_any"] == [title]
    own[1]["canary"] = {"key": "'of no ordinary wreck'"}
    house.suite("dim_c", expectations=own)
    found = of(run_gate(house.settings), "dim_c")
    assert found.result == "passed"
    assert "not_broken_by_any" not in found.checks[-1].observed


def test_checks_none_of_which_can_fail_hold_their_table(house: House) -> None:
    """One may be right to hold on a few broken rows; all of them are not."""
    own = suite("dim_c")["expectations"]
    assert isinstance(own, list)
    query = "select 1 from {batch} where key = 'of no ordinary wreck'"
    own[1] |= {"kwargs": {"unexpected_rows_query": query}}
    house.suite("dim_c", expectations=own[1:])
    house.built(house.fill())
    assert of(run_gate(house.settings), "dim_c").result == "could_not_check"


def test_what_fails_stays_failed_though_its_canary_was_not_caught(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.built(house.fill())
    monkeypatch.setattr(monitors, "judge", lambda *_: [])
    house.suite("fct_a", drift=[DRIFT])
    house.built(house.sql("update lake.core.fct_a set score = 2"), "b2")
    assert of(run_gate(house.settings)).result == "failed"


def test_an_empty_table_that_may_be_is_no_data(house: House) -> None:
    house.suite("fct_a", empty={"when": "always", "reason": "may find nothing"})
    house.fill()
    house.built(house.sql("delete from lake.core.fct_a"))
    assert of(run_gate(house.settings)).result == "no_data"


def test_canaries_leave_nothing_in_the_lake(house: House) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    report = run_gate(house.settings)
    lake = Lake(house.settings)
    assert lake.current_snapshot() == snapshot
    with lake.writer("test") as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_catalog = 'lake' "
            "and table_schema = 'core' order by table_name"
        ).fetchall()
    assert tables == [("dim_c",), ("fct_a",), ("fct_b",)]
    # Nor does the certificate quote a value of a canary.
    told = json.dumps([each.observed for t in report.tables for each in t.checks], default=str)
    assert "example.invalid" not in told


def _shipped() -> list[tuple[str, Drift, Limits, dict[str, str]]]:
    settings = Settings(project=PROJECT)
    found = []
    for name, table in core_tables(settings).items():
        own = load_suite(settings.core_suites, name, table.columns)
        for drift in own.drift:
            relation = drift.relation(name)
            types = dict(table.columns)
            if drift.of:
                types = dict.fromkeys(drift.columns, "varchar")
                types |= dict.fromkeys(drift.numbers, "double")
                types |= dict.fromkeys(filter(None, (drift.day, drift.time)), "timestamp")
            found.append((name, drift, own.limits[relation], types))
    return found


@pytest.fixture
def memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as lake; create schema lake.core; create schema lake.raw")
    return connection


def test_every_monitor_of_the_shipped_suites_catches_its_canary(
    memory: duckdb.DuckDBPyConnection,
) -> None:
    missed = {
        f"{name} {drift.of}": uncaught(memory, name, types, drift, limits)
        for name, drift, limits, types in _shipped()
    }
    assert {name: each for name, each in missed.items() if each} == {}


def test_limits_that_nothing_breaks_are_told(memory: duckdb.DuckDBPyConnection) -> None:
    name, drift, limits, types = next(each for each in _shipped() if each[0] == "fct_events")
    blind = limits.model_copy(update={"hours": 1000.0})
    assert uncaught(memory, name, types, drift, blind) == ["hours of occurred_at"]


def test_a_monitor_that_fails_on_a_good_day_is_told(
    memory: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, drift, limits, types = next(each for each in _shipped() if each[0] == "fct_events")
    real = monitors._check

    def failing(*arguments: Any) -> Any:
        return replace(real(*arguments), result="failed")

    monkeypatch.setattr(monitors, "_check", failing)
    missed = uncaught(memory, name, types, drift, limits)
    assert "rows missing by day (on a good day)" in missed
