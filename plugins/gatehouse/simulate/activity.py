"""What actors do on a day: sessions, and the events in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.columns import (
    Columns,
    Ints,
    day_start_us,
    make_ids,
    pick,
)
from gatehouse.simulate.population import (
    ACTOR_TYPES,
    API,
    API_KEY,
    NOBODY,
    PRODUCTS,
    USER_AGENTS,
    Flags,
    Floats,
    Population,
)
from gatehouse.simulate.requests import request_columns
from gatehouse.simulate.rhythm import utc_day
from gatehouse.simulate.seeds import child
from gatehouse.simulate.sessions import after_sign_up, draw_sessions, event_times, in_time_order

_EVENTS_A_BLOCK = 500_000  # what bounds memory
_KEY_WEEK = np.array([1.02, 1.04, 1.04, 1.03, 1.02, 0.93, 0.92])  # Monday first; programs
_CONTENT_SHARE, _CONTENT_SHARE_API = 0.06, 0.02
_REFUSED = 0.45  # share of violating requests that the product refuses
_DEVICE_CHANGES, _ADDRESS_CHANGES, _ADDRESS_RARE = 0.8, 0.72, 0.96


@dataclass(frozen=True)
class Day:
    """A day's plan: how much everybody does, in parts of bounded size.

    Attributes:
        number: simulated day, 0 first.
        starts_at: its first instant, microseconds since 1970.
        counts: events by actor.
        parts: positions of the actors of each part.
        profile: cumulative share of the day by country and UTC hour, shape (countries, 24).
        calendar: what else happens.
    """

    number: int
    starts_at: int
    counts: Ints
    parts: list[Ints]
    profile: Floats
    calendar: Calendar


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
        violating: whether that content breaks a policy.
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
    violating: Flags
    session_actor: Ints
    session_at: Ints
    columns: Columns


def plan_day(people: Population, day: int, calendar: Calendar, *, scale: float) -> Day:
    """How much everybody does on a day.

    Args:
        people: the population.
        day: simulated day, 0 first.
        calendar: holidays, launches and outages.
        scale: factor on every actor's rate.
    """
    expected = people.rate * scale * rhythm_factors(people, day, calendar)
    counts = child(calendar.seed, "counts", day).poisson(expected)
    edges = np.searchsorted(
        np.cumsum(counts), np.arange(_EVENTS_A_BLOCK, counts.sum() + 1, _EVENTS_A_BLOCK)
    )
    parts = [part for part in np.split(np.arange(len(counts)), edges) if counts[part].sum()]
    hours = utc_day(calendar.weekday(day))
    profile = np.cumsum(hours, axis=1) / hours.sum(axis=1, keepdims=True)
    start = day_start_us(calendar.start, day)
    return Day(day, start, counts, parts, profile, calendar)


def rhythm_factors(people: Population, day: int, calendar: Calendar) -> Floats:
    """What a day makes of everybody's plain rate; 0 for those who are not there."""
    by_country = utc_day(calendar.weekday(day)).mean(axis=1) * calendar.holiday_factors(day)
    launch = calendar.launch(day)
    person = by_country[people.country] * (1 + (launch[1] if launch else 0))
    program = _KEY_WEEK[calendar.weekday(day)]
    there = people.active(day)
    factors: Floats = np.where(people.kind == API_KEY, program, person) * there
    return factors


def make_block(people: Population, plan: Day, number: int, seed: int) -> Block:
    """The events of a part of a day, in time order."""
    members, day = plan.parts[number], plan.number
    counts, rng = plan.counts[members], child(seed, "activity", day, number)
    session_actor, session_at, session_of = draw_sessions(
        people, members, counts, plan.profile, day, rng
    )
    actor = np.repeat(members, counts)
    offset = event_times(people.kind[actor] == API_KEY, session_at[session_of], rng)
    offset = after_sign_up(people.joined[actor] - day, offset)
    order, offset = in_time_order(offset)
    actor, session_of, at = actor[order], session_of[order], offset + plan.starts_at
    product = _products(people, actor, plan, rng)
    share = np.where(product == API, _CONTENT_SHARE_API, _CONTENT_SHARE)
    content_of = np.flatnonzero(rng.random(len(actor), np.float32) < share)
    violating = rng.random(len(content_of)) < people.malice[actor[content_of]]
    refused = np.zeros(len(actor), dtype=np.bool_)
    refused[content_of] = violating & (rng.random(len(content_of)) < _REFUSED)
    ids = {"seed": seed, "day": day, "block": number}
    content_ids = make_ids("c_", "content", len(content_of), **ids)
    sessions = make_ids("s_", "sessions", len(session_actor), **ids)
    columns = {
        "event_id": make_ids("e_", "events", len(actor), **ids),
        "occurred_at": at,
        "content_id": _at_positions(content_ids, content_of, len(actor)),
        "session_id": sessions.take(pa.array(session_of)),
        **who_and_where(people, actor, session_of, rng),
        **request_columns(product, at, rng, outages=plan.calendar.outages(day), refused=refused),
    }
    return Block(
        day,
        number,
        actor,
        at,
        product,
        content_of,
        content_ids,
        violating,
        session_actor,
        session_at + plan.starts_at,
        columns,
    )


def who_and_where(
    people: Population, actor: Ints, session_of: Ints, rng: np.random.Generator
) -> Columns:
    """Actor, address, device and client of events.

    One draw a session: an actor does not hop between addresses within one.
    """
    draw = rng.random(int(session_of.max(initial=0)) + 1, np.float32)[session_of]
    which = (draw > _ADDRESS_CHANGES).astype(np.int64) + (draw > _ADDRESS_RARE)
    device = people.devices[actor, (draw > _DEVICE_CHANGES).astype(np.int64)]
    device = np.where(device < 0, people.devices[actor, 0], device)
    return {
        "actor_id": pick(people.ids, actor),
        "actor_type": pick(ACTOR_TYPES, people.kind[actor]),
        "ip_address": pick(people.networks.pool, people.addresses[actor, which]),
        "device_id": pick(people.device_pool, device),
        "user_agent": pick(USER_AGENTS, people.user_agent[actor]),
    }


def choose_products(people: Population, actor: Ints, rng: np.random.Generator) -> Ints:
    """A product for each event, by its actor's taste."""
    draw = rng.random(len(actor))
    chosen = np.zeros(len(actor), dtype=np.int64)
    for bound in people.taste.T[:-1]:
        chosen += draw > bound[actor]
    return chosen


def _products(people: Population, actor: Ints, plan: Day, rng: np.random.Generator) -> Ints:
    product, launch = choose_products(people, actor, rng), plan.calendar.launch(plan.number)
    if launch is None:
        return product
    code, boost = launch
    tries = (rng.random(len(actor)) < boost) & (people.kind[actor] != API_KEY)
    # Who belongs to a campaign is busy with it.
    tries &= people.abuse[actor] <= NOBODY
    return np.where(tries, PRODUCTS.index(code), product)


def _at_positions(values: Any, positions: Ints, count: int) -> Any:
    index = np.full(count, -1, dtype=np.int64)
    index[positions] = np.arange(len(positions))
    return values.take(pa.array(index, mask=index < 0))
