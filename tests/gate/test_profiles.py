"""How many rows a day has, told so that neither a few accounts nor a lost half can hide in it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from gatehouse.gate.profiles import Profile, read_profiles
from gatehouse.gate.suites import Drift

DRIFT = Drift(
    day="day", surface="product", unit="actor", reason="what a day has in rows", owner="data"
)
# A third of the actors write one row, some of the others more than a hundred.
ROWS = (
    "select 'a' || actor as actor, product, date '2024-01-01' as day, number "
    "from range(600) as a (actor), range(150) as n (number), "
    "(values ('api'), ('chat')) as p (product) "
    "where number < greatest(1, 150 * pow(actor / 600.0, 4))"
)


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.core")
        yield connection


def _counted(lake: duckdb.DuckDBPyConnection, rows: str) -> int:
    lake.execute(f"create or replace table lake.core.fct as {rows}")
    profiles = read_profiles(lake, "core.fct", DRIFT, [], None)
    assert {product for _, product in profiles} == {"api", "chat"}
    return next(each.counted for (_, product), each in profiles.items() if product == "api")


def test_a_feed_that_lost_half_of_its_rows_has_about_half(lake: duckdb.DuckDBPyConnection) -> None:
    whole = _counted(lake, ROWS)
    half = _counted(lake, f"select * from ({ROWS}) where hash(actor, number, product) % 2 = 0")
    assert half / whole == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("accounts", "most"), [(6, 1.1), (60, 2.0)])
def test_busy_accounts_however_busy_add_little(
    lake: duckdb.DuckDBPyConnection, accounts: int, most: float
) -> None:
    """Of 600 in all; not even a tenth of them makes of a feed what would hold it."""
    busy = (
        f"select 'b' || actor, 'api', date '2024-01-01', number from range({accounts}) as a (actor)"
        ", range(5000) as n (number)"
    )
    whole = _counted(lake, ROWS)
    assert 1 <= _counted(lake, f"{ROWS} union all {busy}") / whole < most


def test_a_profile_of_before_is_read_and_says_nothing_of_what_it_counted_otherwise() -> None:
    kept = {**Profile(rows=9, counted=7, units=3).as_dict(), "capped": 5}
    del kept["counted"]
    assert Profile.from_dict(kept) == Profile(rows=9, counted=None, units=3)
