"""What a consumer needs: that critical checks pass, or warnings too.

Derived from certificates alone. A warning that fails holds nothing for who needs critical checks
to pass; for who needs warnings to pass it holds the table's version, and what is made from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.gate.certificate import is_certified
from gatehouse.store.models import Certificate, CertificateCheck, Waiver

Needs = Literal["critical", "warning"]
_NOT_FINE = ("failed", "could_not_check")

Version = tuple[str, int]
Upstream = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Warnings:
    """Warnings that are not fine, of versions whose certificates have not expired.

    Attributes:
        checks: name of the first such check, by table and snapshot; as its newest check found it.
        upstream: core tables each is made from.
        checked: snapshots at which each table was checked, oldest first.
    """

    checks: Mapping[Version, str]
    upstream: Upstream
    checked: Mapping[str, Sequence[int]]

    def of(self, table: str, snapshot_id: int) -> str:
        """What is not fine of a version or of what it is made from, in words; empty if all is."""
        for name in (table, *self.upstream.get(table, ())):
            # What it is made from need not have been checked with it.
            checked = self.checked.get(name, ())
            until = bisect_right(checked, snapshot_id)
            check = self.checks.get((name, checked[until - 1])) if until else None
            if check is not None:
                where = f" of {name}, from which it is made" if name != table else ""
                return f"{check}{where} is a warning that does not hold"
        return ""


def read_warnings(session: Session, upstream: Upstream, now: datetime) -> Warnings:
    """Warnings that are not fine. One that is waived is, while it is: somebody answers for it.

    Args:
        session: of the store.
        upstream: core tables each is made from.
        now: certificates that expired before it are of no interest.
    """
    certificates = sa.select(
        Certificate.certificate_id, Certificate.table_name, Certificate.snapshot_id
    ).where(Certificate.expires_at > now)
    newest = {
        (table, snapshot): certificate_id
        for certificate_id, table, snapshot in session.execute(
            certificates.order_by(Certificate.checked_at)
        )
    }
    over = sa.select(Waiver.waiver_id).where(Waiver.expires_at <= now)
    bad = (
        sa.select(CertificateCheck.certificate_id, sa.func.min(CertificateCheck.name))
        .join(Certificate, Certificate.certificate_id == CertificateCheck.certificate_id)
        .where(
            Certificate.expires_at > now,
            CertificateCheck.severity == "warning",
            CertificateCheck.result.in_(_NOT_FINE),
            sa.or_(CertificateCheck.waiver_id.is_(None), CertificateCheck.waiver_id.in_(over)),
        )
        .group_by(CertificateCheck.certificate_id)
    )
    names = {row[0]: row[1] for row in session.execute(bad)}
    checks = {version: names[by] for version, by in newest.items() if by in names}
    checked: dict[str, list[int]] = {}
    for table, snapshot in sorted(newest):
        checked.setdefault(table, []).append(snapshot)
    return Warnings(checks, upstream, checked)


def newest_without_warnings(
    session: Session, warnings: Warnings, table: str, at_most: int, now: datetime
) -> Certificate | None:
    """The newest certified version up to a snapshot whose warnings are fine, and all it is from."""
    query = (
        sa.select(Certificate)
        .where(
            Certificate.table_name == table,
            Certificate.snapshot_id <= at_most,
            Certificate.expires_at > now,
        )
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
    )
    seen: set[int] = set()
    for each in session.scalars(query):
        # Of several checks of a snapshot the newest counts.
        if each.snapshot_id in seen:
            continue
        seen.add(each.snapshot_id)
        if is_certified(each) and not warnings.of(table, each.snapshot_id):
            return each
    return None
