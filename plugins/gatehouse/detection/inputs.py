"""Which certified versions a detection may read, and since when it has not looked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.detection.compiled import Detection
from gatehouse.gate.certificate import newest_of
from gatehouse.gate.needs import Upstream, Warnings, read_warnings
from gatehouse.gate.products import failed_products
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.lake import LeftOut
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.lake.sql import identifier
from gatehouse.store.models import Certificate, DetectionRun, PublishedVersion

log = logging.getLogger(__name__)

Window = tuple[datetime, datetime]
_LEFT_OUT = "left_out"


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
        product_column: column of the product, where rows are made from rows of one product only.
        rest: where the newest check failed for some products only: that version, as it may be
            read without them.
        left_out: products whose rows are not read.
    """

    table: str
    snapshot_id: int | None
    certificate_id: str | None
    covered_to: datetime
    held: str
    is_empty: bool
    warned: str = ""
    product_column: str = ""
    rest: Input | None = None
    left_out: tuple[str, ...] = ()


def read_inputs(
    session: Session,
    tables: set[str],
    upstream: Upstream | None = None,
    product_columns: Mapping[str, str] | None = None,
) -> dict[str, Input]:
    """The state of each table by its newest check and its published version.

    Args:
        session: of the store.
        tables: core tables.
        upstream: core tables that each is made from: a warning of theirs is one of its own.
        product_columns: see `gatehouse.gate.products.product_columns`; without it nothing is read
            of a table that failed.
    """
    warnings = read_warnings(session, upstream or {}, datetime.now(UTC))
    # What a person has taken back is read by nobody, in part neither.
    back = rolled_back(session)
    columns = {table: name for table, name in (product_columns or {}).items() if table not in back}
    return {table: _input(session, table, warnings, columns) for table in sorted(tables)}


def _input(session: Session, table: str, warnings: Warnings, columns: Mapping[str, str]) -> Input:
    newest = newest_of(session, table)
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
        product_column=columns.get(table, ""),
        rest=_rest(newest, warnings, columns) if newest else None,
    )


def _rest(newest: Certificate, warnings: Warnings, columns: Mapping[str, str]) -> Input | None:
    """A version that failed for some products, as it may be read without them."""
    if newest.table_name not in columns or newest.expires_at <= datetime.now(UTC):
        return None
    decisive = [
        (each.result, each.observed)
        for each in newest.checks
        if each.severity == "critical" and each.waiver_id is None
    ]
    products = failed_products(newest.result, newest.held_by, decisive)
    if not products:
        return None
    return Input(
        table=newest.table_name,
        snapshot_id=newest.snapshot_id,
        certificate_id=newest.certificate_id,
        covered_to=newest.interval_end_at or BEGINNING,
        held="",
        is_empty=False,
        warned=warnings.of(newest.table_name, newest.snapshot_id),
        product_column=columns[newest.table_name],
        left_out=tuple(sorted(products)),
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


def by_product(detection: Detection, inputs: dict[str, Input]) -> dict[str, Input]:
    """What a detection reads where tables failed for some products and it can do without those.

    Those products are left out of all that it reads, also where nothing is wrong with them: what it
    sees is as if there were no such product, not one half of it.

    Returns:
        The same inputs, if nothing has to be left out or it cannot be.
    """
    held = [each for each in inputs.values() if each.held]
    if not detection.spec.by_product or not held or any(each.rest is None for each in held):
        return inputs
    read = {name: each.rest or each if each.held else each for name, each in inputs.items()}
    products = products_left_out(read)
    return {
        name: replace(each, left_out=products) if each.product_column else each
        for name, each in read.items()
    }


def products_left_out(inputs: Mapping[str, Input]) -> tuple[str, ...]:
    """The products whose rows are not read."""
    return tuple(sorted({name for each in inputs.values() for name in each.left_out}))


def rows_left_out(inputs: Mapping[str, Input]) -> dict[str, LeftOut]:
    """The same by table, for `gatehouse.lake.Lake.reader`."""
    return {
        name: LeftOut(each.product_column, each.left_out)
        for name, each in inputs.items()
        if each.left_out
    }


def stamp_of(inputs: Mapping[str, Input]) -> dict[str, object]:
    """The same as a finding keeps it, for `rows_stamped`; empty where nothing is left out."""
    rows = rows_left_out(inputs)
    return {_LEFT_OUT: {name: asdict(each) for name, each in rows.items()}} if rows else {}


def rows_stamped(parameters: Mapping[str, Any]) -> dict[str, LeftOut]:
    """What `stamp_of` kept."""
    return {
        name: LeftOut(each["column"], tuple(each["values"]))
        for name, each in parameters.get(_LEFT_OUT, {}).items()
    }


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
