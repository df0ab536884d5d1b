"""One reader in a process of its own: opens, asks, compares, until it is told to stop.

Prints one line of JSON at the end, see `Seen`. Settings come from the
environment (``GATEHOUSE_*``).
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from gatehouse.gate.published import open_certified
from gatehouse.gate.query import run_query
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings

_VERSION = re.compile(r"_at_(\d+)")
_TABLES_A_SESSION = 3
# Eight processes that never rest would measure the machine, not the lake.
_PAUSE_SECONDS = 0.5
# Holds wherever its tables are of one version: per query, the tables, and what must be nothing.
AGREEMENTS = (
    (
        ("fct_events", "fct_actor_daily"),
        "select (select count(*) from fct_events where actor_id is not null)"
        " - (select coalesce(sum(event_count), 0) from fct_actor_daily)",
    ),
    (
        ("bridge_operation_actors", "dim_operations"),
        "select count(*) from bridge_operation_actors"
        " anti join dim_operations using (operation_id)",
    ),
    (
        ("user_risk", "user_risk_history"),
        "select count(*) from user_risk anti join user_risk_history using (actor_id)",
    ),
)


@dataclass
class Seen:
    """What one reader saw.

    Attributes:
        sessions: connections opened.
        queries: queries answered.
        errors: kinds of errors, with the first of each in words.
        states: every set of versions that a connection showed, once: snapshot by table.
        contents: by ``table@snapshot``, every ``rows:hash`` that was read.
        compared: queries over several tables of one version.
        disagreements: of them, those whose tables did not agree; by tables and snapshot.
        opening_seconds: time to open, of each session.
    """

    sessions: int = 0
    queries: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    states: list[dict[str, int]] = field(default_factory=list)
    contents: dict[str, list[str]] = field(default_factory=dict)
    compared: int = 0
    disagreements: list[str] = field(default_factory=list)
    opening_seconds: list[float] = field(default_factory=list)


def main() -> None:
    """Read until the file named by the second argument is there; the first seeds the choices."""
    rng, stop = random.Random(sys.argv[1]), Path(sys.argv[2])  # noqa: S311
    settings, seen = Settings(), Seen()
    os.nice(5)
    while not stop.exists():
        read_once(settings, rng, seen)
        time.sleep(_PAUSE_SECONDS)
    print(json.dumps(asdict(seen)))


def read_once(settings: Settings, rng: random.Random, seen: Seen) -> None:
    """One session: each table of a few twice, and the queries over several tables."""
    try:
        started = time.monotonic()
        with open_certified(settings) as connection:
            seen.opening_seconds.append(round(time.monotonic() - started, 4))
            seen.sessions += 1
            _ask(connection, rng, seen)
        run_query(settings, "select count(*) from dim_products")
        seen.queries += 1
    except Exception as error:  # what a reader sees is the result, whatever it is
        seen.errors.setdefault(type(error).__name__, str(error)[:300])


def _ask(connection: duckdb.DuckDBPyConnection, rng: random.Random, seen: Seen) -> None:
    state = versions_of(connection)
    if state not in seen.states:
        seen.states.append(state)
    chosen = rng.sample(sorted(state), min(_TABLES_A_SESSION, len(state)))
    for _ in range(2):
        for table in chosen:
            found = content_of(connection, table)
            known = seen.contents.setdefault(f"{table}@{state[table]}", [])
            if found not in known:
                known.append(found)
            seen.queries += 1
        for tables, query in AGREEMENTS:
            if len({state.get(table) for table in tables}) > 1 or tables[0] not in state:
                continue
            row = connection.execute(query).fetchone()
            seen.compared += 1
            if row is None or row[0] != 0:
                seen.disagreements.append(f"{' and '.join(tables)} at {state[tables[0]]}")


def versions_of(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Snapshot by table, as the connection itself has it, whatever the store says by now."""
    rows = connection.execute(
        "select view_name, sql from duckdb_views() where database_name = 'lake' and not internal"
    ).fetchall()
    found = {name: _VERSION.search(sql) for name, sql in rows}
    return {name: int(match.group(1)) for name, match in found.items() if match}


def content_of(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Number of rows and sum of their hashes."""
    row = connection.execute(
        f"select count(*), coalesce(sum(hash(each)::hugeint), 0) from {identifier(table)} as each"
    ).fetchone()
    return f"{row[0]}:{row[1]}" if row else ""


if __name__ == "__main__":
    main()
