"""What a campaign may see and use of the world it is planted in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.columns import Ints, day_start_us, make_ids
from gatehouse.simulate.payments import Payments
from gatehouse.simulate.population import PRODUCTS, Population
from gatehouse.simulate.safety_team import SafetyTeam
from gatehouse.simulate.seeds import child


@dataclass(frozen=True)
class World:
    """The population, its clock, and those who deal with it.

    Attributes:
        seed: seed of the simulation.
        start: first simulated day.
        actors: population of the first morning.
        products: product surfaces that exist.
        people: the population.
        calendar: what happens to everybody.
        team: the earlier safety team.
        payments: the payment system.
    """

    seed: int
    start: date
    actors: int
    products: tuple[str, ...]
    people: Population
    calendar: Calendar
    team: SafetyTeam
    payments: Payments
    _given: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def rng(self, *names: str | int) -> np.random.Generator:
        """A generator for one purpose."""
        return child(self.seed, *names)

    def day_us(self, day: int) -> int:
        """First instant of a day, microseconds since 1970."""
        return day_start_us(self.start, day)

    def product(self, wanted: str) -> int:
        """Position of ``wanted`` if it exists here, else of the first product that does."""
        return PRODUCTS.index(wanted if wanted in self.products else self.products[0])

    def size(self, plain: float) -> int:
        """``plain`` members in a world of 2,000 actors; more, but not in step, in larger ones."""
        factor: float = (self.actors / 2_000) ** 0.5
        return max(3, round(plain * min(6.0, factor)))

    def ids(self, prefix: str, stream: str, count: int, day: int) -> Any:
        """Ids that nobody else gets, whoever asks for the same stream and day."""
        first = self._given[stream, day]
        self._given[stream, day] = first + count
        return make_ids(prefix, stream, count, seed=self.seed, day=day, first=first)

    def turn(self, stream: str, day: int) -> int:
        """How often this was asked before, of the same stream and day."""
        asked = self._given[stream, day]
        self._given[stream, day] = asked + 1
        return asked

    def bystanders(self, rng: np.random.Generator, count: int, day: int) -> Ints:
        """Positions of ordinary users who have been there for a while on a day."""
        settled = self.people.settled(day)
        chosen: Ints = rng.choice(settled, size=min(count, len(settled)), replace=False)
        return chosen


def spread(rng: np.random.Generator, day_us: int, count: int, hours: tuple[float, float]) -> Ints:
    """``count`` sorted instants of a day between two hours."""
    first, last = (int(hour * 3_600_000_000) for hour in hours)
    return np.sort(day_us + rng.integers(first, last, count))
