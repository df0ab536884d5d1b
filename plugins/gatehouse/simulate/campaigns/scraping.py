"""Scraping: few accounts walk through all the pages there are, behind changing clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.population import FIRST_SDK
from gatehouse.simulate.requests import PAGE_COUNT

_PAGES_A_DAY = (700, 45)  # an account, by phase
_MORE_ACCOUNTS = 3


@dataclass
class Scraping(Acting):
    """First hundreds of pages an account and day; then few, from many more accounts."""

    kind: ClassVar[str] = "scraping"
    policy_code: ClassVar[str] = "scraping"
    first_day: ClassVar[int] = 5
    days: ClassVar[int] = 7
    plain_size: ClassVar[int] = 3
    adapts_after: ClassVar[int] = 4

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts and choose addresses."""
        vpn = self.rent("vpn", 2 * self.size, rng)
        self.enlist(self.size, rng, within=(0, 0.05), addresses=vpn, product="image_generation")
        self.overlap(2, rng, vpn)

    def adapt(self, rng: np.random.Generator) -> None:
        """Spread the work over many accounts at homes."""
        homes = self.proxies(2 * self.size, rng)
        self.enlist(
            _MORE_ACCOUNTS * self.size,
            rng,
            within=(0, 0.3),
            addresses=homes,
            product="image_generation",
        )

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Each account takes its own part of the pages, evenly over the day."""
        actor = self.each(self.able(), _PAGES_A_DAY[self.phase], rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor), (1.5, 21.5)))
        clients: Ints | None = rng.integers(0, FIRST_SDK, len(actor))
        count = len(actor)
        self.request(
            traffic,
            actor,
            at,
            rng,
            product="image_generation",
            user_agents=clients if self.phase == 0 else None,
            resource=[f"gallery/{page:06d}" for page in self._pages(count)],
            input_tokens=0,
            output_tokens=0,
            bytes_count=(60_000 * np.exp(0.6 * rng.standard_normal(count))).astype(np.int64),
            duration_ms=(90 * np.exp(0.35 * rng.standard_normal(count))).astype(np.int64) + 1,
        )

    def _pages(self, count: int) -> list[int]:
        first = self.own_day * 9_973
        pages: list[int] = ((first + np.arange(count)) % PAGE_COUNT).tolist()
        return pages
