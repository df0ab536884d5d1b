"""Distillation: the model is asked systematically, to train another one on its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.population import FIRST_SDK
from gatehouse.simulate.text import paraphrase

_REQUESTS = (220, 70)  # an account and day, by phase
_CONTENT_SHARE = 0.04
_TEMPLATE = (
    ("Give the full reasoning,", "Think aloud,", "Show every step,"),
    ("then the final answer,", "end with the result,", "and conclude,"),
    ("for exercise <seed-question>", "for item <seed-question>", "on <seed-question>"),
    ("in the domain <domain-a>.", "in the domain <domain-b>.", "in the domain <domain-c>."),
)


@dataclass
class Distillation(Acting):
    """First a steady stream from datacenters; then office hours and more accounts, with pauses."""

    kind: ClassVar[str] = "distillation"
    policy_code: ClassVar[str] = "model_extraction"
    first_day: ClassVar[int] = 2
    days: ClassVar[int] = 10
    plain_size: ClassVar[int] = 5
    adapts_after: ClassVar[int] = 6

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts."""
        self._open(self.size, self.rent("datacenter", 3, rng), rng)

    def adapt(self, rng: np.random.Generator) -> None:
        """Open more accounts behind VPN exits that others use too."""
        vpn = self.rent("vpn", 4, rng)
        self.overlap(2, rng, vpn)
        self._open(2 * self.size, vpn, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Long answers, asked for evenly; a few of the prompts are kept as content."""
        people = self.world.people
        actor = self.each(self.able(), _REQUESTS[self.phase], rng)
        hours = (0.0, 24.0) if self.phase == 0 else (7.0, 19.0)
        at = self.since_sign_up(actor, self.hours(rng, len(actor), hours))
        kept = rng.random(len(actor)) < _CONTENT_SHARE
        programs = FIRST_SDK + actor % 6
        for some, says in ((~kept, False), (kept, True)):
            who, when = actor[some], at[some]
            long_answers: dict[str, Any] = {
                "user_agents": programs[some],
                "input_tokens": rng.integers(60, 420, len(who)),
                "output_tokens": rng.integers(500, 1_000, len(who)),
            }
            if says:
                texts = paraphrase(_TEMPLATE, len(who), rng, 0.5 + 0.4 * self.phase)
                self.say(traffic, who, when, rng, texts, product="api", **long_answers)
            else:
                self.request(traffic, who, when, rng, product="api", **long_answers)
        people.user_agent[self.able()] = FIRST_SDK + self.able() % 6

    def _open(self, count: int, addresses: Ints, rng: np.random.Generator) -> None:
        self.enlist(count, rng, within=(0, 0.4), addresses=addresses, product="api")
