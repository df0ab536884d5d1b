"""Sending what waits. A channel that fails loses nothing: it is tried again, and told of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.alerts.causes import Cause
from gatehouse.alerts.channels import NO_CONNECTION, DeliveryError, send
from gatehouse.alerts.incidents import Keeper, alone, open_incident
from gatehouse.alerts.message import TEST, Message, compose
from gatehouse.alerts.routing import LOG, Channel, Routing
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import AlertDelivery, Incident

log = logging.getLogger(__name__)

_CLAIM = timedelta(minutes=10)
# By each channel: one by which nothing arrives must not keep the others waiting.
_MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Due:
    """A message that waits."""

    delivery_id: str
    channel: str
    message: Message


@dataclass(frozen=True)
class Attempt:
    """What became of a message.

    Attributes:
        outcome: ``sent``, ``failed``, or ``left_out`` where an optional channel was never set up.
        error_kind: of a failure, in a word.
    """

    due: Due
    outcome: str
    error_kind: str | None = None


def deliver(settings: Settings, routing: Routing, *, now: datetime | None = None) -> list[Attempt]:
    """Send what waits, and what failed before; then say of each channel that fails by another.

    Each message is claimed before it is sent, so that two that deliver at once do not both send
    it. Killed in between, it is sent again when the claim ends: twice rather than never.

    Returns:
        One attempt per message that was tried.
    """
    moment = now or datetime.now(UTC)
    attempts = _send_all(settings, routing, moment, only_new_of_channels=False)
    if _tell_of_channels(settings, routing, attempts, moment):
        more = _send_all(settings, routing, moment, only_new_of_channels=True)
        _tell_of_channels(settings, routing, more, moment)
        attempts += more
    return attempts


def try_channels(settings: Settings, routing: Routing, names: Iterable[str]) -> list[Attempt]:
    """Send a test by each channel; nothing of it is recorded."""
    return [_attempt(settings, routing, Due("", name, TEST)) for name in names]


def _send_all(
    settings: Settings, routing: Routing, now: datetime, *, only_new_of_channels: bool
) -> list[Attempt]:
    due = _claim(settings, now, only_new_of_channels=only_new_of_channels)
    attempts: list[Attempt] = []
    down: set[str] = set()
    for each in due:
        if each.channel in down:
            _record(settings, each, _release)
            continue
        attempt = _attempt(settings, routing, each, down)
        attempts.append(attempt)
        _record(settings, each, _recorder(attempt, now))
    return attempts


def _claim(settings: Settings, now: datetime, *, only_new_of_channels: bool) -> list[Due]:
    outcomes = ("waiting",) if only_new_of_channels else ("waiting", "failed")
    waiting = sa.and_(
        AlertDelivery.outcome.in_(outcomes),
        sa.or_(AlertDelivery.claimed_until_at.is_(None), AlertDelivery.claimed_until_at <= now),
    )
    place = sa.func.row_number().over(
        partition_by=AlertDelivery.channel_name,
        order_by=(AlertDelivery.attempt_count, AlertDelivery.created_at, AlertDelivery.delivery_id),
    )
    places = sa.select(AlertDelivery.delivery_id, place.label("place")).where(waiting)
    if only_new_of_channels:
        places = places.join(Incident, Incident.incident_id == AlertDelivery.incident_id).where(
            Incident.kind == "channel"
        )
    chosen = places.subquery()
    query = (
        sa.select(AlertDelivery, Incident)
        .join(chosen, chosen.c.delivery_id == AlertDelivery.delivery_id)
        .join(Incident, Incident.incident_id == AlertDelivery.incident_id)
        .where(chosen.c.place <= _MOST_AT_ONCE)
        .order_by(AlertDelivery.created_at, AlertDelivery.delivery_id)
    )
    with open_store(settings, read_only=True).begin() as session:
        if session.execute(query.limit(1)).first() is None:
            return []
    with open_store(settings).begin() as session:
        alone(session)
        due = []
        for delivery, incident in session.execute(query):
            delivery.claimed_until_at = now + _CLAIM
            message = compose(incident, delivery.event)
            due.append(Due(delivery.delivery_id, delivery.channel_name, message))
        return due


def _has_sent(settings: Settings, channel: str) -> bool:
    """Whether something has arrived by a channel: then its connection was there."""
    query = sa.select(AlertDelivery.delivery_id).where(
        AlertDelivery.channel_name == channel, AlertDelivery.outcome == "sent"
    )
    with open_store(settings, read_only=True).begin() as session:
        return session.scalar(query.limit(1)) is not None


def _attempt(
    settings: Settings, routing: Routing, due: Due, down: set[str] | None = None
) -> Attempt:
    # A channel that was taken out of the file while a message waited: the log has it.
    channel = routing.channels.get(due.channel, Channel(type="log"))
    try:
        send(settings, channel, due.message)
    except DeliveryError as error:
        is_left_out = error.kind == NO_CONNECTION and not channel.required
        if is_left_out and not _has_sent(settings, due.channel):
            return Attempt(due, "left_out", error.kind)
        log.error("The alert channel %s failed (%s).", due.channel, error.kind)
        if error.is_down and down is not None:
            down.add(due.channel)
        return Attempt(due, "failed", error.kind)
    return Attempt(due, "sent")


def _record(settings: Settings, due: Due, change: Callable[[AlertDelivery], None]) -> None:
    with open_store(settings).begin() as session:
        change(session.get_one(AlertDelivery, due.delivery_id))


def _release(delivery: AlertDelivery) -> None:
    delivery.claimed_until_at = None


def _recorder(attempt: Attempt, now: datetime) -> Callable[[AlertDelivery], None]:
    def change(delivery: AlertDelivery) -> None:
        delivery.outcome, delivery.error_kind = attempt.outcome, attempt.error_kind
        delivery.attempt_count += 1
        delivery.attempted_at, delivery.claimed_until_at = now, None

    return change


def _tell_of_channels(
    settings: Settings, routing: Routing, attempts: list[Attempt], now: datetime
) -> bool:
    """Open or end the incident of each channel that was used; returns whether one changed."""
    tried = {each.due.channel for each in attempts if each.outcome != "left_out"} - {LOG}
    if not tried:
        return False
    failed = [each for each in attempts if each.outcome == "failed"]
    with open_store(settings).begin() as session:
        alone(session)
        keeper = Keeper(session, routing, now)
        before = _waiting(session)
        for name in sorted(tried):
            lost = [each for each in failed if each.due.channel == name]
            found = open_incident(session, _key(name))
            if lost:
                keeper.observe(_broken(name, lost, now))
            elif found is not None:
                keeper.resolve(found, "sent")
        return _waiting(session) != before


def _waiting(session: Session) -> int:
    session.flush()
    query = sa.select(sa.func.count()).select_from(AlertDelivery)
    return session.scalar(query.where(AlertDelivery.outcome == "waiting")) or 0


def _key(channel: str) -> str:
    return f"channel:{channel}"


def _broken(channel: str, lost: list[Attempt], now: datetime) -> Cause:
    return Cause(
        key=_key(channel),
        kind="channel",
        severity="critical",
        subject=channel,
        title=f"Alerts do not arrive by the channel {channel} ({lost[-1].error_kind})",
        seen_at=now,
        details={
            "untold": [each.due.message.headline for each in lost],
            "error": lost[-1].error_kind,
        },
    )
