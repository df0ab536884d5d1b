"""Rollbacks that stand, told wherever they act; `gatehouse.gate.rollback` makes and ends them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Rollback


def rolled_back(session: Session) -> dict[str, str]:
    """What keeps a table at an older version, in words, by table."""
    rows = session.scalars(sa.select(Rollback).where(Rollback.lifted_at.is_(None)))
    return {
        row.table_name: f"Rolled back by {row.person_name} on {row.created_at:%Y-%m-%d}, "
        f"{row.reason}; gatehouse rollback {row.root_table_name} --lift."
        for row in rows
    }


def read_rolled_back(settings: Settings) -> dict[str, str]:
    """As `rolled_back`, of a home."""
    with open_store(settings, read_only=True).begin() as session:
        return rolled_back(session)
