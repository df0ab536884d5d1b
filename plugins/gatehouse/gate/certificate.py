"""Reading certificates back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
from gatehouse.gate.results import CERTIFYING
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate


def read_certificate(settings: Settings, table: str) -> dict[str, Any]:
    """The newest certificate of a table, with its checks.

    Raises:
        GatehouseError: the table was never checked.
    """
    query = (
        sa.select(Certificate)
        .where(Certificate.table_name == table)
        .order_by(Certificate.checked_at.desc(), Certificate.snapshot_id.desc())
        .limit(1)
    )
    with open_store(settings, read_only=True).begin() as session:
        found = session.scalars(query).first()
        if found is None:
            raise GatehouseError(
                f"{table} has no certificate.", next_step="gatehouse status lists the core tables."
            )
        names = [column.key for column in sa.inspect(Certificate).column_attrs]
        checks = [
            {
                "result": check.result,
                "severity": check.severity,
                "tool": check.tool,
                "check": check.name,
                "column": check.column_name,
                "observed": check.observed,
                "reason": check.reason,
                "owner": check.owner,
                "waiver_id": check.waiver_id,
            }
            for check in found.checks
        ]
        return {**{name: getattr(found, name) for name in names}, "checks": checks}


def is_certified(certificate: Certificate) -> bool:
    """Whether readers may be shown this version, as far as its certificate says."""
    return certificate.result in CERTIFYING and not certificate.held_by


def newest_of(session: Session, table: str, at_most: int | None = None) -> Certificate | None:
    """The newest check of a table's newest snapshot that was checked.

    Args:
        session: of the store.
        table: core table.
        at_most: of no newer snapshot than this.
    """
    query = sa.select(Certificate).where(Certificate.table_name == table)
    if at_most is not None:
        query = query.where(Certificate.snapshot_id <= at_most)
    order = (Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
    return session.scalar(query.order_by(*order).limit(1))


def newest_certificates(session: Session, most: int = 1) -> list[Certificate]:
    """The newest certificates of each table, by table name, newest first.

    Args:
        session: of the store.
        most: of each table.
    """
    rank = sa.func.row_number().over(
        partition_by=Certificate.table_name,
        order_by=(Certificate.checked_at.desc(), Certificate.snapshot_id.desc()),
    )
    ranked = sa.select(Certificate.certificate_id, rank.label("rank")).subquery()
    query = (
        sa.select(Certificate)
        .join(ranked, ranked.c.certificate_id == Certificate.certificate_id)
        .where(ranked.c.rank <= most)
        .order_by(Certificate.table_name, ranked.c.rank)
    )
    return [*session.scalars(query)]
