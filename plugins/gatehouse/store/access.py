"""The access log: who read raw content or direct identifiers, and why."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store.models import AccessRecord
from gatehouse.store.session import open_store


def record_access(settings: Settings, action: str, subject: dict[str, Any], reason: str) -> None:
    """Record an access before it happens: what cannot be recorded is not read.

    Args:
        settings: which store.
        action: what is done, e.g. ``quarantine export``.
        subject: what was asked for; never what was read.
        reason: why, in the reader's words.

    Raises:
        GatehouseError: there is no reason.
    """
    if not reason.strip():
        raise GatehouseError(
            "This shows raw content, and that needs a reason.",
            next_step='say why: --reason "new log format after the release"',
        )
    with open_store(settings).begin() as session:
        session.add(
            AccessRecord(
                reader_name=person(),
                action=action,
                subject=subject,
                reason=reason.strip(),
                accessed_at=datetime.now(UTC),
            )
        )


def list_access(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest accesses, newest first."""
    query = sa.select(AccessRecord).order_by(AccessRecord.access_id.desc()).limit(limit)
    with open_store(settings, read_only=True)() as session:
        return [
            {
                "accessed_at": each.accessed_at,
                "reader_name": each.reader_name,
                "action": each.action,
                "subject": each.subject,
                "reason": each.reason,
            }
            for each in session.scalars(query)
        ]


def person() -> str:
    """Name of whoever runs this, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"uid {os.getuid()}"
