"""Incidents in the store: opened, seen again, over; with what is to be said of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.alerts.causes import Cause, Checked
from gatehouse.alerts.routing import LOG, Routing, routing_or_log
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import AlertDelivery, Incident

_OF_THE_GATE = ("data:", "infrastructure:")
_LOCK = 7_261_903_115


@dataclass(frozen=True)
class Keeper:
    """Changes incidents within one transaction.

    Attributes:
        session: of the store; see `alone`.
        routing: who is told.
        now: UTC.
    """

    session: Session
    routing: Routing
    now: datetime
    # What is told first arrives first, also of one moment.
    _place: Iterator[int] = field(default_factory=count)

    def observe(self, cause: Cause) -> Incident:
        """Open the incident of a cause, or note that it is still there.

        People are told when it opens and when it gets worse, not when it is merely seen again.
        """
        found = open_incident(self.session, cause.key)
        if found is None:
            return self._open(cause)
        is_worse = found.severity == "warning" and cause.severity == "critical"
        if _is_another(found, cause):
            how = "waived" if cause.details.get("is_waived") else "passed"
            self.resolve(found, "other" if is_worse else how)
            return self._open(cause)
        is_seen = cause.seen_at > found.last_seen_at or is_worse
        if is_seen:
            found.seen_count += 1
            found.last_seen_at = max(cause.seen_at, found.last_seen_at)
        # Of several tables one may be mended: nothing new is seen, and less is wrong.
        if is_seen or cause.details.get("roots") != found.details.get("roots"):
            found.title, found.details = cause.title, _kept(found, cause)
            found.owner = self._owner(cause)
        if is_worse:
            found.severity = "critical"
            self.tell_again(found)
        return found

    def resolve(self, incident: Incident, how: str) -> None:
        """The cause is gone: say so where it was told, and nowhere else."""
        incident.state, incident.resolved_at, incident.resolution = "resolved", self.now, how
        told: set[str] = set()
        for each in self._deliveries(incident):
            if each.outcome == "sent":
                told.add(each.channel_name)
            elif each.outcome != "left_out":
                each.outcome = "left_out"  # not told in time: no news any more
        self._enqueue(incident, "resolved", sorted(told))
        # A new incident of the same cause may follow in this very transaction.
        self.session.flush()

    def tell_again(self, incident: Incident) -> None:
        """Start anew: nobody has taken it in the form it has now."""
        incident.state, incident.alerted_at = "open", self.now
        incident.escalated_at = incident.snoozed_until_at = None
        incident.acknowledged_at = incident.acknowledged_by_name = None
        self._enqueue(incident, "repeated", self._channels(incident))

    def escalate(self, incident: Incident) -> None:
        """Nobody acknowledged in time: tell others."""
        escalation = self._route(incident).escalate
        if escalation is not None:
            incident.escalated_at = self.now
            self._enqueue(incident, "escalated", escalation.channels)

    def escalates_after(self, incident: Incident) -> int | None:
        """Minutes after which others are told; None for never."""
        escalation = None if incident.kind == "channel" else self._route(incident).escalate
        return None if escalation is None else escalation.after_minutes

    def _open(self, cause: Cause) -> Incident:
        incident = Incident(
            incident_id=str(uuid.uuid4()),
            cause_key=cause.key,
            kind=cause.kind,
            severity=cause.severity,
            subject_name=cause.subject[:500],
            title=cause.title,
            owner=self._owner(cause),
            state="open",
            details=dict(cause.details),
            opened_at=cause.seen_at,
            last_seen_at=cause.seen_at,
            seen_count=1,
            alerted_at=self.now,
        )
        self.session.add(incident)
        self.session.flush()
        self._enqueue(incident, "opened", self._channels(incident))
        return incident

    def _owner(self, cause: Cause) -> str:
        return self.routing.owners.get(cause.kind, cause.owner)[:250]

    def _route(self, incident: Incident) -> Any:
        return self.routing.route(incident.severity, incident.kind, incident.owner)

    def _channels(self, incident: Incident) -> tuple[str, ...]:
        """Where an incident goes: of a broken channel, to the one that stands in for it."""
        if incident.kind != "channel":
            channels: tuple[str, ...] = self._route(incident).channels
            return channels
        broken = self.routing.channels.get(incident.subject_name)
        return (broken.second if broken is not None else LOG,)

    def _enqueue(self, incident: Incident, event: str, channels: Iterable[str]) -> None:
        self.session.add_all(
            AlertDelivery(
                delivery_id=str(uuid.uuid4()),
                incident_id=incident.incident_id,
                channel_name=name,
                event=event,
                outcome="waiting",
                attempt_count=0,
                created_at=self.now + timedelta(microseconds=next(self._place)),
            )
            for name in dict.fromkeys(channels)
        )

    def _deliveries(self, incident: Incident) -> list[AlertDelivery]:
        self.session.flush()
        query = sa.select(AlertDelivery).where(AlertDelivery.incident_id == incident.incident_id)
        return list(self.session.scalars(query))


def reconcile(keeper: Keeper, causes: Iterable[Cause], tables: Mapping[str, Checked]) -> None:
    """Make the incidents of the gate those of its newest certificates.

    Depends on nothing but them: whatever was missed before is made up for.
    """
    seen = {cause.key: cause for cause in causes}
    for cause in seen.values():
        keeper.observe(cause)
    for incident in open_incidents(keeper.session):
        # Another monitor's are its own to end.
        if incident.cause_key.startswith(_OF_THE_GATE) and incident.cause_key not in seen:
            how = _over(incident, tables)
            if how:
                keeper.resolve(incident, how)


def _over(incident: Incident, tables: Mapping[str, Checked]) -> str:
    """How an incident that is not seen any more ended; empty if nobody knows yet."""
    roots = [tables[name] for name in roots_of(incident) if name in tables]
    if incident.kind == "data":
        if not roots:
            return "gone"
        feed = incident.details.get("feed")
        is_critical = incident.severity == "critical"
        if not feed and is_critical and any(e.lacking("critical") and not e.held_by for e in roots):
            return "part"
        # What else may be wrong with a table by now is a cause of its own.
        mended = [each for each in roots if feed and each.has_arrived(feed)]
        if any(not each.is_certified for each in roots if each not in mended):
            return ""
        return "waived" if any(each.is_waived for each in roots) else "passed"
    waiting = [each for each in roots if each.result == "could_not_check" or each.unchecked]
    return "" if waiting else "checked"


def roots_of(incident: Incident) -> list[str]:
    """The tables that an incident of the gate is about."""
    roots: list[str] = incident.details.get("roots", [incident.subject_name])
    return roots


def note(settings: Settings, cause: Cause, *, now: datetime | None = None) -> None:
    """Open the incident of a cause that is not the gate's, or see it again.

    Delivers nothing: `gatehouse.alerts.cycle.run_cycle` does, which may be called right after.
    """
    routing = routing_or_log(settings)
    with open_store(settings).begin() as session:
        alone(session)
        Keeper(session, routing, now or datetime.now(UTC)).observe(cause)


def note_silence(
    settings: Settings,
    key: str,
    *,
    subject: str,
    title: str,
    look: str,
    owner: str = "",
    now: datetime | None = None,
    **details: Any,
) -> None:
    """As `note`, of a monitor that does not show that it is alive.

    Args:
        settings: which home.
        key: of the cause; it begins with ``silence:``.
        subject: what is silent.
        title: what is known of it, in a line.
        look: the command that looks closer.
        owner: who answers for it; default: the owner of the pipeline.
        now: UTC.
        details: more for the message.
    """
    moment = now or datetime.now(UTC)
    cause = Cause(
        key=key,
        kind="silence",
        severity="critical",
        subject=subject,
        title=title,
        seen_at=moment,
        owner=owner,
        details={**details, "look": look},
    )
    note(settings, cause, now=moment)


def settle(settings: Settings, key: str, how: str, *, now: datetime | None = None) -> bool:
    """End the incident of a cause; returns whether there was one."""
    with open_store(settings, read_only=True).begin() as session:
        if open_incident(session, key) is None:
            return False
    routing = routing_or_log(settings)
    with open_store(settings).begin() as session:
        alone(session)
        found = open_incident(session, key)
        if found is not None:
            Keeper(session, routing, now or datetime.now(UTC)).resolve(found, how)
    return True


def alone(session: Session) -> None:
    """Two that look at the same certificates must not both open an incident."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def open_incident(session: Session, key: str) -> Incident | None:
    """The incident of a cause that is not over."""
    query = sa.select(Incident).where(Incident.cause_key == key, Incident.state != "resolved")
    return session.scalars(query).first()


def open_incidents(session: Session) -> list[Incident]:
    """Incidents that are not over, the oldest first."""
    query = sa.select(Incident).where(Incident.state != "resolved").order_by(Incident.opened_at)
    return list(session.scalars(query))


def _is_another(incident: Incident, cause: Cause) -> bool:
    """Whether what is wrong now is another thing than the incident tells of.

    A lesser one than a critical one is what is left of it; and what holds a table is another fault
    than what it was warned of, where none of the checks is the same. (Of two that hold it in turn,
    each is of one outage as likely as not: that would page at every look. But where somebody let
    pass all that it was opened for, what fails now is news.)
    """
    before, now = ({*each.details.get("failing", ())} for each in (incident, cause))
    if incident.severity == cause.severity:
        excused = {*cause.details.get("excused", ())}
        return bool(before) and before <= excused and before.isdisjoint(now)
    is_worse = cause.severity == "critical"
    return not is_worse or (bool(before) and bool(now) and before.isdisjoint(now))


def _kept(incident: Incident, cause: Cause) -> dict[str, Any]:
    """New details, and the first day that was ever known to fail."""
    days = [day for d in (incident.details, cause.details) if (day := d.get("since"))]
    return {**cause.details, **({"since": min(days)} if days else {})}
