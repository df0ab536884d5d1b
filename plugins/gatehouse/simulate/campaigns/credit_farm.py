"""Free-credit farm: accounts in series on few devices and cards, each used until it is empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import HOUR_US, MINUTE_US, Ints
from gatehouse.simulate.networks import DISPOSABLE_DOMAINS
from gatehouse.simulate.payments import DECLINED, SUCCEEDED

_ACCOUNTS_A_DEVICE = (10, 3)
_ACCOUNTS_A_CARD = (6, 2)
_REQUESTS = 40  # what the free credit is worth


@dataclass
class CreditFarm(Acting):
    """First disposable mail and heavy use within the hour; then plain mail, homes, and patience."""

    kind: ClassVar[str] = "credit_farm"
    policy_code: ClassVar[str] = "fake_accounts"
    first_day: ClassVar[int] = 2
    days: ClassVar[int] = 7
    plain_size: ClassVar[int] = 15
    adapts_after: ClassVar[int] = 4

    def recruit(self, rng: np.random.Generator) -> None:
        """Rent two VPN exits, which innocents use too."""
        self.overlap(3, rng, self.rent("vpn", 2, rng))

    def adapt(self, rng: np.random.Generator) -> None:
        """Move to residential proxies."""
        self.rented = self.proxies(6, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Sign-ups, a card check for each, and use of the free credit."""
        fresh = self.enlist(
            max(2, self.size // 4),
            rng,
            within=(0.2, 0.9),
            addresses=self.rented,
            accounts_a_device=_ACCOUNTS_A_DEVICE[self.phase],
            domains=DISPOSABLE_DOMAINS[:3] if self.phase == 0 else (),
            country="ID" if self.phase == 0 else None,
            product="api",
        )
        per_card = _ACCOUNTS_A_CARD[self.phase]
        cards = self.cards(len(fresh) // per_card + 1)
        made = self.since_sign_up(fresh, np.full(len(fresh), self.day_us))
        outcome = np.where(rng.random(len(fresh)) < 0.3, DECLINED, SUCCEEDED)
        mine = cards.take(pa.array(np.arange(len(fresh)) // per_card))
        self.pay(traffic, fresh, made, np.full(len(fresh), 100), outcome, mine)
        if self.phase == 0:
            self._spend(traffic, fresh, made, HOUR_US, rng)
            return
        # Yesterday's accounts are old enough today.
        people = self.world.people
        old = self.able()
        old = old[(people.joined[old] >= self.now - 1) & (people.joined[old] < self.now)]
        self._spend(traffic, old, np.full(len(old), self.day_us), 20 * HOUR_US, rng)

    def _spend(
        self, traffic: Traffic, actors: Ints, first: Ints, within_us: int, rng: np.random.Generator
    ) -> None:
        which = np.repeat(np.arange(len(actors)), rng.poisson(_REQUESTS, len(actors)))
        at = first[which] + 2 * MINUTE_US + rng.integers(0, within_us, len(which))
        day_end = self.day_us + 24 * HOUR_US - 1
        actor = actors[which]
        self.request(
            traffic,
            actor,
            np.minimum(at, day_end - rng.integers(0, MINUTE_US, len(at))),
            rng,
            product="api",
            input_tokens=rng.integers(3_000, 9_000, len(actor)),
            output_tokens=rng.integers(500, 1_000, len(actor)),
        )
