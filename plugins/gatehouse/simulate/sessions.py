"""When events happen: sessions in people's waking hours, and the events in them."""

from __future__ import annotations

import numpy as np

from gatehouse.simulate.columns import DAY_US, HOUR_US, MINUTE_US, Ints
from gatehouse.simulate.population import API_KEY, Flags, Floats, Population

_EVENTS_A_SESSION = 9
_MOST_SESSIONS = 24  # a day


def draw_sessions(
    people: Population,
    members: Ints,
    counts: Ints,
    profile: Floats,
    day: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, Ints]:
    """Actor and start of each session, and each event's session.

    Args:
        people: the population.
        members: positions.
        counts: events of each.
        profile: cumulative share of the day by country and UTC hour, shape (countries, 24).
        day: simulated day.
        rng: random numbers.
    """
    is_program = people.kind[members] == API_KEY
    number = np.where(is_program, counts, -(-counts // _EVENTS_A_SESSION))
    number = np.minimum(number, _MOST_SESSIONS)
    first = np.cumsum(number) - number
    actor = np.repeat(members, number)
    by_country = profile[people.country[actor]]
    local = (rng.random(len(actor))[:, None] > by_country).sum(axis=1)
    program = people.kind[actor] == API_KEY
    hour = np.minimum(np.where(program, rng.integers(0, 24, len(actor)), local), 23)
    start = hour * HOUR_US + rng.integers(0, HOUR_US, len(actor))
    per_event = np.repeat(number, counts)
    chosen = (rng.random(len(per_event)) * per_event).astype(np.int64)
    start = after_sign_up(people.joined[actor] - day, start)
    return actor, start, np.repeat(first, counts) + chosen


def event_times(is_program: Flags, start: Ints, rng: np.random.Generator) -> Ints:
    """Times of events, microseconds of the day, in sessions that start at ``start``."""
    gap = rng.standard_exponential(len(start), np.float32)
    within = np.where(is_program, 40, 12) * gap * MINUTE_US
    return (start + within.astype(np.int64)) % DAY_US


def after_sign_up(joined: Floats, offset: Ints) -> Ints:
    """What would lie before the sign-up of that day follows it instead."""
    if not (joined > 0).any():
        return offset
    made = np.clip(joined, 0, 0.999) * DAY_US
    later = made + offset * (1 - made / DAY_US)
    return np.where(offset < made, later.astype(np.int64), offset)


def in_time_order(offset: Ints) -> tuple[Ints, Ints]:
    """Order and sorted times. Time and position share one integer, so ties have one order."""
    packed = np.sort((offset << 24) | np.arange(len(offset)))
    return packed & 0xFFFFFF, packed >> 24
