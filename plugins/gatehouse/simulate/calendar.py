"""What happens to everybody: launches, outages, holidays, updates of the classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from gatehouse.simulate.columns import MINUTE_US, day_start_us
from gatehouse.simulate.geography import COUNTRIES, HOLIDAY_FACTOR, HOLIDAYS
from gatehouse.simulate.seeds import child

_FIRST_LAUNCH, _DAYS_BETWEEN_LAUNCHES, _LAUNCH_DAYS = 8, 45, 10
_LAUNCH_BOOST = 0.35  # share of a plain day's use that a launch adds on its first day
_OUTAGE_CHANCE = 0.12  # a product and day
_UPDATE_DAYS = (10, 40, 75)


@dataclass(frozen=True)
class Happening:
    """Something that is no abuse and that everybody's figures show.

    Attributes:
        kind: ``launch``, ``outage``, ``holiday`` or ``classifier_update``.
        product_code: the product, where it is about one.
        country_code: the country, where it is about one.
        starts_at: microseconds since 1970.
        ends_at: microseconds since 1970.
    """

    kind: str
    product_code: str | None
    country_code: str | None
    starts_at: int
    ends_at: int


@dataclass(frozen=True)
class Calendar:
    """The calendar of a simulation; each day depends on the seed and the day alone.

    Attributes:
        seed: seed of the simulation.
        start: first simulated day.
        products: product surfaces there are.
    """

    seed: int
    start: date
    products: tuple[str, ...]

    def day_us(self, day: int) -> int:
        """First instant of a day, microseconds since 1970."""
        return day_start_us(self.start, day)

    def weekday(self, day: int) -> int:
        """Day of the week, 0 for Monday."""
        return (self.start + timedelta(days=day)).weekday()

    def holiday_factors(self, day: int) -> NDArray[np.float64]:
        """Factor on people's use by country."""
        on = self.start + timedelta(days=day)
        rests = [(on.month, on.day) in HOLIDAYS[str(country)] for country in COUNTRIES.to_pylist()]
        return np.where(rests, HOLIDAY_FACTOR, 1.0)

    def launch(self, day: int) -> tuple[str, float] | None:
        """The product launched lately and what it adds to a plain day's use (fading), if any."""
        since = (day - _FIRST_LAUNCH) % _DAYS_BETWEEN_LAUNCHES
        if day < _FIRST_LAUNCH or since >= _LAUNCH_DAYS:
            return None
        number = (day - _FIRST_LAUNCH) // _DAYS_BETWEEN_LAUNCHES
        product = child(self.seed, "launch", number).integers(len(self.products))
        return self.products[int(product)], _LAUNCH_BOOST * 0.8**since

    def outages(self, day: int) -> list[Happening]:
        """Outages of the day: 20 minutes to two and a half hours in which most requests fail."""
        rng, first = child(self.seed, "outages", day), self.day_us(day)
        found = []
        for product in self.products:
            happens, hour, minutes = rng.random(), rng.uniform(0, 21), rng.uniform(20, 150)
            if happens < _OUTAGE_CHANCE:
                begins = first + int(hour * 60) * MINUTE_US
                ends = begins + int(minutes) * MINUTE_US
                found.append(Happening("outage", product, None, begins, ends))
        return found

    def happenings(self, days: int) -> Iterator[Happening]:
        """All of them in ``days`` days, for the ground truth."""
        for day in range(days):
            begins, ends = self.day_us(day), self.day_us(day + 1)
            yield from self.outages(day)
            launched = self.launch(day)
            if launched is not None and (day - _FIRST_LAUNCH) % _DAYS_BETWEEN_LAUNCHES == 0:
                last = self.day_us(day + _LAUNCH_DAYS)
                yield Happening("launch", launched[0], None, begins, last)
            if day in _UPDATE_DAYS:
                yield Happening("classifier_update", None, None, begins, begins)
            resting = np.flatnonzero(self.holiday_factors(day) < 1)
            for country in COUNTRIES.take(resting).to_pylist():
                yield Happening("holiday", None, country, begins, ends)


def classifier_version(day: int) -> int:
    """How many updates the classifier has had by a day."""
    return sum(day >= update for update in _UPDATE_DAYS)
