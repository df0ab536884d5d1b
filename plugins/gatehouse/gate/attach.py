"""The SQL file with which BI tools and notebooks open the certified tables."""

from __future__ import annotations

from pathlib import Path

from gatehouse.files import write_whole
from gatehouse.gate.published import certified_versions
from gatehouse.lake import Lake
from gatehouse.settings import Settings


def attach_statements(settings: Settings) -> str:
    """SQL that makes a DuckDB session show the certified tables; without passwords."""
    versions = certified_versions(settings)
    lines = [
        "-- The certified tables, each at its certified version. Written anew by every gate:",
        "-- run it at the start of a session, e.g. duckdb -init certified.sql",
    ]
    if not versions:
        return "\n".join([*lines, "-- No table is certified yet.", ""])
    snapshots = {name: each.snapshot_id for name, each in versions.items()}
    expires_at = {name: each.expires_at for name, each in versions.items()}
    lines += [f"{each};" for each in Lake(settings).attach_script(snapshots, expires_at)]
    return "\n".join([*lines, ""])


def write_attach_file(settings: Settings) -> Path:
    """Write ``certified.sql`` in the home; a reader sees the old file or the new one, whole."""
    return write_whole(settings.home / "certified.sql", attach_statements(settings))
