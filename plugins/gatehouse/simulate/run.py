"""One simulation: days in order, each in blocks of bounded size."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.simulate.accounts import sign_ups
from gatehouse.simulate.activity import Block, daily_blocks, expected_events
from gatehouse.simulate.campaigns import plant_campaigns
from gatehouse.simulate.columns import Columns, assemble
from gatehouse.simulate.deliveries import Deliveries
from gatehouse.simulate.landing import Landing
from gatehouse.simulate.networks import reputation_editions
from gatehouse.simulate.population import PRODUCTS, build_population
from gatehouse.simulate.safety_team import SafetyTeam
from gatehouse.simulate.schemas import load_schemas
from gatehouse.simulate.signals import (
    content_rows,
    login_rows,
    make_items,
    payment_rows,
    report_rows,
    score_rows,
)
from gatehouse.simulate.truth import Truth
from gatehouse.simulate.world import World

DEFAULT_START = date(2026, 3, 2)
_LEAST_ACTORS = 50

Rows = dict[str, list[Columns]]


@dataclass(frozen=True)
class SimulationReport:
    """What a simulation wrote.

    Attributes:
        landing: folder the files are in.
        truth: folder of the ground truth.
        start_date: first simulated day.
        days: how many.
        seed: what the same files can be made from again.
        actors: actors of the population; campaigns bring their own.
        rows: rows written, by contract.
        files: files written.
        size_bytes: bytes written.
        campaigns: ids of the planted campaigns.
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
    progress: Callable[[str], None] | None = None,
) -> SimulationReport:
    """Write landing files of a simulated world. The same arguments give the same bytes.

    A longer run of the same seed begins with the same days, so a world can be continued.

    Args:
        settings: where contracts are, and the home that the ground truth goes to.
        folder: landing folder; the one of the settings by default.
        actors: size of the population, at least 50.
        days: simulated days.
        seed: any number from 0.
        start_date: first simulated day.
        events: about how many product events in all; each actor's own rate by default.
        products: product surfaces to simulate, of `PRODUCTS`.
        progress: told once a day what was written.

    Raises:
        GatehouseError: an argument is out of range.
    """
    _check(actors, days, seed, events, products)
    began = time.monotonic()
    people = build_population(actors, products, seed)
    world = World(seed, start_date, people, products)
    scale = 1.0 if events is None else events / expected_events(people, days)
    simulation = _Simulation(settings, folder or settings.landing, world, days)
    for day in range(days):
        simulation.simulate(day, scale)
        if progress is not None:
            progress(f"day {day + 1} of {days}: {sum(simulation.landing.rows.values()):,} rows")
    return simulation.finish(time.monotonic() - began)


class _Simulation:
    """The parts of one run, joined."""

    def __init__(self, settings: Settings, folder: Path, world: World, days: int) -> None:
        self.landing = Landing(folder, world.start)
        self._world = world
        self._days = days
        self._schemas = load_schemas(settings.input_contracts)
        self._deliveries = Deliveries(self.landing, self._schemas, world.seed)
        self._team = SafetyTeam(world.people, world.day_us(0), world.seed)
        self._campaigns = plant_campaigns(world, days)
        self._truth, self._truth_folder = Truth(), settings.home / "truth"

    def simulate(self, day: int, scale: float) -> None:
        """Write one day's files."""
        self._deliveries.begin(day)
        world, pending = self._world, self._daily_rows(day)
        number = -1
        blocks = daily_blocks(world.people, day, world.day_us(day), world.seed, scale=scale)
        for number, block in enumerate(blocks):
            self._deliver(day, number, _joined(self._block_rows(block), pending))
            pending = {}
        if pending:  # a day on which nobody of the population did anything
            self._deliver(day, number + 1, pending)

    def finish(self, seconds: float) -> SimulationReport:
        """Write the ground truth, and say what was done."""
        self._truth.write(self._truth_folder, self._campaigns)
        world, landing, deliveries = self._world, self.landing, self._deliveries
        return SimulationReport(
            landing=landing.folder,
            truth=self._truth_folder,
            start_date=world.start,
            days=self._days,
            seed=world.seed,
            actors=len(world.people),
            rows=dict(sorted(landing.rows.items())),
            files=landing.files,
            size_bytes=landing.size_bytes,
            campaigns=tuple(campaign.campaign_id for campaign in self._campaigns),
            late_rows=deliveries.late_rows,
            repeated_files=deliveries.repeated_files,
            repeated_rows=deliveries.repeated_rows,
            broken_rows=deliveries.broken_rows,
            seconds=seconds,
        )

    def _daily_rows(self, day: int) -> Rows:
        """What does not come from the day's events: accounts, payments, lists, old decisions."""
        world, rows = self._world, defaultdict[str, list[Columns]](list)
        start_us, day_us = world.day_us(0), world.day_us(day)
        for contract, columns in (
            ("actors", sign_ups(world.people, day, start_us)),
            ("payments", payment_rows(world.people, day, day_us, world.seed)),
        ):
            if columns is not None:
                rows[contract].append(columns)
        rows["reputation"] += reputation_editions(
            world.people.networks, world.start, day, world.seed
        )
        for contract, columns in self._team.work(day).items():
            rows[contract].append(columns)
        for contract, columns in self._campaign_rows(day):
            rows[contract].append(columns)
        return dict(rows)

    def _campaign_rows(self, day: int) -> Iterator[tuple[str, Columns]]:
        for campaign in self._campaigns:
            for contract, parts in campaign.traffic(day).items():
                for columns in parts:
                    self._truth.add(campaign, contract, columns)
                    yield contract, columns

    def _block_rows(self, block: Block) -> Rows:
        people, seed = self._world.people, self._world.seed
        items = make_items(people, block, seed)
        self._team.receive(items, block.day, block.number)
        self._truth.add_items(items.ids.filter(pa.array(items.violating)).to_pylist())
        rows: Rows = {"events": [block.columns]}
        if len(items.actor):
            rows["content"] = [content_rows(people, items, block, seed)]
            rows["model_scores"] = [score_rows(people, items, block.day)]
        for contract, columns in (
            ("logins", login_rows(people, block, seed)),
            ("user_reports", report_rows(people, block, items, seed)),
        ):
            if columns is not None:
                rows[contract] = [columns]
        return rows

    def _deliver(self, day: int, block: int, rows: Rows) -> None:
        for contract, parts in rows.items():
            tables = [assemble(self._schemas[contract], columns) for columns in parts]
            if tables:
                self._deliveries.deliver(contract, day, block, pa.concat_tables(tables))


def _joined(first: Rows, second: Rows) -> Rows:
    contracts = dict.fromkeys([*first, *second])
    return {name: [*first.get(name, []), *second.get(name, [])] for name in contracts}


def _check(
    actors: int, days: int, seed: int, events: int | None, products: tuple[str, ...]
) -> None:
    if actors < _LEAST_ACTORS:
        raise GatehouseError(
            f"A world of {actors} actors is too small to plant campaigns in.",
            next_step=f"--actors {_LEAST_ACTORS} or more.",
        )
    if days < 1 or seed < 0 or (events is not None and events < 1):
        raise GatehouseError("Days and events are 1 or more, a seed 0 or more.")
    unknown = sorted(set(products) - set(PRODUCTS))
    if unknown or not products:
        raise GatehouseError(
            f"Unknown product: {', '.join(unknown) or 'none given'}.",
            next_step=f"choose from {', '.join(PRODUCTS)}.",
        )
