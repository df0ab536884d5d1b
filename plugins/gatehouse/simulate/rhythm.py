"""Hour of the week: when people are there.

The table is the share of 2004 to 2007 ratings in a public set by hour of the week, in the set's own
zone, as a multiple of the mean hour. People follow it in their own country's time; programs do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gatehouse.simulate.geography import UTC_OFFSETS, WEEK_SHIFTS

# Monday first, hour 0 first.
_WEEK = """
0.18 0.08 0.04 0.03 0.05 0.11 0.37 0.92 1.53 1.63 1.51 1.55
1.60 1.59 1.64 1.87 2.14 2.42 2.27 2.00 1.14 0.85 0.47 0.23
0.14 0.07 0.04 0.03 0.04 0.12 0.33 0.78 1.24 1.43 1.38 1.46
1.55 1.44 1.46 1.67 1.95 2.23 2.12 1.67 1.19 0.84 0.56 0.29
0.13 0.07 0.04 0.04 0.06 0.14 0.39 0.93 1.35 1.52 1.60 1.53
1.62 1.57 1.55 1.81 2.14 2.31 2.02 1.75 1.47 1.22 0.68 0.34
0.13 0.08 0.04 0.04 0.05 0.13 0.35 0.75 1.24 1.45 1.46 1.56
1.62 1.56 1.49 1.82 2.12 2.47 2.48 1.97 1.35 0.99 0.71 0.33
0.16 0.08 0.04 0.04 0.05 0.13 0.35 0.80 1.36 1.63 1.65 1.65
1.75 1.73 1.78 2.02 2.33 2.47 2.22 1.65 1.20 1.03 0.72 0.43
0.14 0.12 0.07 0.06 0.07 0.14 0.37 0.82 1.35 1.64 1.97 1.68
1.51 1.43 1.27 1.32 1.32 1.26 1.11 1.14 0.90 0.68 0.42 0.30
0.25 0.10 0.07 0.04 0.04 0.08 0.21 0.44 0.74 0.91 1.08 1.12
1.10 1.10 1.09 1.23 1.28 1.27 1.22 1.18 0.94 0.72 0.50 0.25
"""
LOCAL_WEEK = np.array(_WEEK.split(), dtype=np.float64)


def utc_day(weekday: int) -> NDArray[np.float64]:
    """Intensity by country and UTC hour on a UTC weekday, 1 being the week's mean.

    Args:
        weekday: 0 for Monday.

    Returns:
        Shape (countries, 24).
    """
    hours = weekday * 24 + np.arange(24)[None, :]
    local = hours + UTC_OFFSETS[:, None] + 24 * WEEK_SHIFTS[:, None]
    intensity: NDArray[np.float64] = LOCAL_WEEK[local % 168]
    return intensity
