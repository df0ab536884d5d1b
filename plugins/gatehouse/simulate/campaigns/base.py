"""What every campaign is: members, a period, and the rows it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from gatehouse.simulate.columns import Columns, Ints, make_ids
from gatehouse.simulate.world import World

Traffic = dict[str, list[Columns]]
_FORTNIGHT = 14


@dataclass(frozen=True)
class Member:
    """An actor (or address) in a campaign.

    Attributes:
        actor_id: its id.
        role: ``abuser``, ``victim``, ``target`` or ``address``.
    """

    actor_id: str
    role: str


@dataclass
class Campaign(ABC):
    """One campaign, planted in a world.

    Attributes:
        world: where it is planted.
        wave: how many of its kind came before it.
        members: who takes part, in which role.
        kind: name of the kind; the file's name.
        policy_code: the policy it breaks.
        first_day: day on which the first wave begins.
        days: how long a wave lasts.
    """

    world: World
    wave: int
    members: list[Member] = field(default_factory=list)

    kind: ClassVar[str]
    policy_code: ClassVar[str]
    first_day: ClassVar[int]
    days: ClassVar[int]

    @classmethod
    def plant(cls, world: World, wave: int) -> Self:
        """Decide who takes part; what they do follows day by day in `traffic`."""
        campaign = cls(world, wave)
        campaign.recruit(world.rng(cls.kind, wave))
        return campaign

    @abstractmethod
    def recruit(self, rng: np.random.Generator) -> None:
        """Fill ``members``, and what else stays the same over the campaign."""

    @abstractmethod
    def act(self, day: int, rng: np.random.Generator) -> Traffic:
        """Rows by contract of the campaign's own day ``day``, 0 first."""

    def traffic(self, day: int) -> Traffic:
        """Rows by contract of a simulated day; none outside the campaign's period."""
        if not self.starts <= day < self.ends:
            return {}
        return self.act(day - self.starts, self.world.rng(self.kind, self.wave, "day", day))

    @property
    def campaign_id(self) -> str:
        """Name of this campaign in the ground truth."""
        return f"{self.kind}-{self.wave}"

    @property
    def starts(self) -> int:
        """Simulated day on which it begins."""
        return self.first_day + self.wave * _FORTNIGHT

    @property
    def ends(self) -> int:
        """Simulated day on which it is over."""
        return self.starts + self.days

    def with_role(self, role: str) -> list[str]:
        """Ids of the members in a role."""
        return [member.actor_id for member in self.members if member.role == role]

    def join(self, ids: list[str], role: str) -> None:
        """Add members."""
        self.members += [Member(actor_id, role) for actor_id in ids]

    def day_us(self, day: int) -> int:
        """First instant of the campaign's own day, microseconds since 1970."""
        return self.world.day_us(self.starts + day)

    def new_ids(self, prefix: str, what: str, count: int) -> list[str]:
        """Ids of this campaign's own."""
        return self.world.new_ids(prefix, f"{self.campaign_id} {what}", count)

    def row_ids(self, prefix: str, what: str, count: int, day: int) -> Any:
        """Ids of the rows of a day."""
        stream = f"{self.campaign_id} {what}"
        return make_ids(prefix, stream, count, seed=self.world.seed, day=self.starts + day)

    def requests(
        self, day: int, at: Ints, actor_ids: list[str], what: str = "events", **columns: Any
    ) -> Columns:
        """Plain successful requests; ``columns`` adds to them or replaces."""
        return {
            "event_id": self.row_ids("e_", what, len(at), day),
            "occurred_at": at,
            "actor_id": actor_ids,
            "actor_type": "user",
            "product_code": self.world.product("chat_assistant"),
            "event_type": "request",
            "outcome_code": "ok",
            "status_code": 200,
            "input_tokens": 400,
            "output_tokens": 150,
            "bytes_count": 820,
            "duration_ms": 2_900,
            **columns,
        }
