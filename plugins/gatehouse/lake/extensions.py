"""DuckDB extensions from the installed Python packages, so that nothing is fetched at run time."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import duckdb

from gatehouse.errors import GatehouseError

# Files whose signature DuckDB has checked in this process.
_checked: set[tuple[str, int, int, int]] = set()
EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs", "aws", "avro", "iceberg")


def extension_directory(home: Path) -> Path:
    """Lay out the packaged extensions as DuckDB expects them, and return the folder.

    Safe to call from several processes at once.

    Raises:
        GatehouseError: an extension package is missing or of another DuckDB version.
    """
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        target = folder / f"{name}.duckdb_extension"
        source = _packaged(name)
        if not target.is_symlink() or target.readlink() != source:
            staged = folder / f".{name}.{os.getpid()}"
            staged.unlink(missing_ok=True)
            staged.symlink_to(source)
            staged.rename(target)  # atomic, so a process beside this one never misses it
    return home / "extensions"


def connect(
    home: Path, names: Iterable[str], config: Mapping[str, str]
) -> duckdb.DuckDBPyConnection:
    """An empty database in memory with some of the packaged extensions.

    DuckDB checks an extension's signature whenever it is loaded, a tenth of a second for each. What
    a process has loaded once it has for good: the system's loader gives it the same code again. So
    it is checked the first time, and again if there is another file by then.

    Args:
        home: where they are laid out.
        names: of `EXTENSIONS`.
        config: settings of the database.

    Raises:
        GatehouseError: as `extension_directory`.
        duckdb.Error: one cannot be loaded.
    """
    folder = extension_directory(home)
    files = {_identity(home, name) for name in names}
    is_checked = files <= _checked
    connection = duckdb.connect(
        config={
            **config,
            "extension_directory": str(folder),
            "autoinstall_known_extensions": "false",
            "allow_unsigned_extensions": str(is_checked).lower(),
        }
    )
    try:
        for name in names:
            connection.execute(f"load {name}")
        if is_checked:
            # For good: DuckDB allows nobody to take that back. Whoever asks may load nothing else.
            connection.execute("set allow_unsigned_extensions = false")
    except BaseException:
        connection.close()
        raise
    _checked.update(files)
    return connection


def _folder(home: Path) -> Path:
    return home / "extensions" / f"v{duckdb.__version__}" / _platform()


@cache
def _platform() -> str:
    return str(duckdb.sql("pragma platform").fetchall()[0][0])


def _identity(home: Path, name: str) -> tuple[str, int, int, int]:
    """What is another if an extension's file is."""
    path = _folder(home) / f"{name}.duckdb_extension"
    found = path.stat()
    return str(path.resolve()), found.st_ino, found.st_size, found.st_mtime_ns


def _packaged(name: str) -> Path:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is not None and spec.origin is not None:
        version = f"v{duckdb.__version__}"
        folder = Path(spec.origin).parent / "extensions" / version
        path = folder / f"{name}.duckdb_extension"
        if path.is_file():
            return path
    raise GatehouseError(
        f"The DuckDB extension {name} for DuckDB {duckdb.__version__} is not installed.",
        next_step="install what is locked: make install",
    )
