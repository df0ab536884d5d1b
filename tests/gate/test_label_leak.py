"""The guard against scores that were made from the labels they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from statistics import NormalDist

import duckdb
import numpy as np
import pytest
import yaml
from tests.conftest import PROJECT

_DAYS = 28
_Score = Callable[[np.random.Generator, int, bool], float]


def _guard() -> str:
    suite = yaml.safe_load(
        (PROJECT / "expectations" / "core" / "abuse_signals.yml").read_text("utf-8")
    )
    found = [
        each["kwargs"]["unexpected_rows_query"]
        for each in suite["expectations"]
        if each.get("name") == "scores do not know the labels"
    ]
    assert len(found) == 1
    return str(found[0]).replace("{batch}", "lake.core.abuse_signals")


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake; create schema lake.core")
        connection.execute(
            "create table lake.core.abuse_signals (item_id varchar, policy_code varchar, "
            "signal_source_code varchar, score double, occurred_date date)"
        )
        connection.execute(
            "create table lake.core.fct_review_decisions "
            "(item_id varchar, policy_code varchar, label_code varchar)"
        )
        yield connection


def _separated(sigmas: float) -> _Score:
    """Scores of two classes that lie so many standard deviations apart, as ranks from 0.7 to 1."""
    spread = NormalDist()

    def score(chance: np.random.Generator, _day: int, is_violating: bool) -> float:
        return 0.7 + 0.3 * spread.cdf(chance.normal(sigmas if is_violating else 0))

    return score


def _from(first: int, then: _Score, before: _Score) -> _Score:
    def score(chance: np.random.Generator, day: int, is_violating: bool) -> float:
        return (then if day >= first else before)(chance, day, is_violating)

    return score


def _told(
    lake: duckdb.DuckDBPyConnection,
    score: _Score,
    seed: int,
    *,
    bad: int = 90,
    good: int = 11,
    days: int = _DAYS,
) -> bool:
    chance, signals, labels = np.random.default_rng(seed), [], []
    for day in range(days):
        for number in range(bad + good):
            item, is_violating = f"{day}-{number}", number < bad
            when = date(2026, 3, 1) + timedelta(days=day)
            policy = f"policy {number % 4}"
            signals.append((item, policy, "classifier", score(chance, day, is_violating), when))
            labels.append((item, policy, "violating" if is_violating else "not_violating"))
    lake.execute("delete from lake.core.abuse_signals; delete from lake.core.fct_review_decisions")
    lake.executemany("insert into lake.core.abuse_signals values (?, ?, ?, ?, ?)", signals)
    lake.executemany("insert into lake.core.fct_review_decisions values (?, ?, ?)", labels)
    return _fires(lake)


def _fires(lake: duckdb.DuckDBPyConnection) -> bool:
    return bool(lake.execute(_guard()).fetchall())


_WEAK, _STRONG, _LEAKING = _separated(0.25), _separated(1.8), _separated(8)


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_became_the_labels_are_told(lake: duckdb.DuckDBPyConnection, seed: int) -> None:
    assert _told(lake, _from(_DAYS - 3, _LEAKING, _WEAK), seed)


@pytest.mark.parametrize(
    "score",
    [_WEAK, _STRONG, _from(_DAYS - 3, _STRONG, _WEAK), _LEAKING],
    ids=["weak", "strong", "a better model", "always perfect"],
)
def test_a_classifier_that_is_good_is_not(lake: duckdb.DuckDBPyConnection, score: _Score) -> None:
    assert not any(_told(lake, score, seed) for seed in range(3))


@pytest.mark.parametrize("days", [14, 35])
def test_a_leak_does_not_become_the_past_it_is_compared_with(
    lake: duckdb.DuckDBPyConnection, days: int
) -> None:
    assert _told(lake, _from(_DAYS - 7, _LEAKING, _WEAK), 1, days=_DAYS - 7 + days)


def test_a_policy_of_sure_scores_is_launched(lake: duckdb.DuckDBPyConnection) -> None:
    """Known hashes: all of them violating, all of them 1. It has nobody to tell apart."""
    assert not _told(lake, _WEAK, 1)
    lake.execute(
        "insert into lake.core.abuse_signals select 'h' || range, 'hashes', 'classifier', 1.0, "
        "date '2026-03-28' from range(3000)"
    )
    lake.execute(
        "insert into lake.core.fct_review_decisions "
        "select 'h' || range, 'hashes', 'violating' from range(3000)"
    )
    assert not _fires(lake)


def test_a_signal_dated_ahead_does_not_hide_it(lake: duckdb.DuckDBPyConnection) -> None:
    assert _told(lake, _from(_DAYS - 3, _LEAKING, _WEAK), 1)
    lake.execute(
        "insert into lake.core.abuse_signals values ('x', 'spam', 'report', 1, '2026-05-01')"
    )
    assert _fires(lake)


def test_few_labels_say_nothing(lake: duckdb.DuckDBPyConnection) -> None:
    leak = _from(_DAYS - 3, _LEAKING, _WEAK)
    assert not _told(lake, leak, 1, bad=90, good=4)
    assert not _told(lake, leak, 1, bad=4, good=90)
    lake.execute("delete from lake.core.fct_review_decisions")
    assert lake.execute(_guard()).fetchall() == []
