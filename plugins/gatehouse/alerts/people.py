"""What people do about incidents: look, take, and put off, each with a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.access import given_reason, person
from gatehouse.store.models import AlertDelivery, Incident

MOST_HOURS = 7 * 24


def list_incidents(settings: Settings, *, ended: bool = False) -> list[dict[str, Any]]:
    """Incidents that are not over, critical ones first; or all of them, the newest first."""
    query = sa.select(Incident).order_by(Incident.opened_at.desc())
    if not ended:
        query = query.where(Incident.state != "resolved")
    with open_store(settings, read_only=True).begin() as session:
        found = [_as_dict(each) for each in session.scalars(query)]
    return found if ended else sorted(found, key=lambda each: each["severity"] != "critical")


def count_open(session: Session) -> dict[str, int]:
    """Number of incidents that are not over, by severity; only severities that there are."""
    query = (
        sa.select(Incident.severity, sa.func.count())
        .where(Incident.state != "resolved")
        .group_by(Incident.severity)
        .order_by(Incident.severity)
    )
    return {severity: int(count) for severity, count in session.execute(query)}


def read_incident(settings: Settings, incident_id: str) -> dict[str, Any]:
    """One incident with what it says and what was sent of it.

    Raises:
        GatehouseError: there is none, or several begin like this.
    """
    from gatehouse.alerts.message import compose

    with open_store(settings, read_only=True).begin() as session:
        found = _find(session, incident_id)
        query = (
            sa.select(AlertDelivery)
            .where(AlertDelivery.incident_id == found.incident_id)
            .order_by(AlertDelivery.created_at, AlertDelivery.channel_name)
        )
        event = "resolved" if found.state == "resolved" else "opened"
        message = compose(found, event)
        deliveries = [
            {
                "channel": each.channel_name,
                "event": each.event,
                "outcome": each.outcome,
                "error_kind": each.error_kind,
                "attempt_count": each.attempt_count,
                "created_at": each.created_at,
                "attempted_at": each.attempted_at,
            }
            for each in session.scalars(query)
        ]
        return {**_as_dict(found), "message": message.as_dict(), "deliveries": deliveries}


def acknowledge(settings: Settings, incident_id: str) -> dict[str, Any]:
    """Take an incident in one's own name: nobody else is told for want of an answer.

    Raises:
        GatehouseError: there is no such incident, or it is over or taken.
    """
    with open_store(settings).begin() as session:
        found = _find_open(session, incident_id)
        if found.state == "acknowledged":
            raise GatehouseError(
                f"{found.acknowledged_by_name} has it since "
                f"{found.acknowledged_at:%Y-%m-%d %H:%M} UTC.",
                next_step=f"gatehouse alerts show {found.incident_id}",
            )
        found.state = "acknowledged"
        found.acknowledged_by_name, found.acknowledged_at = person(), datetime.now(UTC)
        return _as_dict(found)


def snooze(settings: Settings, incident_id: str, *, hours: int, reason: str) -> dict[str, Any]:
    """Hear no more of an incident for a while; if it is still there then, it is told again.

    If it gets worse before, it is told at once.

    Raises:
        GatehouseError: there is no reason, no such incident, or it is over.
    """
    reason = given_reason(reason, "A snooze", "mended in tonight's run")
    if not 1 <= hours <= MOST_HOURS:
        raise GatehouseError(
            f"A snooze lasts 1 to {MOST_HOURS} hours.",
            next_step="longer? then mend the check, or waive it: gatehouse waive.",
        )
    with open_store(settings).begin() as session:
        found = _find_open(session, incident_id)
        found.snoozed_by_name, found.snooze_reason = person(), reason
        found.snoozed_until_at = datetime.now(UTC) + timedelta(hours=hours)
        return _as_dict(found)


def _find(session: Session, incident_id: str) -> Incident:
    """By id, or by a beginning of it that only one has."""
    begins = incident_id.replace("%", "").replace("_", "")
    query = sa.select(Incident).where(Incident.incident_id.startswith(begins)).limit(2)
    found = session.scalars(query).all() if len(begins) >= 4 else []
    if len(found) != 1:
        how = "Several incidents begin with" if found else "There is no incident"
        raise GatehouseError(f"{how} {incident_id}.", next_step="gatehouse alerts list --all")
    return found[0]


def _find_open(session: Session, incident_id: str) -> Incident:
    found = _find(session, incident_id)
    if found.state == "resolved":
        raise GatehouseError(
            f"Incident {found.incident_id} is over since {found.resolved_at:%Y-%m-%d %H:%M} UTC.",
            next_step="gatehouse alerts list",
        )
    return found


def _as_dict(incident: Incident) -> dict[str, Any]:
    return {
        column.key: getattr(incident, column.key) for column in sa.inspect(Incident).column_attrs
    }
