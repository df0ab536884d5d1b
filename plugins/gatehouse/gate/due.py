"""Until which day a relation should have rows: as near to the others as it usually keeps.

A day without a single row is in no table, so nothing that looks at rows tells of it. What tells are
the others: where several feeds have come to a day, one that keeps up with them has to as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gatehouse.gate.drift import REACH_DAYS
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
# Days missed at once, the first ones: they have a past to be judged by.
_MOST_DAYS = 14
_BETWEEN_FEEDS = timedelta(days=1)
_NONE = timedelta(0)


def due_days(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    drifts: Mapping[str, Iterable[Drift]],
    subject: Subject,
) -> dict[str, date]:
    """By relation, the last day of which it should have rows.

    A relation may be as far behind the others as it has been before and caught up again.

    Args:
        settings: where the certified past is kept.
        connection: with the lake pinned at the snapshot of ``subject``.
        drifts: what is looked at, by core table: of all of them, whatever is checked now.
        subject: what is checked; a day that was not over when its last rows arrived is not due.
    """
    looked_at = {
        each.relation(table): each for table, own in drifts.items() for each in own if each.day
    }
    history = {
        relation: steps
        for relation, steps in _history(settings, subject.snapshot_id).items()
        if relation in looked_at
    }
    newest = {
        relation: found
        for relation, steps in history.items()
        if (found := _newest(connection, relation, looked_at[relation], steps[-1][1], subject))
    }
    if len(newest) < _LEAST_RELATIONS:
        return {}
    usual = usual_lags(history)
    now = _reached(newest.values())
    return {relation: now - _BETWEEN_FEEDS - usual[relation] for relation in history}


def usual_lags(history: Mapping[str, list[tuple[int, date]]]) -> dict[str, timedelta]:
    """How far each relation may be behind the others.

    Where a new day of it was certified, it had been so far behind them at the certificates before,
    and that was right. The longest wait of all, or one in ten, may have been an outage: the next
    longest is the usual one.

    Args:
        history: by relation, the versions at which it had a new newest day, and that day.
    """
    steps: dict[int, dict[str, date]] = defaultdict(dict)
    for relation, own in history.items():
        for snapshot, day in own:
            steps[snapshot][relation] = day
    newest: dict[str, date] = {}
    waits: dict[str, list[timedelta]] = defaultdict(list)
    for snapshot in sorted(steps):
        before = dict(newest)
        newest |= steps[snapshot]
        for relation in steps[snapshot]:
            # Of the first days that were ever certified, there is only how they were then.
            state = before if relation in before else newest
            waits[relation].append(max(_NONE, _reached(state.values()) - state[relation]))
    return {relation: _usual(sorted(found)) for relation, found in waits.items()}


def _usual(waits: list[timedelta]) -> timedelta:
    leaving_out = max(1, len(waits) // 10)
    return waits[max(0, len(waits) - 1 - leaving_out)]


def missing_days(last: date, there: Collection[date], due: date | None) -> set[date]:
    """Days without rows after the last certified one: those before newer ones, and those due."""
    newest = max([last, *there, *([due] if due else [])])
    after = (last + timedelta(days=number) for number in range(1, (newest - last).days + 1))
    return {*[day for day in after if day not in there][:_MOST_DAYS]}


def _reached(days: Iterable[date]) -> date:
    """The day that a third of what is looked at has come to, and two at least.

    Not the furthest, which may be alone; nor the median: tables that are made from one feed stop
    with it.
    """
    found = sorted(days, reverse=True)
    return found[min(max(2, len(found) // 3), len(found)) - 1]


def _history(settings: Settings, up_to: int) -> dict[str, list[tuple[int, date]]]:
    """By relation, the certified versions with a new newest day, and that day, in their order.

    Of each its own newest eight weeks: what fell silent long ago is as silent as ever.
    """
    own = TableProfile.snapshot_id <= up_to
    newest = (
        sa.select(TableProfile.relation_name, sa.func.max(TableProfile.day))
        .where(own)
        .group_by(TableProfile.relation_name)
    )
    found: list[tuple[str, int, date]] = []
    with open_store(settings, read_only=True).begin() as session:
        for relation, last in session.execute(newest).all():
            query = (
                sa.select(TableProfile.day, sa.func.min(TableProfile.snapshot_id))
                .where(own, TableProfile.relation_name == relation)
                .where(TableProfile.day >= last - timedelta(days=REACH_DAYS))
                .group_by(TableProfile.day)
            )
            found += [(relation, snapshot, day) for day, snapshot in session.execute(query)]
    found.sort()
    history: dict[str, list[tuple[int, date]]] = {}
    for relation, snapshot, day in found:
        steps = history.setdefault(relation, [])
        if steps and steps[-1][0] == snapshot:
            steps[-1] = (snapshot, max(day, steps[-1][1]))
        elif not steps or day > steps[-1][1]:
            steps.append((snapshot, day))
    return history


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
