"""Increments, in any order of arrival, end in the tables that one full build makes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from gatehouse.settings import Settings
from tests.conftest import PROJECT
from tests.dbt.project import Project
from tests.dbt.rows import EPOCH, Row
from tests.dbt.world import MARKER, make_world

# Every kind but those of lists that the world does not have.
SIGNAL_KINDS = {
    "blocklist_ip",
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

# A look-up of a day or an actor skips what is elsewhere.
SORTED = {
    "abuse_signals": "occurred_date, actor_id",
    "dim_actors": "actor_id",
    "fct_actor_daily": "activity_date, actor_id",
    "fct_events": "occurred_date, actor_id",
    "user_risk": "actor_id",
    "user_risk_history": "actor_id",
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
    stepwise.build(0, 2, full_refresh=True, select="fct_actor_daily")
    for project in (whole, stepwise):
        sizes = {table: project.unsorted(table, by) for table, by in SORTED.items()}
        assert {table: count for table, (_, count) in sizes.items()} == dict.fromkeys(SORTED, 0)
        assert sum(files for files, _ in sizes.values()) > 0
        # So that what comes later, and what maintenance joins, is sorted, too.
        told = project.rows(
            "select table_name from __ducklake_metadata_lake.ducklake_table as tables "
            "join __ducklake_metadata_lake.ducklake_sort_info as sorts using (table_id) "
            "where tables.end_snapshot is null and sorts.end_snapshot is null"
        )
        assert {str(table) for (table,) in told} == {*SORTED}


@pytest.mark.slow
def test_who_joins_or_leaves_an_address_changes_what_its_listing_says(
    new_project: NewProject,
) -> None:
    listed = {
        "list_id": "blocked",
        "list_date": date(2025, 3, 1),
        "entry_type": "cidr",
        "entry": "10.0.0.0/24",
        "category_code": "blocklist",
        "score": 0.6,
    }
    joined, left = _visit("a", "10.0.0.1"), _visit("b", "10.0.0.2")
    leaving = _visit("c", "10.0.0.2")
    project = new_project("shared")
    project.build(0, project.load([Row("reputation", listed), joined, left, leaving]))
    assert _blocked(project) == {"a": 0.6, "b": 0.3, "c": 0.3}

    gone = leaving.corrected(EPOCH + timedelta(days=1), ip_address="10.7.0.1")
    load = project.load([gone, _visit("d", "10.0.0.1")])
    project.build(load, load)
    assert _blocked(project) == {"a": 0.3, "b": 0.6, "d": 0.3}


def _visit(actor_id: str, ip_address: str) -> Row:
    values = {
        "event_id": f"visit of {actor_id}",
        "occurred_at": datetime(2025, 3, 2, 12),  # noqa: DTZ001
        "actor_id": actor_id,
        "actor_type": "user",
        "product_code": "chat_assistant",
        "event_type": "request",
        "outcome_code": "ok",
        "ip_address": ip_address,
    }
    return Row("events", values)


def _blocked(project: Project) -> dict[object, object]:
    kind = "signal_kind_code = 'blocklist_ip'"
    return dict(project.rows(f"select actor_id, score from lake.core.abuse_signals where {kind}"))


def differing(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    return [table for table in sorted(expected) if found.get(table) != expected[table]]
