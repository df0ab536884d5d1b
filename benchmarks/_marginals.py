"""Distributions of the simulated world, and of the public data that they are held against."""

from __future__ import annotations

import bz2
import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.geography import COUNTRIES, UTC_OFFSETS, WEEK_SHIFTS
from gatehouse.simulate.growth import sign_up_count

Numbers = NDArray[Any]
_LEAST_A_DAY = 50  # fewer scatter by chance alone
_WEB_LINE = re.compile(r"(\S+) \S+ \S+ \[([^\]]+)\]")


@dataclass(frozen=True)
class Real:
    """The public data.

    Attributes:
        input_tokens: by request of the trace.
        output_tokens: by request of the trace.
        gaps: seconds between requests of the trace.
        web_counts: requests by address of the web log.
        web_gaps: seconds between requests of one address.
        web_hours: requests by hour of the day (UTC).
        rating_hours: ratings by hour of the week, Monday first.
        new_raters: raters seen for the first time by day.
        first_weekday: weekday of the first of those days, 0 for Monday.
        prompt_lengths: characters of benign prompts.
    """

    input_tokens: Numbers
    output_tokens: Numbers
    gaps: Numbers
    web_counts: Numbers
    web_gaps: Numbers
    web_hours: Numbers
    rating_hours: Numbers
    new_raters: Numbers
    first_weekday: int
    prompt_lengths: Numbers


def read_real(data: Path) -> Real:
    """Read the public sets."""
    trace = _read_trace(data / "llm_requests" / "AzureLLMInferenceTrace_conv.csv")
    web = _read_web(data / "web_access" / "access.log")
    hours, new, weekday = _read_ratings(data / "reports" / "anonreviews.csv.bz2")
    with (data / "prompts" / "benign_prompts.jsonl").open(encoding="utf-8") as lines:
        lengths = np.array([max(map(len, _texts(json.loads(line)))) for line in lines])
    return Real(*trace, *web, hours, new, weekday, lengths)


