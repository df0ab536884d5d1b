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

# Stands for a reason in commands that are printed.
PLACEHOLDER = "WHY"


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
    reason = given_reason(
        reason, "This shows raw content, and that", "new log format after the release"
    )
    with open_store(settings).begin() as session:
        session.add(
            AccessRecord(
                reader_name=person(),
                action=action,
                subject=subject,
                reason=reason,
                accessed_at=datetime.now(UTC),
            )
        )


def given_reason(reason: str, what: str, example: str) -> str:
    """The reason that a person gives, without the spaces around it.

    Args:
        reason: what was typed.
        what: what needs it.
        example: of a good one.

    Raises:
        GatehouseError: there is none, or it is the placeholder of a printed command.
    """
    given = reason.strip()
    if given in ("", PLACEHOLDER):
        raise GatehouseError(
            f"{what} needs a reason, to be read months from now.",
            next_step=f'say why: --reason "{example}"',
        )
    return given


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
