"""A copy of a lake that may be broken: its catalog is copied, its files are linked or named.

DuckLake never changes a file that it has written. So a copy costs as much as the catalog, knows
the same snapshots, and whatever is done to it reaches neither the lake nor the store. Files in a
bucket cannot be linked: nothing that cleans up runs on a copy (`Settings.shared_files`).
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.lake.catalog import Catalog
from gatehouse.lake.place import try_lock
from gatehouse.lake.sql import identifier, literal
from gatehouse.lake.storage import Storage
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    Base,
    BuildNode,
    BuildRun,
    Certificate,
    PublishedVersion,
    Rollback,
    TableProfile,
    Waiver,
)

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)

# Of the one drill of a catalog in PostgreSQL; an advisory lock, as the writer's place.
_KEY = 0x6A7E_D211
# A file's path is below its table's, that below its schema's, that below the lake's.
_ABSOLUTE = """
update {table} set
    path = {root}
        || (
            select schemas.path || tables.path
            from ducklake_table as tables
            inner join ducklake_schema as schemas on tables.schema_id = schemas.schema_id
            where tables.table_id = {table}.table_id
            order by tables.begin_snapshot desc
            limit 1
        )
        || path,
    path_is_relative = false
where path_is_relative
"""
# What a gate asks the store for.
_OF_THE_GATE = (
    BuildRun,
    BuildNode,
    Certificate,
    TableProfile,
    Waiver,
    Rollback,
    PublishedVersion,
)


@contextmanager
def scratch_home(settings: Settings) -> Iterator[Settings]:
    """A home with a copy of the lake and of what the gate knows; gone at the end.

    The writer's place is held while the catalog is copied, which takes moments.

    Raises:
        LakeBusyError: somebody else is writing.
        GatehouseError: another drill runs.
    """
    root = settings.make_home() / "drill"
    with _alone(settings):
        try:
            yield from _copied(settings, root)
        finally:
            shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the place of the one drill of a home; a process that dies gives it up."""
    lock = FileLock(settings.home / "drill.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _another() from None
    try:
        yield
    finally:
        lock.release()


def _another() -> GatehouseError:
    return GatehouseError("Another drill runs.", next_step="wait for it to end.")


def _copied(settings: Settings, root: Path) -> Iterator[Settings]:
    # What a drill that was killed has left.
    shutil.rmtree(root, ignore_errors=True)
    home = root / uuid.uuid4().hex
    home.mkdir(parents=True, mode=0o700)
    copy = settings.model_copy(
        update={
            "home": home,
            "landing": home / "landing",
            "data_path": str(home / "data"),
            "store_url": f"sqlite:///{home / 'store.db'}",
        }
    )
    with ExitStack() as stack:
        lake = Lake(settings)
        with lake.lock("a drill"):
            lake.current_snapshot()
            copy = stack.enter_context(_copied_catalog(settings, copy))
        _copy_store(settings, copy)
        # dbt's parsed project is kept there.
        for part in ("gate", "dbt/manifests"):
            if (settings.home / part).is_dir():
                shutil.copytree(settings.home / part, home / part)
        yield copy


@contextmanager
def _copied_catalog(settings: Settings, copy: Settings) -> Iterator[Settings]:
    """The settings of the copy with its catalog: a file, or a schema beside the lake's own."""
    catalog = Catalog.parse(settings.catalog)
    if catalog.kind == "sqlite":
        file = copy.home / "catalog.sqlite"
        copy = copy.model_copy(update={"catalog": f"sqlite:{file}"})
        with (
            closing(sqlite3.connect(f"file:{catalog.where}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(file)) as new,
        ):
            old.backup(new)
            copy = _place_files(settings, copy, new)
            new.commit()
        yield copy
        return
    own = catalog.schema(settings)
    number = zlib.crc32(own.encode())
    # Whose copy it is, so that a drill takes away those of its own lake alone.
    prefix = f"drill_{number:08x}_"
    name = f"{prefix}{copy.home.name}"
    with catalog.connect(application_name="gatehouse: a drill") as connection:
        if not try_lock(connection, _KEY + number):
            raise _another()
        # Whoever looks into an old copy must not keep the lake's writers waiting.
        connection.execute("set lock_timeout = '10s'")
        try:
            connection.execute(f"create schema {name}")
            for table in _tables_of(connection, own):
                source = f"{identifier(own)}.{identifier(table)}"
                target = f"{name}.{identifier(table)}"
                connection.execute(f"create table {target} (like {source} including all)")
                connection.execute(f"insert into {target} select * from {source}")
            connection.execute(f"set search_path to {name}")
            copy = copy.model_copy(update={"catalog_schema": name})
            yield _place_files(settings, copy, connection)
        finally:
            _drop_copies(connection, prefix)


def _place_files(settings: Settings, copy: Settings, catalog: Any) -> Settings:
    """Let the copy's catalog know its files: links to those in a folder, else where they are.

    Links, because whatever cleans up after the copy then removes links alone.
    """
    folder = Storage.of(settings).folder
    target = Storage.of(copy).root
    if folder is not None:
        _link_files(folder, Path(copy.data_path))
    else:
        copy = copy.model_copy(update={"shared_files": Storage.of(settings).root})
        for table in ("ducklake_data_file", "ducklake_delete_file"):
            catalog.execute(_ABSOLUTE.format(table=table, root=literal(copy.shared_files)))
    catalog.execute(
        f"update ducklake_metadata set value = {literal(target)} where key = 'data_path'"
    )
    return copy


def _tables_of(connection: Connection[Any], schema: str) -> list[str]:
    rows = connection.execute(
        "select tablename from pg_tables where schemaname = %s and tablename like %s",
        [schema, "ducklake\\_%"],
    )
    return [str(row[0]) for row in rows]


def _drop_copies(connection: Connection[Any], prefix: str) -> None:
    """Drop the schemas of this drill and of those of its lake that were killed.

    What cannot be dropped now, the next drill will: the result of this one counts.
    """
    import psycopg

    try:
        rows = connection.execute(
            "select nspname from pg_namespace where nspname ~ %s", [f"^{prefix}[0-9a-f]{{32}}$"]
        ).fetchall()
        for (name,) in rows:
            connection.execute(f"drop schema {identifier(name)} cascade")
    except psycopg.Error as error:
        log.warning("A copy of the catalog is left (%s)", type(error).__name__)


def _link_files(source: Path, target: Path) -> None:
    for folder, _, names in os.walk(source):
        own = target / Path(folder).relative_to(source)
        own.mkdir(parents=True, exist_ok=True)
        for name in names:
            try:
                (own / name).hardlink_to(Path(folder) / name)
            except OSError:  # another file system
                shutil.copyfile(Path(folder) / name, own / name)


def _copy_store(settings: Settings, copy: Settings) -> None:
    tables = [each for each in Base.metadata.sorted_tables if each in _tables()]
    with (
        open_store(settings, read_only=True).begin() as old,
        open_store(copy).begin() as new,
    ):
        for table in tables:
            rows = [dict(row._mapping) for row in old.execute(sa.select(table))]
            if rows:
                new.connection().execute(table.insert(), rows)


def _tables() -> set[sa.FromClause]:
    return {each.__table__ for each in _OF_THE_GATE}
