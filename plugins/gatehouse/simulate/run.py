"""One simulation: days in order, each in blocks of bounded size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gatehouse.errors import GatehouseError
from gatehouse.files import write_whole
from gatehouse.settings import Settings
from gatehouse.simulate.activity import rhythm_factors
from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.campaigns import KIND_NAMES
from gatehouse.simulate.growth import sign_up_count
from gatehouse.simulate.habits import first_population, newcomers
from gatehouse.simulate.payments import Payments
from gatehouse.simulate.population import PRODUCTS
from gatehouse.simulate.safety_team import SafetyTeam
from gatehouse.simulate.simulation import Simulation
from gatehouse.simulate.world import World

DEFAULT_START = date(2026, 3, 2)
_LEAST_ACTORS = 50


@dataclass(frozen=True)
class SimulationReport:
    """What a simulation wrote.

    Attributes:
        landing: folder the files are in.
        truth: folder of the ground truth.
        start_date: first simulated day.
        days: how many.
        seed: what the same files can be made from again.
        actors: actors at the end, those of campaigns among them.
        rows: rows written, by contract.
        files: files written.
        size_bytes: bytes written.
        campaigns: ids of the planted campaigns.
        unplanted: kinds that were asked for and begin after the last day.
        late_rows: rows that came in a later day's file.
        repeated_files: files delivered twice, the second time not counted in ``rows``.
        repeated_rows: rows that came twice, in two different files.
        broken_rows: rows that no contract accepts.
        seconds: wall clock.
    """

    landing: Path
    truth: Path
    start_date: date
    days: int
    seed: int
    actors: int
    rows: dict[str, int]
    files: int
    size_bytes: int
    campaigns: tuple[str, ...]
    unplanted: tuple[str, ...]
    late_rows: int
    repeated_files: int
    repeated_rows: int
    broken_rows: int
    seconds: float


def run_simulation(
    settings: Settings,
    *,
    folder: Path | None = None,
    actors: int = 2_000,
    days: int = 14,
    seed: int = 1,
    start_date: date = DEFAULT_START,
    events: int | None = None,
    products: tuple[str, ...] = PRODUCTS,
    campaigns: tuple[str, ...] = KIND_NAMES,
    progress: Callable[[str], None] | None = None,
) -> SimulationReport:
    """Write landing files of a simulated world. The same arguments give the same bytes.

    A longer run of the same seed begins with the same days, so a world can be continued.

    Args:
        settings: where contracts are, and the home that the ground truth goes to.
        folder: landing folder; the one of the settings by default.
        actors: population of the first morning, at least 50; campaigns bring their own.
        days: simulated days.
        seed: any number from 0.
        start_date: first simulated day.
        events: about how many product events in all; each actor's own rate by default.
        products: product surfaces to simulate, of `PRODUCTS`.
        campaigns: kinds of campaigns to plant, of `KIND_NAMES`; empty for none.
        progress: told once a day what was written.

    Raises:
        GatehouseError: an argument is out of range; the folder cannot be written to; or the home
            holds the ground truth of another world.
    """
    _check(actors, days, seed, events, start_date)
    _check_names("product", products, PRODUCTS, required=True)
    _check_names("campaign", campaigns, KIND_NAMES, required=False)
    began = time.monotonic()
    world = _make_world(seed, start_date, actors, products)
    scale = 1.0 if events is None else events / _expected_events(world, days)
    landing = folder or settings.landing
    _own(
        settings,
        landing,
        {
            "seed": seed,
            "start": start_date.isoformat(),
            "actors": actors,
            "events": events,
            "products": sorted(products),
            "campaigns": sorted(campaigns),
        },
    )
    with Simulation(settings, landing, world, days, campaigns) as simulation:
        for day in range(days):
            simulation.simulate(day, scale)
            if progress is not None:
                progress(f"day {day + 1} of {days}: {simulation.row_count():,} rows")
    delivered = simulation.deliveries
    planted = {campaign.kind for campaign in simulation.campaigns}
    return SimulationReport(
        landing=landing,
        truth=settings.home / "truth",
        start_date=start_date,
        days=days,
        seed=seed,
        actors=len(world.people),
        rows=dict(sorted(simulation.landing.rows.items())),
        files=simulation.landing.files,
        size_bytes=simulation.landing.size_bytes,
        campaigns=tuple(campaign.campaign_id for campaign in simulation.campaigns),
        unplanted=tuple(kind for kind in campaigns if kind not in planted),
        late_rows=delivered.late_rows,
        repeated_files=delivered.repeated_files,
        repeated_rows=delivered.repeated_rows,
        broken_rows=delivered.broken_rows,
        seconds=time.monotonic() - began,
    )


def _make_world(seed: int, start: date, actors: int, products: tuple[str, ...]) -> World:
    people = first_population(actors, products, seed)
    calendar = Calendar(seed, start, products)
    midnight = calendar.day_us(0)
    team, payments = SafetyTeam(people, midnight, seed), Payments(seed)
    return World(seed, start, actors, products, people, calendar, team, payments)


def _expected_events(world: World, days: int) -> float:
    """Events of ``days`` days on average at plain rates, campaigns left out."""
    people = first_population(world.actors, world.products, world.seed)
    total = 0.0
    for day in range(days):
        count = sign_up_count(world.actors, day, world.calendar)
        people.extend(newcomers(people, count, day, world.products, world.seed))
        total += float((people.rate * rhythm_factors(people, day, world.calendar)).sum())
    return total


def _check(actors: int, days: int, seed: int, events: int | None, start_date: date) -> None:
    if actors < _LEAST_ACTORS:
        raise GatehouseError(
            f"A world of {actors} actors is too small to plant campaigns in.",
            next_step=f"--actors {_LEAST_ACTORS} or more.",
        )
    if start_date > date(9000, 1, 1):
        raise GatehouseError(f"{start_date} is too late a start.", next_step="--start 2026-03-02")
    for name, value, least in (("days", days, 1), ("seed", seed, 0), ("events", events, 1)):
        if value is not None and value < least:
            raise GatehouseError(
                f"{name} is {value}; it is {least} or more.", next_step=f"--{name} {least} or more."
            )


def _own(settings: Settings, landing: Path, world: dict[str, Any]) -> None:
    """Claim the landing folder and the ground truth of the home for a world.

    A longer run of the same world may go on; another one would be mixed into the files of the
    first, and its truth would take the place of theirs.
    """
    marker = settings.home / "world.json"
    # Within the home by its place there: homes of one world are equal, and may be moved.
    place, home = landing.resolve(), settings.home.resolve()
    where = place.relative_to(home) if place.is_relative_to(home) else place
    wanted = {**world, "landing": str(where)}
    try:
        known = json.loads(marker.read_text("utf-8")) if marker.exists() else wanted
        if known != wanted:
            other = ", ".join(name for name in wanted if known.get(name) != wanted[name])
            raise GatehouseError(
                f"This home has the ground truth of another world (other {other}).",
                next_step="GATEHOUSE_HOME=another-folder gatehouse simulate …; or start anew: "
                f"remove {home / str(known.get('landing'))} and {marker}.",
            )
        landing.mkdir(parents=True, exist_ok=True)
        write_whole(marker, json.dumps(wanted, indent=2) + "\n")
    except (OSError, ValueError) as error:
        raise GatehouseError(
            f"Nothing can be written to {landing} or {settings.home} ({type(error).__name__}).",
            next_step="give a folder of your own: gatehouse simulate --folder …",
        ) from error


def _check_names(
    what: str, names: tuple[str, ...], known: tuple[str, ...], *, required: bool
) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown or (required and not names):
        raise GatehouseError(
            f"Unknown {what}: {', '.join(unknown) or 'none given'}.",
            next_step=f"choose from {', '.join(known)}.",
        )
