"""Which certified versions a detection may read, and since when it has not looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.detection.compiled import Detection
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.lake.sql import identifier
from gatehouse.store.models import Certificate, DetectionRun, PublishedVersion

Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Input:
    """A table as a detection sees it.

    Attributes:
        table: core table.
        snapshot_id: the certified version on show; None if there is none.
        certificate_id: certificate of that version.
        covered_to: end of the arrivals that version covers.
        held: why a detection must not read it now; empty if it may.
        is_empty: the newest check found no rows: nothing was checked.
    """

    table: str
    snapshot_id: int | None
    certificate_id: str | None
    covered_to: datetime
    held: str
    is_empty: bool


def read_inputs(session: Session, tables: set[str]) -> dict[str, Input]:
    """The state of each table by its newest check and its published version."""
    return {table: _input(session, table) for table in sorted(tables)}


def _input(session: Session, table: str) -> Input:
    newest = session.scalar(
        sa.select(Certificate)
        .where(Certificate.table_name == table)
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
        .limit(1)
    )
    published = session.get(PublishedVersion, table)
    shown = session.get(Certificate, published.certificate_id) if published else None
    return Input(
        table=table,
        snapshot_id=published.snapshot_id if published else None,
        certificate_id=shown.certificate_id if shown else None,
        covered_to=(shown.interval_end_at if shown else None) or BEGINNING,
        held=_held(table, newest, shown),
        is_empty=newest is not None and newest.result == "no_data",
    )


def _held(table: str, newest: Certificate | None, shown: Certificate | None) -> str:
    if newest is None:
        return f"{table} has never been checked"
    if newest.result in ("failed", "could_not_check"):
        root = f", because of {newest.held_by[0]}" if newest.held_by else ""
        words = "failed its gate" if newest.result == "failed" else "could not be checked"
        return f"{table} {words} at snapshot {newest.snapshot_id}{root}"
    if shown is None:
        return "" if newest.result == "no_data" else f"{table} has no certified version"
    if shown.expires_at <= datetime.now(UTC):
        return f"the certificate of {table} expired at {shown.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def hold_reason(detection: Detection, inputs: dict[str, Input]) -> str:
    """Why a detection must not run now; empty if it may.

    An empty table is no all-clear: only where the detection says that it can do without.
    """
    reasons = [inputs[table].held for table in detection.reads if inputs[table].held]
    reasons += [
        f"{table} is empty: nothing to look at, and no all-clear"
        for table in detection.reads
        if inputs[table].is_empty and table not in detection.spec.optional_inputs
    ]
    return "; ".join(reasons)


def last_covered(session: Session, detection: Detection) -> datetime | None:
    """End of the arrivals that the newest successful run saw in the driver; None at first."""
    inputs: dict[str, Any] | None = session.scalar(
        sa.select(DetectionRun.inputs)
        .where(
            DetectionRun.detection_id == detection.spec.id,
            DetectionRun.status == "succeeded",
            DetectionRun.is_increment,
        )
        .order_by(DetectionRun.finished_at.desc())
        .limit(1)
    )
    if inputs is None:
        return None
    return datetime.fromisoformat(inputs[detection.spec.driver]["covered_to"])


def touched_windows(
    connection: duckdb.DuckDBPyConnection, detection: Detection, since: datetime
) -> list[Window]:
    """Event-time windows, whole UTC days, that rows arrived since then can have changed.

    Late rows reopen their days and no others; days nearer to each other than the detection's
    reach become one window.
    """
    spec = detection.spec
    query = (
        f"select distinct cast({identifier(spec.time_column)} as date) as day "
        f"from lake.core.{identifier(spec.driver)} where ingested_at >= $1 order by day"
    )
    rows = connection.execute(query, [since.replace(tzinfo=None)]).fetchall()
    return merge_days([row[0] for row in rows], spec.window_days)


def merge_days(days: list[date], reach_days: int) -> list[Window]:
    """Join sorted days to disjoint windows, each widened by the reach on both sides."""
    reach = timedelta(days=reach_days - 1)
    windows: list[Window] = []
    for day in days:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        start, end = midnight - reach, midnight + reach + timedelta(days=1)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows
