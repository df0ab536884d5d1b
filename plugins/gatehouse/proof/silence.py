"""Who has nothing to say when it should: the gate, builds, loads, detections, channels, drills."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.alerts.causes import Cause, Reader, Severity
from gatehouse.alerts.checked import read_readers
from gatehouse.alerts.cycle import run_cycle
from gatehouse.alerts.incidents import Keeper, alone, open_incidents
from gatehouse.alerts.routing import LOG, routing_or_log
from gatehouse.detection.inputs import read_inputs
from gatehouse.gate.arrivals import sources_by_contract
from gatehouse.gate.results import CERTIFYING
from gatehouse.lake import Lake
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.proof.heartbeats import INGEST, WATCH, WATCH_KEY, beat
from gatehouse.proof.rules import SilenceRules
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    AlertDelivery,
    BuildRun,
    Certificate,
    DetectionRun,
    Drill,
    Heartbeat,
    UtcDateTime,
)

log = logging.getLogger(__name__)

_PAST_DAYS = 28
# A source is known from so many loads, at different hours.
_LEAST_LOADS = 8
_PREFIX = "silence:of:"
_OWN = (_PREFIX, WATCH_KEY)


@dataclass(frozen=True)
class _View:
    settings: Settings
    session: Session
    rules: SilenceRules
    now: datetime

    def cause(
        self,
        name: str,
        title: str,
        severity: Severity = "critical",
        *,
        kind: Any = "silence",
        subject: str = "",
        **details: Any,
    ) -> Cause:
        return Cause(
            key=f"{_PREFIX}{name}",
            kind=kind,
            severity=severity,
            subject=subject or name.partition(":")[2] or name,
            title=title,
            seen_at=self.now,
            owner=str(details.pop("owner", "")),
            details=details,
        )


def watch(settings: Settings, *, now: datetime | None = None) -> dict[str, int]:
    """One cycle of the watch: note that it runs, look for silence, then for everything else.

    Returns:
        As `gatehouse.alerts.run_cycle`, and the number of monitors that are silent.
    """
    moment = now or datetime.now(UTC)
    beat(settings, WATCH, now=moment)
    silent = look_for_silence(settings, now=moment)
    return {**run_cycle(settings, now=moment), "silent": len(silent)}


def look_for_silence(settings: Settings, *, now: datetime | None = None) -> list[Cause]:
    """Open an incident for each monitor that is silent, and end those of the others.

    A rule that cannot look is silent itself, and told; what it told before stays as it was.
    """
    moment = now or datetime.now(UTC)
    routing = routing_or_log(settings)
    causes: list[Cause] = []
    unseen: list[str] = []
    for name, (rule, tells_of) in _RULES.items():
        with open_store(settings, read_only=True).begin() as session:
            view = _View(settings, session, routing.silence, moment)
            try:
                causes += rule(view)
            except Exception as error:  # one rule that is broken must not silence the others
                log.error("The watch over %s could not look (%s).", name, type(error).__name__)
                title = f"The watch over {name} could not look ({type(error).__name__})"
                causes.append(view.cause(f"rule:{name}", title))
                unseen += [f"{_PREFIX}{each}" for each in tells_of]
    keys = {each.key for each in causes}
    with open_store(settings).begin() as session:
        alone(session)
        keeper = Keeper(session, routing, moment)
        for each in causes:
            keeper.observe(each)
        for incident in open_incidents(session):
            key = incident.cause_key
            if key.startswith(_OWN) and key not in keys and not key.startswith(tuple(unseen)):
                keeper.resolve(incident, "succeeded")
    return causes


def _gate(view: _View) -> Iterator[Cause]:
    """A build is done, and the gate has not run since."""
    newest = view.session.scalar(sa.select(sa.func.max(Certificate.checked_at))) or BEGINNING
    waiting = view.session.scalar(
        sa.select(sa.func.min(BuildRun.finished_at)).where(
            BuildRun.status == "succeeded",
            BuildRun.snapshot_id.is_not(None),
            BuildRun.finished_at > newest,
        )
    )
    if waiting is not None and _is_over(view, waiting, view.rules.gate_after_hours):
        title = f"The gate has not run since the build of {_text(waiting)}"
        yield view.cause("gate", title, look="gatehouse builds")


def _build(view: _View) -> Iterator[Cause]:
    """Something was loaded, and no build has covered it."""
    covered = (
        view.session.scalar(
            sa.select(sa.func.max(BuildRun.interval_end_at)).where(
                BuildRun.is_increment, BuildRun.status == "succeeded"
            )
        )
        or BEGINNING
    )
    rows = _of_lake(
        view,
        "select min(ingested_at) from lake.raw.files where ingested_at >= $1 and rows_loaded > 0",
        [covered.replace(tzinfo=None)],
    )
    waiting = rows[0][0].replace(tzinfo=UTC) if rows and rows[0][0] else None
    if waiting is not None and _is_over(view, waiting, view.rules.build_after_hours):
        title = f"No build has covered what was loaded at {_text(waiting)}"
        yield view.cause("build", title, look="gatehouse builds")


def _ingest(view: _View) -> Iterator[Cause]:
    """Ingest has not run, or a source has loaded nothing for much longer than it ever did."""
    heart = view.session.get(Heartbeat, INGEST)
    if heart is not None and _is_over(view, heart.beat_at, view.rules.ingest_run_hours):
        title = f"Ingest has not run since {_text(heart.beat_at)}"
        yield view.cause("ingest", title, look="gatehouse ui")
    rows = _of_lake(
        view,
        # Counted back from its own last load: one that died stays known.
        "select source_id, list(distinct date_trunc('hour', ingested_at) order by "
        "date_trunc('hour', ingested_at)) from (select *, max(ingested_at) over "
        "(partition by source_id) as last_at from lake.raw.files where rows_loaded > 0) "
        "where ingested_at >= last_at - to_days($1) group by source_id order by source_id",
        [_PAST_DAYS],
    )
    mapped = {name for names in sources_by_contract(view.settings).values() for name in names}
    for source, loads in rows:
        # What nobody maps any more was given up.
        if len(loads) < _LEAST_LOADS or (mapped and source not in mapped):
            continue
        pause = max(after - before for before, after in pairwise(loads))
        hours = max(
            view.rules.ingest_least_hours,
            view.rules.ingest_times * pause.total_seconds() / 3600,
        )
        last = loads[-1].replace(tzinfo=UTC)
        if _is_over(view, last, hours):
            title = f"{source} has loaded nothing since {_text(last)}, which is unusual for it"
            yield view.cause(f"source:{source}", title, look="gatehouse status")


def _detections(view: _View) -> Iterator[Cause]:
    """What a detection reads was certified, and it has not run since."""
    for reader in _readers(view):
        due = _due_since(view, reader)
        if due is not None and _is_over(view, due, view.rules.detection_after_hours):
            title = f"{reader.detection_id} has not run since its tables were certified, "
            yield view.cause(
                f"detection:{reader.detection_id}",
                title + _text(due),
                owner=reader.owner,
                detections=[reader.detection_id],
                look=f"gatehouse detect {reader.detection_id}",
            )


def _due_since(view: _View, reader: Reader) -> datetime | None:
    """Since when all that a detection reads is certified beyond what its newest run saw."""
    inputs = read_inputs(view.session, set(reader.reads))
    if not inputs or any(each.held or each.certificate_id is None for each in inputs.values()):
        return None
    run = view.session.scalars(
        sa.select(DetectionRun)
        .where(
            DetectionRun.detection_id == reader.detection_id,
            # A run without some products, or of a window by hand, has not looked at all that came.
            sa.or_(DetectionRun.is_increment, DetectionRun.status != "succeeded"),
        )
        .order_by(DetectionRun.started_at.desc())
        .limit(1)
    ).first()
    since = []
    for table in inputs:
        seen = (run.inputs.get(table) or {}).get("covered_to") if run is not None else None
        since.append(
            view.session.scalar(
                sa.select(sa.func.min(Certificate.checked_at)).where(
                    Certificate.table_name == table,
                    Certificate.result.in_(CERTIFYING),
                    Certificate.interval_end_at
                    > (datetime.fromisoformat(seen) if seen else BEGINNING),
                )
            )
        )
    found = [each for each in since if each is not None]
    return max(found) if found and len(found) == len(since) else None


def _never_fires(view: _View) -> Iterator[Cause]:
    """A detection that runs and finds nobody, for longer than anybody believes."""
    days = view.rules.never_fires_days
    for reader in _readers(view):
        first, last, found = _runs(view, reader.detection_id)
        since = found or first
        if since is not None and last is not None and last - since > timedelta(days=days):
            title = f"{reader.detection_id} has found nobody since {since:%Y-%m-%d}"
            yield view.cause(
                f"finds:{reader.detection_id}",
                title,
                "warning",
                owner=reader.owner,
                look=f"gatehouse detections {reader.detection_id}",
            )


def _runs(
    view: _View, detection_id: str
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Start of the first and of the newest run that succeeded, and of the newest with a find."""
    found = sa.case((DetectionRun.found_count > 0, DetectionRun.started_at), else_=None)
    query = sa.select(
        sa.func.min(DetectionRun.started_at),
        sa.func.max(DetectionRun.started_at),
        sa.type_coerce(sa.func.max(found), UtcDateTime),
    ).where(DetectionRun.detection_id == detection_id, DetectionRun.status == "succeeded")
    first, last, newest = view.session.execute(query).one()
    return first, last, newest


