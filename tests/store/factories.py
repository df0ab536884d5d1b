"""Rows for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gatehouse.store.models import BuildNode, BuildRun, Certificate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def build_run(build_id: str = "b1", **changes: Any) -> BuildRun:
    values = {
        "build_id": build_id,
        "interval_start_at": NOW - timedelta(days=1),
        "interval_end_at": NOW,
        "is_increment": True,
        "status": "running",
        "code_version": "c",
        "started_at": NOW,
    }
    return BuildRun(**(values | changes))


def build_node(name: str, status: str = "success", **changes: Any) -> BuildNode:
    """What became of a model in a build."""
    values: dict[str, Any] = {
        "build_id": "b1",
        "unique_id": f"model.gatehouse.{name}",
        "name": name,
        "resource_type": "model",
        "status": status,
    }
    return BuildNode(**values | changes)


def certificate(certificate_id: str = "c1", **changes: Any) -> Certificate:
    values = {
        "certificate_id": certificate_id,
        "table_name": "fct_events",
        "snapshot_id": 3,
        "suite_version": "s",
        "result": "passed",
        "severities": {"critical": {"passed": 1}},
        "held_by": [],
        "row_count": 10,
        "checked_at": NOW,
        "expires_at": NOW + timedelta(days=7),
    }
    return Certificate(**(values | changes))
