"""The parts of one run, joined. Rows are made in one thread and written by another."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import numpy as np
import pyarrow as pa

from gatehouse.settings import Settings
from gatehouse.simulate.accounts import sign_ups
from gatehouse.simulate.activity import Block, make_block, plan_day
from gatehouse.simulate.campaigns import KINDS, Campaign, plant_campaigns
from gatehouse.simulate.columns import Columns, assemble, joined
from gatehouse.simulate.deliveries import Deliveries
from gatehouse.simulate.growth import sign_up_count
from gatehouse.simulate.habits import newcomers
from gatehouse.simulate.items import content_rows, make_items, plain_bodies, score_rows
from gatehouse.simulate.landing import Landing
from gatehouse.simulate.logins import login_rows
from gatehouse.simulate.networks import reputation_editions
from gatehouse.simulate.records import Records
from gatehouse.simulate.reports import make_reports
from gatehouse.simulate.schemas import load_schemas
from gatehouse.simulate.truth import Truth
from gatehouse.simulate.world import World

Rows = dict[str, list[Columns]]
Tables = dict[str, list[pa.Table]]
_MOST_WAITING = 1  # blocks made and not yet written: what bounds memory
_ACTOR_COLUMN = {"user_reports": "reporter_actor_id"}


class Simulation:
    """A run. Files are written in the order in which rows were made, whichever thread is ahead.

    Attributes:
        landing: the landing files.
        deliveries: how they arrive.
        campaigns: what is planted.
    """

    def __init__(
        self, settings: Settings, folder: Path, world: World, days: int, kinds: tuple[str, ...]
    ) -> None:
        self.landing = Landing(folder, world.start)
        self._world = world
        self._days = days
        self._schemas = load_schemas(settings.input_contracts)
        self.deliveries = Deliveries(self.landing, self._schemas, world.seed)
        self.campaigns: list[Campaign] = plant_campaigns(world, days, kinds)
        world.team.judge_by(tuple(kind.policy_code for kind in KINDS))
        self._truth = Truth(settings.home / "truth")
        self._records = Records(self._truth)
        self._writer = ThreadPoolExecutor(1)
        self._waiting: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._truth.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait_for(0)
                self._records.finish(self._world, self.campaigns, self._days)
        finally:
            self._writer.shutdown(cancel_futures=True)
            self._truth.__exit__(kind, error, trace)

    def row_count(self) -> int:
        """Rows written so far."""
        return sum(dict(self.landing.rows).values())

    def simulate(self, day: int, scale: float) -> None:
        """Write one day's files."""
        world = self._world
        rows, planted = self._daily_rows(day)
        plan = plan_day(world.people, day, world.calendar, scale=scale)
        shares = self._shared_out(planted, max(1, len(plan.parts)))
        self._submit(self.deliveries.begin, day)
        for number, share in enumerate(shares):
            if plan.parts:
                block = make_block(world.people, plan, number, world.seed)
                for contract, parts in self._block_rows(block).items():
                    rows[contract][:0] = parts
            self._submit(self._deliver, day, number, rows, share)
            rows = defaultdict(list)

    def _daily_rows(self, day: int) -> tuple[Rows, Rows]:
        """What does not come from the day's events: by the system, and by campaigns."""
        world, rows, planted = self._world, defaultdict[str, list[Columns]](list), Rows()
        for contract, columns in world.team.work(day).items():
            rows[contract].append(columns)
        self._records.add_decisions(world.team.decisions)
        for campaign in self.campaigns:
            traffic = campaign.live(day)
            self._records.add_traffic(campaign, traffic)
            for items in traffic.items:
                world.team.receive(items, day)
            for contract, parts in traffic.rows.items():
                planted.setdefault(contract, []).extend(parts)
        count = sign_up_count(world.actors, day, world.calendar)
        if count:
            world.people.extend(newcomers(world.people, count, day, world.products, world.seed))
        made = sign_ups(world.people, day, world.day_us(0))
        if made is not None:
            rows["actors"].insert(0, made)
        rows["payments"] += world.payments.rows(world.people, day, world.day_us(day))
        networks = world.people.networks
        rows["reputation"] += reputation_editions(networks, world.start, day, world.seed)
        return rows, planted

    def _block_rows(self, block: Block) -> Rows:
        people, seed = self._world.people, self._world.seed
        items = make_items(block, seed)
        reported = make_reports(people, block, items, seed)
        self._world.team.receive(items, block.day, reported.about if reported else None)
        self._records.add_items(people, items)
        rows: Rows = {"events": [block.columns]}
        if len(items):
            bodies, rng = plain_bodies(items, block, seed)
            rows["content"] = [content_rows(people, items, bodies, rng)]
            rows["model_scores"] = [score_rows(people, items, block.day)]
        logins = login_rows(people, block, seed)
        if logins is not None:
            rows["logins"] = [logins]
        if reported is not None:
            rows["user_reports"] = [reported.rows]
            self._records.add_reports(reported.rows["report_id"], reported.kind)
        return rows

    def _shared_out(self, planted: Rows, count: int) -> list[Tables]:
        """Campaigns' rows by block: an actor's are in one, as everybody's are."""
        shares: list[Tables] = [{} for _ in range(count)]
        for contract, parts in planted.items():
            for columns in parts:
                table = assemble(self._schemas[contract], columns)
                if count == 1:
                    shares[0].setdefault(contract, []).append(table)
                    continue
                names = table[_ACTOR_COLUMN.get(contract, "actor_id")].to_pylist()
                block_of = np.array([crc32(name.encode()) % count for name in names])
                for number in np.unique(block_of).tolist():
                    mine = table.filter(pa.array(block_of == number))
                    shares[number].setdefault(contract, []).append(mine)
        return shares

    def _deliver(self, day: int, number: int, rows: Rows, share: Tables) -> None:
        for contract in dict.fromkeys([*rows, *share]):
            schema = self._schemas[contract]
            tables = [assemble(schema, columns) for columns in rows.get(contract, [])]
            tables += share.get(contract, [])
            if tables:
                self.deliveries.deliver(contract, day, number, joined(tables))

    def _submit(self, work: Any, *arguments: Any) -> None:
        self._waiting.append(self._writer.submit(work, *arguments))
        self._wait_for(_MOST_WAITING)

    def _wait_for(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.pop(0).result()
