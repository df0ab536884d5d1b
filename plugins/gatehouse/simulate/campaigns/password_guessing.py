"""Password guessing: a few hosted addresses try many accounts, and get into some."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.base import Campaign, Traffic
from gatehouse.simulate.columns import Columns
from gatehouse.simulate.world import spread

_TRIES_A_DAY = 9
_TAKEN_ON_DAY = 1


@dataclass
class PasswordGuessing(Campaign):
    """Failures on many accounts from one address, success on some, then use of those."""

    kind: ClassVar[str] = "password_guessing"
    policy_code: ClassVar[str] = "account_takeover"
    first_day: ClassVar[int] = 4
    days: ClassVar[int] = 3

    addresses: list[str] = field(default_factory=list)

    def recruit(self, rng: np.random.Generator) -> None:
        """Choose accounts to try, some to be taken, and the addresses to try from."""
        tried = self.world.bystanders(rng, self.world.size(40))
        taken = max(2, len(tried) // 10)
        self.addresses = self.world.people.networks.some("datacenter", rng, 4)
        self.join(tried[:taken], "victim")
        self.join(tried[taken:], "target")
        self.join(self.addresses, "address")

    def act(self, day: int, rng: np.random.Generator) -> Traffic:
        """Guesses through the night; on the second day some are right, and used at once."""
        traffic: Traffic = {"logins": [self._guesses(day, rng)]}
        if day >= _TAKEN_ON_DAY:
            traffic["events"] = [self._use(day, rng)]
        return traffic

    def _guesses(self, day: int, rng: np.random.Generator) -> Columns:
        victims = self.with_role("victim")
        known = victims + self.with_role("target")
        tried = np.repeat(np.arange(len(known)), _TRIES_A_DAY)
        rng.shuffle(tried)
        accounts = [known[number] for number in tried]
        outcomes = ["failure"] * len(accounts)
        names = self.new_ids("u_", f"misspelt {day}", len(known) // 2)
        accounts += names
        outcomes += ["unknown_account"] * len(names)
        if day == _TAKEN_ON_DAY:
            accounts += victims
            outcomes += ["success"] * len(victims)
        at = spread(rng, self.day_us(day), len(accounts), (1, 5))
        # An account is always tried from the same address, as a worker has its own list.
        sources = [self.addresses[hash_of(account) % len(self.addresses)] for account in accounts]
        return {
            "login_id": self.row_ids("l_", "logins", len(accounts), day),
            "occurred_at": at,
            "actor_id": accounts,
            "actor_type": "user",
            "product_code": self.world.product("chat_assistant"),
            "outcome_code": outcomes,
            "method_code": "password",
            "ip_address": sources,
            "user_agent": "sdk-python/1.2",
            "country_code": "US",
        }

    def _use(self, day: int, rng: np.random.Generator) -> Columns:
        victims = [victim for victim in self.with_role("victim") for _ in range(25)]
        at = spread(rng, self.day_us(day), len(victims), (5, 9))
        sources = [self.addresses[hash_of(victim) % len(self.addresses)] for victim in victims]
        return self.requests(day, at, victims, ip_address=sources, user_agent="sdk-python/1.2")


def hash_of(account: str) -> int:
    """A number that an account always has."""
    return int(account[-6:], 16)
