"""Readings of days beside their past: what is told, and what is not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import PROJECT

from gatehouse.gate.drift import Reading, judge
from gatehouse.gate.monitors import checks_of, found_in
from gatehouse.gate.past import CertifiedPast
from gatehouse.gate.profiles import Key, Profile
from gatehouse.gate.subject import Subject
from gatehouse.gate.suites import Drift, Limits

FIRST = date(2026, 1, 5)  # a Monday
DRIFT = Drift(
    day="day",
    time="at",
    surface="product",
    unit="actor",
    values=["country"],
    shared=["address"],
    numbers=["tokens"],
    repeats=["at"],
    reason="a day must look like its past",
    owner="data",
)
LIMITS = Limits()
# Fewer at week-ends.
WEEK = (400, 410, 395, 405, 400, 160, 150)


def _profile(units: int, **changes: Any) -> Profile:
    whole = {
        "rows": units * 3,
        "counted": units * 3,
        "units": units,
        "nulls": {"device": 0.2},
        "hours": tuple(units // 4 if 6 <= hour < 22 else units // 20 for hour in range(24)),
        "numbers": {"tokens": {"8": units // 4, "9": units // 2, "10": units // 4}},
        "values": {"country": {"DE": units // 2, "FR": units // 2}},
        "shared": {"address": units // 20},
    }
    return Profile(**{**whole, **changes})


def _past(days: int = 35, product: str = "chat") -> dict[Key, Profile]:
    return {
        (FIRST + timedelta(days=n), product): _profile(WEEK[n % 7] + 3 * (n % 5))
        for n in range(days)
    }


def _beyond(now: Profile | None, past: dict[Key, Profile], number: int = 35) -> set[str]:
    day = FIRST + timedelta(days=number)
    current = {} if now is None else {(day, "chat"): now}
    readings = judge(DRIFT, LIMITS, current, past, [day])
    return {each.monitor for each in readings if each.is_beyond(LIMITS)}


def test_an_ordinary_day_is_not_told() -> None:
    assert _beyond(_profile(403), _past()) == set()


def test_a_quiet_weekend_is_not_told_and_a_quiet_monday_is() -> None:
    assert _beyond(_profile(150), _past(40), 40) == set()
    assert _beyond(_profile(150), _past()) == {"rows_drop", "units_drop"}


def test_the_first_weekends_are_not_told() -> None:
    assert _beyond(_profile(150), _past(5), 5) == set()


def _few(rows: int, units: int) -> Profile:
    return Profile(rows=rows, counted=rows, units=units)


@pytest.mark.parametrize(("days", "expected"), [(13, set()), (34, {"rows_drop"})])
def test_rows_of_few_scatter_until_their_past_tells_how_far(days: int, expected: set[str]) -> None:
    past = {(FIRST + timedelta(days=n), "chat"): _few(48 + 3 * (n % 5 - 2), 8) for n in range(days)}
    assert _beyond(_few(8, 2), past, days) == expected
    # One row an actor, or none at all: that is no chance.
    alone = {key: _few(each.rows, each.rows) for key, each in past.items()}
    assert "rows_drop" in _beyond(_few(8, 8), alone, days)
    assert _beyond(None, past, days) == {"rows_drop"}


_FAULTS: dict[str, tuple[Profile | None, set[str]]] = {
    "silent": (None, {"rows_drop", "units_drop"}),
    "half of the rows": (_profile(400, counted=500), {"rows_drop"}),
    "five times the actors": (_profile(2000), {"rows_rise", "units_rise"}),
    "values lost": (_profile(400, nulls={"device": 0.6}), {"nulls"}),
    "a thousand times as large": (
        _profile(400, numbers={"tokens": {"28": 100, "29": 200, "30": 100}}),
        {"numbers"},
    ),
    "always the same": (_profile(400, numbers={"tokens": {"9": 400}}), {"numbers"}),
    "another time zone": (
        _profile(400, hours=tuple(100 if (h + 9) % 24 in range(6, 22) else 20 for h in range(24))),
        {"hours"},
    ),
    "a new value": (
        _profile(400, values={"country": {"DE": 200, "FR": 160, "XX": 40}}),
        {"new_value"},
    ),
    "one value lost": (_profile(400, values={"country": {"DE": 400}}), {"value_drop", "mix"}),
    "one address for half": (_profile(400, shared={"address": 210}), {"shared"}),
    "rows twice": (_profile(400, repeated=0.5), {"repeats"}),
}


@pytest.mark.parametrize(("now", "monitors"), _FAULTS.values(), ids=_FAULTS)
def test_a_broken_day_is_told_by_its_monitor(now: Profile | None, monitors: set[str]) -> None:
    assert _beyond(now, _past()) == monitors


def test_a_certified_day_may_gain_a_little_and_lose_next_to_nothing() -> None:
    past = _past(36)
    day = FIRST + timedelta(days=35)
    rows = past[day, "chat"].rows
    for share, expected in ((1.2, set()), (0.8, {"restated_drop"}), (1.7, {"restated_rise"})):
        now = _profile(WEEK[0], rows=int(rows * share))
        readings = judge(DRIFT, LIMITS, {(day, "chat"): now}, past, [day])
        assert {each.monitor for each in readings if each.is_beyond(LIMITS)} == expected, share


def _spilled(rows: int, hours: set[int]) -> Profile:
    return Profile(
        rows=rows, counted=rows, units=rows, hours=tuple(int(h in hours) for h in range(24))
    )


@pytest.mark.parametrize(
    ("now", "is_judged"),
    [
        (_spilled(3, {0}), False),
        (_spilled(3, {0, 1}), True),
        (_spilled(300, {0}), True),
        (_spilled(3, {1}), True),
    ],
    ids=["after midnight", "two hours", "many", "later"],
)
def test_a_day_has_not_begun_with_a_few_rows_after_midnight(now: Profile, is_judged: bool) -> None:
    past = _past(28)
    days = [FIRST + timedelta(days=n) for n in (27, 28)]
    profiles = {(days[0], "chat"): past.pop((days[0], "chat")), (days[1], "other"): now}
    known = CertifiedPast(3, past)
    found = found_in("core.t", DRIFT, LIMITS, profiles, set(days), known, Subject(7), due=None)
    assert found.judged.days == ({*days} if is_judged else {days[0]})
    assert ("failed" in {each.result for each in found.checks}) == is_judged
    # What did not come until the others are past it is missing.
    due = found_in("core.t", DRIFT, LIMITS, profiles, set(days), known, Subject(7), due=days[1])
    assert days[1] in due.judged.days


def test_an_outage_of_the_first_weeks_hides_no_other() -> None:
    past = _past(14)
    past[FIRST + timedelta(days=8), "chat"] = _profile(0)
    assert _beyond(None, past, 14) == {"rows_drop", "units_drop"}
    # A product whose days differ by half is quiet on some.
    lively = {(FIRST + timedelta(days=n), "chat"): _few(30 if n < 5 else 90, 45) for n in range(13)}
    assert _beyond(_few(18, 15), lively, 13) == set()
    assert _beyond(None, lively, 13) == {"rows_drop", "units_drop"}


def test_slow_drift_is_seen_though_each_day_is_like_the_one_before() -> None:
    def drifted(share: float) -> Profile:
        moved = round(400 * share)
        return _profile(400, numbers={"tokens": {"9": 400 - moved, "14": moved}})

    days = [FIRST + timedelta(days=n) for n in range(42)]
    past = {(day, "chat"): drifted(max(0, n - 28) * 0.03) for n, day in enumerate(days)}
    assert _beyond(drifted(0.45), past, 42) == {"numbers"}
    week = {(day, "chat"): drifted(max(0, n - 28) * 0.03) for n, day in enumerate(days) if n > 34}
    assert _beyond(drifted(0.45), week, 42) == set()


def test_shares_that_add_up_to_a_little_more_than_one_are_no_error() -> None:
    past = {
        (FIRST + timedelta(days=n), "chat"): _profile(400, values={"country": {"DE": 100 + 7 * n}})
        for n in range(35)
    }
    assert "mix" not in _beyond(_profile(400, values={"country": {"DE": 390}}), past)


def test_a_few_from_many_countries_are_shared_out_by_chance() -> None:
    countries = {f"C{number:02}": 4 for number in range(60)}
    past = {key: _profile(240, values={"country": countries}) for key in _past()}
    few = {f"C{number:02}": 1 for number in range(0, 60, 2)} | {"C01": 3, "C03": 3, "C05": 4}
    assert _beyond(_profile(240, values={"country": few}), past) == set()
    all_one = {"C00": 100}
    assert "mix" in _beyond(_profile(240, values={"country": all_one}), past)


def test_an_attack_on_many_accounts_is_no_broken_feed() -> None:
    """A thousand victims more, all by one address and from one country; the others as ever."""
    past = {key: _profile(1000) for key in _past()}
    attacked = _profile(
        2000,
        values={"country": {"DE": 500, "FR": 500, "XX": 1000}},
        shared={"address": 1050},
    )
    assert {"value_drop", "shared"} & _beyond(attacked, past) == set()


def test_a_night_of_password_guessing_is_told_and_holds_nothing() -> None:
    """Its hours are its own: what the feed of log-ins says of it must reach the detections."""
    suite = yaml.safe_load((PROJECT / "expectations" / "core" / "fct_events.yml").read_bytes())
    (logins,) = (Drift(**each) for each in suite["drift"] if each.get("of") == "raw.logins")
    night = tuple(100 if 6 <= hour < 22 else 600 if hour < 5 else 20 for hour in range(24))
    day = FIRST + timedelta(days=35)
    now = {(day, "chat"): _profile(410, hours=night)}
    checks = checks_of(logins, LIMITS, judge(logins, LIMITS, now, _past(), [day]))
    (hours,) = (each for each in checks if each.observed.get("limit_name") == "hours")
    assert (hours.result, hours.severity) == ("failed", "warning")


def test_a_product_that_rests_on_weekends_is_not_held_for_it() -> None:
    past: dict[Key, Profile] = {}
    for number in range(42):
        day = FIRST + timedelta(days=number)
        units = 1000 if day.weekday() < 5 else 100
        assert _beyond(_profile(units), past, number) == set(), number
        past[day, "chat"] = _profile(units)


def test_few_are_not_judged() -> None:
    few = {key: _profile(12) for key in _past()}
    assert _beyond(None, few) == set()


def test_a_product_that_is_being_launched_may_multiply() -> None:
    assert _beyond(_profile(2000), _past(10), 10) == set()


def test_a_product_that_was_never_there_is_not_judged_and_the_others_are() -> None:
    day = FIRST + timedelta(days=35)
    current = {(day, "chat"): _profile(400), (day, "new"): _profile(5000)}
    readings = judge(DRIFT, LIMITS, current, _past(), [day])
    assert {each.surface for each in readings} == {"chat"}


def test_days_of_a_first_build_are_compared_but_stand_on_no_certified_ground() -> None:
    whole = _past(35)
    whole[FIRST + timedelta(days=30), "chat"] = _profile(20)
    readings = judge(DRIFT, LIMITS, whole, {}, sorted({day for day, _ in whole}))
    beyond = [each for each in readings if each.is_beyond(LIMITS)]
    assert {each.day for each in beyond} == {FIRST + timedelta(days=30)}
    assert not any(each.is_grounded for each in readings)
    later = FIRST + timedelta(days=35)
    grounded = judge(DRIFT, LIMITS, {(later, "chat"): _profile(400)}, whole, [later])
    assert grounded
    assert all(each.is_grounded for each in grounded)


def test_a_broken_day_does_not_become_what_the_next_is_compared_with() -> None:
    past = _past()
    days = [FIRST + timedelta(days=35 + n) for n in range(12)]
    current = {(day, "chat"): _profile(WEEK[day.weekday()] // 3) for day in days}
    readings = judge(DRIFT, LIMITS, current, past, days)
    beyond = {each.day for each in readings if each.is_beyond(LIMITS)}
    assert beyond == set(days)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(35)))
def test_the_order_of_the_past_does_not_matter(order: list[int]) -> None:
    past = [*_past().items()]
    shuffled = dict(past[number] for number in order)
    day = FIRST + timedelta(days=35)
    current = {(day, "chat"): _profile(250)}

    def read(certified: dict[Key, Profile]) -> list[Reading]:
        return judge(DRIFT, LIMITS, current, certified, [day])

    assert read(shuffled) == read(dict(past))
