"""Report brigade: many new accounts report one innocent user within an hour and a half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.base import Campaign, Traffic
from gatehouse.simulate.columns import MINUTE_US, Columns
from gatehouse.simulate.world import spread


@dataclass
class ReportBrigade(Campaign):
    """Accounts made over two days that hardly do anything but report the same target."""

    kind: ClassVar[str] = "report_brigade"
    policy_code: ClassVar[str] = "report_abuse"
    first_day: ClassVar[int] = 7
    days: ClassVar[int] = 3

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts and choose the target."""
        self.join(self.new_ids("u_", "accounts", self.world.size(25)), "abuser")
        self.join(self.world.bystanders(rng, 1), "target")

    def act(self, day: int, rng: np.random.Generator) -> Traffic:
        """Two days of sign-ups, then the reports."""
        abusers = self.with_role("abuser")
        if day == self.days - 1:
            return {"user_reports": [self._reports(day, rng)]}
        joined = abusers[day::2]
        made = spread(rng, self.day_us(day), len(joined), (9, 23))
        domains = [f"mail-{number % 4}.example" for number in range(len(joined))]
        home = self.world.people.networks.some("carrier", rng, 4)
        sources = [home[number % len(home)] for number in range(len(joined))]
        look = self.requests(day, made + 2 * MINUTE_US, joined, ip_address=sources)
        return {
            "actors": [self.world.accounts(joined, made, domains, "GB")],
            "events": [look],
        }

    def _reports(self, day: int, rng: np.random.Generator) -> Columns:
        abusers = self.with_role("abuser")
        return {
            "report_id": self.row_ids("r_", "reports", len(abusers), day),
            "reported_at": spread(rng, self.day_us(day), len(abusers), (18, 19.5)),
            "reporter_actor_id": abusers,
            "reported_actor_id": self.with_role("target")[0],
            "product_code": self.world.product("chat_assistant"),
            "policy_code": "spam",
            "severity": 5,
            "comment": "Simulated report.",
        }
