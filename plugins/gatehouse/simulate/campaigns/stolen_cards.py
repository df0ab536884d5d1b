"""Stolen-card ring: cards are tested with small payments, used, and charged back days later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import MINUTE_US, Ints
from gatehouse.simulate.payments import CHARGEBACK, DECLINED, SUCCEEDED

_CARDS = (9, 1)  # an account and day, by phase
_DECLINED_SHARE = (0.6, 0.25)
_CHARGED_BACK = 0.7
_FIRST_BACK, _LAST_BACK = 2, 7  # days after


@dataclass
class StolenCards(Acting):
    """First many cards an account; then one, for what an ordinary fee costs."""

    kind: ClassVar[str] = "stolen_cards"
    policy_code: ClassVar[str] = "payment_fraud"
    first_day: ClassVar[int] = 3
    days: ClassVar[int] = 8
    plain_size: ClassVar[int] = 5
    adapts_after: ClassVar[int] = 4

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts on two devices."""
        vpn = self.rent("vpn", 3, rng)
        self.enlist(self.size, rng, within=(0, 0.5), addresses=vpn, accounts_a_device=3)
        self.overlap(2, rng, vpn)

    def adapt(self, rng: np.random.Generator) -> None:
        """Move to residential proxies."""
        self.rented = self.proxies(2 * self.size, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Test cards; what works is charged back when its holder sees it."""
        if self.phase == 1:
            count = max(2, self.size // 2)
            self.enlist(count, rng, within=(0, 0.5), addresses=self.rented, product="api")
        people = self.world.people
        able = self.able()
        if self.phase == 1:  # an account is used up in a day
            able = able[people.joined[able] >= self.now]
        payer = np.repeat(able, _CARDS[self.phase])
        if not len(payer):
            return
        cards = self.cards(len(payer))
        declined = rng.random(len(payer)) < _DECLINED_SHARE[self.phase]
        usual = np.array([2_000, 2_000, 6_000])[rng.integers(0, 3, len(payer))]
        small = rng.integers(1, 4, len(payer)) * 100
        amount = small if self.phase == 0 else usual
        at = self.since_sign_up(payer, self.hours(rng, len(payer), (9, 22)))
        at += np.arange(len(payer)) % _CARDS[self.phase] * MINUTE_US // 2
        outcome = np.where(declined, DECLINED, SUCCEEDED)
        self.pay(traffic, payer, at, amount, outcome, cards)
        self._use(traffic, payer[~declined], rng)
        self._be_charged_back(payer, amount, declined, cards, rng)

    def _use(self, traffic: Traffic, payer: Ints, rng: np.random.Generator) -> None:
        actor = self.each(np.unique(payer), 12, rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor), (12, 24)))
        self.request(traffic, actor, at, rng, product="api")

    def _be_charged_back(
        self, payer: Ints, amount: Ints, declined: Any, cards: Any, rng: np.random.Generator
    ) -> None:
        back = np.flatnonzero(~declined & (rng.random(len(payer)) < _CHARGED_BACK))
        days = self.now + rng.integers(_FIRST_BACK, _LAST_BACK, len(back))
        for day in np.unique(days).tolist():
            some = back[days == day]
            self.world.payments.later(
                day, payer[some], amount[some], CHARGEBACK, cards.take(pa.array(some))
            )
