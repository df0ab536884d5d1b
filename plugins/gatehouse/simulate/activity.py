"""What actors do on a day: sessions, and the events in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gatehouse.simulate.columns import DAY_US, HOUR_US, MINUTE_US, Columns, Ints, make_ids, pick
from gatehouse.simulate.population import (
    ACTOR_TYPES,
    API_KEY,
    PRODUCTS,
    USER_AGENTS,
    Population,
)
from gatehouse.simulate.requests import request_columns
from gatehouse.simulate.seeds import child

_EVENTS_A_BLOCK = 500_000  # what bounds memory
# Local hour of the day, people; programs are flat.
_HOURS = np.array(
    [
        2,
        1.2,
        0.8,
        0.6,
        0.6,
        0.9,
        1.8,
        3.2,
        5,
        6.4,
        7,
        7,
        6.4,
        6.6,
        7,
        7,
        6.6,
        6,
        5.6,
        5.4,
        5,
        4.4,
        3.6,
        2.8,
    ]
)
_WEEK = np.array([1.05, 1.1, 1.1, 1.08, 1.0, 0.82, 0.85])  # Monday first; people
_EVENTS_A_SESSION = 9


@dataclass(frozen=True)
class Block:
    """A part of a day's events, and what later steps draw from.

    Attributes:
        day: simulated day.
        number: part of the day.
        actor: position of each event's actor, in time order.
        at: microseconds since 1970 of each event.
        product: position in `PRODUCTS` of each event.
        content_of: positions of the events that carry content.
        content_ids: ids of that content.
        session_actor: actor of each session.
        session_at: start of each session, microseconds since 1970.
        columns: the events, in the contract's columns.
    """

    day: int
    number: int
    actor: Ints
    at: Ints
    product: Ints
    content_of: Ints
    content_ids: Any
    session_actor: Ints
    session_at: Ints
    columns: Columns


def expected_events(people: Population, days: int) -> float:
    """Events that ``days`` days have on average at the population's plain rates."""
    return float(sum((people.rate * people.active(day)).sum() for day in range(days)))


def daily_blocks(
    people: Population, day: int, day_start: int, seed: int, *, scale: float
) -> Iterator[Block]:
    """A day's events in parts of bounded size, each in time order.

    Args:
        people: the population.
        day: simulated day, 0 first.
        day_start: its first instant, microseconds since 1970.
        seed: seed of the simulation.
        scale: factor on every actor's rate.
    """
    weekday = (day_start // DAY_US + 3) % 7  # 1970-01-01 was a Thursday
    rhythm = np.where(people.kind == API_KEY, 1.0, _WEEK[weekday])
    expected = people.rate * rhythm * people.active(day) * scale
    counts = child(seed, "counts", day).poisson(expected)
    edges = np.searchsorted(
        np.cumsum(counts), np.arange(_EVENTS_A_BLOCK, counts.sum() + 1, _EVENTS_A_BLOCK)
    )
    for number, members in enumerate(np.split(np.arange(len(counts)), edges)):
        if counts[members].sum():
            rng = child(seed, "activity", day, number)
            yield _block(people, members, counts[members], day, number, day_start, seed, rng)


def _block(
    people: Population,
    members: Ints,
    counts: Ints,
    day: int,
    number: int,
    day_start: int,
    seed: int,
    rng: np.random.Generator,
) -> Block:
    session_actor, session_at, session_of = _sessions(people, members, counts, rng)
    actor = np.repeat(members, counts)
    offset = _event_times(people.kind[actor] == API_KEY, session_at[session_of], rng)
    order, offset = _in_time_order(offset)
    actor, session_of = actor[order], session_of[order]
    product = (rng.random(len(actor))[:, None] > people.taste[actor]).sum(axis=1)
    product = np.minimum(product, len(PRODUCTS) - 1)
    content_of = np.flatnonzero((rng.random(len(actor), np.float32) < 0.06) & (product != 1))
    content_ids = make_ids("c_", "content", len(content_of), seed=seed, day=day, block=number)
    columns = {
        "event_id": make_ids("e_", "events", len(actor), seed=seed, day=day, block=number),
        "occurred_at": offset + day_start,
        "content_id": _at_positions(content_ids, content_of, len(actor)),
        "session_id": make_ids(
            "s_", "sessions", len(session_actor), seed=seed, day=day, block=number
        ).take(pa.array(session_of)),
        **_who_and_where(people, actor, session_of, rng),
        **request_columns(product, rng),
    }
    return Block(
        day,
        number,
        actor,
        offset + day_start,
        product,
        content_of,
        content_ids,
        session_actor,
        session_at + day_start,
        columns,
    )


def _sessions(
    people: Population, members: Ints, counts: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Actor and start of each session, and each event's session."""
    is_program = people.kind[members] == API_KEY
    number = np.where(is_program, np.minimum(counts, 24), -(-counts // _EVENTS_A_SESSION))
    number = np.minimum(number, 24)
    first = np.cumsum(number) - number
    actor = np.repeat(members, number)
    cumulative = np.cumsum(_HOURS) / _HOURS.sum()
    local = np.searchsorted(cumulative, rng.random(len(actor)))
    program = people.kind[actor] == API_KEY
    hour = np.where(program, rng.integers(0, 24, len(actor)), local - people.utc_offset[actor]) % 24
    start = hour * HOUR_US + rng.integers(0, HOUR_US, len(actor))
    per_event = np.repeat(number, counts)
    session_of = np.repeat(first, counts) + (rng.random(len(per_event)) * per_event).astype(
        np.int64
    )
    return actor, start, session_of


def _event_times(is_program: NDArray[np.bool_], start: Ints, rng: np.random.Generator) -> Ints:
    gap = rng.standard_exponential(len(start), np.float32)
    within = np.where(is_program, 40, 12) * gap * MINUTE_US
    return (start + within.astype(np.int64)) % DAY_US


def _in_time_order(offset: Ints) -> tuple[Ints, Ints]:
    """Order and sorted times. Time and position share one integer, so ties have one order."""
    packed = np.sort((offset << 24) | np.arange(len(offset)))
    return packed & 0xFFFFFF, packed >> 24


def _at_positions(values: Any, positions: Ints, count: int) -> Any:
    index = np.full(count, -1, dtype=np.int64)
    index[positions] = np.arange(len(positions))
    return values.take(pa.array(index, mask=index < 0))


def _who_and_where(
    people: Population, actor: Ints, session_of: Ints, rng: np.random.Generator
) -> Columns:
    # One draw a session: an actor does not hop between addresses within one.
    draw = rng.random(int(session_of.max()) + 1, np.float32)[session_of]
    which = (draw > 0.72).astype(np.int64) + (draw > 0.96)
    device = people.devices[actor, (draw > 0.8).astype(np.int64)]
    device = np.where(device < 0, people.devices[actor, 0], device)
    return {
        "actor_id": pick(people.ids, actor),
        "actor_type": pick(ACTOR_TYPES, people.kind[actor]),
        "ip_address": pick(people.networks.pool, people.addresses[actor, which]),
        "device_id": pick(people.device_pool, device),
        "user_agent": pick(USER_AGENTS, people.user_agent[actor]),
    }
