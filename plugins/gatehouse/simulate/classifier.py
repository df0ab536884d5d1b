"""The simulated classifier: scores with error rates that are stated, and drift at an update.

A score is drawn from one of four beta distributions: clean items that look clean, clean ones that
look bad, violating ones that are seen, and violating ones that are missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatehouse.simulate.calendar import classifier_version
from gatehouse.simulate.population import Flags, Floats

MODEL_NAME = "safety-classifier"
FLAG_ABOVE = 0.7  # what the earlier team reviews


@dataclass(frozen=True)
class _Version:
    name: str
    looks_bad: float  # share of clean items
    missed: float  # share of violating items, of a campaign without stealth
    clean_tail: float  # second parameter of the clean beta: less is higher scores


_VERSIONS = (
    _Version("1.0", looks_bad=0.010, missed=0.15, clean_tail=18),
    _Version("1.1", looks_bad=0.022, missed=0.09, clean_tail=14),
    _Version("1.2", looks_bad=0.012, missed=0.12, clean_tail=16),
    _Version("1.3", looks_bad=0.018, missed=0.08, clean_tail=15),
)
# Share of clean items, and of violating items without stealth, that score above `FLAG_ABOVE`.
STATED_RATES = {
    "1.0": (0.0026, 0.635),
    "1.1": (0.0056, 0.679),
    "1.2": (0.0031, 0.657),
    "1.3": (0.0046, 0.686),
}


def model_version(day: int) -> str:
    """Version of the classifier on a day."""
    return _VERSIONS[classifier_version(day)].name


def draw_scores(
    violating: Flags, day: int, rng: np.random.Generator, *, stealth: float = 0.0
) -> Floats:
    """Scores of items.

    Args:
        violating: the truth about each.
        day: simulated day, which decides the classifier's version.
        rng: random numbers.
        stealth: 0 to 1; how much of what violates is worded so that it is missed.
    """
    version = _VERSIONS[classifier_version(day)]
    count = len(violating)
    chance = rng.random(count)
    missed = chance < version.missed + (1 - version.missed) * 0.85 * stealth
    seen = np.where(missed, rng.beta(2, 5, count), rng.beta(7, 2, count))
    plain = rng.beta(1, version.clean_tail, count)
    clean = np.where(chance < version.looks_bad, rng.beta(4, 3, count), plain)
    scores: Floats = np.where(violating, seen, clean).round(6)
    return scores
