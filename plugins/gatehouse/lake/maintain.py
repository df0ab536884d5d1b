"""Keeping the lake quick and small, without losing what somebody may still ask for."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.lake.lake import LAKE, Lake
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun, Certificate, PublishedVersion

log = logging.getLogger(__name__)

KEEP_NEWEST = 20
# A file with this share of deleted rows is written anew: each read pays for both files.
_DELETE_THRESHOLD = 0.2
# A reader keeps the versions it opened with for as long as it runs, and asks the catalog for
# them with every query: what it may have opened stays for this long after it left the show.
_GRACE = timedelta(hours=24)
# The gate may be about to check what these left.
_NEWEST_BUILDS = 5


@dataclass(frozen=True)
class MaintenanceReport:
    """What maintenance did.

    Attributes:
        files_before: data and delete files of the current state.
        files_after: the same, afterwards.
        files_removed: files that no kept snapshot needs, removed from storage.
        snapshots_expired: snapshots dropped.
        snapshots_kept: snapshots that can still be read.
    """

    files_before: int
    files_after: int
    files_removed: int
    snapshots_expired: int
    snapshots_kept: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return asdict(self)


def run_maintenance(
    settings: Settings, *, keep_newest: int = KEEP_NEWEST, grace: timedelta = _GRACE
) -> MaintenanceReport:
    """Join small files, rewrite files full of deletes, drop snapshots nothing refers to.

    A snapshot is kept if a table of it is on show, if a certificate of it has not expired, if a
    finding was made on it, if one of the last builds left it, or if it is among the newest.
    Holds the writer's place; readers go on.

    Args:
        settings: which lake.
        keep_newest: number of newest snapshots kept whatever happens.
        grace: how long after its certificate's end a snapshot stays, and a file after the last
            snapshot that needs it, for readers that opened before.

    Raises:
        GatehouseError: the lake is a copy, whose files are another's.
    """
    started = time.monotonic()
    if settings.shared_files:
        raise GatehouseError(
            "This lake is a copy that names another one's files: it may not clean them up.",
            next_step="run maintenance on the lake that owns them.",
        )
    with Lake(settings).writer("maintenance") as connection:
        before = _count_files(connection)
        connection.execute(f"call ducklake_flush_inlined_data('{LAKE}')")
        connection.execute(f"call ducklake_merge_adjacent_files('{LAKE}')")
        connection.execute(
            f"call ducklake_rewrite_data_files('{LAKE}', delete_threshold => {_DELETE_THRESHOLD})"
        )
        expired, kept = _expire(connection, _referenced(settings, connection, grace), keep_newest)
        removed = _remove_files(connection, grace)
        after = _count_files(connection)
        if settings.engine == "spark":
            from gatehouse.spark.maintain import maintain_warehouse

            maintain_warehouse(settings, grace)
    report = MaintenanceReport(
        files_before=before,
        files_after=after,
        files_removed=removed,
        snapshots_expired=expired,
        snapshots_kept=kept,
        seconds=round(time.monotonic() - started, 3),
    )
    log.info("maintenance: %s", report)
    return report


def _referenced(
    settings: Settings, connection: duckdb.DuckDBPyConnection, grace: timedelta
) -> set[int]:
    """Snapshots that somebody may still ask for."""
    since = datetime.now(UTC) - grace
    builds = (
        sa.select(BuildRun.snapshot_id)
        .where(BuildRun.snapshot_id.is_not(None))
        .order_by(BuildRun.started_at.desc())
        .limit(_NEWEST_BUILDS)
    )
    good = sa.select(Certificate.snapshot_id).where(
        Certificate.result.in_(("passed", "no_data")), Certificate.expires_at > since
    )
    with open_store(settings, read_only=True).begin() as session:
        found = {
            int(snapshot)
            for query in (sa.select(PublishedVersion.snapshot_id), good, builds)
            for snapshot in session.scalars(query)
            if snapshot is not None
        }
    return found | set(_found_on(connection))


def _found_on(connection: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """Snapshots on which findings were made: a decision can be replayed on them."""
    there = connection.execute(
        "select 1 from information_schema.tables where table_catalog = $1 "
        "and table_schema = 'raw' and table_name = 'findings'",
        [LAKE],
    ).fetchone()
    if there is None:
        return
    for (text,) in connection.execute(
        f"select distinct snapshot_ids from {LAKE}.raw.findings where snapshot_ids is not null"
    ).fetchall():
        yield from _integers(json.loads(text))


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _integers(each)
    elif value is not None:
        yield int(value)


def _expire(
    connection: duckdb.DuckDBPyConnection, referenced: set[int], keep_newest: int
) -> tuple[int, int]:
    rows = connection.execute(f"select snapshot_id from ducklake_snapshots('{LAKE}')").fetchall()
    snapshots = sorted(int(row[0]) for row in rows)
    keep = referenced | set(snapshots[-keep_newest:])
    drop = [snapshot for snapshot in snapshots if snapshot not in keep]
    if drop:
        connection.execute(f"call ducklake_expire_snapshots('{LAKE}', versions => {drop})")
    return len(drop), len(snapshots) - len(drop)


def _remove_files(connection: duckdb.DuckDBPyConnection, grace: timedelta) -> int:
    before = literal((datetime.now(UTC) - grace).isoformat())
    removed = 0
    # Old: of dropped snapshots. Orphaned: written by a process that was killed before it committed.
    for procedure in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files"):
        cursor = connection.execute(
            f"call {procedure}('{LAKE}', older_than => {before}::timestamptz)"
        )
        removed += len(cursor.fetchall())
    return removed


def _count_files(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(
        "select coalesce(sum(file_count + delete_file_count), 0) "
        f"from ducklake_table_info('{LAKE}')"
    ).fetchone()
    return int(row[0]) if row else 0
