"""What a campaign may see and use of the world it is planted in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from gatehouse.simulate.columns import DAY_US, Columns, Ints, day_start_us, make_ids
from gatehouse.simulate.population import USER, Population
from gatehouse.simulate.seeds import child


@dataclass(frozen=True)
class World:
    """The population, its clock and its seed.

    Attributes:
        seed: seed of the simulation.
        start: first simulated day.
        people: the population.
        products: product surfaces that exist.
    """

    seed: int
    start: date
    people: Population
    products: tuple[str, ...]

    def rng(self, *names: str | int) -> np.random.Generator:
        """A generator for one purpose."""
        return child(self.seed, *names)

    def day_us(self, day: int) -> int:
        """First instant of a day, microseconds since 1970."""
        return day_start_us(self.start, day)

    def product(self, wanted: str) -> str:
        """``wanted`` if it exists here, else the first product that does."""
        return wanted if wanted in self.products else self.products[0]

    def size(self, plain: int) -> int:
        """``plain`` members in a world of 2,000 actors; more, but not in step, in larger ones."""
        factor: float = (len(self.people) / 2_000) ** 0.5
        return max(3, round(plain * min(6.0, factor)))

    def bystanders(self, rng: np.random.Generator, count: int) -> list[str]:
        """Ids of ordinary users who were there before the simulation began."""
        people = self.people
        settled = (people.kind == USER) & (people.joined < 0) & np.isinf(people.left)
        plain = np.flatnonzero(settled & (people.malice < 0.1))
        chosen = rng.choice(plain, size=min(count, len(plain)), replace=False)
        return [people.ids[int(actor)].as_py() for actor in chosen]

    def new_ids(self, prefix: str, stream: str, count: int) -> list[str]:
        """Ids for things that a campaign brings with it."""
        ids: list[str] = make_ids(prefix, stream, count, seed=self.seed, day=0).to_pylist()
        return ids

    def accounts(self, ids: list[str], made: Ints, domains: list[str], country: str) -> Columns:
        """Sign-ups of a campaign's own accounts.

        Args:
            ids: actor ids.
            made: when, microseconds since 1970.
            domains: mail domain of each.
            country: country all of them state.
        """
        return {
            "actor_id": ids,
            "actor_type": "user",
            "updated_at": made,
            "created_at": made,
            "plan_code": "free",
            "country_code": country,
            "status_code": "active",
            "email": [f"{one}@{domain}" for one, domain in zip(ids, domains, strict=True)],
            "is_protected": False,
        }


def spread(rng: np.random.Generator, day_us: int, count: int, hours: tuple[float, float]) -> Ints:
    """``count`` sorted instants of a day between two hours."""
    first, last = (int(hour / 24 * DAY_US) for hour in hours)
    return np.sort(day_us + rng.integers(first, last, count))
