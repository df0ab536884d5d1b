"""Who lives in the world, as arrays: one position an actor. It grows day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gatehouse.simulate.columns import Ints
from gatehouse.simulate.networks import Networks

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PRODUCTS = ("chat_assistant", "api", "image_generation", "agents")
CHAT, API, IMAGES, AGENTS = range(4)
ACTOR_TYPES = pa.array(["user", "organisation", "api_key"])
USER, ORGANISATION, API_KEY = 0, 1, 2
PLANS = pa.array(["free", "plus", "pro", "team", "enterprise"])
FREE, PLUS, PRO, TEAM, ENTERPRISE = range(5)
USER_AGENTS = pa.array(
    [
        *(f"Browser/{version} (Desktop)" for version in range(118, 126)),
        *(f"Browser/{version} (Phone)" for version in range(118, 126)),
        *(f"gatehouse-app/{version}.0" for version in range(3, 7)),
        *(f"sdk-python/1.{version}" for version in range(6)),
        *(f"sdk-js/2.{version}" for version in range(4)),
    ]
)
FIRST_SDK = 20
NOBODY = -1
LONE = -2  # breaks policies on its own account, in no campaign
_SETTLED_AFTER = 3  # days


@dataclass
class Population:
    """Actors as arrays, one position an actor.

    Attributes:
        ids: actor ids.
        kind: position in `ACTOR_TYPES`.
        parent: position of the organisation or owner, -1 for none.
        plan: position in `PLANS`.
        country: position in `COUNTRIES`.
        joined: day of sign-up, in days from the start of the simulation; negative is before it.
        left: day from which the actor does nothing more.
        rate: events a day on a plain day.
        taste: cumulative share of events by product, shape (actors, products).
        addresses: positions in the network pool: usual, second and rare one, shape (actors, 3).
        devices: positions in ``device_pool``, shape (actors, 2); -1 for none.
        user_agent: positions in `USER_AGENTS`.
        card: position of the actor whose card pays; mostly the actor itself.
        email_domain: mail domain as text.
        malice: probability that a piece of content breaks a policy.
        is_protected: in a protected cohort.
        abuse: the truth: number of a campaign, `NOBODY` or `LONE`.
        device_pool: ids of devices.
        networks: addresses.
    """

    ids: Any
    kind: Ints
    parent: Ints
    plan: Ints
    country: Ints
    joined: Floats
    left: Floats
    rate: Floats
    taste: Floats
    addresses: Ints
    devices: Ints
    user_agent: Ints
    card: Ints
    email_domain: list[str]
    malice: Floats
    is_protected: Flags
    abuse: Ints
    device_pool: Any
    networks: Networks

    def __len__(self) -> int:
        return len(self.kind)

    def active(self, day: int) -> Flags:
        """Which actors exist on a day and have not left; organisations act by their users."""
        here: Flags = (self.joined < day + 1) & (self.left > day)
        acts: Flags = here & (self.kind != ORGANISATION)
        return acts

    def settled(self, day: int) -> Ints:
        """Positions of ordinary users who came days ago and stay; of all users if there is none."""
        users = self.kind == USER
        there = users & (self.joined < day - _SETTLED_AFTER) & np.isinf(self.left)
        ordinary = np.flatnonzero(there & (self.abuse == NOBODY))
        return ordinary if len(ordinary) else np.flatnonzero(users)

    def extend(self, more: Population) -> Ints:
        """Add actors, whose own positions count from 0 in ``more`` (parents excepted).

        Returns:
            Their positions.
        """
        before, devices = len(self), len(self.device_pool)
        more.devices = np.where(more.devices >= 0, more.devices + devices, -1)
        more.card = more.card + before
        for name in _ARRAYS:
            setattr(self, name, np.concatenate([getattr(self, name), getattr(more, name)]))
        self.ids = pa.concat_arrays([self.ids, more.ids])
        self.device_pool = pa.concat_arrays([self.device_pool, more.device_pool])
        self.email_domain += more.email_domain
        return np.arange(before, len(self))


_ARRAYS = (
    "kind",
    "parent",
    "plan",
    "country",
    "joined",
    "left",
    "rate",
    "taste",
    "addresses",
    "devices",
    "user_agent",
    "card",
    "malice",
    "is_protected",
    "abuse",
)
