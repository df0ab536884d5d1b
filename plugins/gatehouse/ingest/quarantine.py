"""What was quarantined and why: to look at, to hand out, and to read again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatehouse.errors import GatehouseError
from gatehouse.ingest.again import came_again
from gatehouse.lake import Lake
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings
from gatehouse.store.access import record_access

if TYPE_CHECKING:
    import duckdb

EXPORTED = (
    *("source_id", "contract_name", "path", "file_id", "row_number"),
    *("column_name", "reason", "original_text", "ingested_at"),
)
_PAGE = 5_000


@dataclass(frozen=True)
class Selection:
    """Which quarantined rows are meant; empty fields leave it open.

    Attributes:
        source: id of a source.
        path: path of a file below the landing folder.
        column: contract column the reason is about.
    """

    source: str | None = None
    path: str | None = None
    column: str | None = None

    @property
    def where(self) -> str:
        """As a SQL condition."""
        parts = [
            f"{name} = {literal(value)}"
            for name, value in (
                ("source_id", self.source),
                ("path", self.path),
                ("column_name", self.column),
            )
            if value
        ]
        return " and ".join(parts) or "true"


def list_quarantine(
    settings: Settings, selection: Selection | None = None, *, samples: int = 0, reason: str = ""
) -> list[dict[str, Any]]:
    """What is in quarantine, by source, column and reason; most rows first.

    ``came_again``: of those rows, how many are in the lake by now, as their file came again whole.

    Args:
        settings: which lake.
        selection: which rows.
        samples: this many original texts of each reason, under ``samples``. They are raw
            content: show them to people who may see it only.
        reason: why samples are read; recorded.

    Raises:
        GatehouseError: samples were asked for without a reason.
    """
    where = (selection or Selection()).where
    if samples:
        record_access(settings, "quarantine samples", _what(selection), reason)
    wanted = (
        f", list(original_text order by file_id, row_number)[:{int(samples)}] as samples"
        if samples
        else ""
    )
    with _current(settings) as connection:
        result = connection.execute(
            "select source_id, column_name, reason, count(*) as row_count, "
            "count(distinct file_id) as file_count, min(path) as first_path, "
            "arg_min(row_number, (path, row_number)) as first_row_number, "
            "count(*) filter ((source_id, file_id) in (select (source_id, file_id) "
            f"from lake.raw.files as files where {came_again()})) as came_again{wanted} "
            f"from lake.raw.quarantine where {where} "
            "group by source_id, column_name, reason "
            "order by row_count desc, source_id, column_name, reason"
        )
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def export_quarantine(
    settings: Settings, target: Path, selection: Selection | None = None, *, reason: str
) -> int:
    """Write quarantined rows with their original text to a file that only its owner can read.

    Args:
        settings: which lake.
        target: a new file: ``.csv``, or ``.jsonl`` for one JSON object a line.
        selection: which rows.
        reason: why raw content leaves the lake; recorded.

    Returns:
        Number of rows written.

    Raises:
        GatehouseError: the file is there already, or is of another kind, or no reason was given.
    """
    if target.suffix not in {".csv", ".jsonl"}:
        raise GatehouseError(
            f"{target} is neither .csv nor .jsonl.", next_step="name a file that ends in one."
        )
    record_access(settings, "quarantine export", _what(selection), reason)
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise GatehouseError(
            f"{target} cannot be made: {error.strerror}.", next_step="name a new file."
        ) from error
    where = (selection or Selection()).where
    with (
        os.fdopen(handle, "w", encoding="utf-8", newline="") as file,
        _current(settings) as connection,
    ):
        result = connection.execute(
            f"select {', '.join(EXPORTED)} from lake.raw.quarantine where {where} "
            "order by source_id, path, row_number"
        )
        return _write(file, result, is_csv=target.suffix == ".csv")


def _what(selection: Selection | None) -> dict[str, Any]:
    return {name: value for name, value in asdict(selection or Selection()).items() if value}


def _write(file: Any, result: duckdb.DuckDBPyConnection, *, is_csv: bool) -> int:
    import csv

    count = 0
    writer = csv.writer(file)
    if is_csv:
        writer.writerow(EXPORTED)
    while rows := result.fetchmany(_PAGE):
        count += len(rows)
        if is_csv:
            writer.writerows([_tame(value) for value in row] for row in rows)
        else:
            file.writelines(
                json.dumps(dict(zip(EXPORTED, row, strict=True)), default=str) + "\n"
                for row in rows
            )
    return count


def _tame(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return value


def list_files(
    settings: Settings, *, source: str | None = None, status: str | None = None
) -> list[dict[str, Any]]:
    """The ledger: every file of every source, newest first."""
    parts = [
        f"{name} = {literal(value)}"
        for name, value in (("source_id", source), ("status_code", status))
        if value
    ]
    names = (
        *("source_id", "path", "status_code", "reason", "rows_in", "rows_loaded"),
        *("rows_quarantined", "rows_repeated", "rows_left_out", "size_bytes", "file_id"),
        *("load_id", "ingested_at"),
    )
    with _current(settings) as connection:
        rows = connection.execute(
            f"select {', '.join(names)} from lake.raw.files "
            f"where {' and '.join(parts) or 'true'} order by ingested_at desc, source_id, path"
        ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


@contextmanager
def _current(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = Lake(settings).current()
    try:
        yield connection
    finally:
        connection.close()
