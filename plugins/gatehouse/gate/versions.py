"""What a certificate was given by."""

from __future__ import annotations

import hashlib

from gatehouse.gate.lineage import CoreTable
from gatehouse.gate.suites import Suite


def suite_version(suite: Suite, table: CoreTable) -> str:
    """Hash of the table's suite file and of its dbt tests, 16 hex digits."""
    digest = hashlib.sha256(suite.digest.encode())
    for test in sorted(table.tests, key=lambda each: each.unique_id):
        digest.update(f"{test.unique_id}\0{test.severity}\0{test.digest}\0".encode())
    return digest.hexdigest()[:16]
