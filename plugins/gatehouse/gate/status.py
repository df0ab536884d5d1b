"""How things stand: per table what is on show and why not more, and what ran last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.alerts.causes import waiting
from gatehouse.alerts.checked import newest_checked, read_readers
from gatehouse.alerts.people import count_open
from gatehouse.gate.certificate import newest_certificates
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.published import Published, published_versions
from gatehouse.gate.results import CERTIFYING
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.ingest.again import came_again
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun, Certificate, DetectionRun

# A certificate that ends within this time is worth a word.
_SOON = timedelta(days=1)
# States in which a table holds no detection.
_FINE = ("certified", "rolled_back")


def read_status(settings: Settings) -> dict[str, Any]:
    """Tables, loads, the last build and held detections, as plain data."""
    now = datetime.now(UTC)
    shown = published_versions(settings)
    readers = read_readers(settings)
    with open_store(settings, read_only=True).begin() as session:
        newest = {each.table_name: each for each in newest_certificates(session)}
        names = sorted({*core_tables(settings), *newest, *shown})
        back = rolled_back(session)
        tables = [
            _table(name, shown.get(name), newest.get(name), now, back.get(name, ""))
            for name in names
        ]
        build = _last_build(session)
        held = _held_detections(session)
        checked = [*newest_checked(session).values()]
        incidents = count_open(session)
    fine = {each["table"] for each in tables if each["state"] in _FINE}
    reads = {each.detection_id: {*each.reads} for each in readers or ()}
    # What it reads is fine by now: it runs with the next `detect`, if there is anything new.
    held = [each for each in held if not reads.get(each["detection"], {""}) <= fine]
    told = {each["detection"] for each in held}
    held += [
        {"detection": name, "since": None, "why": f"waits for {', '.join(names)}"}
        for name, names in waiting(readers or (), checked).items()
        if name not in told
    ]
    return {
        "tables": tables,
        "loads": _last_loads(settings),
        "build": build,
        # Else only those are known that were held when they ran.
        "detections_known": readers is not None,
        "detections_held": sorted(held, key=lambda each: each["detection"]),
        "incidents_open": incidents,
    }


def _table(
    name: str, shown: Published | None, newest: Certificate | None, now: datetime, back: str
) -> dict[str, Any]:
    state, why = _state(shown, newest, now)
    if back:
        # What the newest check found is to be mended before the rollback is lifted.
        state, why = "rolled_back", f"{back} {why if state in ('stale', 'expired') else ''}".strip()
    return {
        "table": name,
        "state": state,
        "certified_snapshot": shown.snapshot_id if shown else None,
        "rows": shown.row_count if shown else None,
        "covered_to": shown.covered_to if shown else None,
        "expires_at": shown.expires_at if shown else None,
        "newest_check": newest.result if newest else None,
        "checked_snapshot": newest.snapshot_id if newest else None,
        "checked_at": newest.checked_at if newest else None,
        "held_by": list(newest.held_by) if newest else [],
        "why": why,
    }


def _state(shown: Published | None, newest: Certificate | None, now: datetime) -> tuple[str, str]:
    """The state of a table in one word, and the reason where it is not fine."""
    if newest is None:
        return "unchecked", "never checked; gatehouse gate"
    if shown is None:
        return "held", newest.message or "no certified version"
    if shown.expires_at <= now:
        return "expired", f"since {shown.expires_at:%Y-%m-%d %H:%M} UTC; {newest.message}".rstrip(
            "; "
        )
    if newest.result not in CERTIFYING:
        return "stale", f"snapshot {newest.snapshot_id}: {newest.message}"
    if shown.result == "no_data":
        return "no_data", "certified as empty, which is no all-clear"
    soon = shown.expires_at <= now + _SOON
    expires = f"expires at {shown.expires_at:%Y-%m-%d %H:%M} UTC" if soon else ""
    # What was waived is told wherever the table is.
    return "certified", "; ".join(filter(None, (expires, newest.message)))


def _last_build(session: Session) -> dict[str, Any] | None:
    run = session.scalars(sa.select(BuildRun).order_by(BuildRun.started_at.desc()).limit(1)).first()
    if run is None:
        return None
    return {
        "build_id": run.build_id,
        "status": run.status,
        "snapshot_id": run.snapshot_id,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "covered_to": run.interval_end_at,
    }


def _held_detections(session: Session) -> list[dict[str, Any]]:
    """Detections whose newest run was held, and why."""
    newest = (
        sa.select(
            DetectionRun.detection_id, sa.func.max(DetectionRun.started_at).label("started_at")
        )
        .group_by(DetectionRun.detection_id)
        .subquery()
    )
    query = (
        sa.select(DetectionRun)
        .join(
            newest,
            sa.and_(
                newest.c.detection_id == DetectionRun.detection_id,
                newest.c.started_at == DetectionRun.started_at,
            ),
        )
        .where(DetectionRun.status == "held")
        .order_by(DetectionRun.detection_id)
    )
    return [
        {"detection": run.detection_id, "since": run.started_at, "why": run.message}
        for run in session.scalars(query)
    ]


def _last_loads(settings: Settings) -> list[dict[str, Any]]:
    """The last load of each source, from the ingest ledger."""
    lake = Lake(settings)
    if not lake.exists():
        return []
    with lake.current() as connection:
        try:
            cursor = connection.execute(
                "select source_id, max(ingested_at) as loaded_at, count(*) as files, "
                "sum(rows_loaded)::bigint as rows_loaded, "
                "sum(rows_quarantined) filter (not is_replaced)::bigint as rows_quarantined, "
                "count(*) filter (status_code = 'rejected') as files_rejected "
                f"from (select *, {came_again()} as is_replaced from lake.raw.files as files) "
                "group by source_id order by source_id"
            )
        except duckdb.CatalogException:  # nothing was ever ingested
            return []
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["loaded_at"] = row["loaded_at"].replace(tzinfo=UTC)
    return rows
