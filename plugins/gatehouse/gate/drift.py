"""Whether new days of a table look like its certified past: volume, hours, gaps, values, numbers.

All are compared with certified days before, never with what has just failed. A reading fails where
it is beyond its limit (`Limits`, by table in ``expectations/limits.yml``) *and* beyond what chance
explains at its size.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median

import numpy as np
from numpy.typing import NDArray

from gatehouse.gate.profiles import OTHER_VALUES, Key, Profile
from gatehouse.gate.suites import Drift, Limits

Floats = NDArray[np.float64]

# Shapes are compared with all of it: longer than a slow drift, which hides from yesterday.
REACH_DAYS = 56
_LEAST_DAYS = 5
_LEVEL_DAYS = 10
_LEAST_SPREAD = 0.05
# Of the logarithm of a weekday's share, while one of it has been seen.
_UNKNOWN_WEEKDAY = 0.3
# A product that is being launched multiplies within a day.
_YOUNG_DAYS = 21
_Z = 4.0


@dataclass(frozen=True)
class Reading:
    """One figure of one day and product beside what its past leads one to expect.

    Attributes:
        monitor: field of `Limits` that bounds it.
        column: the column it is about; empty for none.
        day: the day.
        surface: the product; empty for none.
        value: value of the column it is about, where one is.
        is_grounded: whether what it was compared with is certified; a first build has no such past.
        distance: how far it is from what is expected; 0 is as expected.
        observed: what was found.
        expected: what was expected.
    """

    monitor: str
    column: str
    day: date
    surface: str
    distance: float
    observed: float
    expected: float
    value: str = ""
    is_grounded: bool = True

    def is_beyond(self, limits: Limits) -> bool:
        """Whether it is further off than its table may be."""
        return self.distance > float(getattr(limits, self.monitor))


@dataclass(frozen=True)
class Past:
    """The days of a product before one, oldest first."""

    days: tuple[date, ...]
    profiles: tuple[Profile, ...]


@dataclass(frozen=True)
class Forecast:
    """What a count should be.

    Attributes:
        expected: its level by the newest days, times the factor of its weekday.
        spread: standard deviation of the logarithm of observed over expected.
    """

    expected: float
    spread: float

    def chance(self, observed: float, parts: float | None = None) -> float:
        """Distance of ``observed`` in standard deviations, those of counting included.

        Args:
            observed: the count.
            parts: how many independent parts it is expected to have; default: each counts once.
        """
        off = math.log((observed + 0.5) / (self.expected + 0.5))
        counted = self.expected if parts is None else min(parts, self.expected)
        return off / math.hypot(self.spread, 1 / math.sqrt(counted + 0.5))


def forecast(days: Sequence[date], counts: Sequence[float], day: date) -> Forecast:
    """Forecast of a daily count: median level of the newest days, by weekday.

    Medians, so that a day that was off, a holiday or an outage, moves nothing. A weekday's factor
    is believed as its weeks grow in number; what is not believed of it widens the spread.

    Args:
        days: days of the past, oldest first.
        counts: their counts.
        day: the day to forecast.
    """
    logs = np.log(np.asarray(counts, dtype=float) + 0.5)
    weekday = np.array([each.weekday() for each in days])
    seen = int((weekday == day.weekday()).sum())
    factors = _weekday_factors(weekday, logs)
    doubt = abs(float(factors[day.weekday()])) / max(seen, 1)
    plain = logs - factors[weekday]
    level = float(np.median(plain[-_LEVEL_DAYS:]))
    recent = plain[-2 * _LEVEL_DAYS :]
    off = np.sort(np.abs(recent - np.median(recent)))
    spread = 1.4826 * float(np.median(off))
    if len(days) < _YOUNG_DAYS:
        # A median of a few days overlooks almost half of them: one of them may be an outage, the
        # others are how the product is.
        spread = max(spread, math.sqrt(float(np.mean(off[:-1] ** 2))))
    expected = math.exp(level + float(factors[day.weekday()])) - 0.5
    spread = math.hypot(max(spread, _LEAST_SPREAD), _UNKNOWN_WEEKDAY / max(seen, 0.5), doubt)
    return Forecast(max(expected, 0.0), spread)


def _weekday_factors(weekday: NDArray[np.int_], logs: Floats) -> Floats:
    """(7,) logarithm of a weekday's share, against the week around each of its days."""
    # Of a few numbers each: NumPy's own costs more than all the rest of a forecast.
    plain = logs.tolist()
    around = np.array([median(plain[max(0, i - 3) : i + 4]) for i in range(len(plain))])
    factors = np.zeros(7)
    for number in range(7):
        own = (logs - around)[weekday == number]
        if len(own):
            factors[number] = float(np.median(own)) * len(own) / (len(own) + 1)
    return factors


