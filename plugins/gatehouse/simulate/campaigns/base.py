"""What every campaign is: members, a period, phases, and the rows it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.world import World

PHASES = ("initial", "adapted")
FORTNIGHT = 14
EARLIEST = 6  # days before a fortnight after the wave before
_SURE_DAYS = 3  # nobody looks before
_CAUGHT_A_DAY = (0.24, 0.1)  # by phase, of a campaign without stealth
_RAIDED = (0.3, 0.8)  # share of the members whom a raid hits
_RAIDED_WRONGLY = 0.25  # of the bystanders


@dataclass
class Membership:
    """Actors who joined a campaign together.

    Attributes:
        actors: positions.
        role: ``member``, ``victim``, ``target`` or ``bystander``; only members are abusive.
        since: phase in which they joined.
        until: last phase in which they took part.
    """

    actors: Ints
    role: str
    since: int
    until: int = len(PHASES) - 1


@dataclass
class Campaign(ABC):
    """One campaign, planted in a world.

    It begins in the phase ``initial``. The day after the earlier team has raided it, or on a
    stated day if nobody has, it adapts: the phase ``adapted`` has other tactics.

    Attributes:
        world: where it is planted.
        number: its place among all campaigns; what `Population.abuse` says.
        wave: how many of its kind came before it.
        stealth: 0 to 1; how much it does to look like others.
        size: members it begins with, about.
        starts: simulated day on which it begins.
        phase: position in `PHASES`.
        adapted_on: simulated day on which it changed tactics.
        adapted_because: ``caught`` or ``planned``.
        memberships: who takes part, in which role.
        resources: addresses, devices and the like of its own, with the phase.
        rented: positions of the addresses rented last, which lists may come to know.
        now: the simulated day.
        kind: name of the kind; the file's name.
        policy_code: the policy it breaks.
        first_day: day on which the first wave begins.
        days: how long a wave lasts.
        plain_size: members in a world of 2,000 actors.
        adapts_after: days after which it adapts unasked.
        is_watched: whether the earlier team looks for its kind at all.
    """

    world: World
    number: int
    wave: int
    stealth: float
    size: int
    starts: int
    phase: int = 0
    adapted_on: int | None = None
    adapted_because: str | None = None
    memberships: list[Membership] = field(default_factory=list)
    resources: dict[tuple[int, str, str], None] = field(default_factory=dict)
    rented: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    now: int = -1
    _caught_on: int | None = None

    kind: ClassVar[str]
    policy_code: ClassVar[str]
    first_day: ClassVar[int]
    days: ClassVar[int]
    plain_size: ClassVar[int]
    adapts_after: ClassVar[int]
    is_watched: ClassVar[bool] = True

    @classmethod
    def plant(cls, world: World, number: int, wave: int) -> Campaign:
        """Decide when, how large and how stealthy; what it does follows day by day in `live`."""
        rng = world.rng(cls.kind, wave)
        # Later waves have learned from earlier ones.
        stealth = round(float(min(0.95, rng.uniform(0.15, 0.6) + 0.1 * wave)), 2)
        size = world.size(cls.plain_size * rng.uniform(0.85, 1.3))
        # Later waves begin on any day of their fortnight, so that no day of it is like no other.
        shift = int(rng.integers(-EARLIEST, FORTNIGHT - EARLIEST)) if wave else 0
        return cls(world, number, wave, stealth, size, cls.first_day + wave * FORTNIGHT + shift)

    @abstractmethod
    def recruit(self, rng: np.random.Generator) -> None:
        """Choose members and what else the first phase needs."""

    @abstractmethod
    def adapt(self, rng: np.random.Generator) -> None:
        """Change tactics."""

    @abstractmethod
    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Leave the rows of a day in ``traffic``."""

    def live(self, day: int) -> Traffic:
        """Rows of a simulated day; none outside the campaign's period."""
        traffic = Traffic()
        if not self.starts <= day < self.ends:
            return traffic
        self.now, rng = day, self.world.rng(self.kind, self.wave, "day", day)
        if self.own_day == 0:
            self.recruit(rng)
        self._maybe_adapt(rng)
        self.act(traffic, rng)
        self._maybe_caught(rng)
        return traffic

    @property
    def campaign_id(self) -> str:
        """Name of this campaign in the ground truth."""
        return f"{self.kind}-{self.wave}"

    @property
    def ends(self) -> int:
        """Simulated day on which it is over."""
        return self.starts + self.days

    @property
    def own_day(self) -> int:
        """The campaign's own day, 0 first."""
        return self.now - self.starts

    @property
    def day_us(self) -> int:
        """First instant of today, microseconds since 1970."""
        return self.world.day_us(self.now)

    def join(self, actors: Ints, role: str = "member") -> Ints:
        """Note who takes part; members are abusive from now on."""
        if len(actors):
            self.memberships.append(Membership(actors, role, self.phase))
        if role == "member":
            self.world.people.abuse[actors] = self.number
        return actors

    def of_role(self, role: str = "member") -> Ints:
        """Positions of all who take part in a role in this phase."""
        parts = [each.actors for each in self.memberships if self._is_in(each, role)]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)

    def able(self, role: str = "member") -> Ints:
        """Positions of those of a role who have signed up and are not suspended."""
        people, actors = self.world.people, self.of_role(role)
        here = (people.joined[actors] < self.now + 1) & (people.left[actors] > self.now)
        able: Ints = actors[here]
        return able

    def bystanders(self, count: int, rng: np.random.Generator) -> Ints:
        """Positions of ordinary users, as many as there are."""
        return self.world.bystanders(rng, count, self.now)

    def note(self, resource_type: str, values: list[str]) -> None:
        """Note addresses, devices and the like that are the campaign's own."""
        self.resources |= dict.fromkeys((self.phase, resource_type, value) for value in values)

    def phase_bounds(self, phase: int) -> tuple[int, int]:
        """First and last day (exclusive) of a phase."""
        turn = self.ends if self.adapted_on is None else self.adapted_on
        return (self.starts, turn) if phase == 0 else (turn, self.ends)

    def be_caught(self, share: float, rng: np.random.Generator) -> None:
        """Have the team raid a share of the members tomorrow, and some bystanders wrongly."""
        self._caught_on = self.now
        self._raid(self.able(), share, rng, right=True)
        self._raid(self.able("bystander"), _RAIDED_WRONGLY, rng, right=False)
        self.world.people.networks.report(self.rented, self.now + 1)

    def _is_in(self, each: Membership, role: str) -> bool:
        return each.role == role and each.since <= self.phase <= each.until

    def _raid(self, actors: Ints, share: float, rng: np.random.Generator, *, right: bool) -> None:
        hit = actors[rng.random(len(actors)) < share].tolist()
        self.world.team.raid(hit, self.policy_code, self.now + 1, right=right)

    def _maybe_adapt(self, rng: np.random.Generator) -> None:
        caught = self._caught_on is not None
        if self.phase or not (caught or self.own_day >= self.adapts_after):
            return
        suspended = self.world.people.left
        for each in self.memberships:
            if each.role == "member" and (suspended[each.actors] <= self.now).all():
                each.until = self.phase
        self.phase, self.adapted_on = 1, self.now
        self.adapted_because = "caught" if caught else "planned"
        self.adapt(rng)

    def _maybe_caught(self, rng: np.random.Generator) -> None:
        chance = _CAUGHT_A_DAY[self.phase] * (1 - self.stealth)
        share, draw = rng.uniform(*_RAIDED), rng.random()
        if self.is_watched and self.own_day >= _SURE_DAYS - 1 and draw < chance:
            self.be_caught(share, rng)
