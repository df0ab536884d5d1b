"""How many rows a day has, told so that neither a few accounts nor a lost half can hide in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pytest

from gatehouse.gate.drift import judge
from gatehouse.gate.profiles import Profile, read_profiles
from gatehouse.gate.suites import Drift, Limits

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


WHEN = DRIFT.model_copy(update={"time": "moment"})
# Each actor at moments of its own, on each of three days.
TIMES = (
    "select 'a' || actor as actor, 'api' as product, date '2024-01-01' + d as day, "
    "date '2024-01-01' + d + to_microseconds((hash(actor, d, n) % 86400000000)::bigint) as moment "
    "from range(50) as a (actor), unnest([0, 1, 2]) as b (d), range(4) as c (n)"
)
AGAIN = (
    "select actor, product, date '2024-01-02' as day, moment + interval 1 day as moment "
    "from ({rows}) where day = date '2024-01-01'"
)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize(
    ("how", "share"),
    [
        ("", 0.0),
        ("instead", 1.0),
        ("besides", 0.5),
    ],
)
def test_a_day_that_was_replayed_is_told_from_one_that_was_lived(
    lake: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    share: float,
    sampled: bool,
) -> None:
    if sampled:
        _sample(monkeypatch, rows=300, units=60)
    own = f"select * from ({TIMES})"
    if how == "instead":
        own += " where day <> date '2024-01-02'"
    rows = own if not how else f"{own} union all {AGAIN.format(rows=TIMES)}"
    lake.execute(f"create or replace table lake.core.fct as {rows}")
    day = date(2024, 1, 2)
    found = read_profiles(lake, "core.fct", WHEN, [], [day])
    assert found.keys() == {(day, "api")}
    assert found[day, "api"].replays == pytest.approx(share, abs=0.001)


def test_moments_that_coincide_every_day_are_no_replay() -> None:
    """Scheduled work, in a log that tells seconds."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(10)]
    usual = Profile(rows=500, counted=500, units=100, hours=(0,) * 24, replays=0.4)
    certified = {(day, ""): usual for day in days[:9]}
    for now, is_beyond in ((0.5, False), (0.9, True)):
        current = {(days[9], ""): replace(usual, replays=now)}
        readings = judge(WHEN, Limits(), current, certified, [days[9]])
        assert [each.is_beyond(Limits()) for each in readings if each.monitor == "replayed"] == [
            is_beyond
        ]


def test_a_past_that_was_not_looked_at_says_nothing_of_replays() -> None:
    kept = {**Profile(rows=500, units=100).as_dict()}
    for name in ("repeated", "replays"):
        del kept[name]
    kept |= {"repeats": 0.4, "replayed": 0.4}
    found = Profile.from_dict(kept)
    assert (found.repeated, found.replays) == (None, None)


def _sample(monkeypatch: pytest.MonkeyPatch, rows: int, units: int) -> None:
    monkeypatch.setattr("gatehouse.gate.profiles._MANY_ROWS", rows)
    monkeypatch.setattr("gatehouse.gate.profiles._SAMPLED_UNITS", units)


WIDE = Drift(
    day="day",
    time="at",
    surface="product",
    unit="actor",
    values=["kind"],
    shared=["device"],
    numbers=["amount"],
    repeats=["at", "kind"],
    reason="what a day looks like",
    owner="data",
)
# Actors differ in how much they do; a sixth of the rows stand there twice.
MANY = (
    "select 'a' || actor as actor, product, date '2024-01-01' + day::int as day, "
    "timestamp '2024-01-01' + day * interval 1 day + (hash(actor, number, day) % 86400) "
    "* interval 1 second as at, "
    "case when hash(actor, number, 'kind') % 5 = 0 then 'rare' else 'usual' end as kind, "
    "'d' || actor // 3 as device, hash(actor, 'amount') % 1000 as amount "
    "from range(4000) as a (actor), range(12) as n (number), range(8) as d (day), "
    "(values ('api'), ('chat')) as p (product), range(2) as t (times) "
    "where number < 3 + actor % 9 and times <= (number % 6 = 0)::int "
    "and (product = 'api' or actor % 40 = 0)"
)


