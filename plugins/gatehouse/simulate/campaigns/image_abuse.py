"""Image abuse: pictures of real persons that they never agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.items import IMAGE
from gatehouse.simulate.text import paraphrase

_PICTURES = (14, 8)  # an account and day, by phase
_TEMPLATE = (
    ("A photo of <real-person-a>", "A portrait of <real-person-b>", "<real-person-c> as seen"),
    ("in <degrading-scene>", "in <compromising-scene>", "at <staged-scene>"),
    ("in plain daylight,", "from far away,", "with a phone,"),
    ("as sharp as possible.", "not staged.", "in colour."),
)


@dataclass
class ImageAbuse(Acting):
    """First plainly, refused half of the time; then paraphrased until it is not refused."""

    kind: ClassVar[str] = "image_abuse"
    policy_code: ClassVar[str] = "harassment"
    first_day: ClassVar[int] = 4
    days: ClassVar[int] = 9
    plain_size: ClassVar[int] = 6
    adapts_after: ClassVar[int] = 5

    def recruit(self, rng: np.random.Generator) -> None:
        """Half new, half who have been there."""
        self.enlist(self.size - self.size // 2, rng, product="image_generation")
        self.turn(self.size // 2, rng)

    def adapt(self, rng: np.random.Generator) -> None:
        """Nobody new: other words."""

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Many tries in a row, in the evening."""
        actor = self.each(self.able(), _PICTURES[self.phase], rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor), (16, 23.5)))
        self.say(
            traffic,
            actor,
            at,
            rng,
            paraphrase(_TEMPLATE, len(actor), rng, 0.4 + 0.5 * self.phase),
            product="image_generation",
            content_type=IMAGE,
            stealth=min(0.95, self.stealth + 0.4 * self.phase),
        )
