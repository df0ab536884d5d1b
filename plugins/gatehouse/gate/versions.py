"""What a certificate was given by."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from gatehouse.gate.lineage import CoreTable
from gatehouse.gate.suites import Suite

# Raised when the gate asks its checks otherwise: what passed before is then asked again.
_ASKED = 1


def suite_version(suite: Suite, table: CoreTable) -> str:
    """Hash of the table's suite file, of its dbt tests and of what asks them, 16 hex digits."""
    asked_by = f"{_ASKED} {version('great_expectations')} {version('duckdb')}"
    digest = hashlib.sha256(f"{suite.digest} {asked_by} ".encode())
    for test in sorted(table.tests, key=lambda each: each.unique_id):
        digest.update(f"{test.unique_id}\0{test.severity}\0{test.digest}\0".encode())
    return digest.hexdigest()[:16]