def test_a_sample_of_units_tells_of_a_day_what_all_of_them_would(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.execute(f"create or replace table lake.core.fct as {MANY}")
    whole = read_profiles(lake, "core.fct", WIDE, ["kind", "amount"], None)
    _sample(monkeypatch, rows=10_000, units=1_200)
    some = read_profiles(lake, "core.fct", WIDE, ["kind", "amount"], None)
    assert some.keys() == whole.keys()
    for (day, surface), each in some.items():
        known = whole[day, surface]
        # Of few rows none are left out.
        assert each.sampled == (4 if surface == "api" else 1)
        assert each.rows == known.rows
        assert each.units * each.sampled == pytest.approx(known.units, rel=0.1)
        assert (each.counted or 0) * each.sampled == pytest.approx(known.counted, rel=0.1)
        assert each.repeated == pytest.approx(known.repeated, abs=0.02)
        assert each.values["kind"]["rare"] / each.units == pytest.approx(
            known.values["kind"]["rare"] / known.units, abs=0.05
        )
        assert sum(each.hours) / each.units == pytest.approx(
            sum(known.hours) / known.units, rel=0.1
        )
    # Sampled or not, a day is as its past: what differs is how many were looked at.
    days = sorted({day for day, _ in whole})
    for past, now in ((whole, some), (some, whole)):
        past = {key: each for key, each in past.items() if key[0] < days[-1]}
        assert not [
            each
            for each in judge(WIDE, Limits(), now, past, [days[-1]])
            if each.is_beyond(Limits())
        ]


def test_a_day_whose_units_are_in_no_sample_is_there(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting distinct units is by approximation: of two it may say four."""
    _sample(monkeypatch, rows=10, units=1)
    lake.execute(f"create or replace table lake.core.fct as {MANY}")
    one = lake.execute("select actor from lake.core.fct where hash(actor) % 2 = 1").fetchone()
    assert one is not None
    lake.execute("update lake.core.fct set actor = $1", one)
    found = read_profiles(lake, "core.fct", WIDE, [], None)
    assert {(each.sampled, each.units) for each in found.values()} == {(2, 0)}
    assert all(each.rows > 100 for each in found.values())


def test_a_small_product_beside_a_large_one_is_seen_whole(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its day is a copy of the day before; of the large one nothing is."""
    _sample(monkeypatch, rows=1_000, units=50)
    large = "select 'l' || actor, 'large', {}, {} + hash(actor, day) % 86400 * interval 1 second"
    small = "select 's' || actor, 'small', {}, {} + hash(actor) % 86400 * interval 1 second"
    day = "date '2024-01-01' + day::int"
    lake.execute(
        "create or replace table lake.core.fct (actor varchar, product varchar, day date, "
        "moment timestamp)"
    )
    for query, actors in ((large, 5_000), (small, 60)):
        lake.execute(
            f"insert into lake.core.fct {query.format(day, day)} "
            f"from range({actors}) as a (actor), range(2) as d (day)"
        )
    found = read_profiles(lake, "core.fct", WHEN, [], [date(2024, 1, 2)])
    shares = {surface: each.replays for (_, surface), each in found.items()}
    assert shares == {"small": 1.0, "large": pytest.approx(0, abs=0.01)}
    assert {surface: each.sampled > 50 for (_, surface), each in found.items()} == {
        "small": False,
        "large": True,
    }


@pytest.mark.parametrize(
    ("rare", "found"),
    [(0, ("value_drop", 0)), (60, ("value_rise", 1_500)), (20, None)],
)
@pytest.mark.parametrize("past_is_sampled", [False, True])
def test_a_value_of_few_is_judged_on_a_sampled_day_too(
    rare: int, found: tuple[str, int] | None, past_is_sampled: bool
) -> None:
    def day_with(rare: int, times: int) -> Profile:
        return Profile(
            rows=5_000_000,
            sampled=25 // times,
            counted=200_000 * times,
            units=20_000 * times,
            hours=(0,) * 24,
            values={"kind": {"usual": (20_000 - rare) * times, "rare": rare * times}},
        )

    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(30)]
    usual = day_with(20, 1 if past_is_sampled else 25)
    certified = {(day, ""): usual for day in days[:-1]}
    drift = Drift(day="day", unit="actor", values=["kind"], reason="values of few", owner="data")
    readings = judge(drift, Limits(), {(days[-1], ""): day_with(rare, 1)}, certified, [days[-1]])
    beyond = [each for each in readings if each.is_beyond(Limits())]
    told = [(each.monitor, each.value, each.observed, each.expected) for each in beyond]
    assert told == ([(found[0], "rare", found[1], 500.0)] if found else [])


def test_a_day_of_which_the_sample_has_nobody_says_nothing_of_replays(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.execute(f"create or replace table lake.core.fct as {TIMES}")
    monkeypatch.setattr("gatehouse.gate.profiles._replays", lambda *_: {})
    found = read_profiles(lake, "core.fct", WHEN, [], [date(2024, 1, 2)])
    assert [each.replays for each in found.values()] == [None]
