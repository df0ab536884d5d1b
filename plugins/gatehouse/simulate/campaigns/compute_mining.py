"""Compute mining: the agents' code tool runs somebody's own work all day. No shipped signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.requests import TOOL_CALL, resource_of_tool

_CALLS = (30, 12)  # an account and day, by phase
_LASTS_MS = ((600_000, 1_750_000), (180_000, 420_000))


@dataclass
class ComputeMining(Acting):
    """First calls of up to half an hour; then shorter ones from more accounts. Few tokens."""

    kind: ClassVar[str] = "compute_mining"
    policy_code: ClassVar[str] = "resource_abuse"
    first_day: ClassVar[int] = 2
    days: ClassVar[int] = 10
    plain_size: ClassVar[int] = 4
    adapts_after: ClassVar[int] = 6
    is_watched: ClassVar[bool] = False

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts."""
        self.enlist(self.size, rng, within=(0, 0.4), product="agents")

    def adapt(self, rng: np.random.Generator) -> None:
        """Three times as many accounts."""
        self.enlist(2 * self.size, rng, within=(0, 0.4), product="agents")

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Long calls of two tools, round the clock."""
        actor = self.each(self.able(), _CALLS[self.phase], rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor), (0, 24)))
        python = rng.random(len(actor)) < 0.7
        tools = [resource_of_tool("python" if each else "shell") for each in python]
        self.request(
            traffic,
            actor,
            at,
            rng,
            product="agents",
            event_type=TOOL_CALL,
            resource=tools,
            input_tokens=rng.integers(40, 160, len(actor)),
            output_tokens=rng.integers(5, 40, len(actor)),
            duration_ms=rng.integers(*_LASTS_MS[self.phase], len(actor)),
        )