def _channels(view: _View) -> Iterator[Cause]:
    """A message waits, or fails, for too long."""
    minutes = view.rules.channel_after_minutes
    rows = view.session.execute(
        sa.select(
            AlertDelivery.channel_name, sa.func.min(AlertDelivery.created_at), sa.func.count()
        )
        .where(
            AlertDelivery.outcome.in_(("waiting", "failed")),
            AlertDelivery.created_at <= view.now - timedelta(minutes=minutes),
            AlertDelivery.channel_name != LOG,
        )
        .group_by(AlertDelivery.channel_name)
    )
    for name, since, count in rows:
        title = f"{count} alert(s) of the channel {name} wait since {_text(since)}"
        yield view.cause(f"channel:{name}", title, kind="channel", subject=name)


def _drills(view: _View) -> Iterator[Cause]:
    """No drill has run."""
    newest = view.session.scalar(sa.select(sa.func.max(Drill.finished_at)))
    watched = view.session.get(Heartbeat, WATCH)
    since = newest or (watched.first_at if watched is not None else None)
    if since is not None and _is_over(view, since, view.rules.drill_after_hours):
        yield view.cause(
            "drills", f"No drill has run since {_text(since)}", "warning", look="gatehouse drill"
        )


# With the beginnings of the names of what each tells of.
_RULES: dict[str, tuple[Callable[[_View], Iterator[Cause]], tuple[str, ...]]] = {
    "the gate": (_gate, ("gate",)),
    "builds": (_build, ("build",)),
    "ingest": (_ingest, ("ingest", "source:")),
    "detections": (_detections, ("detection:",)),
    "what detections find": (_never_fires, ("finds:",)),
    "channels": (_channels, ("channel:",)),
    "drills": (_drills, ("drills",)),
}


def _readers(view: _View) -> list[Reader]:
    """The detections; their not being known is a silence of its own.

    Raises:
        LookupError: the project does not say.
    """
    readers = read_readers(view.settings)
    if readers is None:
        raise LookupError("the detections are not known")
    return readers


def _of_lake(view: _View, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    lake = Lake(view.settings)
    if not lake.exists():
        return []
    connection = lake.current()
    try:
        known = connection.execute(
            "select 1 from information_schema.tables where table_catalog = 'lake' "
            "and table_schema = 'raw' and table_name = 'files'"
        ).fetchone()
        return connection.execute(query, parameters).fetchall() if known else []
    finally:
        connection.close()


def _is_over(view: _View, since: datetime, hours: float) -> bool:
    return view.now - since > timedelta(hours=hours)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
