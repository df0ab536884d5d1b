"""Findings, and decisions after them, that rest on days that are other days by now.

Late rows and corrections make new certificates. What was found before stays as it was found; this
says of which of it the ground has moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.gate.lineage import CoreTable, core_tables
from gatehouse.gate.published import Published, certified_versions
from gatehouse.gate.suites import Drift, load_suite
from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier, literal
from gatehouse.settings import Settings

# Comes with a row that says the same as before.
_ARRIVAL = "ingested_at"
# A finding looked at the days up to that of its last event, as far back as its detection reaches.
_FOUND = """
create or replace temp table found as
select
    finding_key, detection_id, mode_code, actor_id, found_at, last_event_at,
    cast(json_extract(snapshot_ids, $path) as bigint) as then_id,
    cast(last_event_at as date)
    - (coalesce(cast(json_extract(parameters, '$.window_days') as integer), 1) - 1) as first_day,
    cast(last_event_at as date) as last_day
from lake.raw.findings
where
    cast(json_extract(snapshot_ids, $path) as bigint) < $now_id
    and found_at >= cast($since as timestamp)
"""
# Not filtered by snapshot where it is read: DuckLake 1.5 does not get on with that.
_CHANGES = """
create or replace temp table changes as
select changed_id, day, actor, content, n from (
    select
        snapshot_id as changed_id, cast({day} as date) as day, {actor} as actor,
        hash({columns}) as content, 1 as n
    from ducklake_table_insertions('lake', 'core', {table}, {since}, {until})
    union all
    select
        snapshot_id, cast({day} as date), {actor}, hash({columns}), -1
    from ducklake_table_deletions('lake', 'core', {table}, {since}, {until})
)
where actor in (select actor_id from found)
"""
# A row that was taken away and put back the same has not changed.
_MOVED = """
select
    finding_key, detection_id, mode_code, found_at, actor_id, last_event_at, then_id,
    min(day), max(day),
    cast(coalesce(sum(n) filter (where n > 0), 0) as bigint),
    cast(coalesce(-sum(n) filter (where n < 0), 0) as bigint)
from (
    select
        finding_key, detection_id, mode_code, found_at, actor_id, last_event_at, then_id,
        day, content, sum(changes.n) as n
    from found
    inner join changes
        on found.actor_id = changes.actor
        and changes.day between found.first_day and found.last_day
        and changes.changed_id > found.then_id
    group by all
    having sum(changes.n) <> 0
)
group by all
order by found_at, finding_key
"""


@dataclass(frozen=True)
class Restated:
    """A finding one of whose tables says something else now of its actor and days.

    Attributes:
        table: core table.
        then_id: snapshot that it was found on.
        now_id: certified snapshot on show.
        first_day: first day that changed, of those that its detection saw together.
        last_day: last one.
        rows_added: rows of the actor there are now and were not then.
        rows_removed: rows there were then.
        action_ids: enforcement actions by its detection against its actor since.
    """

    finding_key: str
    detection_id: str
    mode_code: str
    found_at: datetime
    table: str
    then_id: int
    now_id: int
    first_day: date
    last_day: date
    rows_added: int
    rows_removed: int
    action_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestatedReport:
    """What was looked for, and what could not be.

    Attributes:
        findings: one for each finding and table that changed under it.
        unknown: tables of which a version is gone: nobody knows what changed since.
        not_compared: tables without days or without actors, on which findings rest too.
    """

    findings: tuple[Restated, ...]
    unknown: tuple[str, ...]
    not_compared: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def restated(
    settings: Settings, table: str = "", *, since: datetime | None = None
) -> RestatedReport:
    """Findings made on a version of a day that has changed since.

    Args:
        settings: which home.
        table: only changes of this core table.
        since: only findings recorded from then on, UTC.

    Raises:
        GatehouseError: there is no such core table.
    """
    known = core_tables(settings)
    if table and table not in known:
        raise GatehouseError(
            f"There is no core table {table}.", next_step=f"choose of: {', '.join(known)}"
        )
    lake, shown = Lake(settings), certified_versions(settings)
    if not lake.exists():
        return RestatedReport((), (), ())
    moment = since or datetime(1, 1, 1, tzinfo=UTC)
    findings: list[Restated] = []
    unknown, not_compared = [], []
    with lake.current() as connection:
        for name in sorted({table} if table else known):
            if name not in shown or not _concern(connection, shown[name], moment):
                continue
            drift = _by_day(settings, known[name])
            if drift is None:
                not_compared.append(name)
            elif not lake.tells_changes or not _compare(
                connection, known[name], drift, shown[name]
            ):
                unknown.append(name)
            else:
                findings += _moved(connection, name, shown)
    return RestatedReport(tuple(findings), tuple(unknown), tuple(not_compared))


def _by_day(settings: Settings, table: CoreTable) -> Drift | None:
    """How a table's days and actors are called; None if it has no such."""
    suite = load_suite(settings.core_suites, table.table, table.columns)
    own = [each for each in suite.drift if not each.of and each.day and each.unit]
    return own[0] if own else None


