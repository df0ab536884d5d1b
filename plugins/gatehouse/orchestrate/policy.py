"""What all DAGs have in common. Imports nothing heavy: every parse of a DAG file pays for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from gatehouse.alerts.callbacks import run_is_late, task_failed, task_succeeded

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
    "on_failure_callback": task_failed,
    "on_success_callback": task_succeeded,
}


def late_after(interval: timedelta) -> DeadlineAlert:
    """An incident where a run has not ended so long after it was queued. It goes on running."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=SyncCallback(run_is_late),
    )
