"""What a file says of itself before its rows are read: its kind, its header, its types."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.ingest.contracts import Contract
from gatehouse.ingest.mapping import SourceMapping
from gatehouse.ingest.streams import FileProblem, blocks, magic_of
from gatehouse.lake.sql import literal

if TYPE_CHECKING:
    import duckdb

PARQUET_MAGIC = b"PAR1"
_NAME = re.compile(r"[a-z][a-z_]{0,40}")


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are laid out; files with equal layouts are read together.

    Attributes:
        kind: ``parquet``, ``jsonl``, ``csv`` or ``text``.
        names: header of a CSV, columns of a Parquet file.
        types: DuckDB types of a Parquet file's columns.
    """

    kind: str
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def to_text(self) -> str:
        """As kept in the ledger, to read quarantined rows again."""
        return json.dumps({"kind": self.kind, "names": self.names, "types": self.types})

    @classmethod
    def from_text(cls, text: str) -> Layout:
        """From the ledger."""
        data = json.loads(text)
        return cls(data["kind"], tuple(data["names"]), tuple(data["types"]))


def read_layout(
    connection: duckdb.DuckDBPyConnection, mapping: SourceMapping, contract: Contract, path: Path
) -> tuple[Layout, int]:
    """The layout of one file, checked against what the mapping reads, and its header lines.

    Raises:
        FileProblem: the file as a whole cannot be read by this mapping.
    """
    magic = magic_of(path)
    kind = _kind(mapping, path, magic)
    header_lines = 0
    if kind == "parquet":
        layout = _parquet_layout(connection, path, magic)
    elif kind == "csv":
        layout, header_lines = _csv_layout(mapping, path)
    else:
        layout = Layout(kind)
    if layout.names:
        _check_names(mapping, contract, layout)
    return layout, header_lines


def _kind(mapping: SourceMapping, path: Path, magic: bytes) -> str:
    stated = mapping.format.type
    if stated != "auto":
        return stated
    if magic == PARQUET_MAGIC:
        return "parquet"
    suffixes = {suffix.lower() for suffix in path.suffixes}
    for kind in ("parquet", "csv"):
        if f".{kind}" in suffixes:
            return kind
    return "jsonl"


def _parquet_layout(connection: duckdb.DuckDBPyConnection, path: Path, magic: bytes) -> Layout:
    import duckdb

    if magic != PARQUET_MAGIC:
        raise FileProblem("is empty, not Parquet" if not magic else "is not Parquet")
    try:
        rows = connection.execute(
            f"describe select * from read_parquet({literal(str(path))}, hive_partitioning = false)"
        ).fetchall()
    except duckdb.Error as error:
        raise FileProblem("is Parquet that cannot be read: cut off or damaged") from error
    return Layout("parquet", tuple(row[0] for row in rows), tuple(row[1] for row in rows))


def _csv_layout(mapping: SourceMapping, path: Path) -> tuple[Layout, int]:
    if isinstance(mapping.format.header, list):
        return Layout("csv", tuple(mapping.format.header)), 0
    first = next(blocks(path, mapping.format.encoding), b"")
    for index, line in enumerate(first.split(b"\n")[:1000]):
        text = line.rstrip(b"\r")
        if not text.strip():
            continue
        return Layout("csv", _header(text, mapping.format.delimiter)), index + 1
    return Layout("csv"), 0


def _header(line: bytes, delimiter: str) -> tuple[str, ...]:
    try:
        text = line.decode("utf-8")
        row = next(csv.reader([text], delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise FileProblem("has a first line that is no header") from error
    names = tuple(name.strip() for name in row)
    if any("\x00" in name or '"' in name for name in names):
        raise FileProblem("has a first line that is no header")
    return names


def _check_names(mapping: SourceMapping, contract: Contract, layout: Layout) -> None:
    # A file without its header has a row's values for names: no reason quotes a name that the
    # mapping does not state.
    fields = mapping.raw_fields(contract)
    if missing := [name for name, must in fields.items() if must and name not in layout.names]:
        raise FileProblem(f"has no column {_some(missing)}")
    first: dict[str, int] = {}
    for position, name in enumerate(layout.names, 1):
        before = first.setdefault(name.lower(), position)
        if before != position:
            shown = f" ({name})" if name in fields else ""
            raise FileProblem(
                f"has a column more than once: columns {before} and {position} have one name{shown}"
            )
    extra = [_column(n, name) for n, name in enumerate(layout.names, 1) if name not in fields]
    if mapping.columns == "same" and extra:
        raise FileProblem(f"has columns that the contract does not: {_some(extra)}")


def _column(position: int, name: str) -> str:
    """A column that no mapping states: by its name where it looks like one, not like a value."""
    return f"{name} (column {position})" if _NAME.fullmatch(name) else f"column {position}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
