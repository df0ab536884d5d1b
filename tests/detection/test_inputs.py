"""Windows: which days new rows can have changed."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gatehouse.detection.inputs import merge_days

DAYS = st.lists(st.dates(date(2003, 1, 1), date(2026, 12, 31)), unique=True, max_size=40).map(
    sorted
)


@given(days=DAYS, reach=st.integers(1, 90))
def test_windows_cover_every_day_with_its_reach_and_never_overlap(
    days: list[date], reach: int
) -> None:
    windows = merge_days(days, reach)
    for day in days:
        start = datetime.combine(day, time(), UTC)
        around = timedelta(days=reach - 1)
        assert any(
            low <= start - around and start + timedelta(days=1) + around <= high
            for low, high in windows
        )
    for (_, end), (start, _) in itertools.pairwise(windows):
        assert end < start
    covered = sum((high - low).days for low, high in windows)
    assert covered <= len(days) * (2 * reach - 1)
