"""DuckDB extensions from the installed Python packages, so that nothing is fetched at run time."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import duckdb

from gatehouse.errors import GatehouseError

EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs", "aws", "avro", "iceberg")


def extension_directory(home: Path) -> Path:
    """Lay out the packaged extensions as DuckDB expects them, and return the folder.

    Safe to call from several processes at once.

    Raises:
        GatehouseError: an extension package is missing or of another DuckDB version.
    """
    platform = duckdb.sql("pragma platform").fetchall()[0][0]
    folder = home / "extensions" / f"v{duckdb.__version__}" / platform
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
