"""A copy of a lake that may be broken: its catalog is copied, its files are linked.

DuckLake never changes a file that it has written. So a copy costs as much as the catalog, knows
the same snapshots, and whatever is done to it reaches neither the lake nor the store.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.lake.catalog import Catalog
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
        GatehouseError: the catalog is not in a file, or the data not in a folder.
        LakeBusyError: somebody else is writing.
    """
    catalog = Catalog.parse(settings.catalog)
    files = Storage.parse(settings.data_path).folder
    if catalog.kind != "sqlite" or files is None:
        raise GatehouseError(
            "A drill needs a lake whose catalog is a file, and its data in a folder.",
            next_step="run drills on a copy with GATEHOUSE_CATALOG=sqlite:PATH",
        )
    root = settings.make_home() / "drill"
    # What a drill that was killed has left.
    shutil.rmtree(root, ignore_errors=True)
    home = root / uuid.uuid4().hex
    home.mkdir(parents=True, mode=0o700)
    copy = settings.model_copy(
        update={
            "home": home,
            "landing": home / "landing",
            "data_path": str(home / "data"),
            "catalog": f"sqlite:{home / 'catalog.sqlite'}",
            "store_url": f"sqlite:///{home / 'store.db'}",
        }
    )
    try:
        lake = Lake(settings)
        with lake.lock("a drill"):
            lake.current_snapshot()
            _copy_catalog(Path(catalog.where), home / "catalog.sqlite", home / "data")
            _link_files(files, home / "data")
        _copy_store(settings, copy)
        # dbt's parsed project is kept there.
        for part in ("gate", "dbt/manifests"):
            if (settings.home / part).is_dir():
                shutil.copytree(settings.home / part, home / part)
        yield copy
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _copy_catalog(source: Path, target: Path, data_path: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute(
            "update ducklake_metadata set value = ? where key = 'data_path'", [f"{data_path}/"]
        )
        new.commit()


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
