"""Waivers: a named person lets one check of one table fail for a while, and says why."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
from gatehouse.gate.attach import write_attach_file
from gatehouse.gate.certificate import read_certificate
from gatehouse.gate.lineage import upstream_of
from gatehouse.gate.results import CheckResult
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.access import given_reason, person
from gatehouse.store.models import Certificate, CertificateCheck, TableProfile, Waiver

MOST_DAYS = 90
_Key = tuple[str, str, str | None]


def waive(
    settings: Settings, table: str, *checks: str, reason: str, days: int
) -> list[dict[str, Any]]:
    """Let checks fail that have failed, until it expires: all of them, or none.

    What could not be checked is not waived: nothing is known of it.

    Args:
        settings: which home.
        table: core table.
        checks: names of failed checks of its newest certificate, or parts that only one has.
        reason: why this may be read nevertheless.
        days: how long.

    Returns:
        A waiver for each check.

    Raises:
        GatehouseError: there is no reason, or no such failed check.
    """
    reason = given_reason(reason, "A waiver", "known gap, backfilled tonight")
    if not 1 <= days <= MOST_DAYS:
        raise GatehouseError(
            f"A waiver lasts 1 to {MOST_DAYS} days.",
            next_step="longer? then mend the check itself.",
        )
    certificate = read_certificate(settings, table)
    failed = [each for each in certificate["checks"] if each["result"] == "failed"]
    if not failed and certificate["held_by"]:
        root = certificate["held_by"][0]
        raise GatehouseError(
            f"{table} is held because of {root}: none of its own checks failed.",
            next_step=f"gatehouse certificate {root}; a waiver is for a check of {root}.",
        )
    waivers = in_force(settings)
    named = [_failed_check(table, failed, waivers, check) for check in checks or ("",)]
    now = datetime.now(UTC)
    # Once, also where two parts of a name mean it.
    made = {
        each["check"]: Waiver(
            waiver_id=str(uuid.uuid4()),
            table_name=table,
            check_name=each["check"],
            column_name=each["column"],
            person_name=person(),
            reason=reason,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        for each in named
    }
    found = [_as_dict(each) for each in made.values()]
    with open_store(settings).begin() as session:
        session.add_all(made.values())
    return found


def _failed_check(
    table: str, failed: list[dict[str, Any]], waivers: dict[_Key, dict[str, Any]], check: str
) -> dict[str, Any]:
    """The failed check that is meant, which no waiver lets pass yet."""
    named = [each for each in failed if each["check"] == check]
    named = named or [each for each in failed if check and check in each["check"]]
    if len(named) != 1:
        names = "; ".join(each["check"] for each in failed) or "none"
        raise GatehouseError(
            f"{len(named)} failed checks of {table} are called {check!r}, so nothing was waived. "
            f"Failed: {names}.",
            next_step="name one of them; gatehouse certificate " + table,
        )
    there = waivers.get((table, named[0]["check"], named[0]["column"]))
    if there is not None:
        raise GatehouseError(
            f"{named[0]['check']} of {table} is {_words(there)}. Nothing else was waived.",
            next_step=f"gatehouse waive --end {there['waiver_id']}, then waive it anew.",
        )
    return named[0]


def end_waivers(settings: Settings, *waiver_ids: str) -> list[dict[str, Any]]:
    """Let waivers end now, all or none, and with them the certificates that rest on them.

    Those of tables that are made from a waived one rest on it, too; on a waiver of a warning none
    does. ``certificates_ended`` says how many did.

    Raises:
        GatehouseError: no waiver in force is called so.
    """
    upstream = upstream_of(settings)
    try:
        with open_store(settings).begin() as session:
            now = datetime.now(UTC)
            return [_end(session, each, now, upstream) for each in dict.fromkeys(waiver_ids)]
    finally:
        # Also where it has ended: somebody may have been killed between the store and the file.
        write_attach_file(settings)


def _end(
    session: Session, waiver_id: str, now: datetime, upstream: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    found = session.get(Waiver, waiver_id)
    if found is None or found.expires_at <= now:
        raise GatehouseError(
            f"No waiver {waiver_id} is in force, so none was ended.", next_step="gatehouse waivers"
        )
    found.expires_at = now
    below = [name for name, causes in upstream.items() if found.table_name in causes]
    # A certificate does not rest on a waiver of a warning.
    marked = sa.select(CertificateCheck.certificate_id).where(
        CertificateCheck.waiver_id == waiver_id, CertificateCheck.severity == "critical"
    )
    snapshots = sa.select(Certificate.snapshot_id).where(Certificate.certificate_id.in_(marked))
    resting = sa.select(Certificate.certificate_id).where(
        sa.or_(
            Certificate.certificate_id.in_(marked),
            sa.and_(Certificate.table_name.in_(below), Certificate.snapshot_id.in_(snapshots)),
        )
    )
    ended = session.scalars(
        sa.select(Certificate).where(
            Certificate.certificate_id.in_(resting), Certificate.expires_at > now
        )
    ).all()
    for certificate in ended:
        certificate.expires_at = now
    # What was certified under it is no past either: the days are judged again.
    session.execute(sa.delete(TableProfile).where(TableProfile.certificate_id.in_(resting)))
    return {**_as_dict(found), "certificates_ended": len(ended)}


def list_waivers(settings: Settings, *, ended: bool = False) -> list[dict[str, Any]]:
    """Waivers in force, those that end soonest first; or all of them."""
    query = sa.select(Waiver).order_by(Waiver.expires_at)
    if not ended:
        query = query.where(Waiver.expires_at > datetime.now(UTC))
    with open_store(settings, read_only=True).begin() as session:
        return [_as_dict(each) for each in session.scalars(query)]


def in_force(settings: Settings) -> dict[_Key, dict[str, Any]]:
    """Waivers in force, by table, check and column."""
    return {
        (each["table_name"], each["check_name"], each["column_name"]): each
        for each in list_waivers(settings)
    }


def waived(
    table: str, checks: Iterable[CheckResult], waivers: dict[_Key, dict[str, Any]]
) -> list[CheckResult]:
    """The checks, those that failed under a waiver marked with it."""
    marked = []
    for check in checks:
        waiver = waivers.get((table, check.name[:500], check.column))
        if waiver is None or check.result != "failed":
            marked.append(check)
            continue
        marked.append(
            replace(
                check,
                waiver_id=waiver["waiver_id"],
                waiver=_words(waiver),
                waived_until=waiver["expires_at"],
            )
        )
    return marked


def _words(waiver: dict[str, Any]) -> str:
    until = f"{waiver['expires_at']:%Y-%m-%d %H:%M} UTC"
    return f"waived by {waiver['person_name']} until {until}: {waiver['reason']}"


def _as_dict(waiver: Waiver) -> dict[str, Any]:
    return {column.key: getattr(waiver, column.key) for column in sa.inspect(Waiver).column_attrs}
