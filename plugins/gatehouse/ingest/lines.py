"""Text files as Arrow batches of lines, cut in blocks without a loop over lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gatehouse.ingest.streams import FileProblem, blocks

SCHEMA = pa.schema(
    [
        ("ordinal", pa.int32()),
        ("row_number", pa.int64()),
        ("line", pa.string()),
        ("defect", pa.string()),
    ]
)
NOT_UTF8 = "not valid utf-8 (kept as latin-1)"
NUL = "contains a NUL byte"
TOO_LONG = "longer than the longest allowed line (cut)"
_KEPT_OF_TOO_LONG = 64 * 1024
_NEWLINE, _RETURN = 10, 13


@dataclass
class LineReader:
    """Reads files into batches, and notes the files that turn out unreadable on the way.

    Attributes:
        files: path by ordinal.
        encoding: the mapping's.
        max_line_bytes: a longer line is cut and marked.
        skip: lines to skip at the start of a file (its header), by ordinal.
        broken: why a file could not be read to its end, by ordinal; its rows must be dropped.
    """

    files: dict[int, Path]
    encoding: str = "utf-8"
    max_line_bytes: int = 4 * 1024 * 1024
    skip: dict[int, int] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)

    def reader(self) -> pa.RecordBatchReader:
        """The batches, lazily: one block of one file is in memory at a time."""
        return pa.RecordBatchReader.from_batches(SCHEMA, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for ordinal, path in self.files.items():
            try:
                yield from self._file(ordinal, path)
            except FileProblem as problem:
                self.broken[ordinal] = str(problem)
            except OSError as error:
                self.broken[ordinal] = f"cannot be read: {error.strerror}"

    def _file(self, ordinal: int, path: Path) -> Iterator[pa.RecordBatch]:
        number = 1
        for chunk, is_cut in self._whole_lines(path):
            batch = _cut(chunk, ordinal, number, is_cut=is_cut)
            number += batch.num_rows
            skip = self.skip.get(ordinal, 0) - (number - batch.num_rows - 1)
            yield batch.slice(min(skip, batch.num_rows)) if skip > 0 else batch

    def _whole_lines(self, path: Path) -> Iterator[tuple[bytes, bool]]:
        """Blocks that end at a line's end; a line too long comes alone, cut."""
        carry = b""
        dropping = False
        for block in blocks(path, self.encoding):
            end = block.rfind(b"\n") + 1
            if dropping:
                start = block.find(b"\n") + 1
                if start == 0:
                    continue
                dropping, block, end = False, block[start:], end - start
            if end == 0:
                carry += block
                if len(carry) > self.max_line_bytes:
                    yield carry[:_KEPT_OF_TOO_LONG] + b"\n", True
                    carry, dropping = b"", True
                continue
            yield from self._split_long(carry + block[:end])
            carry = block[end:]
        if carry:
            yield from self._split_long(carry + b"\n")

    def _split_long(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == _NEWLINE)
        lengths = np.diff(ends, prepend=-1)
        start = 0
        for index in np.flatnonzero(lengths > self.max_line_bytes + 1):
            before = int(ends[index]) - int(lengths[index]) + 1
            if before > start:
                yield chunk[start:before], False
            yield chunk[before : before + _KEPT_OF_TOO_LONG] + b"\n", True
            start = int(ends[index]) + 1
        if start < len(chunk):
            yield chunk[start:], False


def _cut(chunk: bytes, ordinal: int, number: int, *, is_cut: bool) -> pa.RecordBatch:
    data = np.frombuffer(chunk, np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    text_ends = ends - ((ends > starts) & (data[ends - 1] == _RETURN))
    # Text and line end take turns as values; every second value is then a line.
    offsets = np.empty(2 * len(ends) + 1, np.int32)
    offsets[0:-1:2], offsets[1::2], offsets[-1] = starts, text_ends, len(chunk)
    both = pa.Array.from_buffers(
        pa.binary(), 2 * len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(chunk)]
    )
    lines = both.take(pa.array(np.arange(0, 2 * len(ends), 2, dtype=np.int32)))
    text, defects = _as_text(lines)
    if is_cut:
        defects = pa.array([TOO_LONG], pa.string())
    elif b"\x00" in chunk:
        has_nul = pc.match_substring(text, "\x00")
        defects = pc.if_else(pc.and_(has_nul, pc.is_null(defects)), NUL, defects)
    count = len(ends)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.full(count, ordinal, np.int32)),
            pa.array(np.arange(number, number + count, dtype=np.int64)),
            text,
            defects,
        ],
        schema=SCHEMA,
    )


def _as_text(lines: Any) -> tuple[Any, Any]:
    try:
        return lines.cast(pa.string()), pa.nulls(len(lines), pa.string())
    except pa.ArrowInvalid:
        pass
    # Latin-1 maps each byte to one character, so the bytes can be had back.
    texts: list[str] = []
    defects: list[str | None] = []
    for value in lines.to_pylist():
        try:
            texts.append(value.decode("utf-8"))
            defects.append(None)
        except UnicodeDecodeError:
            texts.append(value.decode("latin-1"))
            defects.append(NOT_UTF8)
    return pa.array(texts, pa.string()), pa.array(defects, pa.string())
