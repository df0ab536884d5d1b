"""Spam ring: the same advertisement, posted and shared from many accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.items import POST
from gatehouse.simulate.reports import TRUE
from gatehouse.simulate.requests import SHARE
from gatehouse.simulate.text import paraphrase

_POSTS = (14, 5)  # an account and day, by phase
_REPORTED_SHARE = 0.04
_TEMPLATE = (
    ("Limited offer:", "Only today:", "You have been chosen:"),
    ("get <product-name>", "buy <product-name>", "claim <product-name>"),
    ("at half the price", "for free", "with a discount"),
    ("at <link-1>", "via <link-2>", "under <link-3>"),
)


@dataclass
class SpamRing(Acting):
    """First the same words a dozen times a day; then reworded, seldom, from bought accounts."""

    kind: ClassVar[str] = "spam_ring"
    policy_code: ClassVar[str] = "spam"
    first_day: ClassVar[int] = 3
    days: ClassVar[int] = 9
    plain_size: ClassVar[int] = 9
    adapts_after: ClassVar[int] = 5

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts on shared devices."""
        carrier = self.rent("carrier", 3, rng)
        self.enlist(self.size, rng, addresses=carrier, accounts_a_device=4, country="NG")
        self.overlap(3, rng, carrier)

    def adapt(self, rng: np.random.Generator) -> None:
        """Buy accounts."""
        self.turn(self.size, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Post and share; some of those who see it report it."""
        actor = self.each(self.able(), _POSTS[self.phase], rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor)))
        links = self.some_objects(3, "links")
        texts = paraphrase(_TEMPLATE, len(actor), rng, 0.15 + 0.7 * self.phase)
        ids = self.say(
            traffic,
            actor,
            at,
            rng,
            texts,
            content_type=POST,
            event_type=SHARE,
            resource=rng.choice(links, len(actor)).tolist(),
            input_tokens=0,
            output_tokens=0,
        )
        seen = np.flatnonzero(rng.random(len(actor)) < _REPORTED_SHARE)
        self.report(
            traffic,
            self.witnesses(len(seen), rng),
            actor[seen],
            at[seen],
            rng.integers(2, 5, len(seen)),
            rng,
            kind=TRUE,
            item_ids=ids.take(pa.array(seen)),
            policy_code="spam",
        )
