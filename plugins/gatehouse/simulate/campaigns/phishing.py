"""Phishing content: pages and letters that ask for passwords, made with the assistant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.items import COMPLETION, PROMPT
from gatehouse.simulate.reports import TRUE
from gatehouse.simulate.requests import SHARE
from gatehouse.simulate.text import paraphrase

_DRAFTS = (9, 5)  # an account and day, by phase
_SHARED_SHARE, _REPORTED_SHARE = 0.4, 0.06
_TEMPLATE = (
    ("Write a letter from <bank-name>", "Draft a notice by <parcel-service>"),
    ("that asks the customer", "so that the reader has"),
    ("to confirm <credential> at <phishing-page>", "to enter <credential> on <phishing-page>"),
    ("within a day.", "or lose the account.", "at once."),
)


@dataclass
class Phishing(Acting):
    """First whole letters; then in harmless-looking parts, and no reports can name an item."""

    kind: ClassVar[str] = "phishing"
    policy_code: ClassVar[str] = "fraud"
    first_day: ClassVar[int] = 4
    days: ClassVar[int] = 8
    plain_size: ClassVar[int] = 5
    adapts_after: ClassVar[int] = 5

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts, behind Tor and a VPN."""
        tor, vpn = self.rent("tor", 3, rng), self.rent("vpn", 2, rng)
        self.enlist(self.size, rng, within=(0, 0.5), addresses=np.concatenate([tor, vpn]))
        self.overlap(2, rng, vpn)

    def adapt(self, rng: np.random.Generator) -> None:
        """Some new accounts at plain homes."""
        self.enlist(self.size, rng, within=(0, 0.5))

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Drafts; some results are shared, and some who receive them report that."""
        actor = self.each(self.able(), _DRAFTS[self.phase], rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor)))
        shared = rng.random(len(actor)) < _SHARED_SHARE
        stealth = min(0.95, self.stealth + 0.35 * self.phase)
        noise = 0.3 + 0.5 * self.phase
        texts = paraphrase(_TEMPLATE, int((~shared).sum()), rng, noise)
        drafted = actor[~shared]
        self.say(traffic, drafted, at[~shared], rng, texts, stealth=stealth, content_type=PROMPT)
        actor, at = actor[shared], at[shared]
        pages = self.some_objects(12, "pages")
        ids = self.say(
            traffic,
            actor,
            at,
            rng,
            paraphrase(_TEMPLATE, len(actor), rng, noise),
            stealth=stealth,
            content_type=COMPLETION,
            event_type=SHARE,
            resource=rng.choice(pages, len(actor)).tolist(),
            input_tokens=0,
            output_tokens=0,
        )
        seen = np.flatnonzero(rng.random(len(actor)) < _REPORTED_SHARE)
        self.report(
            traffic,
            self.witnesses(len(seen), rng),
            actor[seen],
            at[seen],
            rng.integers(3, 6, len(seen)),
            rng,
            kind=TRUE,
            item_ids=ids.take(pa.array(seen)) if self.phase == 0 else None,
            policy_code="fraud",
        )
