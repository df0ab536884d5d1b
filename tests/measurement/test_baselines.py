"""What is rare on a product: proposed from accounts in good standing, written for review."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from tests.conftest import PROJECT

from gatehouse.errors import GatehouseError
from gatehouse.measurement.baselines import (
    Baseline,
    baselines_file,
    measure,
    propose_baselines,
    write_baselines,
)
from gatehouse.settings import Settings


@pytest.fixture
def tables() -> duckdb.DuckDBPyConnection:
    """A thousand actor-days on one product: the n-th has n events, n / 10 in a minute."""
    connection = duckdb.connect()
    connection.execute("""
        create table enforcement_history (actor_id varchar);
        create table fct_actor_daily as
        select
            'actor-' || n as actor_id, 'chat' as product_code, date '2026-01-10' as activity_date,
            n as event_count, 0 as login_failure_count, n // 10 as max_events_per_minute
        from generate_series(1, 1000) as days(n);
    """)
    return connection


def _more(tables: duckdb.DuckDBPyConnection, *columns: object) -> None:
    values = ("actor-x", "chat", "2026-01-10", *columns)
    tables.execute(
        "insert into fct_actor_daily select $1, $2, $3::date, $4, $5, $6 "
        "from generate_series(1, 50)",
        [*values],
    )


def test_all_but_a_share_stay_below(tables: duckdb.DuckDBPyConnection) -> None:
    assert measure(tables, days=28, share=0.02) == {"chat": (1000, 980, 98)}


def test_two_digits_rounded_up(tables: duckdb.DuckDBPyConnection) -> None:
    assert measure(tables, days=28, share=0.0123)["chat"][1] == 990


def test_too_few_days_propose_nothing(tables: duckdb.DuckDBPyConnection) -> None:
    assert measure(tables, days=28, share=0.005) == {"chat": (1000, None, None)}


def test_abuse_does_not_set_what_is_usual(tables: duckdb.DuckDBPyConnection) -> None:
    _more(tables, 90_000, 0, 900)
    assert measure(tables, days=28, share=0.02)["chat"][1] == 90_000
    tables.execute("insert into enforcement_history values ('actor-x')")
    assert measure(tables, days=28, share=0.02)["chat"] == (1000, 980, 98)


def test_failed_logins_are_nobodys_activity(tables: duckdb.DuckDBPyConnection) -> None:
    _more(tables, 90_000, 90_000, 900)
    assert measure(tables, days=28, share=0.02)["chat"] == (1000, 980, 98)


def test_each_product_has_last_days_of_its_own(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("""
        insert into fct_actor_daily
        select * replace ('api' as product_code, date '2026-09-01' as activity_date)
        from fct_actor_daily
    """)
    found = measure(tables, days=28, share=0.02)
    assert found["chat"] == found["api"] == (1000, 980, 98)


def test_days_before_the_last_ones_do_not_count(tables: duckdb.DuckDBPyConnection) -> None:
    tables.execute("""
        insert into fct_actor_daily
        select * replace (date '2026-01-20' as activity_date, 7 as event_count)
        from fct_actor_daily
    """)
    assert measure(tables, days=10, share=0.02)["chat"][:2] == (1000, 7)
    assert measure(tables, days=11, share=0.02)["chat"][0] == 2000


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_is_between_none_and_all(settings: Settings, share: float) -> None:
    with pytest.raises(GatehouseError, match="no share"):
        propose_baselines(settings, days=28, share=share)


def test_writing_changes_what_was_proposed_and_no_more(tmp_path: Path) -> None:
    project = tmp_path / "project"
    target = baselines_file(Settings(project=project))
    target.parent.mkdir(parents=True)
    shutil.copy(baselines_file(Settings(project=PROJECT)), target)
    before = target.read_text().splitlines()
    proposals = [
        Baseline("chat_assistant", 20_000, (500, 640), (30, 35)),
        Baseline("api", 10, (50_000, None), (600, None)),
        Baseline("unheard_of", 20_000, (None, 5), (None, 2)),
    ]
    assert write_baselines(Settings(project=project), proposals) == target
    after = target.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [(changed[0][0], changed[0][0].replace(",500,30", ",640,35"))]
