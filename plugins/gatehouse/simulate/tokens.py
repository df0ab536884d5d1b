"""Token counts: quantiles of a public hour of chat requests, and draws between them.

Calibrated on the Azure LLM inference trace 2023, conversation part (19,366 requests, CC BY 4.0). In
it the two counts are almost independent (rank correlation 0.07): they are drawn independently.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gatehouse.simulate.columns import Ints

# Percent of the requests below, and the counts there.
_PERCENT = """
0 1 2 3 5 7.5 10 12.5 15 17.5 20 25 30 35 40 42.5 45 47.5 50 52.5 55 60 65 70 75 77.5 80
82.5 85 87.5 90 92.5 95 96 97 98 99 99.5 99.9 100
"""
_READ = """
2 29 91 161 181 200 207 235 372 379 387 396 403 414 703 922 984 1005 1020 1034 1045 1071 1097
1130 1189 1277 1315 1434 1876 2309 2734 4075 4083 4086 4090 4098 4142 4831 6179 14050
"""
_WRITTEN = """
7 16 24 32 41 48 54 60 67 72 77 85 91 96 103 108 113 120 129 139 151 177 217 384 395 396 400
406 411 416 424 430 451 468 509 540 601 643 954 1000
"""
_SHARES = np.array(_PERCENT.split(), dtype=np.float64) / 100
_INPUT = np.array(_READ.split(), dtype=np.float64)
_OUTPUT = np.array(_WRITTEN.split(), dtype=np.float64)


def draw_tokens(count: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Tokens read and tokens written of ``count`` chat requests."""
    return _draw(_INPUT, count, rng), _draw(_OUTPUT, count, rng)


def _draw(values: NDArray[np.float64], count: int, rng: np.random.Generator) -> Ints:
    drawn = np.interp(rng.random(count, np.float32), _SHARES, values)
    return drawn.astype(np.int64)
