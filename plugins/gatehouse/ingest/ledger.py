"""What the lake knows of files: ``raw.files``."""

from __future__ import annotations

from collections.abc import Mapping
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
        rejected: reason by path and id of files that were rejected under the present mapping and
            are still there.
        is_mixed: whether files were loaded under another mapping than the present.
    """

    loaded: dict[str, str] = field(default_factory=dict)
    rejected: dict[tuple[str, str], str] = field(default_factory=dict)
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
        "where source_id = ? and status_code in ('loaded', 'rejected')",
        [source.id],
    ).fetchall()
    known = Known()
    for file_id, path, status, reason, mapping_hash in rows:
        if status == "loaded":
            known.loaded[file_id] = path
            known.is_mixed |= mapping_hash != source.hash
        elif (
            not file_id.startswith("path:")
            and mapping_hash == source.hash
            and not reason.startswith(PASSING)
        ):
            known.rejected[path, file_id] = reason
    return known


def write_rejections(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    load: Load,
    rejected: list[tuple[Candidate, str]],
) -> bool:
    """Record rejected files by path, each since it came; returns whether there is news.

    A rejection that says nothing new writes nothing. One that has another reason by now, or another
    mapping, is as old as before: it has not come again.
    """
    from gatehouse.ingest.loader import transaction

    before = {
        (row[0], row[1]): row[2:]
        for row in connection.execute(
            "select file_id, path, mapping_hash, reason, ingested_at from lake.raw.files "
            f"where source_id = {literal(source.id)} and status_code = 'rejected'"
        ).fetchall()
    }
    rows = []
    for c, reason in rejected:
        hash_before, reason_before, since = before.get((c.file_id, c.shown), (None, None, None))
        if (hash_before, reason_before) != (source.hash, reason):
            at = since or load.ingested_at
            rows.append(
                [c.file_id, source.id, c.shown, c.size, source.hash, reason, load.load_id, at]
            )
    if not rows:
        return False
    with transaction(connection):
        connection.executemany(
            "delete from lake.raw.files where file_id = ? and source_id = ? and path = ? "
            "and status_code <> 'loaded'",
            [row[:3] for row in rows],
        )
        connection.executemany(
            "insert into lake.raw.files (file_id, source_id, path, size_bytes, mapping_hash, "
            "status_code, reason, rows_in, rows_loaded, rows_quarantined, rows_repeated, "
            "rows_left_out, load_id, ingested_at) "
            "values (?, ?, ?, ?, ?, 'rejected', ?, 0, 0, 0, 0, 0, ?, ?)",
            rows,
        )
    return True


def close_rejections(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    load: Load,
    there: Mapping[str, str | None],
    *,
    is_whole: bool,
) -> bool:
    """End the rejections of files that are not there any more; returns whether there were any.

    They become ``replaced``, where another file is at the path, or ``gone``; both count as arrivals
    of this load, so that what was held because of them is built and checked again.

    Args:
        connection: of a writer.
        source: whose files.
        load: this one.
        there: id of the file at each path; None where nobody knows yet what it is, as it is empty
            or still being written.
        is_whole: whether all places of the source were looked at; else none is gone.
    """
    from gatehouse.ingest.loader import transaction

    rows = connection.execute(
        "select path, file_id from lake.raw.files where source_id = ? and status_code = 'rejected'",
        [source.id],
    ).fetchall()
    over = []
    for path, file_id in rows:
        status = "replaced" if path in there else "gone"
        unknown = path in there and there[path] is None
        if unknown or there.get(path) == file_id or (status == "gone" and not is_whole):
            continue
        over.append([status, load.ingested_at, source.id, path, file_id])
    if not over:
        return False
    with transaction(connection):
        connection.executemany(
            "update lake.raw.files set status_code = ?, ingested_at = ? where source_id = ? "
            "and path = ? and file_id = ? and status_code = 'rejected'",
            over,
        )
    return True
