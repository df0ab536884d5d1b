"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

from gatehouse.errors import GatehouseError


def interval_of(start: str, end: str) -> tuple[datetime, datetime] | None:
    """Both ends as UTC instants, or None where neither is given.

    Raises:
        GatehouseError: one end is missing, an end is no time, or they are the wrong way round.
    """
    if not start and not end:
        return None
    if not (start and end):
        raise GatehouseError("An interval needs both ends.", next_step="give --from and --to.")
    bounds = moment_of(start), moment_of(end)
    if bounds[0] >= bounds[1]:
        raise GatehouseError(
            f"The interval from {start} to {end} is empty.",
            next_step="give a start before the end.",
        )
    return bounds


def moment_of(text: str) -> datetime:
    """A UTC instant; a text without a zone is UTC.

    Raises:
        GatehouseError: it is no time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise GatehouseError(
            f"{text!r} is not a time.", next_step="write it like 2026-01-31 or 2026-01-31T12:00."
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
