"""Who lives in the world: users, organisations and API keys, with their habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gatehouse.simulate.columns import Ints, make_ids
from gatehouse.simulate.networks import DISPOSABLE_DOMAINS, Networks, build_networks
from gatehouse.simulate.seeds import child

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PRODUCTS = ("chat_assistant", "api", "image_generation", "agents")
ACTOR_TYPES = pa.array(["user", "organisation", "api_key"])
USER, ORGANISATION, API_KEY = 0, 1, 2
PLANS = pa.array(["free", "plus", "pro", "team", "enterprise"])
COUNTRIES = pa.array(
    ["US", "IN", "BR", "GB", "DE", "FR", "JP", "CA", "MX", "ID", "NG", "PL", "AU", "KR", "EG", "ES"]
)
_COUNTRY_WEIGHTS = (22, 14, 8, 7, 6, 5, 5, 4, 4, 6, 5, 3, 3, 3, 3, 2)
_UTC_OFFSETS = np.array([-6, 5, -3, 0, 1, 1, 9, -5, -6, 7, 1, 1, 10, 9, 2, 1])
_MAIL_HOSTS = (*(f"mail-{number}.example" for number in range(8)), "campus.example")
USER_AGENTS = pa.array(
    [
        *(f"Browser/{version} (Desktop)" for version in range(118, 126)),
        *(f"Browser/{version} (Phone)" for version in range(118, 126)),
        *(f"gatehouse-app/{version}.0" for version in range(3, 7)),
        *(f"sdk-python/1.{version}" for version in range(6)),
        *(f"sdk-js/2.{version}" for version in range(4)),
    ]
)
_FIRST_SDK = 20
_SIGN_UP_DAYS = 60  # a new actor signs up somewhere in the first 60 simulated days
# Share of an actor's requests by kind of actor (rows) and product, before personal taste.
_TASTE = np.array([[0.66, 0.04, 0.2, 0.1], [1.0, 0, 0, 0], [0.0, 0.88, 0.07, 0.05]])


@dataclass
class Population:
    """Actors as arrays, one position an actor.

    Attributes:
        ids: actor ids.
        kind: position in `ACTOR_TYPES`.
        parent: position of the organisation or owner, -1 for none.
        plan: position in `PLANS`.
        country: position in `COUNTRIES`.
        utc_offset: hours from UTC.
        joined: day of sign-up, in days from the start of the simulation; negative is before it.
        left: day from which the actor does nothing more.
        rate: events a day on a plain day.
        taste: cumulative share of events by product, shape (actors, products).
        addresses: positions in the network pool: usual, second and rare one, shape (actors, 3).
        devices: positions in `device_pool`, shape (actors, 2); -1 for none.
        user_agent: positions in `USER_AGENTS`.
        email_domain: mail domain as text.
        malice: probability that a piece of content breaks a policy.
        is_protected: in a protected cohort.
    """

    ids: Any
    kind: Ints
    parent: Ints
    plan: Ints
    country: Ints
    utc_offset: Ints
    joined: Floats
    left: Floats
    rate: Floats
    taste: Floats
    addresses: Ints
    devices: Ints
    user_agent: Ints
    email_domain: list[str]
    malice: Floats
    is_protected: Flags
    device_pool: Any
    networks: Networks

    def __len__(self) -> int:
        return len(self.kind)

    def active(self, day: int) -> Flags:
        """Which actors exist on a day and have not left; organisations act by their users."""
        here: Flags = (self.joined < day + 1) & (self.left > day)
        acts: Flags = here & (self.kind != ORGANISATION)
        return acts


def build_population(actors: int, products: tuple[str, ...], seed: int) -> Population:
    """A population of ``actors`` of which some sign up only during the simulation."""
    rng = child(seed, "population")
    kind = rng.choice(3, size=actors, p=[0.87, 0.03, 0.10])
    kind[0], kind[-1] = ORGANISATION, API_KEY  # however few there are, one of each
    organisations = np.flatnonzero(kind == ORGANISATION)
    networks = build_networks(actors, len(organisations))
    parent = _parents(kind, organisations, rng)
    plan = _plans(kind, parent, rng)
    country = rng.choice(len(COUNTRIES), size=actors, p=np.array(_COUNTRY_WEIGHTS) / 100)
    joined = _joined(actors, parent, rng)
    left = np.where(rng.random(actors) < 0.1, joined + rng.exponential(120, actors), np.inf)
    devices = np.stack([np.arange(actors) * 2, np.arange(actors) * 2 + 1], axis=1)
    devices[rng.random(actors) < 0.6, 1] = -1
    devices[kind == API_KEY] = -1
    return Population(
        ids=_ids(kind, seed),
        kind=kind,
        parent=parent,
        plan=plan,
        country=country,
        utc_offset=_UTC_OFFSETS[country],
        joined=joined,
        left=left,
        rate=_rates(kind, plan, rng),
        taste=_tastes(kind, products, rng),
        addresses=_addresses(kind, parent, organisations, networks, rng),
        devices=devices,
        user_agent=_user_agents(kind, rng),
        email_domain=_mail_domains(kind, parent, rng),
        malice=np.where(rng.random(actors) < 0.006, 0.25, 0.0015),
        is_protected=rng.random(actors) < 0.01,
        device_pool=make_ids("d", "devices", 2 * actors, seed=seed, day=0),
        networks=networks,
    )


def _ids(kind: Ints, seed: int) -> Any:
    numbers = make_ids("", "actors", len(kind), seed=seed, day=0).to_pylist()
    return pa.array([f"{'uok'[k]}_{number}" for k, number in zip(kind, numbers, strict=True)])


def _parents(kind: Ints, organisations: Ints, rng: np.random.Generator) -> Ints:
    # Few organisations have many members: a Zipf-like draw over them.
    weights = 1 / np.arange(1, len(organisations) + 1)
    employer = rng.choice(organisations, size=len(kind), p=weights / weights.sum())
    owner = rng.choice(np.flatnonzero(kind != API_KEY), size=len(kind))
    parent = np.where(rng.random(len(kind)) < 0.25, employer, -1)
    parent = np.where(kind == API_KEY, owner, parent)
    return np.where(kind == ORGANISATION, -1, parent)


def _plans(kind: Ints, parent: Ints, rng: np.random.Generator) -> Ints:
    plan = rng.choice(3, size=len(kind), p=[0.72, 0.2, 0.08])
    plan[kind == ORGANISATION] = rng.choice([3, 4], size=int((kind == ORGANISATION).sum()))
    has_parent = parent >= 0
    plan[has_parent] = plan[parent[has_parent]]
    return plan


def _joined(actors: int, parent: Ints, rng: np.random.Generator) -> Floats:
    before = -rng.exponential(220, actors) - 0.01
    joined = np.where(rng.random(actors) < 0.25, rng.uniform(0, _SIGN_UP_DAYS, actors), before)
    for _ in range(2):  # a key's owner may have an organisation above it
        has_parent = parent >= 0
        joined[has_parent] = np.maximum(joined[has_parent], joined[parent[has_parent]])
    return joined


def _rates(kind: Ints, plan: Ints, rng: np.random.Generator) -> Floats:
    rate = rng.lognormal(np.log(3.0), 1.15, len(kind)) * np.array([0.7, 1.6, 2.6, 1.5, 1.5])[plan]
    rate = np.where(kind == API_KEY, rate * 6, rate)
    return np.where(kind == ORGANISATION, 0.0, np.minimum(rate, 20_000.0))


def _tastes(kind: Ints, products: tuple[str, ...], rng: np.random.Generator) -> Floats:
    offered = np.array([product in products for product in PRODUCTS])
    shares = rng.standard_gamma(0.8, (len(kind), len(PRODUCTS))) * _TASTE[kind] * offered
    shares += 1e-9 * offered
    return np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)


def _addresses(
    kind: Ints, parent: Ints, organisations: Ints, networks: Networks, rng: np.random.Generator
) -> Ints:
    count = len(kind)
    home = networks.first["home"] + np.arange(count)
    office_of = np.full(count, -1)
    office_of[organisations] = networks.first["office"] + np.arange(len(organisations))
    usual = np.where(parent >= 0, office_of[parent], -1)
    usual = np.where(usual >= 0, usual, home)
    campus = rng.random(count) < 0.03
    usual = np.where(campus, networks.draw("university", rng, count), usual)
    second = np.where(usual == home, networks.draw("carrier", rng, count), home)
    # Most programs have a hosted address of their own; people share those of carriers and VPNs.
    hosted = networks.draw("datacenter", rng, count)
    rare = np.where(rng.random(count) < 0.12, networks.draw("vpn", rng, count), second)
    rare = np.where(rng.random(count) < 0.004, networks.draw("tor", rng, count), rare)
    is_key = (kind == API_KEY)[:, None]
    return np.where(is_key, hosted[:, None], np.stack([usual, second, rare], axis=1))


def _user_agents(kind: Ints, rng: np.random.Generator) -> Ints:
    person = rng.integers(0, _FIRST_SDK, len(kind))
    program = rng.integers(_FIRST_SDK, len(USER_AGENTS), len(kind))
    return np.where(kind == API_KEY, program, person)


def _mail_domains(kind: Ints, parent: Ints, rng: np.random.Generator) -> list[str]:
    weights = 1 / np.arange(1, len(_MAIL_HOSTS) + 1)
    hosts = rng.choice(_MAIL_HOSTS, size=len(kind), p=weights / weights.sum())
    drops = rng.choice(DISPOSABLE_DOMAINS, size=len(kind))
    domains = np.where(rng.random(len(kind)) < 0.01, drops, hosts).tolist()
    return [
        f"org-{number}.example"
        if kind[number] == ORGANISATION
        else f"org-{above}.example"
        if above >= 0 and kind[above] == ORGANISATION
        else domain
        for number, (domain, above) in enumerate(zip(domains, parent.tolist(), strict=True))
    ]
