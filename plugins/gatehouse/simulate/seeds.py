"""Random numbers that depend on the seed and on what they are for, never on the order of calls."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_MIX_1 = np.uint64(0x9E3779B97F4A7C15)
_MIX_2 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_3 = np.uint64(0x94D049BB133111EB)


def child(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for one purpose, e.g. ``child(7, "logins", 3)`` for day 3.

    Adding a purpose changes no other one's numbers, which keeps old seeds comparable.
    """
    parts = [name if isinstance(name, int) else crc32(name.encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *parts]))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble integers one to one (splitmix64): different in, different out."""
    with np.errstate(over="ignore"):
        values = values + _MIX_1
        values = (values ^ (values >> np.uint64(30))) * _MIX_2
        values = (values ^ (values >> np.uint64(27))) * _MIX_3
        return values ^ (values >> np.uint64(31))
