"""Gatehouse: certified safety tables for abuse-protection teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import duckdb

__all__ = ["connect"]


def connect(
    *, allow_expired: bool = False, needs: Literal["critical", "warning"] = "critical"
) -> duckdb.DuckDBPyConnection:
    """Open a read-only DuckDB connection to the newest certified version of each core table.

    The versions are fixed when the connection opens, so every query on it sees one consistent
    set of tables however long a build runs meanwhile. Open a new connection to move on.

    Args:
        allow_expired: also show tables whose certificate has expired.
        needs: ``warning``: of each table the newest version whose warnings passed, too; for
            what cannot be taken back.

    Returns:
        A connection whose default schema is ``core``: ``select * from user_risk`` just works.

    Raises:
        gatehouse.errors.GatehouseError: no table is certified yet.
    """
    from gatehouse.gate.published import open_certified  # heavy imports stay out of DAG parsing
    from gatehouse.settings import Settings

    return open_certified(Settings(), allow_expired=allow_expired, needs=needs)