def _concern(connection: duckdb.DuckDBPyConnection, now: Published, since: datetime) -> bool:
    """Collect the findings that rest on an older version of a table; whether there are any."""
    values = {
        "path": f"$.{identifier(now.table)}",
        "now_id": now.snapshot_id,
        "since": since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    try:
        connection.execute(_FOUND, values)
    except duckdb.CatalogException:  # nothing was ever found
        return False
    row = connection.execute("select count(*) from found").fetchone()
    return bool(row and row[0])


def _compare(
    connection: duckdb.DuckDBPyConnection, table: CoreTable, drift: Drift, now: Published
) -> bool:
    """Collect what changed of their actors since the oldest of their versions; False if unknown."""
    row = connection.execute("select min(then_id) from found").fetchone()
    columns = connection.sql(f"select * from lake.core.{identifier(table.table)} limit 0").columns
    statement = _CHANGES.format(
        day=identifier(drift.day),
        actor=identifier(drift.unit),
        columns=", ".join(identifier(name) for name in columns if name != _ARRIVAL),
        table=literal(table.table),
        since=int(row[0]) if row else 0,
        until=now.snapshot_id,
    )
    try:
        connection.execute(statement)
    except duckdb.Error:
        # The oldest version has been expired: nobody knows any more.
        return False
    return True


def _moved(
    connection: duckdb.DuckDBPyConnection, table: str, shown: Mapping[str, Published]
) -> list[Restated]:
    rows = connection.execute(_MOVED).fetchall()
    actions = _actions(connection, shown) if rows else {}
    return [
        Restated(
            finding_key=row[0],
            detection_id=row[1],
            mode_code=row[2],
            found_at=row[3],
            table=table,
            then_id=row[6],
            now_id=shown[table].snapshot_id,
            first_day=row[7],
            last_day=row[8],
            rows_added=row[9],
            rows_removed=row[10],
            action_ids=tuple(actions.get(row[0], ())),
        )
        for row in rows
    ]


def _actions(
    connection: duckdb.DuckDBPyConnection, shown: Mapping[str, Published]
) -> dict[str, list[str]]:
    """Enforcement actions by finding: of the same detection and actor, decided after its events."""
    history = shown.get("enforcement_history")
    if history is None:
        return {}
    rows = connection.execute(
        "select finding_key, list(action_id order by action_id) from found "
        "inner join (select action_id, actor_id, detection_id, decided_at "
        f"from lake.core.enforcement_history at (version => {history.snapshot_id})) as action "
        "on action.actor_id = found.actor_id and action.detection_id = found.detection_id "
        "and action.decided_at >= found.last_event_at group by finding_key"
    ).fetchall()
    return dict(rows)