def judge(
    drift: Drift,
    limits: Limits,
    current: Mapping[Key, Profile],
    certified: Mapping[Key, Profile],
    days: Iterable[date],
) -> list[Reading]:
    """All readings of some days, in the order of days.

    A day's past are the certified days before it; while there are none, as at a first build, the
    days of the same snapshot before it, but for those that are beyond a limit themselves.

    Args:
        drift: what of the table is looked at.
        limits: how far it may be off.
        current: profiles of the days to judge, as they are now.
        certified: profiles of certified days, as they were certified.
        days: days to judge; a product without rows on one counts as nothing.
    """
    known: ChainMap[Key, Profile] = ChainMap({}, certified)  # type: ignore[arg-type]  # read only
    readings = []
    for day in sorted(days):
        surfaces = sorted({surface for _, surface in [*known, *current]})
        today = [
            reading
            for surface in surfaces
            for reading in _of_surface(drift, limits, current, certified, known, (day, surface))
        ]
        readings += today
        off = {each.surface for each in today if each.is_beyond(limits)}
        for surface in surfaces:
            if surface not in off and (day, surface) in current:
                known.setdefault((day, surface), current[day, surface])
    return readings


def _of_surface(
    drift: Drift,
    limits: Limits,
    current: Mapping[Key, Profile],
    certified: Mapping[Key, Profile],
    known: Mapping[Key, Profile],
    key: Key,
) -> Iterator[Reading]:
    now, before = current.get(key, Profile()), certified.get(key)
    if not drift.day:
        # How many rows a table has as a whole is for its suite to say: it grows and shrinks.
        if before is not None:
            yield from _shape(drift, limits, key, now, Past((key[0],), (before,)))
        return
    is_grounded = len({day for day, _ in certified if day != key[0]}) >= _LEAST_DAYS
    readings: list[Reading] = []
    if before is not None and before.rows >= limits.least:
        readings += _restated(key, now, before)
    past = _past(known, key)
    if len(past.days) >= _LEAST_DAYS:
        readings += _volume(limits, key, now, past)
        readings += _shape(drift, limits, key, now, past)
    yield from (replace(each, is_grounded=is_grounded) for each in readings)


def _past(known: Mapping[Key, Profile], key: Key) -> Past:
    """The days before, since the product first had rows; a day without any counts as nothing."""
    day, surface = key
    first = day - timedelta(days=REACH_DAYS)
    of_any = sorted({each for each, _ in known if first <= each < day})
    own = [each for each in of_any if (each, surface) in known]
    if not own:
        return Past((), ())
    days = tuple(each for each in of_any if each >= own[0])
    return Past(days, tuple(known.get((each, surface), Profile()) for each in days))


def _restated(key: Key, now: Profile, before: Profile) -> Iterator[Reading]:
    """A day that was certified before: late rows add a little, corrections take little away."""
    change = now.rows / before.rows - 1
    monitor = "restated_rise" if change > 0 else "restated_drop"
    yield Reading(monitor, "", *key, abs(change), now.rows, before.rows)


