"""Influence operation: accounts that seem unrelated spread the same story together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import MINUTE_US
from gatehouse.simulate.items import COMPLETION
from gatehouse.simulate.requests import SHARE
from gatehouse.simulate.text import paraphrase

_STORIES_A_DAY = 5
_WITHIN_US = (MINUTE_US, 90 * MINUTE_US)  # of each other, by phase
_TAKE_PART = 0.8  # of the members, in each story
_SHIFT = (5.0, 13.0)  # the operators' office hours, UTC
_TEMPLATE = (
    ("Everybody knows that", "It is time to say that", "Nobody reports that"),
    ("<public-figure>", "<institution>", "<public-figure>"),
    ("has broken <promise>", "hides <document>", "is behind <event>"),
    ("- think about it.", "- share this.", "- ask yourself why."),
)


@dataclass
class InfluenceOperation(Acting):
    """First all share within a minute; then over an hour and a half, each in its own words."""

    kind: ClassVar[str] = "influence_operation"
    policy_code: ClassVar[str] = "coordinated_behaviour"
    first_day: ClassVar[int] = 1
    days: ClassVar[int] = 12
    plain_size: ClassVar[int] = 10
    adapts_after: ClassVar[int] = 7

    def recruit(self, rng: np.random.Generator) -> None:
        """Half of the accounts are bought, half are new; each claims a country of its own."""
        self.turn(self.size // 2, rng)
        self.enlist(self.size - self.size // 2, rng, within=(0, 2.5))

    def adapt(self, rng: np.random.Generator) -> None:
        """Buy some more."""
        self.turn(max(2, self.size // 3), rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """A few stories a day, in office hours of one time zone; drafts are asked of the model."""
        members, stories = self.able(), self.some_objects(_STORIES_A_DAY, self.own_day)
        for story, start in enumerate(self.hours(rng, _STORIES_A_DAY, _SHIFT).tolist()):
            who = members[rng.random(len(members)) < _TAKE_PART]
            at = start + rng.integers(0, _WITHIN_US[self.phase], len(who))
            at = self.since_sign_up(who, at)
            self.request(
                traffic,
                who,
                at,
                rng,
                event_type=SHARE,
                resource=str(stories[story]),
                input_tokens=0,
                output_tokens=0,
            )
        writers = self.each(members, 1.2, rng)
        texts = paraphrase(_TEMPLATE, len(writers), rng, 0.3 + 0.6 * self.phase)
        at = self.since_sign_up(writers, self.hours(rng, len(writers), _SHIFT))
        self.say(traffic, writers, at, rng, texts, content_type=COMPLETION)
