"""The store's changes into the lake, each exactly once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from gatehouse.errors import GatehouseError
from gatehouse.lake.arrivals import STAMPED
from gatehouse.settings import Settings
from gatehouse.store.models import StoreChange
from gatehouse.store.session import open_store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TABLE = "lake.raw.store_changes"
_COLUMNS = {
    "change_id": "bigint",
    "table_name": "varchar",
    "operation": "varchar",
    "row_key": "varchar",
    "row": "varchar",
    "changed_at": "timestamp",
    "ingested_at": "timestamp",
}
_PAGE = 50_000
_WAIT_SECONDS = 60


def ensure_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``raw.store_changes`` where it is missing, so that dbt always finds it."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
    connection.execute("create schema if not exists lake.raw")
    connection.execute(f"create table if not exists {TABLE} ({columns})")


def sync_store(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    *,
    ingested_at: datetime | None = None,
) -> int:
    """Append the store's new changes to ``raw.store_changes``, each exactly once.

    What the lake holds says where to go on, and the rows arrive in one lake transaction, so a
    kill at any point neither loses nor repeats a change. Joins the caller's transaction where
    one is open.

    Args:
        settings: which store.
        connection: from `Lake.writer`: holding the writer's place is what keeps two syncs apart.
        ingested_at: UTC; default: now, later than every earlier sync.

    Returns:
        Number of changes appended.

    Raises:
        GatehouseError: the store lost changes that the lake has, or a transaction of the store
            stayed open too long.
    """
    ensure_table(connection)
    row = connection.execute(f"select max(change_id) from {TABLE}").fetchone()
    last_id = row[0] if row is not None and row[0] is not None else 0
    stamp = (ingested_at or _next_arrival(connection)).replace(tzinfo=None)
    total = 0
    while changes := _read_page(settings, last_id):
        _append(connection, changes, stamp)
        total += len(changes)
        last_id = changes[-1].change_id
    return total


def _next_arrival(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Later than all that arrived, of any kind: a build's interval may end there already."""
    union = " union all ".join(
        f"select max(ingested_at) from lake.raw.{table}" for table in _stamped_tables(connection)
    )
    row = connection.execute(f"select max(columns(*)) from ({union})").fetchone()
    now = datetime.now(UTC).replace(tzinfo=None)
    newest = row[0] if row else None
    return now if newest is None else max(now, newest + timedelta(microseconds=1))


def _stamped_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables where table_catalog = 'lake' "
        "and table_schema = 'raw' and list_contains($1, table_name)",
        [list(STAMPED)],
    ).fetchall()
    return [row[0] for row in rows]


def _read_page(settings: Settings, last_id: int) -> Sequence[StoreChange]:
    with open_store(settings, read_only=True).begin() as session:
        newest = _settled_maximum(session)
        if newest < last_id:
            raise GatehouseError(
                f"The lake has changes of the operational store up to {last_id}, "
                f"the store itself only up to {newest}: it was replaced by an older copy.",
                next_step="restore the newer store, or point GATEHOUSE_STORE_URL to it.",
            )
        statement = (
            select(StoreChange)
            .where(StoreChange.change_id > last_id, StoreChange.change_id <= newest)
            .order_by(StoreChange.change_id)
            .limit(_PAGE)
        )
        return session.scalars(statement).all()


def _settled_maximum(session: Session) -> int:
    """The newest change id below which no transaction is still open.

    PostgreSQL gives ids at insert, not at commit: a lower id may become visible later than a
    higher one. The lock waits for the transactions that have inserted and keeps others out
    for the length of this one read. SQLite has one writer at a time: ids follow commits.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"set local lock_timeout = '{_WAIT_SECONDS}s'"))
        try:
            session.execute(text("lock table store_changes in share mode"))
        except OperationalError as error:
            raise GatehouseError(
                f"A transaction of the operational store stayed open for {_WAIT_SECONDS} s.",
                next_step="end the session that holds it (pg_stat_activity), and try again.",
            ) from error
    return session.scalar(select(func.max(StoreChange.change_id))) or 0


def _append(
    connection: duckdb.DuckDBPyConnection, changes: Sequence[StoreChange], stamp: datetime
) -> None:
    import pyarrow as pa

    table = pa.table(
        {
            "change_id": pa.array([change.change_id for change in changes], pa.int64()),
            "table_name": [change.table_name for change in changes],
            "operation": [change.operation for change in changes],
            "row_key": [change.row_key for change in changes],
            "row": [json.dumps(change.row, sort_keys=True) for change in changes],
            "changed_at": pa.array(
                [change.changed_at.replace(tzinfo=None) for change in changes], pa.timestamp("us")
            ),
            "ingested_at": pa.array([stamp] * len(changes), pa.timestamp("us")),
        }
    )
    connection.register("_store_changes", table)
    try:
        connection.execute(f"insert into {TABLE} by name select * from _store_changes")
    finally:
        connection.unregister("_store_changes")
