"""Certificates, their checks and the published pointers, in one transaction of the store."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.gate.attach import write_attach_file
from gatehouse.gate.certificate import newest_of
from gatehouse.gate.lineage import upstream_of
from gatehouse.gate.past import Judged, forget, keep
from gatehouse.gate.results import CERTIFYING, GateReport, TableResult
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.gate.subject import Subject
from gatehouse.gate.waivers import still_in_force
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck, PublishedVersion

log = logging.getLogger(__name__)

_PUBLISH_LOCK = 7_261_903_114


def publish(
    settings: Settings,
    report: GateReport,
    subject: Subject,
    judged: Mapping[str, Sequence[Judged]] | None = None,
) -> GateReport:
    """Record the report, move the pointer of each certified table, keep what its days look like.

    A pointer never goes to an older snapshot: a gate that ends late publishes nothing that a
    newer one has passed by, nor to any while the table is rolled back. A table that fails on the
    very snapshot that is on show goes back to its certified version before. A waiver that somebody
    ended meanwhile lets nothing pass.
    """
    # Outside the transaction: the first call after a change of the project imports dbt.
    upstream = upstream_of(settings)
    tables = []
    with open_store(settings).begin() as session:
        alone(session)
        report = _without_ended(session, report, upstream)
        expiries = _expiries(session, settings, report, upstream)
        back = rolled_back(session)
        for each in report.tables:
            certificate = _certificate(each, report, subject, expiries[each.table])
            certificate.checked_at = _later(session, certificate)
            session.add(certificate)
            session.flush()
            if not each.is_certified:
                moved = _withdraw(session, certificate)
            else:
                moved = each.table not in back and move(session, certificate)
                for seen in (judged or {}).get(each.table, ()) if moved else ():
                    keep(session, certificate, seen, _waivers(each))
            tables.append(
                replace(
                    each,
                    message=" ".join(filter(None, (back.get(each.table), each.message))),
                    certificate_id=certificate.certificate_id,
                    is_published=moved and each.is_certified,
                )
            )
    write_attach_file(settings)
    return replace(report, tables=tuple(tables))


def _waivers(each: TableResult) -> dict[str, str]:
    """By critical check that was let pass, its waiver."""
    return {
        check.name: check.waiver_id
        for check in each.checks
        if check.waiver_id and check.severity == "critical"
    }


def _without_ended(
    session: Session, report: GateReport, upstream: Mapping[str, tuple[str, ...]]
) -> GateReport:
    """The report as it is without the waivers that ended while the gate ran."""
    used = {waiver_id for each in report.tables for waiver_id in _waivers(each).values()}
    over = used - still_in_force(session, used, report.checked_at)
    return report.without_waivers(over, upstream) if over else report


def _later(session: Session, certificate: Certificate) -> datetime:
    """When it was checked; after the check before of that version, also if clocks were set back."""
    before: datetime | None = session.scalar(
        sa.select(sa.func.max(Certificate.checked_at)).where(
            Certificate.table_name == certificate.table_name,
            Certificate.snapshot_id == certificate.snapshot_id,
        )
    )
    at = certificate.checked_at
    return at if before is None else max(at, before + timedelta(microseconds=1))


def alone(session: Session) -> None:
    """Two gates must not read the same pointer and both move it."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _PUBLISH_LOCK})


def _expiries(
    session: Session,
    settings: Settings,
    report: GateReport,
    upstream: Mapping[str, tuple[str, ...]],
) -> dict[str, datetime]:
    """When each certificate ends: with the first waiver of its table, or of what it is made of.

    What it is made of and was not checked with it vouches for it as long as its own certificate.
    On a waiver of a warning no certificate rests: without it, it would be what it is.
    """
    whole = report.checked_at + timedelta(days=settings.certificate_days)
    ends = {
        each.table: [
            check.waived_until
            for check in each.checks
            if check.waived_until and check.severity == "critical"
        ]
        for each in report.tables
    }
    for name in {up for table in ends for up in upstream.get(table, ())} - {*ends}:
        vouched = newest_of(session, name, report.snapshot_id)
        ends[name] = [vouched.expires_at] if vouched else []
    return {
        each.table: min(
            [
                whole,
                *(
                    end
                    for name in (each.table, *upstream.get(each.table, ()))
                    for end in ends[name]
                ),
            ]
        )
        for each in report.tables
    }


