"""Which certified versions a detection may read, and since when it has not looked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.detection.compiled import Detection
from gatehouse.gate.needs import Upstream, Warnings, read_warnings
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.lake.sql import identifier
from gatehouse.store.models import Certificate, DetectionRun, PublishedVersion

log = logging.getLogger(__name__)

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
        warned: a warning of that version, or of what it is made from, that does not hold.
    """

    table: str
    snapshot_id: int | None
    certificate_id: str | None
    covered_to: datetime
    held: str
    is_empty: bool
    warned: str = ""


def read_inputs(
    session: Session, tables: set[str], upstream: Upstream | None = None
) -> dict[str, Input]:
    """The state of each table by its newest check and its published version.

    Args:
        session: of the store.
        tables: core tables.
        upstream: core tables that each is made from: a warning of theirs is one of its own.
    """
    warnings = read_warnings(session, upstream or {}, datetime.now(UTC))
    return {table: _input(session, table, warnings) for table in sorted(tables)}


def _input(session: Session, table: str, warnings: Warnings) -> Input:
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
        warned=warnings.of(table, published.snapshot_id) if published else "",
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

    An empty table is no all-clear: only where the detection says that it can do without. Nor does
    a table that covers less than the driver: rows would be looked at without what belongs to them,
    and never again.
    """
    reasons = [inputs[table].held for table in detection.reads if inputs[table].held]
    reasons += [
        f"{table} is empty: nothing to look at, and no all-clear"
        for table in detection.reads
        if inputs[table].is_empty and table not in detection.spec.optional_inputs
    ]
    if detection.spec.needs == "warning":
        reasons += [
            f"{table} at snapshot {inputs[table].snapshot_id}: {inputs[table].warned}, and this "
            "detection needs warnings to pass"
            for table in detection.reads
            if inputs[table].warned
        ]
    driver = inputs.get(detection.spec.driver)
    reasons += [
        f"{table} is behind {detection.spec.driver}: it covers what arrived up to "
        f"{inputs[table].covered_to:%Y-%m-%d %H:%M} UTC"
        for table in detection.reads
        if driver is not None
        and not inputs[table].is_empty
        and inputs[table].covered_to < driver.covered_to
    ]
    return "; ".join(reasons)


@dataclass(frozen=True)
class Seen:
    """What the newest successful run of a detection saw of its driver.

    Attributes:
        covered_to: end of the arrivals.
        snapshot_id: version of the driver; None if it had none.
    """

    covered_to: datetime
    snapshot_id: int | None


def last_seen(session: Session, detection: Detection) -> Seen | None:
    """What the newest successful run saw of the driver; None before the first."""
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
    # A detection may have been given another driver since: then it begins anew.
    driver = (inputs or {}).get(detection.spec.driver)
    if driver is None:
        return None
    return Seen(datetime.fromisoformat(driver["covered_to"]), driver["snapshot_id"])


def touched_windows(
    connection: duckdb.DuckDBPyConnection, detection: Detection, driver: Input, since: Seen | None
) -> list[Window]:
    """Event-time windows, whole UTC days, that rows new since then can have changed.

    Late rows reopen their days and no others; days nearer to each other than the detection's
    reach become one window.
    """
    spec = detection.spec
    day = f"cast({identifier(spec.time_column)} as date)"
    table = f"lake.core.{identifier(spec.driver)}"
    rows: list[tuple[date]] | None = None
    if since is not None and _has_arrivals(connection, table):
        query = f"select distinct {day} as day from {table} where ingested_at >= $1 order by day"
        rows = connection.execute(query, [since.covered_to.replace(tzinfo=None)]).fetchall()
    elif since is not None:
        rows = _days_inserted(connection, day, driver, since)
    if rows is None:
        rows = connection.execute(
            f"select distinct {day} as day from {table} order by day"
        ).fetchall()
    return merge_days([row[0] for row in rows], spec.window_days)


def widened(window: Window, detection: Detection) -> Window:
    """A window given by hand, with the days before it that a detection needs to see."""
    return window[0] - timedelta(days=detection.spec.window_days - 1), window[1]


def _has_arrivals(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return "ingested_at" in connection.sql(f"select * from {table} limit 0").columns


def _days_inserted(
    connection: duckdb.DuckDBPyConnection, day: str, driver: Input, since: Seen
) -> list[tuple[date]] | None:
    """Days of the rows that a table without arrival times gained since a version.

    None where that version is gone: then nobody knows, and everything is looked at.
    """
    try:
        return connection.execute(
            f"select distinct {day} as day from ducklake_table_insertions("
            # The name under which `Lake.reader` attaches a version.
            "'_at_' || $1, 'core', $2, cast($3 as bigint), cast($1 as bigint)) order by day",
            [driver.snapshot_id, driver.table, (since.snapshot_id or 0) + 1],
        ).fetchall()
    except duckdb.Error as error:
        log.warning("%s: all days are looked at again (%s)", driver.table, type(error).__name__)
        return None


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
