"""Bringing a store to the newest schema: cheap when it is there, safe when several do it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text

from gatehouse.errors import GatehouseError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
# Its own name: the store may share a database with Airflow, which also uses Alembic.
VERSION_TABLE = "gatehouse_store_version"
# Newest revision, by its file's name, so that opening a store needs no import of Alembic.
HEAD = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
_LOCK_KEY = int.from_bytes(hashlib.sha256(VERSION_TABLE.encode()).digest()[:7], "big")


def ensure_schema(engine: Engine, home: Path) -> None:
    """Upgrade the store behind ``engine`` unless it is at the newest revision already.

    Args:
        engine: of the store.
        home: where the lock of an embedded store is kept.

    Raises:
        GatehouseError: the store was written by a newer version of the code.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with _migration_connection(engine, home) as connection:
        # Another process may have done it while this one waited.
        found = _revision(connection)
        if found != HEAD:
            _upgrade(connection, found)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the packaged migrations on ``connection``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise GatehouseError(
            f"The operational store has schema {found}; this code knows up to {HEAD}.",
            next_step="update the code: an older version must not write a newer store.",
        )
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(text(f"select version_num from {VERSION_TABLE}")).first()
    return None if row is None else str(row[0])


@contextmanager
def _migration_connection(engine: Engine, home: Path) -> Iterator[Connection]:
    """A connection in one transaction, alone in migrating this store."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            yield connection
        return
    with FileLock(home / "store.lock"):
        migrating = create_engine(engine.url, poolclass=NullPool)
        event.listen(migrating, "connect", _without_foreign_keys)
        event.listen(migrating, "begin", _begin_immediate)
        with migrating.begin() as connection:
            yield connection


def _without_foreign_keys(connection: object, _record: object) -> None:
    # A batch migration copies a table and drops the old one, which must not cascade.
    connection.isolation_level = None  # type: ignore[attr-defined]
    connection.execute("pragma busy_timeout = 30000")  # type: ignore[attr-defined]
    connection.execute("pragma foreign_keys = off")  # type: ignore[attr-defined]


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")
