"""Landing files into raw tables: each file's effect exactly once, every row accounted for."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.ingest.report import FileReport, IngestReport
    from gatehouse.ingest.run import run_ingest
    from gatehouse.ingest.tables import ensure_tables

__all__ = ["FileReport", "IngestReport", "ensure_tables", "run_ingest"]

__getattr__ = lazy(
    __name__,
    {
        "FileReport": "gatehouse.ingest.report",
        "IngestReport": "gatehouse.ingest.report",
        "ensure_tables": "gatehouse.ingest.tables",
        "run_ingest": "gatehouse.ingest.run",
    },
)
