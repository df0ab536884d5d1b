"""What a load did, file by file, as numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class FileReport:
    """What became of one file for one source.

    Attributes:
        source_id: the mapping that read it.
        path: path below the landing folder.
        status: ``loaded``, ``known`` (its content was loaded before), ``rejected`` or ``waiting``
            (still being written).
        reason: why it was rejected or waits.
        rows_in: rows in the file: always loaded + quarantined + repeated + left out.
    """

    source_id: str
    path: str
    status: str
    reason: str | None = None
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    rows_left_out: int = 0


@dataclass
class IngestReport:
    """What a load did.

    Attributes:
        load_id: id of the load, on every file row it wrote.
        files: what became of each file.
        unmatched: paths below the landing folder that no mapping reads.
        seconds: wall time.
        rejections_changed: whether a file was rejected that was not before, or one is no more.
    """

    load_id: str
    files: list[FileReport] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rejections_changed: bool = False

    @property
    def totals(self) -> dict[str, int]:
        """Files by status, and rows by outcome."""
        totals = {f"files_{status}": 0 for status in ("loaded", "known", "rejected", "waiting")}
        rows = ("rows_in", "rows_loaded", "rows_quarantined", "rows_repeated", "rows_left_out")
        totals |= dict.fromkeys(rows, 0)
        for file in self.files:
            totals[f"files_{file.status}"] += 1
            if file.status == "loaded":
                for name in rows:
                    totals[name] += getattr(file, name)
        return totals

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, with its totals."""
        return asdict(self) | {"totals": self.totals}
