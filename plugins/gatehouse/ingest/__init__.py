"""Landing files into raw tables: each file's effect exactly once, every row accounted for."""

from gatehouse.ingest.report import FileReport, IngestReport
from gatehouse.ingest.run import run_ingest
from gatehouse.ingest.tables import ensure_tables

__all__ = ["FileReport", "IngestReport", "ensure_tables", "run_ingest"]
