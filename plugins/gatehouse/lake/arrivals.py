"""The clock of arrival: when rows came in, strictly increasing from one commit to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Raw tables whose commits carry one `ingested_at`; the rows of a file share its row's time.
STAMPED = ("files", "findings", "store_changes")


def newest_arrival(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The newest ``ingested_at`` in the lake, UTC; `BEGINNING` in an empty lake."""
    union = " union all ".join(
        f"select max(ingested_at) as arrived_at from lake.raw.{table}" for table in STAMPED
    )
    row = connection.execute(f"select max(arrived_at) from ({union})").fetchone()
    newest: datetime | None = row[0] if row else None
    return newest.replace(tzinfo=UTC) if newest else BEGINNING


def next_arrival(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The ``ingested_at`` of the commit being prepared: now, or just past the newest one.

    Call it while holding the writer's place: a build's interval ends past the newest arrival,
    so nothing may ever be stamped at or before it, whatever the machine's clock says.
    """
    return max(datetime.now(UTC), newest_arrival(connection) + timedelta(microseconds=1))
