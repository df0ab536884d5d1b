"""What all DAGs have in common. Imports nothing heavy: every parse of a DAG file pays for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

OWNER = "protection-data"

# A check that could not be carried out, or a lake that another process is writing, may be fine a
# moment later. A broken mapping, model or setting is not, and retrying only delays the news.
_RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                "gatehouse.errors.CouldNotCheckError",
                "gatehouse.errors.LakeBusyError",
            ],
            action=RetryAction.RETRY,
            reason="may be fine a moment later",
        ),
        RetryRule(
            exception="gatehouse.errors.GatehouseError",
            action=RetryAction.FAIL,
            reason="needs somebody to mend it",
        ),
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": _RETRY_POLICY,
}
