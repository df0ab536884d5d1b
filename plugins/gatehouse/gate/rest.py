"""What a check of some tables may rest on: those that it does not check itself."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.gate.certificate import is_certified, newest_of
from gatehouse.gate.lineage import CoreTable
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun


def vouched_for(
    settings: Settings,
    chosen: list[CoreTable],
    known: Mapping[str, CoreTable],
    snapshot_id: int,
) -> list[CoreTable]:
    """The chosen tables of which all that they are made from is checked too, or is certified.

    The others stay as the last check of all left them: held, or certified at an older snapshot. A
    table that is wrong is not certified because somebody checked only its neighbours.

    Args:
        settings: which home.
        chosen: tables to check.
        known: all core tables.
        snapshot_id: what is checked.
    """
    inside = {table.table for table in chosen}
    outside = {name for table in chosen for name in table.upstream} - inside
    if not outside:
        return chosen
    with open_store(settings, read_only=True).begin() as session:
        good = {name for name in outside if _stands(session, known[name], snapshot_id)}
    return [table for table in chosen if {*table.upstream} - inside <= good]


def _stands(session: Session, table: CoreTable, snapshot_id: int) -> bool:
    """Whether the rows of a table, as this snapshot has them, are those that were certified."""
    newest = newest_of(session, table.table, snapshot_id)
    if newest is None or not is_certified(newest):
        return False
    # Of a version that no build left: all that came later may have rewritten it.
    build = session.get(BuildRun, newest.build_id) if newest.build_id else None
    built_at = build.started_at if build else BEGINNING
    built_since = (
        sa.select(BuildNode.unique_id)
        .join(BuildRun, BuildRun.build_id == BuildNode.build_id)
        .where(
            BuildNode.unique_id == table.unique_id,
            sa.or_(
                sa.and_(
                    BuildRun.snapshot_id > newest.snapshot_id,
                    BuildRun.snapshot_id <= snapshot_id,
                ),
                # One that was killed has written, and left no snapshot that tells when.
                sa.and_(
                    BuildRun.snapshot_id.is_(None),
                    BuildRun.started_at > built_at,
                ),
            ),
        )
    )
    return session.scalar(built_since.limit(1)) is None
