"""Who comes: the number of sign-ups by day.

Sign-ups follow the week and scatter like first ratings by new reviewers do in a public set (daily
counts over their four-week mean, where that is 50 or more: weekday factors below, standard
deviation of the logarithm 0.7).
"""

from __future__ import annotations

import numpy as np

from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.seeds import child

_SHARE_A_DAY = 0.02  # of the first morning's population
_WEEK = np.array([1.02, 1.006, 1.069, 1.12, 1.063, 0.818, 0.715])
_SIGMA = 0.7


def sign_up_count(actors: int, day: int, calendar: Calendar) -> int:
    """How many sign up on a day in a world that began with ``actors``."""
    rng = child(calendar.seed, "sign-ups", day)
    scatter = np.exp(_SIGMA * rng.standard_normal() - _SIGMA**2 / 2)
    launch = calendar.launch(day)
    boost = 1 + 2 * launch[1] if launch else 1.0
    mean = actors * _SHARE_A_DAY * _WEEK[calendar.weekday(day)] * scatter * boost
    return int(rng.poisson(mean))
