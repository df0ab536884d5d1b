"""The simulated world beside public data, its speed and memory, and its bytes.

Settings: EVENTS (of the timed run), ACTORS (of the world that is compared), DATA (folder of the
public sets).
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from _harness import Measurement, data_folder, scratch, setting
from _marginals import (
    Real,
    Simulated,
    distances,
    profile_distance,
    quantiles,
    read_real,
    relative_days,
    sign_ups,
    spread_of_use,
    thinned,
    weekday_factors,
)
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation
from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.campaigns import KIND_NAMES
from gatehouse.simulate.population import PRODUCTS

_START = date(2026, 3, 2)
_EVENTS_AN_ACTOR = 250
_DAYS = 14
_SECONDS_FOR_10_MILLION = 60
_LEAST_SECONDS = 20  # small runs are mostly imports and campaigns
_MOST_MB = 1_000


def main() -> None:
    """Run the measurement, or one timed world where ``world`` is asked for."""
    if sys.argv[1:2] == ["world"]:
        simulate_once(Path(sys.argv[2]), int(sys.argv[3]))
        return
    events, actors = int(setting("EVENTS", "10000000")), int(setting("ACTORS", "4000"))
    asked = {"EVENTS": str(events)}
    measurement = Measurement("simulator", "The simulated world", asked)
    with scratch() as folder:
        compare(measurement, folder / "compared", actors, data_folder())
        check_bytes(measurement, folder)
        check_campaigns(measurement, folder / "campaigns")
        time_a_run(measurement, folder / "timed", events)
    measurement.finish()


def compare(measurement: Measurement, home: Path, actors: int, data: Path) -> None:
    """Marginals of a world without campaigns, beside the public data."""
    world = run_simulation(Settings(home=home), actors=actors, days=_DAYS, campaigns=())
    real, simulated = read_real(data), Simulated(world.landing)
    compare_tokens(measurement, real, simulated)
    compare_use(measurement, real, simulated)
    compare_time(measurement, real, simulated)
    compare_sign_ups(measurement, real)
    ks, _ = distances(real.prompt_lengths, simulated.body_lengths())
    measurement.figure("length of text: KS to 500 benign prompts (not imitated)", round(ks, 3))
    measurement.note(
        f"Compared is a world of {actors:,} actors and {_DAYS} days without campaigns. KS and "
        "Wasserstein distances are scipy's; Wasserstein is over the real mean. What has no bound "
        "is stated, not imitated."
    )


def compare_tokens(measurement: Measurement, real: Real, simulated: Simulated) -> None:
    """Token counts of chat and API requests, beside the trace."""
    rows = []
    read, written = simulated.tokens()
    for name, there, here in (
        ("input tokens", real.input_tokens, read),
        ("output tokens", real.output_tokens, written),
    ):
        ks, wasserstein = distances(there, here)
        measurement.figure(f"{name}: KS to the trace", round(ks, 3), at_most=0.06)
        measurement.figure(f"{name}: Wasserstein", round(wasserstein, 3), at_most=0.05)
        rows += [(f"{name}, real", *quantiles(there)), (f"{name}, simulated", *quantiles(here))]
    measurement.table("Tokens of a request", ("", "10 %", "50 %", "90 %", "99 %"), rows)


def compare_use(measurement: Measurement, real: Real, simulated: Simulated) -> None:
    """Requests by actor, beside requests by address of the web log."""
    counts = thinned(simulated.counts(4), real.web_counts.mean(), np.random.default_rng(1))
    ks, _ = distances(real.web_counts, counts)
    measurement.figure("requests per actor: KS to the web log", round(ks, 3), at_most=0.15)
    rows = []
    for name, these in (("real", real.web_counts), ("simulated", counts)):
        shares = (round(each, 3) for each in spread_of_use(these))
        rows.append((name, len(these), round(float(these.mean()), 2), *quantiles(these), *shares))
    columns = ("", "actors", "mean", "10 %", "50 %", "90 %", "99 %", "Gini", "top 1 %", "top 10 %")
    measurement.table("Requests per actor in four days", columns, rows)
    measurement.figure(
        "Gini of use: difference", round(abs(rows[0][7] - rows[1][7]), 3), at_most=0.1
    )
    measurement.note("Requests per actor are thinned to the web log's mean: the shape is compared.")


def compare_time(measurement: Measurement, real: Real, simulated: Simulated) -> None:
    """Gaps between requests, and hours of the week."""
    there, here = real.gaps / real.gaps.mean(), simulated.gaps()
    ks, _ = distances(there, here)
    measurement.figure("gaps between requests: KS to the trace", round(ks, 3), at_most=0.08)
    mine = simulated.actor_gaps()
    rows = [
        ("all requests over their mean, real", *quantiles(there)),
        ("all requests over their mean, simulated", *quantiles(here)),
        ("one address of the web log, s", *quantiles(real.web_gaps)),
        ("one simulated user, s", *quantiles(mine)),
    ]
    measurement.table("Gaps between requests", ("", "10 %", "50 %", "90 %", "99 %"), rows)
    ks, _ = distances(real.web_gaps, mine)
    measurement.figure("gaps of one actor: KS to the web log (not imitated)", round(ks, 3))
    local, utc = simulated.hours()
    elsewhere = profile_distance(real.rating_hours, local)
    measurement.figure(
        "hour of the week, local: share elsewhere than ratings", round(elsewhere, 3), at_most=0.1
    )
    elsewhere = profile_distance(real.web_hours, utc)
    measurement.figure(
        "hour of the day, UTC: share elsewhere than the web log", round(elsewhere, 3), at_most=0.25
    )


def compare_sign_ups(measurement: Measurement, real: Real) -> None:
    """Sign-ups by day, beside raters seen for the first time."""
    calendar = Calendar(1, _START, PRODUCTS)
    mine = relative_days(sign_ups(100_000, len(real.new_raters), calendar))
    there = relative_days(real.new_raters)
    ks, _ = distances(there, mine)
    measurement.figure("sign-ups a day: KS to first ratings", round(ks, 3), at_most=0.15)
    # Fourteen days are cut off before the first relative one: the weekday stays.
    week, real_week = weekday_factors(mine, 0), weekday_factors(there, real.first_weekday)
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    rows = [
        ("real", *np.round(real_week, 2).tolist()),
        ("simulated", *np.round(week, 2).tolist()),
    ]
    measurement.table("Sign-ups by weekday over the mean", ("", *days), rows)
    worst = float(np.abs(week - real_week).max())
    measurement.figure("sign-ups by weekday: largest difference", round(worst, 3), at_most=0.2)


def check_bytes(measurement: Measurement, folder: Path) -> None:
    """The same seed gives the same bytes, another one others."""
    digests = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        settings = Settings(home=folder / name)
        world = run_simulation(settings, actors=1_000, days=6, seed=seed)
        files = [path for path in settings.home.rglob("*") if path.is_file()]
        digests.append(
            {
                str(path.relative_to(settings.home)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in files
            }
        )
    one, again, other = digests
    measurement.figure("files compared, truth included", len(one))
    differing = sum(one.get(name) != again.get(name) for name in one.keys() | again.keys())
    measurement.figure("same seed: files that differ", differing, equals=0)
    # The calendar's holidays are of no seed; every file with rows of actors must differ.
    alike = sum(one.get(name) == other.get(name) for name in other if name.endswith("gz"))
    alike += sum(one.get(name) == other.get(name) for name in other if "/events/" in name)
    measurement.figure("other seed: files alike", alike, equals=0)
    measurement.figure("rows of that world", sum(world.rows.values()))


def check_campaigns(measurement: Measurement, home: Path) -> None:
    """What is planted at the default size, from the truth."""
    world = run_simulation(Settings(home=home), days=_DAYS)
    rows = duckdb.sql(
        f"""
        select kind, size, stealth, phase_count, coalesce(adapted_because, ''), count(record_id)
        from '{world.truth}/campaigns.parquet'
        left join '{world.truth}/campaign_records.parquet' using (campaign_id)
        group by all order by kind
        """
    ).fetchall()
    kinds = {row[0] for row in rows}
    measurement.figure("campaigns planted", len(rows))
    measurement.figure("kinds of campaigns planted", len(kinds), equals=len(KIND_NAMES))
    measurement.figure("campaigns with two phases", sum(row[3] == 2 for row in rows))
    [(abusive, actors)] = duckdb.sql(
        f"select count(*) filter (where is_abusive), count(*) from '{world.truth}/actors.parquet'"
    ).fetchall()
    measurement.figure("abusive actors at the default size", round(100 * abusive / actors, 1), "%")
    measurement.figure("seconds at the default size", round(world.seconds, 1), "s")
    measurement.figure("rows at the default size", sum(world.rows.values()))
    columns = ("kind", "members", "stealth", "phases", "adapted", "records")
    measurement.table("Campaigns of the default world", columns, rows)


def abusive_share(truth: Path) -> float:
    """Share of all actors who are abusive, percent."""
    [(share,)] = duckdb.sql(
        f"select 100.0 * avg(is_abusive::int) from '{truth}/actors.parquet'"
    ).fetchall()
    return round(float(share), 1)


def time_a_run(measurement: Measurement, home: Path, events: int) -> None:
    """One run of ``events`` in a process of its own."""
    load = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, __file__, "world", str(home), str(events)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the timed run failed: {done.stderr[-2000:]}")
    timed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    label = f"{events:,} events"
    most = max(_LEAST_SECONDS, _SECONDS_FOR_10_MILLION * events / 10_000_000)
    measurement.figure(f"{label}: written", timed["events"])
    measurement.figure(f"{label}: seconds", timed["seconds"], "s", at_most=most)
    measurement.figure(f"{label}: processor seconds", timed["cpu_seconds"], "s", at_most=2 * most)
    measurement.figure(f"{label}: events a minute", round(timed["events"] * 60 / timed["seconds"]))
    measurement.figure(f"{label}: peak memory", timed["peak_mb"], "MB", at_most=_MOST_MB)
    measurement.figure(f"{label}: landing files", timed["size_mb"], "MB")
    measurement.figure(f"{label}: abusive actors", timed["abusive_share"], "%")
    measurement.note(
        "Seconds are wall clock of one process with two threads, start and imports left out; "
        f"others kept {load:.1f} processes busy on the cores when it began."
    )


def simulate_once(home: Path, events: int) -> None:
    """Simulate, and print what it took as JSON."""
    actors = max(500, events // _EVENTS_AN_ACTOR)
    started, busy = time.monotonic(), time.process_time()
    world = run_simulation(Settings(home=home), actors=actors, days=_DAYS, events=events)
    took = {
        "events": world.rows["events"],
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "size_mb": round(world.size_bytes / 1e6),
        "abusive_share": abusive_share(world.truth),
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
