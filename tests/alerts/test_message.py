"""What an alert says about a check."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatehouse.alerts.message import compose
from gatehouse.store.models import Incident

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (
            {
                "check": "hours of occurred_at",
                "column": "occurred_at",
                "counts": {"observed": 279.0, "expected": 15209.4},
            },
            "hours of occurred_at (observed 279, expected 15,209).",
        ),
        (
            {"check": "not_null", "column": "actor_id", "counts": {"failing_rows": 1204}},
            "not_null of actor_id (failing rows 1,204).",
        ),
        ({"check": "share", "column": None, "counts": {"beyond": 0.25}}, "share (beyond 0.25)."),
    ],
    ids=["a day beside its past", "rows", "a share"],
)
def test_a_check_is_told_with_its_column_once_and_numbers_to_read(
    check: dict[str, object], said: str
) -> None:
    incident = Incident(
        incident_id="i",
        kind="data",
        severity="critical",
        subject_name="fct_events",
        title="t",
        owner="",
        details={"checks": [check], "since": "2026-03-01"},
        opened_at=NOW,
        seen_count=1,
    )
    assert dict(compose(incident, "opened").facts)["Check"] == said
