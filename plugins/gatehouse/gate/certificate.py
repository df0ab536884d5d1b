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

_MOST_LOOKED_AT = 500


def read_certificate(
    settings: Settings, table: str, snapshot_id: int | None = None
) -> dict[str, Any]:
    """The newest certificate of a table's newest snapshot that was checked, with its checks.

    Args:
        settings: which home.
        table: core table.
        snapshot_id: the newest one of this version; default of any.

    Raises:
        GatehouseError: the table was never checked, or not at that snapshot.
    """
    query = (
        sa.select(Certificate)
        .where(Certificate.table_name == table)
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
        .limit(1)
    )
    if snapshot_id is not None:
        query = query.where(Certificate.snapshot_id == snapshot_id)
    with open_store(settings, read_only=True).begin() as session:
        found = session.scalars(query).first()
        if found is None:
            at = "" if snapshot_id is None else f" at snapshot {snapshot_id}"
            raise GatehouseError(
                f"{table} has no certificate{at}.",
                next_step=f"gatehouse certificate {table} shows the newest one."
                if at
                else "gatehouse status lists the core tables.",
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


def last_failed(settings: Settings, table: str, check: str = "") -> int | None:
    """The newest snapshot where a check of a table failed when it was checked last, if any did.

    Args:
        settings: which home.
        table: core table.
        check: a part of its name; default any of them.
    """
    query = (
        sa.select(Certificate)
        .where(Certificate.table_name == table)
        .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
        .limit(_MOST_LOOKED_AT)
    )
    seen: set[int] = set()
    with open_store(settings, read_only=True).begin() as session:
        for each in session.scalars(query):
            # What failed there and passed when it was checked again is not shown as failed.
            if each.snapshot_id not in seen and any(
                found.result == "failed" and check in found.name for found in each.checks
            ):
                return each.snapshot_id
            seen.add(each.snapshot_id)
    return None


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
    """The newest certificates of each table, by table name, those of the newest snapshot first.

    An older snapshot that is checked again says nothing of the newest.

    Args:
        session: of the store.
        most: of each table.
    """
    rank = sa.func.row_number().over(
        partition_by=Certificate.table_name,
        order_by=(Certificate.snapshot_id.desc(), Certificate.checked_at.desc()),
    )
    ranked = sa.select(Certificate.certificate_id, rank.label("rank")).subquery()
    query = (
        sa.select(Certificate)
        .join(ranked, ranked.c.certificate_id == Certificate.certificate_id)
        .where(ranked.c.rank <= most)
        .order_by(Certificate.table_name, ranked.c.rank)
    )
    return [*session.scalars(query)]