def spread_of_use(counts: Numbers) -> tuple[float, float, float]:
    """Gini coefficient, and shares of the busiest hundredth and tenth."""
    ordered = np.sort(counts)
    size, total = len(ordered), ordered.sum()
    gini = float((2 * np.arange(1, size + 1) - size - 1) @ ordered / size / total)
    top = [float(ordered[-max(1, size // part) :].sum() / total) for part in (100, 10)]
    return gini, top[0], top[1]


def thinned(counts: Numbers, mean: float, rng: np.random.Generator) -> Numbers:
    """Counts of a random part of the events, such that those with any have ``mean`` of them."""
    low, high = 1e-4, 1.0
    for _ in range(50):
        share = (low * high) ** 0.5
        seen = 1 - (1 - share) ** counts
        low, high = (share, high) if share * counts.sum() / seen.sum() < mean else (low, share)
    kept = rng.binomial(counts, share)
    return kept[kept > 0]


def profile_distance(one: Numbers, other: Numbers) -> float:
    """Half the sum of differences of two profiles: the share that lies elsewhere."""
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def relative_days(counts: Numbers) -> Numbers:
    """Daily counts over the mean of the four weeks around them; NaN where that is under 50."""
    window = np.convolve(counts, np.ones(28) / 28, mode="valid")
    return np.where(window >= _LEAST_A_DAY, counts[14 : 14 + len(window)] / window, np.nan)


def weekday_factors(relative: Numbers, first_weekday: int) -> Numbers:
    """Mean by weekday, Monday first."""
    days = (np.arange(len(relative)) + first_weekday) % 7
    return np.array([np.nanmean(relative[days == day]) for day in range(7)])


def sign_ups(actors: int, days: int, calendar: Calendar) -> Numbers:
    """Simulated sign-ups by day."""
    return np.array([sign_up_count(actors, day, calendar) for day in range(days)], dtype=float)


def distances(real: Numbers, simulated: Numbers) -> tuple[float, float]:
    """KS distance, and Wasserstein distance over the real mean; NaN is left out."""
    real, simulated = real[np.isfinite(real)], simulated[np.isfinite(simulated)]
    ks = float(stats.ks_2samp(real, simulated).statistic)
    return ks, float(stats.wasserstein_distance(real, simulated) / np.mean(real))


def quantiles(values: Numbers) -> list[float]:
    """Quantiles for a table."""
    return [round(float(each), 2) for each in np.quantile(values, (0.1, 0.5, 0.9, 0.99))]


@dataclass(frozen=True)
class Simulated:
    """The simulated world's files.

    Attributes:
        landing: the landing folder.
    """

    landing: Path

    def tokens(self) -> tuple[Numbers, Numbers]:
        """Tokens read and written of answered chat and API requests."""
        rows = self._query(
            "select input_tokens, output_tokens from {} where event_type = 'request'"
            " and outcome_code = 'ok' and product_code in ('chat_assistant', 'api')"
        )
        return rows["input_tokens"], rows["output_tokens"]

    def gaps(self) -> Numbers:
        """Gaps between requests over the mean gap of their hour, of the busier hours."""
        rows = self._query(
            "select date_trunc('hour', occurred_at) as hour, epoch_us(occurred_at) / 1e6 as second"
            " from {} where event_type = 'request' order by second"
        )
        _, sizes = np.unique(rows["hour"], return_counts=True)
        hours = np.split(rows["second"], np.cumsum(sizes)[:-1])
        busy = [np.diff(hour) for hour in hours if len(hour) >= np.median(sizes)]
        return np.concatenate([gap / gap.mean() for gap in busy])

    def counts(self, days: int) -> Numbers:
        """Events by user in the first days."""
        rows = self._query(
            "select count(*) as n from {} where actor_type = 'user' and occurred_at <"
            f" (select min(occurred_at) from {{}}) + interval {days} day group by actor_id"
        )
        return rows["n"]

    def actor_gaps(self) -> Numbers:
        """Seconds between events of one user."""
        rows = self._query(
            "select gap from (select epoch(occurred_at - lag(occurred_at) over"
            " (partition by actor_id order by occurred_at)) as gap from {}"
            " where actor_type = 'user') where gap is not null"
        )
        return rows["gap"]

    def hours(self) -> tuple[Numbers, Numbers]:
        """Events of users by local hour of the week, and by UTC hour of the day."""
        rows = self._query(
            "select country_code as country, (isodow(occurred_at) - 1) * 24 + hour(occurred_at)"
            " as hour, count(*) as n from {} as events inner join (select distinct actor_id,"
            f" country_code from '{self.landing}/actors/*/*.parquet') using (actor_id)"
            " where actor_type = 'user' group by all order by all"
        )
        local, utc = np.zeros(168), np.zeros(24)
        shift = dict(zip(COUNTRIES.to_pylist(), UTC_OFFSETS + 24 * WEEK_SHIFTS, strict=True))
        for country, hour, count in zip(rows["country"], rows["hour"], rows["n"], strict=True):
            local[(hour + shift[country]) % 168] += count
            utc[hour % 24] += count
        return local, utc

    def body_lengths(self) -> Numbers:
        """Characters of prompts."""
        return duckdb.sql(
            f"select length(body) as n from '{self.landing}/content/*/*.parquet'"
            " where content_type = 'prompt'"
        ).fetchnumpy()["n"]

    def _query(self, sql: str) -> dict[str, Numbers]:
        return duckdb.sql(
            sql.replace("{}", f"'{self.landing}/events/*/part-*.parquet'")
        ).fetchnumpy()


def _read_trace(path: Path) -> tuple[Numbers, Numbers, Numbers]:
    rows = duckdb.sql(
        'select epoch_ns("TIMESTAMP"::timestamp_ns) / 1e9 as second, contexttokens as i,'
        f" generatedtokens as o from read_csv('{path}') order by second"
    ).fetchnumpy()
    return rows["i"], rows["o"], np.diff(rows["second"])


def _read_web(path: Path) -> tuple[Numbers, Numbers, Numbers]:
    found = [_WEB_LINE.match(line) for line in path.read_text("utf-8", "replace").splitlines()]
    requests = sorted(
        (match[1], datetime.strptime(match[2], "%d/%b/%Y:%H:%M:%S %z")) for match in found if match
    )
    counts = Counter(address for address, _ in requests)
    gaps = [
        (at - before).total_seconds()
        for (earlier, before), (address, at) in pairwise(requests)
        if earlier == address
    ]
    hours = np.bincount([at.hour for _, at in requests], minlength=24)
    return np.array([*counts.values()]), np.array(gaps), hours


def _read_ratings(path: Path) -> tuple[Numbers, Numbers, int]:
    hours, first = np.zeros(168), dict[str, str]()
    with bz2.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = row["date"]
            first[row["reviewerId"]] = min(at, first.get(row["reviewerId"], at))
            if "2004" <= at[:4] <= "2007":
                # A naive local time: the set states no zone.
                moment = datetime.fromisoformat(at)
                hours[moment.weekday() * 24 + moment.hour] += 1
    days = Counter(at[:10] for at in first.values() if at >= "2005")
    begin, end = (np.datetime64(edge(days)) for edge in (min, max))
    every = np.arange(begin, end + 1)
    counts = np.array([days[str(day)] for day in every], dtype=float)
    weekday = (begin - np.datetime64("2005-01-03")).astype(int) % 7
    return hours, counts, int((weekday + 14) % 7)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)] or [""]
