"""Reading certificates back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
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