def _certificate(
    each: TableResult, report: GateReport, subject: Subject, expires_at: datetime
) -> Certificate:
    return Certificate(
        certificate_id=str(uuid.uuid4()),
        table_name=each.table,
        snapshot_id=report.snapshot_id,
        build_id=subject.build_id,
        interval_start_at=subject.interval_start_at,
        interval_end_at=subject.interval_end_at,
        suite_version=each.suite_version,
        result=each.result,
        severities=each.severities(),
        held_by=list(each.held_by),
        row_count=each.row_count,
        message=each.message,
        duration_seconds=each.seconds,
        checked_at=report.checked_at,
        expires_at=expires_at,
        checks=[
            CertificateCheck(
                position=position,
                tool=check.tool,
                name=check.name[:500],
                column_name=check.column,
                severity=check.severity,
                result=check.result,
                reason=check.reason,
                owner=check.owner,
                observed=dict(check.observed),
                waiver_id=check.waiver_id or None,
            )
            for position, check in enumerate(each.checks)
        ],
    )


def move(session: Session, certificate: Certificate) -> bool:
    """Show this version, unless a newer one is on show; returns whether it is shown."""
    shown = session.get(PublishedVersion, certificate.table_name)
    if shown is None:
        shown = PublishedVersion(table_name=certificate.table_name)
        session.add(shown)
    elif shown.snapshot_id > certificate.snapshot_id:
        return False
    shown.certificate_id = certificate.certificate_id
    shown.snapshot_id = certificate.snapshot_id
    shown.published_at = certificate.checked_at
    return True


def _withdraw(session: Session, certificate: Certificate) -> bool:
    """Take a version off show that has now failed; what could not be checked stays."""
    shown = session.get(PublishedVersion, certificate.table_name)
    if (
        certificate.result != "failed"
        or shown is None
        or shown.snapshot_id != certificate.snapshot_id
    ):
        return False
    good = newest_good(
        session, certificate.table_name, certificate.snapshot_id - 1, certificate.checked_at
    )
    log.warning(
        "%s: snapshot %d was on show and has failed now; readers go back to %s",
        certificate.table_name,
        certificate.snapshot_id,
        good.snapshot_id if good else "nothing",
    )
    show_instead(session, shown, good, certificate.checked_at)
    forget(session, certificate.table_name, good.snapshot_id if good else None)
    return True


def show_instead(
    session: Session, shown: PublishedVersion, good: Certificate | None, now: datetime
) -> None:
    """Put a pointer on another version, older or newer, or on none."""
    if good is None:
        session.delete(shown)
    else:
        shown.certificate_id, shown.snapshot_id = good.certificate_id, good.snapshot_id
        shown.published_at = now


def newest_good(
    session: Session, table: str, at_most: int | None, now: datetime
) -> Certificate | None:
    """The newest certified version up to a snapshot that has not failed since."""
    # What has expired may be gone from the lake.
    return newest_version(session, table, at_most, Certificate.expires_at > now)


def newest_version(
    session: Session, table: str, at_most: int | None, *where: sa.ColumnElement[bool]
) -> Certificate | None:
    """As `newest_good`, of those that meet other conditions than not to have expired."""
    query = (
        sa.select(Certificate)
        .where(Certificate.table_name == table, Certificate.result.in_(CERTIFYING), *where)
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
    )
    if at_most is not None:
        query = query.where(Certificate.snapshot_id <= at_most)
    found = session.scalars(query)
    return next((each for each in found if not _has_failed_since(session, each)), None)


def _has_failed_since(session: Session, good: Certificate) -> bool:
    later = sa.select(Certificate.certificate_id).where(
        Certificate.table_name == good.table_name,
        Certificate.snapshot_id == good.snapshot_id,
        Certificate.checked_at > good.checked_at,
        Certificate.result == "failed",
    )
    return session.scalar(later.limit(1)) is not None
