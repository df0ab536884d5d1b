"""Look-ups of one actor in all certified facts, beside DuckDB's own point queries of those rows.

Settings: ACTORS (of the world), EVENTS, DAYS, SEED; LOOKUPS (actors looked up, each on its own).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from _harness import Measurement, run_stage, scratch, setting, stage_environment
from gatehouse.gate.actor import EARLIEST, NEWEST, PARTS, read_actor
from gatehouse.gate.published import open_certified
from gatehouse.gate.query import certified_session
from gatehouse.lake.sql import identifier, literal
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

# Look-ups that are not counted: what is read first comes from the disk.
_WARMING = 10


def main() -> None:
    """Run the measurement."""
    actors, days = int(setting("ACTORS", "10000000")), int(setting("DAYS", "4"))
    events, count = int(setting("EVENTS", "20000000")), int(setting("LOOKUPS", "200"))
    seed = int(setting("SEED", "1"))
    asked = {"ACTORS": str(actors), "EVENTS": str(events), "DAYS": str(days)}
    asked |= {"LOOKUPS": str(count), "SEED": str(seed)}
    measurement = Measurement("lookup", "Looking up one actor", asked)
    with scratch() as folder:
        settings = Settings(home=folder / "home")
        run_simulation(settings, actors=actors, days=days, events=events, seed=seed)
        for stage in ("ingest", "build", "gate", "detect"):
            done = run_stage(stage, settings.home)
            measurement.figure(f"{stage}: time", done.seconds, "s")
            measurement.figure(f"{stage}: peak memory", round(done.peak_mb), "MB")
        look_up(measurement, settings, count)
    measurement.note(
        "A look-up asks all parts of `gatehouse actor` in a certified session that is open, as of "
        "several ids at once; the first ones are not counted. Plain DuckDB: the same tables in "
        "one DuckDB file in the same order of rows, no index, the same code, threads and memory. "
        "Each actor is looked up in both, one after the other."
    )
    measurement.finish()


def look_up(measurement: Measurement, settings: Settings, count: int) -> None:
    """Look actors up in both, warm, and by the command in a process of its own."""
    plain = _copy(settings, settings.home / "plain.duckdb")
    measurement.figure("actors", _count(plain, "dim_actors"))
    chosen = _choose(plain, count + _WARMING)
    spent: dict[str, list[float]] = {"gatehouse": [], "plain DuckDB": []}
    unequal = 0
    with certified_session(settings) as certified:
        for number, actor in enumerate(chosen):
            found = []
            for name, connection in (("gatehouse", certified), ("plain DuckDB", plain)):
                seconds, rows = _timed(partial(read_actor, connection, actor))
                found.append(rows)
                if number >= _WARMING:
                    spent[name].append(seconds)
            unequal += _comparable(found[0]) != _comparable(found[1])
        parts = [
            (name, _of_parts(c, chosen)) for name, c in zip(spent, (certified, plain), strict=True)
        ]
    measurement.figure("look-ups", len(chosen) - _WARMING, at_least=1)
    measurement.figure("of them with other rows than DuckDB's", unequal, equals=0)
    for name, each in spent.items():
        measurement.figure(f"{name}: median", round(statistics.median(each), 4), "s")
    ninety_fifth, plain_ninety_fifth = map(_p95, spent.values())
    measurement.figure("gatehouse: p95", round(ninety_fifth, 4), "s", at_most=1)
    measurement.figure("plain DuckDB: p95", round(plain_ninety_fifth, 4), "s")
    ratio = round(ninety_fifth / plain_ninety_fifth, 2)
    measurement.figure("p95 beside plain DuckDB's", ratio, "times", at_most=10)
    opening, _ = _timed(lambda: open_certified(settings).close())
    measurement.figure("opening a session", round(opening, 3), "s")
    command = [str(Path(sys.executable).parent / "gatehouse"), "actor", chosen[0]]
    whole, _ = _timed(partial(_run, command, settings))
    measurement.figure("the command for one actor, start of Python and all", round(whole, 2), "s")
    measurement.table(
        "Median of each part",
        ("part", "rows of the table", *(f"{name} s" for name, _ in parts)),
        [
            (part, _count(plain, table), *(round(medians[part], 4) for _, medians in parts))
            for part, (table, _) in PARTS.items()
        ],
    )


def _copy(settings: Settings, path: Path) -> duckdb.DuckDBPyConnection:
    """The certified tables in one DuckDB file, open for reading."""
    with open_certified(settings) as connection:
        connection.execute(f"attach {literal(str(path))} as plain")
        for table in sorted({table for table, _ in PARTS.values()}):
            name = identifier(table)
            connection.execute(f"create table plain.{name} as select * from lake.core.{name}")
    config = {"memory_limit": settings.memory_limit, "threads": str(settings.threads)}
    return duckdb.connect(str(path), read_only=True, config=config)


def _choose(plain: duckdb.DuckDBPyConnection, count: int) -> list[str]:
    """Half of them any actors, half those that have signals: whom people look up."""
    chosen: list[str] = []
    for table, size in (("dim_actors", count - count // 2), ("abuse_signals", count // 2)):
        sample = plain.execute(
            f"select actor_id from (select distinct actor_id from {identifier(table)}) "
            "order by hash(actor_id) limit $1",
            [size],
        ).fetchall()
        chosen += [actor for (actor,) in sample]
    return sorted(chosen)


def _comparable(found: dict[str, Any]) -> dict[str, list[str]]:
    """Rows of each part; those of the same moment come in any order, and some are cut off."""
    return {
        part: sorted(map(str, rows))
        for part, rows in found.items()
        if part in PARTS and len(rows) < NEWEST
    }


def _of_parts(connection: duckdb.DuckDBPyConnection, actors: list[str]) -> dict[str, float]:
    """Seconds of each part's query; events from the first day on."""
    medians = {}
    for part, (_, sql) in PARTS.items():
        more = [EARLIEST] * sql.count("$2")
        spent = [_timed(partial(_rows, connection, sql, [a, *more]))[0] for a in actors[:30]]
        medians[part] = statistics.median(spent)
    return medians


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def _count(plain: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(plain.execute(f"select count(*) from {identifier(table)}").fetchall()[0][0])


def _run(command: list[str], settings: Settings) -> None:
    subprocess.run(
        command, env=stage_environment(settings.home), check=True, stdout=subprocess.DEVNULL
    )


def _p95(spent: list[float]) -> float:
    return statistics.quantiles(spent, n=20)[-1]


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