def _volume(limits: Limits, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    """Rows and units against their forecasts."""
    if key[0].weekday() not in _usual_weekdays(past, is_empty=not now.rows):
        return
    # Of days that were kept before rows were counted like this, there is their plain number.
    is_counted = all(each.counted is not None for each in (now, *past.profiles))
    counts: tuple[tuple[str, Callable[[Profile], int]], ...] = (
        ("units", lambda profile: profile.units * profile.sampled),
        (
            "rows",
            lambda profile: (
                (profile.counted or 0) * profile.sampled if is_counted else profile.rows
            ),
        ),
    )
    parts_of_rows = None
    for name, count in counts:
        found = forecast(past.days, [count(each) for each in past.profiles], key[0])
        is_young = len(past.days) < _YOUNG_DAYS and count(now) > found.expected
        if found.expected >= limits.least and not is_young:
            yield _against(found, count(now), key, (f"{name}_drop", f"{name}_rise"), parts_of_rows)
        if len(past.days) < _YOUNG_DAYS:
            # Rows come by the unit. How far that scatters them is in the spread of a long past. In
            # a short one each unit's are taken as geometric: the variance of their sum, over its
            # square, is then near 2 / units.
            parts_of_rows = found.expected / 2


def _usual_weekdays(past: Past, *, is_empty: bool) -> set[int]:
    """Weekdays on which a day is judged: closed on Saturdays, or broken on the first one?

    One that was seen; of a day without any row, one that has had rows in half of its weeks: who
    worked on one Saturday does not on every one.
    """
    if not is_empty:
        return {day.weekday() for day in past.days}
    seen = [day.weekday() for day, each in zip(past.days, past.profiles, strict=True) if each.rows]
    weeks = 1 + (past.days[-1] - past.days[0]).days // 7
    return {weekday for weekday in seen if 2 * seen.count(weekday) >= weeks}


def _against(
    found: Forecast, observed: float, key: Key, monitors: tuple[str, str], parts: float | None
) -> Reading:
    change = observed / found.expected - 1
    is_chance = abs(found.chance(observed, parts)) < _Z
    distance = 0.0 if is_chance else abs(change)
    return Reading(monitors[change >= 0], "", *key, distance, observed, round(found.expected, 1))


def _shape(drift: Drift, limits: Limits, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    """What does not depend on how many rows there are."""
    if now.units < limits.least:
        return
    yield from _nulls(key, now, past)
    yield from _values(drift, limits, key, now, past)
    yield from _shared(drift, key, now, past)
    yield from _numbers(drift, limits, key, now, past)
    if drift.time and drift.day:
        was = np.sum([each.hours for each in past.profiles if each.hours], axis=0, dtype=float)
        distance = instability(np.asarray(now.hours, dtype=float), was)
        yield Reading("hours", drift.time, *key, distance, float(sum(now.hours)), float(was.sum()))
    if drift.repeats:
        yield from _risen("repeats", "", key, now, past, lambda each: each.repeated)
    if drift.looks_for_replays:
        # The day before once more, in its place or besides, under other ids and dates. Of times
        # that are whole seconds or minutes some coincide on any day, of scheduled work most.
        yield from _risen("replayed", drift.time, key, now, past, lambda each: each.replays)


def _risen(
    monitor: str,
    column: str,
    key: Key,
    now: Profile,
    past: Past,
    of: Callable[[Profile], float | None],
) -> Iterator[Reading]:
    """A share that may rise above what it usually is; nothing where one of both is not known."""
    shares = [of(each) for each in past.profiles if each.rows]
    earlier, is_now = [each for each in shares if each is not None], of(now)
    if earlier and is_now is not None:
        usual = median(earlier)
        yield Reading(monitor, column, *key, max(0.0, is_now - usual), is_now, usual)


def _nulls(key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    for column, share in now.nulls.items():
        earlier = [each.nulls[column] for each in past.profiles if column in each.nulls]
        if not earlier:
            continue
        usual = median(earlier)
        # Days differ by more than chance where few units write much; see how much they did.
        noise = max(abs(each - usual) for each in earlier)
        error = _Z * math.sqrt(max(usual * (1 - usual), 1 / now.units) / now.units)
        distance = max(0.0, share - usual - max(noise, error))
        yield Reading("nulls", column, *key, distance, share, usual)


def _values(drift: Drift, limits: Limits, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    for column in drift.values:
        own = now.values.get(column, {})
        earlier = [each.values.get(column, {}) for each in past.profiles]
        seen = {value for each in earlier for value in each}
        for value, units in own.items():
            # What is not among the most common ones before and is now, is as good as new.
            if value not in seen and value != OTHER_VALUES:
                share = units / now.units
                distance = max(0.0, share - 2 * math.sqrt(share / now.units))
                yield Reading("new_value", column, *key, distance, units * now.sampled, 0, value)
        for value in sorted(seen - {OTHER_VALUES}):
            counts = [each.get(value, 0) for each in earlier]
            yield from _value(column, value, limits, key, own.get(value, 0), now, past, counts)
        yield from _mix(column, key, now, past)


def _value(
    column: str,
    value: str,
    limits: Limits,
    key: Key,
    units: int,
    now: Profile,
    past: Past,
    counts: list[int],
) -> Iterator[Reading]:
    """One value: rarer or more frequent both by its share and by its count.

    By share alone, a crowd that does something else would make all other values rare; by count
    alone, a quiet day would.
    """
    days = [
        (count, profile.units, profile.sampled)
        for count, profile in zip(counts, past.profiles, strict=True)
        if profile.units
    ]
    expected = median(count / whole for count, whole, _ in days) * now.units
    if expected * now.sampled < limits.least:
        return
    spread = 1.4826 * median(abs(count / whole * now.units - expected) for count, whole, _ in days)
    found = Forecast(expected, max(spread / expected, _LEAST_SPREAD))
    change = units / expected - 1
    usual = median(count * sampled for count, _, sampled in days)
    by_count = units * now.sampled / usual - 1 if usual else change
    if abs(found.chance(units)) < _Z or change * by_count <= 0:
        change = 0.0
    change = min(change, by_count, key=abs)
    monitor = "value_drop" if change < 0 else "value_rise"
    both = (units * now.sampled, round(expected * now.sampled, 1))
    yield Reading(monitor, column, *key, abs(change), *both, value)


def _mix(column: str, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    """Total variation distance of the shares, less what chance makes of it.

    Half the sum of the absolute differences. Of equal populations each is about the mean of a
    half-normal variable, sqrt(2 / pi) times its standard error; one unit moves the distance by at
    most 1 / n, so its own standard deviation is at most 1 / (2 sqrt(n)) (McDiarmid), taken twice.
    """
    usual: dict[str, float] = {}
    total = sum(sum(each.values.get(column, {}).values()) for each in past.profiles)
    own = now.values.get(column, {})
    if not total or not own:
        return
    for each in past.profiles:
        for value, units in each.values.get(column, {}).items():
            usual[value] = usual.get(value, 0.0) + units / total
    units = sum(own.values())
    is_now = {value: count / units for value, count in own.items()}
    moved = sum(abs(is_now.get(v, 0) - usual.get(v, 0)) for v in {*is_now, *usual}) / 2
    spread = sum(math.sqrt(max(0.0, share * (1 - share))) for share in usual.values())
    chance = spread * math.sqrt((1 / units + 1 / total) / (2 * math.pi))
    distance = max(0.0, moved - chance - 1 / math.sqrt(units))
    yield Reading("mix", column, *key, distance, units, total)


def _shared(drift: Drift, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    for column in drift.shared:
        earlier = [
            each.shared[column] / each.units
            for each in past.profiles
            if column in each.shared and each.units
        ]
        if not earlier or column not in now.shared:
            continue
        share, usual = now.shared[column] / now.units, max(earlier)
        # One that attacks many does not take the others' away; one that stands for all does.
        others = median(
            (each.units - each.shared.get(column, 0)) * each.sampled for each in past.profiles
        )
        left = (now.units - now.shared[column]) * now.sampled
        missing = 1 - left / others if others else 1.0
        distance = max(0.0, min(share - usual, missing))
        yield Reading("shared", column, *key, distance, share, usual)


def _numbers(drift: Drift, limits: Limits, key: Key, now: Profile, past: Past) -> Iterator[Reading]:
    for column in drift.numbers:
        own = now.numbers.get(column, {})
        earlier = [each.numbers.get(column, {}) for each in past.profiles]
        bins = sorted({*own, *(name for each in earlier for name in each)}, key=int)
        is_now = np.array([own.get(name, 0) for name in bins], dtype=float)
        was = np.array([sum(each.get(name, 0) for each in earlier) for name in bins], dtype=float)
        if is_now.sum() < limits.least or was.sum() < limits.least:
            continue
        distance = instability(is_now, was)
        yield Reading("numbers", column, *key, distance, float(is_now.sum()), float(was.sum()))


def instability(now: Floats, was: Floats) -> float:
    """Population stability index of two histograms, less what chance makes of it.

    Sum over bins of (p - q) * ln(p / q) with half a unit in each bin (Siddiqi, Credit Risk
    Scorecards, 2006). Of equal populations it is about (bins - 1) * (1 / n + 1 / m); twice that is
    taken off.

    Args:
        now: (bins,) counts.
        was: (bins,) counts.
    """
    if not now.sum() or not was.sum():
        return 0.0
    bins = len(now)
    p, q = (now + 0.5) / (now.sum() + bins / 2), (was + 0.5) / (was.sum() + bins / 2)
    index = float(((p - q) * np.log(p / q)).sum())
    return max(0.0, index - 2 * (bins - 1) * float(1 / now.sum() + 1 / was.sum()))
