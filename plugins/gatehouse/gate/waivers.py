"""Waivers: a named person lets one check of one table fail for a while, and says why.

A waiver covers what failed when it was given, not whatever the check finds later: those products,
those days, and not many more rows. What it lets pass is no past that new days are compared with,
unless the person says that it is how things are from now on.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from gatehouse.store.models import Certificate, CertificateCheck, Waiver

MOST_DAYS = 90
# Failing rows grow while a gap is being mended; a multiple of them is another failure.
_ROWS_TIMES = 2
_SHORTEST_ID = 4
_ROW_COUNTS = ("failing_rows", "unexpected_count")
# By table, check and column, those that last longest first.
InForce = Mapping[tuple[str, str, str | None], Sequence[Mapping[str, Any]]]


def waive(
    settings: Settings, table: str, *checks: str, reason: str, days: int, is_new_level: bool = False
) -> list[dict[str, Any]]:
    """Let checks fail that have failed, until it expires: all of them, or none.

    What could not be checked is not waived: nothing is known of it.

    Args:
        settings: which home.
        table: core table.
        checks: names of failed checks of its newest certificate, or parts that only one has.
        reason: why this may be read nevertheless.
        days: how long.
        is_new_level: what failed is how it is from now on; see `Waiver`.

    Returns:
        A waiver for each check.

    Raises:
        GatehouseError: there is no reason, or no such failed check.
    """
    if not table:
        raise GatehouseError(
            "A waiver is for failed checks of a table, and none is named.",
            next_step="gatehouse status, then gatehouse waive TABLE CHECK --reason WHY",
        )
    reason = given_reason(reason, "A waiver", "known gap, backfilled tonight")
    if not 1 <= days <= MOST_DAYS:
        raise GatehouseError(
            f"A waiver lasts 1 to {MOST_DAYS} days, not {days}.",
            next_step="choose --days in between; for longer, mend the check itself.",
        )
    certificate = read_certificate(settings, table)
    failed = [each for each in certificate["checks"] if each["result"] == "failed"]
    if not failed and not certificate["held_by"]:
        raise GatehouseError(
            f"No check of {table} failed at snapshot {certificate['snapshot_id']}.",
            next_step=f"gatehouse certificate {table}",
        )
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
            covers=covered_by(each["observed"], is_new_level=is_new_level),
            is_new_level=is_new_level,
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
    table: str, failed: list[dict[str, Any]], waivers: InForce, check: str
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
    key = (table, named[0]["check"], named[0]["column"])
    there = _covering(waivers.get(key, ()), named[0]["observed"])
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
    query = sa.select(Waiver).where(
        Waiver.waiver_id.startswith(waiver_id, autoescape=True), Waiver.expires_at > now
    )
    meant = session.scalars(query).all() if len(waiver_id) >= _SHORTEST_ID else []
    if len(meant) != 1:
        problem = f"{len(meant)} waivers in force begin with" if meant else "No waiver in force is"
        raise GatehouseError(
            f"{problem} {waiver_id}, so none was ended.",
            next_step="gatehouse waivers; the first eight characters of an id are enough.",
        )
    found = meant[0]
    found.expires_at = found.ended_at = now
    found.ended_by_name = person()
    below = [name for name, causes in upstream.items() if found.table_name in causes]
    # A certificate does not rest on a waiver of a warning.
    marked = sa.select(CertificateCheck.certificate_id).where(
        CertificateCheck.waiver_id == found.waiver_id, CertificateCheck.severity == "critical"
    )
    snapshots = sa.select(Certificate.snapshot_id).where(Certificate.certificate_id.in_(marked))
    ended = session.scalars(
        sa.select(Certificate).where(
            sa.or_(
                Certificate.certificate_id.in_(marked),
                sa.and_(Certificate.table_name.in_(below), Certificate.snapshot_id.in_(snapshots)),
            ),
            Certificate.expires_at > now,
        )
    ).all()
    for certificate in ended:
        certificate.expires_at = now
    return {**_as_dict(found), "certificates_ended": len(ended)}


def list_waivers(settings: Settings, *, ended: bool = False) -> list[dict[str, Any]]:
    """Waivers in force, those that end soonest first; or all of them."""
    query = sa.select(Waiver).order_by(Waiver.expires_at)
    if not ended:
        query = query.where(Waiver.expires_at > datetime.now(UTC))
    with open_store(settings, read_only=True).begin() as session:
        return [_as_dict(each) for each in session.scalars(query)]


def in_force(settings: Settings) -> InForce:
    """Waivers in force."""
    found: dict[tuple[str, str, str | None], list[Mapping[str, Any]]] = {}
    for each in reversed(list_waivers(settings)):
        key = (each["table_name"], each["check_name"], each["column_name"])
        found.setdefault(key, []).append(each)
    return found


def covered_by(observed: Mapping[str, Any], *, is_new_level: bool = False) -> dict[str, Any]:
    """How far a check may fail under a waiver that is given for what it found.

    Args:
        observed: what it found.
        is_new_level: whether days to come are covered, too.
    """
    rows = _failing_rows(observed)
    bounds = {
        "products": observed.get("products"),
        "first_day": observed.get("since"),
        "last_day": None if is_new_level else observed.get("until"),
        "rows": None if rows is None or is_new_level else _ROWS_TIMES * rows,
    }
    return {name: bound for name, bound in bounds.items() if bound is not None}


def is_covered(observed: Mapping[str, Any], covers: Mapping[str, Any]) -> bool:
    """Whether a failure is no more than what a waiver was given for."""
    products = set(observed.get("products") or ())
    rows = _failing_rows(observed)
    return (
        ("products" not in covers or (bool(products) and products <= set(covers["products"])))
        and ("first_day" not in covers or (observed.get("since") or "") >= covers["first_day"])
        # A check that names no day any more says nothing of those that were waived.
        and ("last_day" not in covers or (observed.get("until") or "9999") <= covers["last_day"])
        and ("rows" not in covers or (rows is not None and rows <= covers["rows"]))
    )


def _failing_rows(observed: Mapping[str, Any]) -> int | None:
    return next((int(observed[name]) for name in _ROW_COUNTS if name in observed), None)


def _covering(
    waivers: Sequence[Mapping[str, Any]], observed: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    return next((each for each in waivers if is_covered(observed, each["covers"])), None)


def waived(table: str, checks: Iterable[CheckResult], waivers: InForce) -> list[CheckResult]:
    """The checks, those that failed under a waiver marked with it.

    One that failed beyond what its waiver covers is not: it says so where it is observed.
    """
    marked = []
    for check in checks:
        own = waivers.get((table, check.name[:500], check.column), ())
        waiver = _covering(own, check.observed)
        if check.result != "failed" or not own:
            marked.append(check)
        elif waiver is None:
            observed = {**check.observed, "beyond_waiver": covers_in_words(own[0]["covers"])}
            marked.append(replace(check, observed=observed))
        else:
            marked.append(
                replace(
                    check,
                    waiver_id=waiver["waiver_id"],
                    waiver=_words(waiver),
                    waived_until=waiver["expires_at"],
                )
            )
    return marked


def still_in_force(session: Session, waiver_ids: Collection[str], now: datetime) -> set[str]:
    """Those that nobody has ended and that have not expired."""
    query = sa.select(Waiver.waiver_id).where(
        Waiver.waiver_id.in_(waiver_ids), Waiver.expires_at > now
    )
    return set(session.scalars(query))


def covers_in_words(covers: Mapping[str, Any]) -> str:
    """What a waiver covers, e.g. ``api, from 2026-03-01 to 2026-03-02``; empty: all of it."""
    products = ", ".join(covers.get("products", ()))
    first, last = covers.get("first_day"), covers.get("last_day")
    days = f"on {first}" if first and first == last else f"from {first}" if first else ""
    until = f"to {last}" if last and first != last else ""
    rows = f"up to {covers['rows']:,} rows" if "rows" in covers else ""
    return ", ".join(filter(None, (products, " ".join(filter(None, (days, until))), rows)))


def _words(waiver: Mapping[str, Any]) -> str:
    until = f"{waiver['expires_at']:%Y-%m-%d %H:%M} UTC"
    covers = covers_in_words(waiver["covers"])
    what = f" ({covers})" if covers else ""
    return f"waived by {waiver['person_name']} until {until}{what}: {waiver['reason']}"


def _as_dict(waiver: Waiver) -> dict[str, Any]:
    return {column.key: getattr(waiver, column.key) for column in sa.inspect(Waiver).column_attrs}
