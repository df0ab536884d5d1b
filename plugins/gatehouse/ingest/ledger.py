"""What the lake knows of files: ``raw.files``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatehouse.ingest.batch import Source
from gatehouse.ingest.digests import Digests
from gatehouse.ingest.discovery import Candidate
from gatehouse.ingest.writing import Load
from gatehouse.lake.sql import literal

# How the reason of a rejection begins that the next run may well not meet.
PASSING = ("cannot be read: ", "changed while it was read")

if TYPE_CHECKING:
    import duckdb


@dataclass
class Known:
    """Files of one source that the lake has seen.

    Attributes:
        loaded: path by id of loaded files.
        rejected: reason by id of files rejected under the present mapping.
        rejected_paths: ids of all rejected files by path, whatever the mapping was.
        unread: paths where something was that could not be opened.
        is_mixed: whether files were loaded under another mapping than the present.
    """

    loaded: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    rejected_paths: dict[str, set[str]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    is_mixed: bool = False

    def has(self, candidate: Candidate, digests: Digests) -> bool:
        """Whether a file was loaded, under the present mapping or an earlier one."""
        if candidate.file_id in self.loaded:
            return True
        if not self.is_mixed or candidate.problem is not None:
            return False
        try:
            return candidate.was_loaded(self.loaded, digests)
        except OSError:  # the reader will say what it is
            return False


def known_files(connection: duckdb.DuckDBPyConnection, source: Source) -> Known:
    """What need not be tried again: loaded files, and rejections of the present mapping.

    Files without a content to hash (links, folders, devices) and files that met with trouble
    that is not their own (a full disk, a lost connection) are always tried again.
    """
    rows = connection.execute(
        "select file_id, path, status_code, reason, mapping_hash from lake.raw.files "
        "where source_id = ?",
        [source.id],
    ).fetchall()
    known = Known()
    for file_id, path, status, reason, mapping_hash in rows:
        if status == "rejected":
            known.rejected_paths.setdefault(path, set()).add(file_id)
        if status == "loaded":
            known.loaded[file_id] = path
            known.is_mixed |= mapping_hash != source.hash
        elif file_id.startswith("path:"):
            known.unread.add(path)
        elif mapping_hash == source.hash and not reason.startswith(PASSING):
            known.rejected[file_id] = reason
    return known


def forget_unread(
    connection: duckdb.DuckDBPyConnection, source: Source, known: Known, found: list[Candidate]
) -> None:
    """Drop the rejections of what could not be opened where there is a proper file now."""
    from gatehouse.ingest.loader import transaction

    paths = known.unread & {c.shown for c in found if c.problem is None}
    if not paths:
        return
    with transaction(connection):
        connection.executemany(
            "delete from lake.raw.files where source_id = ? and path = ? "
            "and status_code = 'rejected' and starts_with(file_id, 'path:')",
            [[source.id, path] for path in sorted(paths)],
        )


def forget_replaced(
    connection: duckdb.DuckDBPyConnection, source: Source, known: Known, loaded: list[Candidate]
) -> None:
    """Drop the rejections at paths where there is a file now whose content was loaded from another.

    It is not loaded again, so nothing else in the ledger tells that it has taken their place.
    """
    from gatehouse.ingest.loader import transaction

    gone = [
        [source.id, path, file_id]
        for path in sorted({c.shown for c in loaded if c.shown in known.rejected_paths})
        for file_id in sorted(known.rejected_paths[path])
    ]
    if not gone:
        return
    with transaction(connection):
        connection.executemany(
            "delete from lake.raw.files where source_id = ? and path = ? and file_id = ? "
            "and status_code = 'rejected'",
            gone,
        )


def write_rejections(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    load: Load,
    rejected: list[tuple[Candidate, str]],
) -> None:
    """Record rejected files, each once; a rejection that says nothing new writes nothing."""
    from gatehouse.ingest.loader import transaction

    before = {
        (row[0], row[1], row[2])
        for row in connection.execute(
            "select file_id, mapping_hash, reason from lake.raw.files "
            f"where source_id = {literal(source.id)} and status_code = 'rejected'"
        ).fetchall()
    }
    rows = [
        [c.file_id, source.id, c.shown, c.size, source.hash, reason, load.load_id, load.ingested_at]
        for c, reason in rejected
        if (c.file_id, source.hash, reason) not in before
    ]
    if not rows:
        return
    with transaction(connection):
        connection.executemany(
            "delete from lake.raw.files where file_id = ? and source_id = ?",
            [row[:2] for row in rows],
        )
        connection.executemany(
            "insert into lake.raw.files (file_id, source_id, path, size_bytes, mapping_hash, "
            "status_code, reason, rows_in, rows_loaded, rows_quarantined, rows_repeated, "
            "rows_left_out, load_id, ingested_at) "
            "values (?, ?, ?, ?, ?, 'rejected', ?, 0, 0, 0, 0, 0, ?, ?)",
            rows,
        )
