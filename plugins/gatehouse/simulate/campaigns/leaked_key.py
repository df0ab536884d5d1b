"""Leaked key: an API key is found and resold; strangers use it beside its owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.population import API_KEY, FIRST_SDK, NOBODY, USER_AGENTS

_REQUESTS = (260, 180)  # a key and day, by phase
_BUYERS = 16


@dataclass
class LeakedKey(Acting):
    """First the buyers come from everywhere; then a relay hides them behind one address."""

    kind: ClassVar[str] = "leaked_key"
    policy_code: ClassVar[str] = "account_takeover"
    first_day: ClassVar[int] = 3
    days: ClassVar[int] = 9
    plain_size: ClassVar[int] = 3
    adapts_after: ClassVar[int] = 5

    sources: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def recruit(self, rng: np.random.Generator) -> None:
        """Find keys; the resellers have accounts of their own, at one of the addresses."""
        people = self.world.people
        usable = (
            (people.kind == API_KEY) & (people.joined < 0) & (people.left > self.now + self.days)
        )
        keys = np.flatnonzero(usable & (people.abuse == NOBODY))
        found = rng.choice(keys, size=min(max(1, self.size // 2), len(keys)), replace=False)
        self.join(found, "victim")
        self.join(np.unique(people.parent[found]), "target")
        homes, vpn = self.rent("home", _BUYERS - 4, rng), self.rent("vpn", 4, rng)
        self.sources = np.concatenate([homes, vpn])
        self.enlist(max(1, self.size // 2), rng, addresses=vpn, product="api")

    def adapt(self, rng: np.random.Generator) -> None:
        """Put a relay in a datacenter before the buyers."""
        self.sources = self.rent("datacenter", 1, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Requests at all hours, longer than the owner's; a reseller tries the key first."""
        keys = self.able("victim")
        actor = self.each(keys, _REQUESTS[self.phase], rng)
        at = self.hours(rng, len(actor), (0, 24))
        buyer = rng.integers(0, _BUYERS, len(actor))
        clients = FIRST_SDK + buyer % (len(USER_AGENTS) - FIRST_SDK)
        if self.phase == 1:  # the relay speaks with one voice: the owner's
            clients = self.world.people.user_agent[actor]
        self.request(
            traffic,
            actor,
            at,
            rng,
            product="api",
            addresses=self.sources[buyer % len(self.sources)],
            user_agents=clients,
            input_tokens=rng.integers(800, 9_000, len(actor)),
        )
        sellers = self.each(self.able(), 6, rng)
        self.request(
            traffic,
            sellers,
            self.since_sign_up(sellers, self.hours(rng, len(sellers))),
            rng,
            product="api",
        )
