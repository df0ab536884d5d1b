"""When each monitor last worked; and the watch over the watch."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from gatehouse.alerts import alert_gate, note_silence, settle
from gatehouse.alerts.routing import routing_or_log
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Heartbeat

log = logging.getLogger(__name__)

WATCH, INGEST = "watch_alerts", "ingest_landing"
WATCH_KEY = "silence:watch_alerts"


def beat(settings: Settings, monitor: str, *, now: datetime | None = None) -> None:
    """Record that a monitor works."""
    moment = now or datetime.now(UTC)
    with open_store(settings).begin() as session:
        found = session.get(Heartbeat, monitor)
        if found is None:
            session.add(Heartbeat(monitor_name=monitor, first_at=moment, beat_at=moment))
        else:
            found.beat_at = moment


def last_beat(settings: Settings, monitor: str) -> Heartbeat | None:
    """The newest beat of a monitor; None if it never worked."""
    with open_store(settings, read_only=True).begin() as session:
        return session.get(Heartbeat, monitor)


def watch_the_watch(
    settings: Settings, monitor: str = "", *, now: datetime | None = None
) -> bool | None:
    """Tell where the watch over alerts has not run for too long. Never fails its caller.

    Called by the other DAGs. After a standstill of all of Airflow, the watch is given the time
    to begin again: ingest, which runs as often, must have been at work for a while.

    Args:
        settings: which home.
        monitor: name under which the caller itself is watched; empty for none.
        now: UTC.

    Returns:
        Whether the watch is silent; None where nobody could say.
    """
    moment = now or datetime.now(UTC)
    try:
        before = last_beat(settings, INGEST)
        if monitor:
            beat(settings, monitor, now=moment)
        return _judge(settings, before, moment)
    except Exception as error:  # the caller has its own work to do
        log.error("The watch over alerts could not be watched (%s).", type(error).__name__)
        return None


def _judge(settings: Settings, before: Heartbeat | None, now: datetime) -> bool | None:
    limit = timedelta(minutes=routing_or_log(settings).silence.watch_after_minutes)
    watch = last_beat(settings, WATCH)
    since = watch.beat_at if watch is not None else before.first_at if before else now
    if now - since <= limit:
        settle(settings, WATCH_KEY, "succeeded", now=now)
        return False
    if before is None or now - before.beat_at > limit:
        return None
    note_silence(
        settings,
        WATCH_KEY,
        subject=WATCH,
        title=f"The watch over alerts has not run since {since:%Y-%m-%d %H:%M} UTC",
        look="gatehouse ui",
        now=now,
    )
    # Nobody else sends it.
    alert_gate(settings)
    return True
