"""Until which day a relation should have rows: as near to the others as when it was certified.

A day without a single row is in no table, so nothing that looks at rows tells of it. What tells are
the others: where most feeds have come to a day, one that always kept up with them has to as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from statistics import median_low
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gatehouse.gate.suites import Drift
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import TableProfile

if TYPE_CHECKING:
    import duckdb

    from gatehouse.gate.subject import Subject

# Of two, nobody knows which one is right.
_LEAST_RELATIONS = 3
_MOST_DAYS = 14
_BETWEEN_FEEDS = timedelta(days=1)


def due_days(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    drifts: Mapping[str, Iterable[Drift]],
    subject: Subject,
) -> dict[str, date]:
    """By relation, the last day of which it should have rows.

    A relation that lags behind the others' median when it is certified, as decisions lag behind
    what they are about, may lag as far behind it later.

    Args:
        settings: where the certified past is kept.
        connection: with the lake pinned at the snapshot of ``subject``.
        drifts: what is looked at, by core table.
        subject: what is checked; a day that was not over when its last rows arrived is not due.
    """
    looked_at = {
        each.relation(table): each for table, own in drifts.items() for each in own if each.day
    }
    certified = {
        relation: day
        for relation, day in _certified(settings, subject.snapshot_id).items()
        if relation in looked_at
    }
    newest = {
        relation: found
        for relation, day in certified.items()
        if (found := _newest(connection, relation, looked_at[relation], day, subject))
    }
    if len(newest) < _LEAST_RELATIONS:
        return {}
    then, now = median_low(certified.values()), median_low(newest.values())
    return {
        relation: now - _BETWEEN_FEEDS - max(timedelta(0), then - day)
        for relation, day in certified.items()
    }


def days_after(last: date, due: date | None) -> set[date]:
    """Days from the one after ``last`` to ``due``, the newest two weeks of them."""
    if due is None:
        return set()
    return {due - timedelta(days=back) for back in range(min((due - last).days, _MOST_DAYS))}


def _certified(settings: Settings, up_to: int) -> dict[str, date]:
    query = (
        sa.select(TableProfile.relation_name, sa.func.max(TableProfile.day).label("day"))
        .where(TableProfile.snapshot_id <= up_to)
        .group_by(TableProfile.relation_name)
    )
    with open_store(settings, read_only=True).begin() as session:
        return {row.relation_name: row.day for row in session.execute(query)}


def _newest(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    drift: Drift,
    last: date,
    subject: Subject,
) -> date | None:
    """The newest day that was over; None if it cannot be read, which its check says."""
    import duckdb

    schema, _, table = relation.partition(".")
    column = identifier(drift.day)
    try:
        row = connection.execute(
            f"select max(cast({column} as date)) "
            f"from lake.{identifier(schema)}.{identifier(table)} "
            f"where {column} >= cast($1 as date) and {column} < cast($2 as date)",
            [last, subject.first_open_day],
        ).fetchone()
    except duckdb.Error:
        return None
    return max(row[0], last) if row and row[0] else last
