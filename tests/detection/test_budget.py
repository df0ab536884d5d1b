"""What lies within the review budget: the strongest of a day, whoever came first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import duckdb
import pytest

from gatehouse.detection.budget import rank_findings, review_budgets
from gatehouse.settings import Settings
from gatehouse.store import open_store
from tests.detection.factories import NOW, certify, detection, load_events
from tests.detection.test_execute import MONDAY, MONDAY_LATER, TUESDAY, run

Finding = tuple[str, str, float, str]
FINDINGS: list[Finding] = [
    ("weak", "guessing", 0.2, MONDAY),
    ("strong", "guessing", 0.9, MONDAY_LATER),
    ("b_equal", "guessing", 0.5, MONDAY),
    ("a_equal", "guessing", 0.5, MONDAY),
    ("next_day", "guessing", 0.1, TUESDAY),
    ("other", "scraping", 0.1, MONDAY),
]


def within(findings: Iterable[Finding], budgets: dict[str, int]) -> dict[str, bool | None]:
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_findings (finding_key text, detection_id text, score double, "
            "last_event_at timestamp)"
        )
        connection.executemany("insert into fct_findings values (?, ?, ?, ?)", list(findings))
        ranked = rank_findings(connection, budgets)
        rows = ranked.project("finding_key, is_within_budget").fetchall()
    return dict(rows)


@pytest.mark.parametrize("seen_first", [0, 2, 4])
def test_the_strongest_of_a_day_are_within_budget_in_any_order(seen_first: int) -> None:
    order = FINDINGS[seen_first:] + FINDINGS[:seen_first]
    budgets = {"guessing": 2, "scraping": 1}
    expected = {"strong", "a_equal", "next_day", "other"}
    for findings in itertools.islice(itertools.permutations(order), 24):
        assert {key for key, is_in in within(findings, budgets).items() if is_in} == expected


def test_a_stronger_finding_that_comes_later_takes_the_place() -> None:
    budgets = {"guessing": 1}
    assert within(FINDINGS[:1], budgets) == {"weak": True}
    assert within(FINDINGS[:2], budgets) == {"weak": False, "strong": True}


def test_without_a_known_budget_nothing_is_said() -> None:
    assert within(FINDINGS[:1], {}) == {"weak": None}


def test_the_budget_is_that_of_the_newest_run(settings: Settings) -> None:
    snapshot = load_events(settings, ("a", MONDAY), ("a", MONDAY_LATER), arrived_at=NOW)
    certify(settings, snapshot)
    run(settings, detection(review_budget=5))
    with open_store(settings)() as session:
        assert review_budgets(session) == {"busy_actor": 5}
