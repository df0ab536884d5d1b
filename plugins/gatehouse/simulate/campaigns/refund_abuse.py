"""Refund abuse: a plan is bought, used up, and the money asked back. No shipped signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.payments import PRICES, REFUNDED, SUCCEEDED, card_names
from gatehouse.simulate.population import PLUS, PRO

_REQUESTS = 55  # an account and day
_BACK_AFTER = (2, 4)  # days, by phase


@dataclass
class RefundAbuse(Acting):
    """First refunds two days after buying; then later, and of the cheaper plan."""

    kind: ClassVar[str] = "refund_abuse"
    policy_code: ClassVar[str] = "payment_fraud"
    first_day: ClassVar[int] = 1
    days: ClassVar[int] = 11
    plain_size: ClassVar[int] = 5
    adapts_after: ClassVar[int] = 6
    is_watched: ClassVar[bool] = False

    def recruit(self, rng: np.random.Generator) -> None:
        """Nobody yet: accounts come by the day."""

    def adapt(self, rng: np.random.Generator) -> None:
        """Nobody new: a cheaper plan, kept longer."""

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """New accounts buy; those of the last days use; the money is asked back after."""
        people, keep = self.world.people, _BACK_AFTER[self.phase]
        fresh = self.enlist(max(1, self.size // 3), rng, within=(0, 0.6))
        # As others buy: the dearer plan is one in three, and later none.
        is_pro = (np.arange(len(fresh)) % 3 == 0) & (self.phase == 0)
        plan = np.where(is_pro, PRO, PLUS)
        people.plan[fresh] = plan
        cards = card_names(people, fresh, self.world.seed)
        at = self.since_sign_up(fresh, np.full(len(fresh), self.day_us))
        price = PRICES[plan]
        self.pay(traffic, fresh, at, price, np.full(len(fresh), SUCCEEDED), cards)
        back = np.flatnonzero(rng.random(len(fresh)) < 0.9)
        self.world.payments.later(
            self.now + keep, fresh[back], price[back], REFUNDED, cards.take(pa.array(back))
        )
        able = self.able()
        using = able[people.joined[able] >= self.now - keep]
        actor = self.each(using, _REQUESTS, rng)
        self.request(traffic, actor, self.since_sign_up(actor, self.hours(rng, len(actor))), rng)
