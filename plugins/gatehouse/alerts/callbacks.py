"""What Airflow calls when a task or a run goes wrong. Imports nothing heavy: DAG files import it.

A callback never raises: its own failure must not hide the task's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger(__name__)

_MOST_CHARACTERS = 300


def task_failed(context: Mapping[str, Any]) -> None:
    """Open the incident of a task that failed for good, and tell."""
    try:
        task = context["ti"]
        _note(
            _task_key(task),
            f"{task.dag_id}.{task.task_id}",
            f"The task {task.dag_id}.{task.task_id} failed",
            severity=_severity(context),
            error=_words(context.get("exception")),
        )
    except Exception as error:
        log.error("The alert on a failed task failed (%s).", type(error).__name__)


def task_succeeded(context: Mapping[str, Any]) -> None:
    """End the incident of a task that works again; with a run's last task, that it was late."""
    try:
        end(_task_key(context["ti"]))
        task = context.get("task")
        if task is not None and not task.downstream_task_ids:
            end(run_key(context["ti"].dag_id))
    except Exception as error:
        log.error("The end of an alert failed (%s).", type(error).__name__)


def run_is_late(context: Mapping[str, Any] | None = None, **_arguments: Any) -> None:
    """Open the incident of a run that takes far too long: a deadline alert calls it."""
    try:
        run = (context or {}).get("dag_run")
        dag_id = _of(run, "dag_id") or "a DAG"
        # The days of a backfill are queued together, and each waits for those before it.
        if "backfill" in _of(run, "run_type"):
            return
        # Airflow forgets the deadline of a run that succeeded, and not of one that failed: what is
        # wrong with that one was told when it ended.
        if _of(run, "state") in ("success", "failed"):
            return
        _note(
            run_key(dag_id),
            dag_id,
            f"A run of {dag_id} has passed its deadline and has not ended",
            severity="critical",
        )
    except Exception as error:
        log.error("The alert on a late run failed (%s).", type(error).__name__)


def run_key(dag_id: str) -> str:
    """The key of a run of a DAG that takes too long."""
    return f"pipeline:{dag_id}"


def end(key: str) -> None:
    """End the incident of a cause, if there is one, and tell."""
    from gatehouse.alerts.cycle import alert_gate
    from gatehouse.alerts.incidents import settle
    from gatehouse.settings import Settings

    settings = Settings()
    if settle(settings, key, "succeeded"):
        alert_gate(settings)


def _note(key: str, subject: str, title: str, *, severity: Any, error: str = "") -> None:
    from gatehouse.alerts.causes import Cause
    from gatehouse.alerts.cycle import alert_gate
    from gatehouse.alerts.incidents import note
    from gatehouse.settings import Settings

    settings = Settings()
    cause = Cause(
        key=key,
        kind="pipeline",
        severity=severity,
        subject=subject,
        title=title,
        seen_at=datetime.now(UTC),
        details={"error": error, "look": "gatehouse ui"},
    )
    note(settings, cause)
    alert_gate(settings)


def _of(run: object, name: str) -> str:
    """An attribute of a run, which a deadline gives as data and a task as an object."""
    value = run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)
    return "" if value is None else str(getattr(value, "value", value))


def _task_key(task: Any) -> str:
    return f"pipeline:{task.dag_id}.{task.task_id}"


def _severity(context: Mapping[str, Any]) -> str:
    """Critical unless the DAG says that nothing hangs on it soon."""
    tags = getattr(context.get("dag"), "tags", None) or ()
    tiers = {tag for tag in tags if str(tag).startswith("impact:")}
    return "warning" if tiers and "impact:tier_1" not in tiers else "critical"


def _words(error: object) -> str:
    """What of an error may leave the log: our own words, or its kind; others may quote data."""
    from gatehouse.alerts.causes import without_addresses
    from gatehouse.errors import GatehouseError

    if isinstance(error, GatehouseError):
        return without_addresses(error.message)[:_MOST_CHARACTERS]
    return type(error).__name__ if isinstance(error, BaseException) else ""
