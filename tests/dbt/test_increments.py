"""Increments, in any order of arrival, end in the tables that one full build makes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gatehouse.settings import Settings
from tests.conftest import PROJECT
from tests.dbt.project import Project
from tests.dbt.rows import Row
from tests.dbt.world import MARKER, make_world

# Every kind but those of lists that the world does not have.
SIGNAL_KINDS = {
    "chargeback",
    "classifier_score",
    "datacenter_ip",
    "disposable_email",
    "finding",
    "login_failures",
    "new_account",
    "payment_failures",
    "tor_ip",
    "user_report",
    "velocity_spike",
    "volume_spike",
}

NewProject = Callable[[str], Project]

# Every one of these must hold rows, or equality would prove nothing about it.
CORE_TABLES = {
    "abuse_signals",
    "bridge_actor_attributes",
    "bridge_operation_actors",
    "dim_actors",
    "dim_operations",
    "dim_policies",
    "dim_products",
    "dim_reputation",
    "enforcement_history",
    "fct_actor_daily",
    "fct_appeals",
    "fct_events",
    "fct_findings",
    "fct_reports",
    "fct_review_decisions",
    "user_risk",
    "user_risk_history",
}


@pytest.fixture
def new_project(tmp_path: Path) -> NewProject:
    def make(name: str) -> Project:
        return Project(Settings(project=PROJECT, home=tmp_path / name, memory_limit="2GB"))

    return make


def parts(rows: list[Row], count: int, seed: int) -> list[list[Row]]:
    """The rows in random order, cut into ``count`` loads: late rows, and old versions after new."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    cuts = sorted(random.Random(seed + 1).sample(range(1, len(rows)), count - 1))  # noqa: S311
    return [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
# More orders, split and repeated files and kills: make measure NAME=recovery.
@pytest.mark.parametrize("seed", [1], ids=lambda seed: f"seed_{seed}")
def test_increments_in_any_order_equal_one_full_build(seed: int, new_project: NewProject) -> None:
    world = make_world(seed)
    whole = new_project("whole")
    whole.build(0, whole.load(world))
    expected = whole.hashes()
    assert expected.keys() == CORE_TABLES
    assert not [table for table, found in expected.items() if found.startswith("0-")]
    kinds = whole.rows("select distinct signal_kind_code from lake.core.abuse_signals")
    assert {kind for (kind,) in kinds} == SIGNAL_KINDS
    assert whole.tables_with(MARKER) == {"actors", "content", "user_reports"}

    stepwise = new_project("stepwise")
    first, second, third = (stepwise.load(rows) for rows in parts(world, 3, seed))
    # Intervals are built as they come, out of order and again.
    for load in (second, first, third, second):
        stepwise.build(load, load)
    assert differing(stepwise.hashes(), expected) == []


def differing(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    return [table for table in sorted(expected) if found.get(table) != expected[table]]
