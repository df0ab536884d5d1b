"""The files of one source: known, rejected, or loaded in batches."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from gatehouse.cli.output import printable
from gatehouse.errors import GatehouseError
from gatehouse.ingest import ledger
from gatehouse.ingest.batch import BatchFile, Source, judge, register_batch
from gatehouse.ingest.digests import Digests
from gatehouse.ingest.discovery import Candidate
from gatehouse.ingest.layout import Layout, read_layout
from gatehouse.ingest.reading import read_rows
from gatehouse.ingest.report import FileReport
from gatehouse.ingest.streams import FileProblem
from gatehouse.ingest.writing import (
    COUNTS,
    Load,
    count_rows,
    select_new,
    write_files,
    write_quarantine,
    write_rows,
)
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from gatehouse.ingest.checks import Rule

log = logging.getLogger(__name__)

BATCH_BYTES = 256 * 1024 * 1024
# Trouble of the machine or the catalog, not of the file.
_PASSING = (
    duckdb.IOException,
    duckdb.ConnectionException,
    duckdb.TransactionException,
    duckdb.InterruptException,
    duckdb.FatalException,
)
BATCH_FILES = 500
_Batch = list[tuple[Candidate, int]]


class Loader:
    """Loads the candidates of one source after the other.

    Args:
        connection: from `Lake.writer`, prepared.
        settings: for the folder of staged files.
        load: what the rows of this load share.
        digests: what files hash to.
        progress: called after each batch.
        retry_rejected: try rejected files again though nothing of their mapping changed.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        settings: Settings,
        load: Load,
        digests: Digests,
        progress: Callable[[str], None] | None = None,
        *,
        retry_rejected: bool = False,
    ) -> None:
        self.has_news = False
        self._retry_rejected = retry_rejected
        self._connection = connection
        self._staging = settings.home / "ingest" / load.load_id
        self._load = load
        self._digests = digests
        self._progress = progress or (lambda _line: None)

    def load(self, source: Source, candidates: list[Candidate]) -> list[FileReport]:
        """Load what is new of one source, and say what became of each candidate."""
        known = ledger.known_files(self._connection, source)
        reports: list[FileReport] = []
        fresh: list[Candidate] = []
        twins: list[Candidate] = []
        taken: set[str] = set()
        for candidate in candidates:
            place = (candidate.shown, candidate.file_id)
            if known.has(candidate, self._digests):
                reports.append(FileReport(source.id, candidate.shown, "known"))
            elif not self._retry_rejected and (reason := known.rejected.get(place)):
                reports.append(FileReport(source.id, candidate.shown, "rejected", reason))
            elif candidate.file_id in taken:
                twins.append(candidate)
            else:
                taken.add(candidate.file_id)
                fresh.append(candidate)
        by_layout = self._sort_by_layout(source, fresh, reports)
        for layout, group in by_layout.items():
            for batch in _batches(group):
                reports += self._load_batch(source, layout, batch)
        return reports + self._twins(source, twins, fresh, reports)

    def _twins(
        self,
        source: Source,
        twins: list[Candidate],
        fresh: list[Candidate],
        reports: list[FileReport],
    ) -> list[FileReport]:
        """What became of files with the bytes of another: the same."""
        ids = {c.shown: c.file_id for c in fresh}
        reasons = {
            ids[each.path]: each.reason or ""
            for each in reports
            if each.status == "rejected" and each.path in ids
        }
        rejected = [(c, reasons[c.file_id]) for c in twins if c.file_id in reasons]
        known = [c for c in twins if c.file_id not in reasons]
        return [
            *self._reject(source, rejected),
            *(FileReport(source.id, c.shown, "known") for c in known),
        ]

    def _sort_by_layout(
        self, source: Source, candidates: list[Candidate], reports: list[FileReport]
    ) -> dict[Layout, _Batch]:
        groups: dict[Layout, _Batch] = {}
        rejected: list[tuple[Candidate, str]] = []
        for candidate in candidates:
            try:
                if candidate.problem is not None:
                    raise FileProblem(candidate.problem)
                layout, header_lines = self._layout(source, candidate)
                groups.setdefault(layout, []).append((candidate, header_lines))
            except FileProblem as problem:
                rejected.append((candidate, str(problem)))
            except OSError as error:
                rejected.append((candidate, f"cannot be read: {error.strerror}"))
        reports += self._reject(source, rejected)
        return groups

    def _layout(self, source: Source, candidate: Candidate) -> tuple[Layout, int]:
        return read_layout(self._connection, source.mapping, source.contract, candidate.path)

    def _reject(self, source: Source, rejected: list[tuple[Candidate, str]]) -> list[FileReport]:
        if not rejected:
            return []
        self.has_news |= ledger.write_rejections(self._connection, source, self._load, rejected)
        for candidate, reason in rejected:
            self._progress(printable(f"{source.id}: {candidate.shown} rejected: {reason}"))
        return [FileReport(source.id, c.shown, "rejected", reason) for c, reason in rejected]

    def _load_batch(self, source: Source, layout: Layout, batch: _Batch) -> list[FileReport]:
        """Load a batch; where reading fails, halve it until the file that fails is alone."""
        try:
            with self._staged():
                rules, broken = self._judge(source, layout, batch)
        except duckdb.OutOfMemoryException as error:
            if len(batch) > 1:
                return self._halves(source, layout, batch)
            raise GatehouseError(
                f"{batch[0][0].shown} does not fit the memory limit.",
                next_step="raise GATEHOUSE_MEMORY_LIMIT, or split the file.",
            ) from error
        except (duckdb.Error, UnicodeError) as error:
            if len(batch) > 1:
                return self._halves(source, layout, batch)
            reason = _reason(error)
            if isinstance(error, _PASSING):
                reason = f"{ledger.PASSING[0]}{reason}"
            elif layout.kind == "parquet":
                reason = f"is Parquet that cannot be read: {reason}"
            return self._reject(source, [(batch[0][0], reason)])
        broken |= {
            index: "changed while it was read"
            for index, (candidate, _) in enumerate(batch)
            if candidate.changed() and index not in broken
        }
        if broken:
            return self._without_broken(source, layout, batch, broken)
        return self._commit(source, layout, batch, rules)

    def _without_broken(
        self, source: Source, layout: Layout, batch: _Batch, broken: dict[int, str]
    ) -> list[FileReport]:
        rejected = [(batch[index][0], reason) for index, reason in sorted(broken.items())]
        whole = [item for index, item in enumerate(batch) if index not in broken]
        reports = self._reject(source, rejected)
        return reports + (self._load_batch(source, layout, whole) if whole else [])

    def _halves(self, source: Source, layout: Layout, batch: _Batch) -> list[FileReport]:
        middle = len(batch) // 2
        return [
            report
            for half in (batch[:middle], batch[middle:])
            for report in self._load_batch(source, layout, half)
        ]

    def _judge(
        self, source: Source, layout: Layout, batch: _Batch
    ) -> tuple[list[Rule], dict[int, str]]:
        files = [BatchFile(c.path, c.shown, c.file_id, c.size, header) for c, header in batch]
        register_batch(self._connection, files)
        broken = read_rows(self._connection, source, layout, files, self._staging)
        if broken:
            return [], broken
        rules = judge(self._connection, source, layout)
        select_new(self._connection, source)
        count_rows(self._connection)
        return rules, {}

    def _commit(
        self, source: Source, layout: Layout, batch: _Batch, rules: list[Rule]
    ) -> list[FileReport]:
        with transaction(self._connection):
            write_rows(self._connection, source, self._load)
            write_quarantine(self._connection, source, self._load, rules)
            write_files(self._connection, source, self._load, layout.to_text())
        counts = self._connection.execute(
            f"select {', '.join(COUNTS)} from counted order by ordinal"
        ).fetchall()
        reports = [
            FileReport(source.id, candidate.shown, "loaded", None, *row)
            for (candidate, _), row in zip(batch, counts, strict=True)
        ]
        rows = sum(report.rows_loaded for report in reports)
        self._progress(f"{source.id}: {len(reports)} files, {rows:,} rows loaded")
        return reports

    @contextmanager
    def _staged(self) -> Iterator[None]:
        try:
            yield
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One transaction of the lake: all of it, or nothing.

    Raises:
        GatehouseError: the lake did not take it; nothing was written.
    """
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except duckdb.Error as error:
        _roll_back(connection)
        raise GatehouseError(
            f"The lake could not be written: {_reason(error)}.",
            next_step="see that the disk and the catalog are there, and run it again.",
        ) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        log.debug("nothing to roll back")


def _batches(items: _Batch) -> Iterator[_Batch]:
    batch: _Batch = []
    size = 0
    for item in items:
        if batch and (size + item[0].size > BATCH_BYTES or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item[0].size
    if batch:
        yield batch


def _reason(error: Exception) -> str:
    """An error's first line without the values it quotes: content stays out of logs."""
    first = str(error).strip().split("\n")[0]
    return re.sub(r"\"[^\"]*\"|'[^']*'", "…", first)[:200]
