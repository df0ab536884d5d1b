"""The one writer's place of a lake, whoever and wherever the writers are."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, FileLock, Timeout

from gatehouse.errors import LakeBusyError
from gatehouse.lake.catalog import Catalog
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection

# Any number does, as long as every Gatehouse takes the same: a lock belongs to its database.
_KEY = 0x6A7E_0005
_POLL_SECONDS = 0.2


@contextmanager
def writers_place(settings: Settings, catalog: Catalog, purpose: str) -> Iterator[None]:
    """Hold the one writer's place.

    A file lock among the processes of one home, and one at the catalog, which several homes
    may share: beside the file of a SQLite catalog, in PostgreSQL an advisory one. A thread that
    holds the place may take it again; a process that dies gives it up at once.

    Args:
        settings: which home, and how long to wait.
        catalog: where the lake's catalog is.
        purpose: what it is held for; shown to whoever waits too long.

    Raises:
        LakeBusyError: another writer kept it longer than ``lock_timeout_seconds``.
    """
    deadline = time.monotonic() + settings.lock_timeout_seconds
    home = settings.make_home()
    # One lock object a process, so that a holder may take it again.
    lock = FileLock(home / "writer.lock", is_singleton=True)
    with _file_lock(lock, home / "writer.txt", settings, purpose, deadline), ExitStack() as stack:
        if lock.lock_counter == 1:
            if catalog.kind == "postgres":
                stack.enter_context(_advisory_lock(settings, catalog, purpose, deadline))
            else:
                file = Path(catalog.where).resolve()
                beside, note = (file.with_name(file.name + end) for end in (".lock", ".writer.txt"))
                stack.enter_context(_file_lock(FileLock(beside), note, settings, purpose, deadline))
        yield


@contextmanager
def _file_lock(
    lock: BaseFileLock, note: Path, settings: Settings, purpose: str, deadline: float
) -> Iterator[None]:
    try:
        lock.acquire(timeout=max(deadline - time.monotonic(), 0))
    except Timeout as error:
        who = note.read_text("utf-8") if note.exists() else "another process"
        raise _busy(settings, who, purpose) from error
    try:
        note.write_text(purpose, "utf-8")
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(
    settings: Settings, catalog: Catalog, purpose: str, deadline: float
) -> Iterator[None]:
    # A lake in another schema of the same database has a place of its own.
    key = _KEY + zlib.crc32(catalog.schema(settings).encode())
    with catalog.connect(application_name=f"gatehouse: {purpose}") as connection:
        while not try_lock(connection, key):
            if time.monotonic() >= deadline:
                raise _busy(settings, _holder(connection, key), purpose)
            time.sleep(_POLL_SECONDS)
        # The server frees it when this connection ends, however that comes about.
        yield


def try_lock(connection: Connection[Any], key: int) -> bool:
    """Take an advisory lock of PostgreSQL for as long as the connection lives, if it is free."""
    row = connection.execute("select pg_try_advisory_lock(%s::bigint)", (key,)).fetchone()
    return row is not None and bool(row[0])


def _holder(connection: Connection[Any], key: int) -> str:
    row = connection.execute(
        "select coalesce(nullif(activity.application_name, ''), 'another process') || "
        "coalesce(' on ' || host(activity.client_addr), '') "
        "from pg_locks inner join pg_stat_activity as activity on activity.pid = pg_locks.pid "
        "where pg_locks.locktype = 'advisory' and pg_locks.granted "
        "and (pg_locks.classid::bigint << 32) + pg_locks.objid::bigint = %s",
        (key,),
    ).fetchone()
    return str(row[0]) if row else "another process"


def _busy(settings: Settings, who: str, purpose: str) -> LakeBusyError:
    return LakeBusyError(
        f"The lake is being written by {who}; "
        f"{purpose} waited {settings.lock_timeout_seconds:.0f} s.",
        next_step="wait for it, or raise GATEHOUSE_LOCK_TIMEOUT_SECONDS.",
    )
