"""Scraping: few accounts walk through all there is, evenly, behind changing clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.base import Campaign, Traffic
from gatehouse.simulate.columns import HOUR_US
from gatehouse.simulate.population import USER_AGENTS

_PAGES_A_DAY = 1_500


@dataclass
class Scraping(Campaign):
    """Thousands of different pages in order, most of the day, with little else."""

    kind: ClassVar[str] = "scraping"
    policy_code: ClassVar[str] = "scraping"
    first_day: ClassVar[int] = 5
    days: ClassVar[int] = 5

    addresses: list[str] = field(default_factory=list)

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts and choose addresses."""
        self.join(self.new_ids("u_", "accounts", self.world.size(3)), "abuser")
        self.addresses = self.world.people.networks.some("vpn", rng, 2 * len(self.members))

    def act(self, day: int, rng: np.random.Generator) -> Traffic:
        """Each account takes its own part of the pages."""
        abusers = self.with_role("abuser")
        traffic: Traffic = {"events": []}
        for number, abuser in enumerate(abusers):
            first = (day * len(abusers) + number) * _PAGES_A_DAY
            pages = [f"gallery/{first + page:06d}" for page in range(_PAGES_A_DAY)]
            gap = 20 * HOUR_US // _PAGES_A_DAY
            at = self.day_us(day) + HOUR_US + np.arange(_PAGES_A_DAY) * gap
            mine = self.addresses[2 * number : 2 * number + 2]
            traffic["events"].append(
                self.requests(
                    day,
                    at + rng.integers(0, gap, _PAGES_A_DAY),
                    [abuser] * _PAGES_A_DAY,
                    f"events {number}",
                    product_code=self.world.product("image_generation"),
                    resource=pages,
                    ip_address=[mine[page % len(mine)] for page in range(_PAGES_A_DAY)],
                    user_agent=USER_AGENTS.take(rng.integers(0, 20, _PAGES_A_DAY)),
                    input_tokens=0,
                    output_tokens=0,
                    bytes_count=48_000,
                    duration_ms=90,
                )
            )
        if day == 0:
            made = np.full(len(abusers), self.day_us(0)) + np.arange(len(abusers)) * 40_000_000
            domains = ["mail-1.example"] * len(abusers)
            traffic["actors"] = [self.world.accounts(abusers, made, domains, "US")]
        return traffic
