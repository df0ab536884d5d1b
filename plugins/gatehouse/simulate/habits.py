"""How actors are drawn: what they are, how much they use, from where and with what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.columns import Ints, make_ids
from gatehouse.simulate.geography import COUNTRIES, COUNTRY_SHARES
from gatehouse.simulate.networks import DISPOSABLE_DOMAINS, Networks, build_networks
from gatehouse.simulate.population import (
    API_KEY,
    FIRST_SDK,
    LONE,
    NOBODY,
    ORGANISATION,
    PRODUCTS,
    USER_AGENTS,
    Flags,
    Floats,
    Population,
)
from gatehouse.simulate.seeds import child

_KIND_SHARES = (0.87, 0.03, 0.10)  # users, organisations, API keys
_MAIL_HOSTS = (*(f"mail-{number}.example" for number in range(8)), "campus.example")
# Share of an actor's requests by kind of actor (rows) and product, before personal taste.
_TASTE = np.array([[0.66, 0.04, 0.2, 0.1], [1.0, 0, 0, 0], [0.0, 0.88, 0.07, 0.05]])
# Events a day: log-normal with a Pareto tail; see docs/concepts/simulated-world.md.
_RATE_MEDIAN, _RATE_SIGMA = 1.35, 1.3
_TAIL_SHARE, _TAIL_SHAPE, _TAIL_FACTOR = 0.012, 1.6, 6.0
_RATE_MAX = 20_000.0
_PLAN_FACTORS = np.array([0.7, 1.6, 2.6, 1.5, 1.5])
_KEY_FACTOR = 6.0
_LONE_SHARE, _LONE_MALICE = 0.006, 0.25
PLAIN_MALICE = 0.0015


def first_population(actors: int, products: tuple[str, ...], seed: int) -> Population:
    """The population of the first morning."""
    rng = child(seed, "population")
    kind = rng.choice(3, size=actors, p=_KIND_SHARES)
    kind[0], kind[-1] = ORGANISATION, API_KEY  # however few there are, one of each
    organisations = np.flatnonzero(kind == ORGANISATION)
    networks = build_networks(actors, len(organisations))
    people = draw_people(
        kind, -rng.exponential(220, actors) - 0.01, networks, products, rng, "actors", seed
    )
    people.left = np.where(rng.random(actors) < 0.12, rng.exponential(80, actors), np.inf)
    _found_families(people, organisations, rng)
    return people


def newcomers(
    people: Population, count: int, day: int, products: tuple[str, ...], seed: int
) -> Population:
    """Actors who sign up on a day; many of the people among them do not come back."""
    rng = child(seed, "newcomers", day)
    kind = rng.choice(3, size=count, p=_KIND_SHARES)
    joined = day + rng.random(count)
    made = draw_people(kind, joined, people.networks, products, rng, "newcomers", seed, day=day)
    stay = rng.choice(3, size=count, p=(0.3, 0.2, 0.5))
    brief, long = rng.exponential(2.0, count), rng.exponential(60.0, count)
    made.left = made.joined + np.select([stay == 0, stay == 1], [brief, long], np.inf)
    settled = people.settled(day)
    owner = rng.choice(settled, size=count)
    made.parent = np.where(kind == API_KEY, owner, -1)
    has_owner = made.parent >= 0
    made.plan[has_owner] = people.plan[owner[has_owner]]
    return made


def draw_people(
    kind: Ints,
    joined: Floats,
    networks: Networks,
    products: tuple[str, ...],
    rng: np.random.Generator,
    stream: str,
    seed: int,
    *,
    day: int = 0,
    block: int = 0,
) -> Population:
    """Actors without families.

    Args:
        kind: position in `ACTOR_TYPES` of each.
        joined: day of sign-up of each.
        networks: where they can be.
        products: product surfaces there are.
        rng: random numbers.
        stream: who makes them, for their ids.
        seed: seed of the simulation.
        day: simulated day, for their ids.
        block: part of the day, for their ids.
    """
    count, is_key = len(kind), kind == API_KEY
    plan = rng.choice(3, size=count, p=[0.72, 0.2, 0.08])
    plan[kind == ORGANISATION] = rng.choice([3, 4], size=int((kind == ORGANISATION).sum()))
    devices = np.stack([np.arange(count) * 2, np.arange(count) * 2 + 1], axis=1)
    devices[rng.random(count) < 0.6, 1] = -1
    devices[is_key] = -1
    lone = (rng.random(count) < _LONE_SHARE) & (kind != ORGANISATION)
    return Population(
        ids=_ids(kind, stream, day, block, seed),
        kind=kind,
        parent=np.full(count, -1),
        plan=plan,
        country=rng.choice(len(COUNTRIES), size=count, p=COUNTRY_SHARES),
        joined=joined,
        left=np.full(count, np.inf),
        rate=_rates(kind, plan, rng),
        taste=draw_tastes(_TASTE[kind], products, rng),
        addresses=_addresses(kind, networks, rng),
        devices=devices,
        user_agent=_user_agents(is_key, rng),
        card=np.arange(count),
        email_domain=_mail_domains(count, rng),
        malice=np.where(lone, _LONE_MALICE, PLAIN_MALICE),
        is_protected=rng.random(count) < 0.01,
        abuse=np.where(lone, LONE, NOBODY),
        device_pool=make_ids("d", f"{stream} devices", 2 * count, seed=seed, day=day, block=block),
        networks=networks,
    )


def draw_tastes(base: Floats, products: tuple[str, ...], rng: np.random.Generator) -> Floats:
    """Cumulative share of events by product, around ``base``."""
    offered = np.array([product in products for product in PRODUCTS])
    shares = rng.standard_gamma(0.8, base.shape) * base * offered
    shares += 1e-9 * offered
    cumulative: Floats = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    return cumulative


def _ids(kind: Ints, stream: str, day: int, block: int, seed: int) -> Any:
    numbers = make_ids("", stream, len(kind), seed=seed, day=day, block=block).to_pylist()
    made = [f"{'uok'[each]}_{number}" for each, number in zip(kind, numbers, strict=True)]
    return pa.array(made, pa.string())


def _rates(kind: Ints, plan: Ints, rng: np.random.Generator) -> Floats:
    count = len(kind)
    rate = _RATE_MEDIAN * np.exp(_RATE_SIGMA * rng.standard_normal(count)) * _PLAN_FACTORS[plan]
    tail = np.where(rng.random(count) < _TAIL_SHARE, _TAIL_FACTOR, 0) * rng.pareto(
        _TAIL_SHAPE, count
    )
    rate = rate * (1 + tail) * np.where(kind == API_KEY, _KEY_FACTOR, 1)
    return np.where(kind == ORGANISATION, 0.0, np.minimum(rate, _RATE_MAX))


def _addresses(kind: Ints, networks: Networks, rng: np.random.Generator) -> Ints:
    count = len(kind)
    home = networks.take("home", count)
    campus = rng.random(count) < 0.03
    usual = np.where(campus, networks.draw("university", rng, count), home)
    second = np.where(usual == home, networks.draw("carrier", rng, count), home)
    # Most programs have a hosted address of their own; people share those of carriers and VPNs.
    hosted = networks.draw("datacenter", rng, count)
    rare = np.where(rng.random(count) < 0.12, networks.draw("vpn", rng, count), second)
    rare = np.where(rng.random(count) < 0.004, networks.draw("tor", rng, count), rare)
    is_key = (kind == API_KEY)[:, None]
    return np.where(is_key, hosted[:, None], np.stack([usual, second, rare], axis=1))


def _user_agents(is_key: Flags, rng: np.random.Generator) -> Ints:
    person = rng.integers(0, FIRST_SDK, len(is_key))
    program = rng.integers(FIRST_SDK, len(USER_AGENTS), len(is_key))
    return np.where(is_key, program, person)


def _mail_domains(count: int, rng: np.random.Generator) -> list[str]:
    weights = 1 / np.arange(1, len(_MAIL_HOSTS) + 1)
    hosts = rng.choice(_MAIL_HOSTS, size=count, p=weights / weights.sum())
    drops = rng.choice(DISPOSABLE_DOMAINS, size=count)
    domains: list[str] = np.where(rng.random(count) < 0.015, drops, hosts).tolist()
    return domains


def _found_families(people: Population, organisations: Ints, rng: np.random.Generator) -> None:
    """Give users organisations and API keys owners, with what follows from it."""
    kind, count = people.kind, len(people)
    # Few organisations have many members: a Zipf-like draw over them.
    weights = 1 / np.arange(1, len(organisations) + 1)
    employer = rng.choice(organisations, size=count, p=weights / weights.sum())
    owner = rng.choice(np.flatnonzero(kind != API_KEY), size=count)
    parent = np.where(rng.random(count) < 0.25, employer, -1)
    parent = np.where(kind == API_KEY, owner, parent)
    people.parent = parent = np.where(kind == ORGANISATION, -1, parent)
    has_parent = parent >= 0
    people.plan[has_parent] = people.plan[parent[has_parent]]
    for _ in range(2):  # a key's owner may have an organisation above it
        later = np.maximum(people.joined[has_parent], people.joined[parent[has_parent]])
        people.joined[has_parent] = later
    people.card = np.where(has_parent, parent, people.card)
    office_of = np.full(count, -1)
    office_of[organisations] = people.networks.take("office", len(organisations))
    office = np.where(has_parent, office_of[parent], -1)
    works = (office >= 0) & (kind != API_KEY)
    home = people.addresses[works, 0]
    people.addresses[works, 0], people.addresses[works, 1] = office[works], home
    for number in np.flatnonzero(has_parent | (kind == ORGANISATION)).tolist():
        above = number if kind[number] == ORGANISATION else int(parent[number])
        if kind[above] == ORGANISATION:
            people.email_domain[number] = f"org-{above}.example"
