"""Landing files: ``<landing>/<contract>/dt=<day of arrival>/<name>``, Parquet or gzipped JSONL."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatehouse.files import write_whole
from gatehouse.simulate.columns import with_small_dictionaries

# Small tables come as the text that such systems export; large ones as Parquet.
JSON_CONTRACTS = frozenset({"user_reports", "review_labels", "enforcement_actions", "appeals"})


class Landing:
    """Writes landing files, each whole or not at all.

    Attributes:
        folder: the landing folder.
        rows: rows written by contract.
        files: files written.
        size_bytes: bytes written.
    """

    def __init__(self, folder: Path, start: date) -> None:
        self.folder = folder
        self.rows: dict[str, int] = {}
        self.files = 0
        self.size_bytes = 0
        self._start = start

    def write(
        self, contract: str, day: int, stem: str, table: pa.Table, extra_lines: tuple[str, ...] = ()
    ) -> Path:
        """Write one file.

        Args:
            contract: input contract.
            day: simulated day of arrival.
            stem: file name without its ending.
            table: the rows.
            extra_lines: for JSONL, lines to add as they are.
        """
        target = self.folder_of(contract, day)
        if contract in JSON_CONTRACTS:
            path = self._place(target / f"{stem}.jsonl.gz", _as_jsonl(table, extra_lines))
        else:
            path = self._place(target / f"{stem}.parquet", _as_parquet(table))
        self.rows[contract] = self.rows.get(contract, 0) + table.num_rows + len(extra_lines)
        return path

    def repeat(self, path: Path, contract: str, day: int) -> Path:
        """Deliver a file again, byte for byte, on another day and under another name."""
        name = f"again-{path.parent.name.removeprefix('dt=')}-{path.name}"
        return self._place(self.folder_of(contract, day) / name, path.read_bytes())

    def folder_of(self, contract: str, day: int) -> Path:
        """Where a contract's files of a day of arrival go."""
        return self.folder / contract / f"dt={self._start + timedelta(days=day)}"

    def _place(self, path: Path, content: Any) -> Path:
        write_whole(path, content)
        self.files += 1
        self.size_bytes += len(content)
        return path


def _as_parquet(table: pa.Table) -> pa.Buffer:
    table = with_small_dictionaries(table)
    sink = pa.BufferOutputStream()
    repeated = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=repeated,
        store_schema=False,  # readers should see plain text columns
        row_group_size=262_144,
        dictionary_pagesize_limit=16 << 20,
    )
    return sink.getvalue()


def _as_jsonl(table: pa.Table, extra_lines: tuple[str, ...]) -> bytes:
    lines = [
        json.dumps({name: _plain(value) for name, value in row.items() if value is not None})
        for row in table.to_pylist()
    ]
    text = "".join(f"{line}\n" for line in (*lines, *extra_lines))
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    return value
