"""Files that did not load, or not whole, and whether another has come in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

# The commands that show what was not loaded, and why.
SHOW_QUARANTINED = "gatehouse quarantine list"
SHOW_REJECTED = "gatehouse files --status rejected"


def came_again(before: str = "") -> str:
    """As a SQL condition on ``files``: the rows of a loaded file that were refused came again.

    A file that came later at the path had as many rows, of which what had been loaded was known.
    Where nothing had been loaded, nothing says that they are the same rows.

    Args:
        before: SQL of a time; only files that arrived before it count.
    """
    limit = f"and later.ingested_at < {before} " if before else ""
    return (
        "(files.rows_loaded > 0 and files.rows_quarantined > 0 and exists ("
        "select 1 from lake.raw.files as later where later.source_id = files.source_id "
        "and later.path = files.path and later.rows_repeated > 0 "
        f"and later.ingested_at > files.ingested_at {limit}"
        "and later.rows_in >= files.rows_in and later.rows_repeated >= files.rows_loaded))"
    )


def rejected_files(connection: duckdb.DuckDBPyConnection, most: int) -> list[dict[str, Any]]:
    """Rejected files that are still there, newest first: source, path and reason.

    Args:
        connection: with the lake attached.
        most: give no more of them.
    """
    names = ("source_id", "path", "reason")
    rows = connection.execute(
        f"select {', '.join(names)} from lake.raw.files where status_code = 'rejected' "
        f"order by ingested_at desc, source_id, path limit {int(most)}"
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]
