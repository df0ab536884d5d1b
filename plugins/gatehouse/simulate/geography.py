"""Countries: how many people they have, when their day is, when they rest, what they speak."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

COUNTRIES = pa.array(
    ["US", "IN", "BR", "GB", "DE", "FR", "JP", "CA", "MX", "ID", "NG", "PL", "AU", "KR", "EG", "ES"]
)
COUNTRY_SHARES = np.array([22, 14, 8, 7, 6, 5, 5, 4, 4, 6, 5, 3, 3, 3, 3, 2]) / 100
# Hours from UTC, whole ones, no daylight saving.
UTC_OFFSETS = np.array([-6, 5, -3, 0, 1, 1, 9, -5, -6, 7, 1, 1, 10, 9, 2, 1])
# Days by which the week is shifted: where Friday and Saturday are the days of rest, one.
WEEK_SHIFTS = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0])
LANGUAGES = pa.array(["en", "es", "de", "pt", "fr", "ja", "id", "pl", "ko", "ar"])
LANGUAGE_OF = np.array([0, 0, 3, 0, 2, 4, 5, 0, 1, 6, 0, 7, 0, 8, 9, 1])

# Public holidays (month, day) by country; people are at 0.6 of a plain day.
HOLIDAY_FACTOR = 0.6
HOLIDAYS: dict[str, tuple[tuple[int, int], ...]] = {
    "US": ((1, 1), (5, 25), (7, 4), (9, 7), (11, 26), (12, 25)),
    "IN": ((1, 26), (3, 4), (8, 15), (10, 2), (11, 8)),
    "BR": ((1, 1), (4, 21), (5, 1), (9, 7), (11, 15), (12, 25)),
    "GB": ((1, 1), (4, 3), (5, 4), (8, 31), (12, 25), (12, 26)),
    "DE": ((1, 1), (4, 3), (5, 1), (10, 3), (12, 25), (12, 26)),
    "FR": ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 11), (12, 25)),
    "JP": ((1, 1), (2, 11), (3, 20), (4, 29), (5, 3), (5, 4), (5, 5), (11, 3)),
    "CA": ((1, 1), (7, 1), (9, 7), (10, 12), (12, 25)),
    "MX": ((1, 1), (3, 16), (5, 1), (9, 16), (11, 2), (12, 25)),
    "ID": ((1, 1), (3, 19), (3, 20), (8, 17), (12, 25)),
    "NG": ((1, 1), (5, 1), (6, 12), (10, 1), (12, 25)),
    "PL": ((1, 1), (5, 1), (5, 3), (11, 11), (12, 25)),
    "AU": ((1, 1), (1, 26), (3, 9), (4, 25), (12, 25), (12, 26)),
    "KR": ((1, 1), (3, 1), (5, 5), (8, 15), (10, 3), (10, 9)),
    "EG": ((1, 7), (3, 20), (4, 25), (7, 23), (10, 6)),
    "ES": ((1, 1), (1, 6), (5, 1), (10, 12), (12, 6), (12, 25)),
}
