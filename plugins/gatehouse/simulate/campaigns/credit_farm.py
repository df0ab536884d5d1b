"""Free-credit farm: accounts in series on few devices and cards, each used until it is empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.base import Campaign, Traffic
from gatehouse.simulate.columns import MINUTE_US, Columns, Ints
from gatehouse.simulate.networks import DISPOSABLE_DOMAINS
from gatehouse.simulate.world import spread

_REQUESTS = 40
_ACCOUNTS_A_DEVICE = 10
_ACCOUNTS_A_CARD = 6


@dataclass
class CreditFarm(Campaign):
    """Shared devices and payment fingerprints, disposable mail, heavy use right after sign-up."""

    kind: ClassVar[str] = "credit_farm"
    policy_code: ClassVar[str] = "fake_accounts"
    first_day: ClassVar[int] = 2
    days: ClassVar[int] = 3

    addresses: list[str] = field(default_factory=list)

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts; a third of them is opened each day."""
        self.join(self.new_ids("u_", "accounts", self.world.size(30)), "abuser")
        self.addresses = self.world.people.networks.some("vpn", rng, 2)

    def act(self, day: int, rng: np.random.Generator) -> Traffic:
        """Sign-ups, a card check for each, and use of the free credit within the hour."""
        numbers = np.arange(len(self.members))[day :: self.days]
        made = spread(rng, self.day_us(day), len(numbers), (6, 22))
        ids = [self.members[number].actor_id for number in numbers]
        domains = [DISPOSABLE_DOMAINS[number % 3] for number in numbers]
        return {
            "actors": [self.world.accounts(ids, made, domains, "ID")],
            "payments": [self._card_checks(day, ids, numbers, made)],
            "events": [self._use(day, ids, numbers, made, rng)],
        }

    def _card_checks(self, day: int, ids: list[str], numbers: Ints, made: Ints) -> Columns:
        cards = self.new_ids("f_", "cards", len(self.members) // _ACCOUNTS_A_CARD + 1)
        return {
            "payment_id": self.row_ids("p_", "payments", len(ids), day),
            "occurred_at": made + MINUTE_US,
            "actor_id": ids,
            "product_code": self.world.product("api"),
            "amount": np.full(len(ids), 100),
            "currency_code": "USD",
            "outcome_code": ["declined" if number % 3 == 0 else "succeeded" for number in numbers],
            "payment_fingerprint": [cards[number // _ACCOUNTS_A_CARD] for number in numbers],
            "ip_address": [self.addresses[number % 2] for number in numbers],
            "device_id": self._devices(numbers),
        }

    def _use(
        self, day: int, ids: list[str], numbers: Ints, made: Ints, rng: np.random.Generator
    ) -> Columns:
        each = np.repeat(np.arange(len(ids)), _REQUESTS)
        at = made[each] + rng.integers(2, 60, len(each)) * MINUTE_US
        return self.requests(
            day,
            at,
            [ids[number] for number in each],
            product_code=self.world.product("api"),
            resource="v1/messages",
            ip_address=[self.addresses[number % 2] for number in numbers[each]],
            device_id=self._devices(numbers[each]),
            user_agent="sdk-python/1.4",
            input_tokens=6_000,
            output_tokens=900,
        )

    def _devices(self, numbers: Ints) -> list[str]:
        devices = self.new_ids("d", "devices", len(self.members) // _ACCOUNTS_A_DEVICE + 1)
        return [devices[number // _ACCOUNTS_A_DEVICE] for number in numbers]
