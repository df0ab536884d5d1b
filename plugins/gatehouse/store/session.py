"""Opening the operational store."""

from __future__ import annotations

import os
import sqlite3
import time
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store.changes import StoreSession
from gatehouse.store.schema import ensure_schema

_SQLITE_WAIT_MS = 30_000


def open_store(settings: Settings, *, read_only: bool = False) -> sessionmaker[Session]:
    """A session factory on a store that is at the newest schema.

    Use as ``with open_store(settings).begin() as session:``: one transaction, committed at the
    end or rolled back whole.

    Args:
        settings: which store.
        read_only: the transactions only read: on SQLite they wait for no writer.

    Raises:
        GatehouseError: the store cannot be reached, or is newer than this code.
    """
    settings.make_home()
    try:
        engine = _engine(settings.store_url, read_only=read_only, process=os.getpid())
        ensure_schema(engine, settings.home)
    except (ArgumentError, NoSuchModuleError, OperationalError) as error:
        # The driver's message may hold the password: it is neither shown nor chained.
        raise GatehouseError(
            f"The operational store {shown_url(settings.store_url)} cannot be opened "
            f"({type(error).__name__}).",
            next_step="check GATEHOUSE_STORE_URL and that the database accepts connections.",
        ) from None
    return sessionmaker(engine, class_=StoreSession, expire_on_commit=False)


def shown_url(url: str) -> str:
    """``url`` without its password, for messages."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a database URL)"


# One pool a process: a connection must never be shared with a forked child.
@lru_cache(maxsize=32)
def _engine(url: str, *, read_only: bool, process: int) -> Engine:
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        # Without a driver in the URL, SQLAlchemy would look for one that is not installed.
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        return create_engine(address, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
    _prepare_sqlite(engine, begin="begin" if read_only else "begin immediate")
    return engine


def _switch_to_wal(cursor: Any) -> None:
    """Once for a file; where two do it at once, SQLite fails the second without waiting."""
    until = time.monotonic() + _SQLITE_WAIT_MS / 1000
    while True:
        try:
            cursor.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _prepare_sqlite(engine: Engine, *, begin: str) -> None:
    """Real transactions on SQLite.

    Python's driver begins by itself and late: two writers that both read first would fail at
    once instead of waiting for each other. So the driver's own is off, and a writer takes its
    place at the beginning.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        # First the wait: switching to WAL needs a lock itself.
        cursor.execute(f"pragma busy_timeout = {_SQLITE_WAIT_MS}")
        _switch_to_wal(cursor)
        cursor.execute("pragma foreign_keys = on")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)
