"""One look at everything: what the gate found, who has not answered, what was not sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from gatehouse.alerts.causes import Checked, causes_of
from gatehouse.alerts.checked import known_tables, newest_checked, read_readers
from gatehouse.alerts.deliver import deliver
from gatehouse.alerts.incidents import Keeper, alone, open_incidents, reconcile, settle
from gatehouse.alerts.routing import Routing, routing_or_log
from gatehouse.settings import Settings
from gatehouse.store import open_store

log = logging.getLogger(__name__)


def run_cycle(settings: Settings, *, now: datetime | None = None) -> dict[str, int]:
    """Bring incidents up to date, escalate, end snoozes, and send what waits.

    May run at any time, twice, and after any kill: it depends on the store alone.

    Returns:
        Number of incidents that are open, and of messages sent, failed and left out.
    """
    moment = now or datetime.now(UTC)
    routing = routing_or_log(settings)
    _look(settings, routing, moment)
    attempts = deliver(settings, routing, now=moment)
    with open_store(settings, read_only=True).begin() as session:
        still_open = len(open_incidents(session))
    outcomes = [each.outcome for each in attempts]
    return {
        "open": still_open,
        **{name: outcomes.count(name) for name in ("sent", "failed", "left_out")},
    }


def alert_gate(settings: Settings, *, over: str = "") -> dict[str, int] | None:
    """What follows a run of the gate; never fails it. None: it did not work, and was logged.

    Args:
        settings: which home.
        over: key of a cause that is gone by the gate having run.
    """
    try:
        if over:
            settle(settings, over, "succeeded")
        return run_cycle(settings)
    except Exception as error:  # the certificates are there: the next cycle makes up for it
        log.error("Alerts failed (%s); the next cycle tries again.", type(error).__name__)
        return None


def _look(settings: Settings, routing: Routing, now: datetime) -> None:
    with open_store(settings, read_only=True).begin() as session:
        tables = newest_checked(session)
        if not open_incidents(session) and not causes_of(tables.values()):
            return
    # Outside of any transaction: both may have to ask dbt.
    names, readers = known_tables(settings), read_readers(settings)
    with open_store(settings).begin() as session:
        alone(session)
        keeper = Keeper(session, routing, now)
        tables = _there(newest_checked(session), names)
        reconcile(keeper, causes_of(tables.values(), readers), tables)
        _remind(keeper)


def _there(tables: Mapping[str, Checked], names: Sequence[str] | None) -> dict[str, Checked]:
    """In the project's order, and without tables taken out of it: nobody will ever mend them."""
    order = sorted(tables) if names is None else names
    return {name: tables[name] for name in order if name in tables}


def _remind(keeper: Keeper) -> None:
    """Tell again when a snooze has ended, and tell others when nobody acknowledged."""
    for incident in open_incidents(keeper.session):
        if incident.snoozed_until_at is not None:
            if incident.snoozed_until_at <= keeper.now:
                keeper.tell_again(incident)
            continue
        minutes = keeper.escalates_after(incident)
        if incident.state != "open" or incident.escalated_at is not None or minutes is None:
            continue
        if incident.alerted_at + timedelta(minutes=minutes) <= keeper.now:
            keeper.escalate(incident)
