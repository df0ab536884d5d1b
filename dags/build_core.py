"""Build the core tables from what was ingested, check them, and publish those that pass.

**Inputs**: raw rows ingested since the last build. **Outputs**: `staging`, `intermediate`,
`core`; a certificate per core table; an event on the asset `certified` if a table was published.
Runs on an event on `raw` or `findings`, and once a day so that certificates do not run out while
nothing arrives. A backfill (Trigger, Backfill; or `airflow backfill create --dag-id build_core`)
rebuilds, day by day, what depends on the rows *ingested* on that day; it never moves the mark
from which the next normal run goes on.

## Triage

1. **build** is red: the log ends with the first model that failed; *Gatehouse, this run* on the
   run's page shows every model. The old tables stay on show. Mend the model, trigger a run.
2. **gate** is red: the checks could not be carried out. That says nothing about the data. It
   retries; if it stays red, the log says what is missing.
3. **all_certified** is red: the gate did its work and held a table. Its log names the tables, the
   checks and the detections that wait; all others went on. Mend the source or the model, then
   trigger a run: do not clear this task, it only reports.

**Clear or re-trigger?** Trigger a run: it goes on from the same mark, up to now. (Airflow 3.3
answers 500 where a task of a failed run with a deadline is cleared.)
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from gatehouse.orchestrate.assets import FINDINGS, NEW_CERTIFIED, RAW
from gatehouse.orchestrate.policy import DEFAULT_ARGS, late_after


def _text(title: str, description: str, **schema: Any) -> Param:
    return Param(None, type=["null", "string"], title=title, description=description, **schema)


@dag(
    schedule=AssetOrTimeSchedule(
        # Not at once where Airflow starts in the hours after midnight, which is its default.
        timetable=CronTriggerTimetable(
            "0 0 * * *",
            timezone="UTC",
            interval=timedelta(days=1),
            run_immediately=timedelta(0),
        ),
        assets=RAW | FINDINGS,
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=24),
    deadline=late_after(timedelta(hours=6)),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_1"],
    doc_md=__doc__,
    params={
        "from": _text("From", "Rebuild rows ingested from here (UTC).", format="date-time"),
        "to": _text("To", "... up to, but not including, here (UTC).", format="date-time"),
        "select": _text("Models", "Only these models, as a dbt selection, e.g. user_risk+."),
        "full_refresh": Param(
            False, type="boolean", title="Full refresh", description="Rebuild from all raw rows."
        ),
    },
)
def build_core() -> None:
    """Raw rows to certified core tables."""

    # One at a time across runs: a backfill has its own limit of active runs.
    @task(max_active_tis_per_dag=1)
    def build(params: dict[str, Any], **context: Any) -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.build(params, context)

    @task(outlets=[NEW_CERTIFIED], max_active_tis_per_dag=1)
    def gate(built: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.gate(built, outlet_events)

    # Held tables have their incident already, from the gate.
    @task(on_failure_callback=None)
    def all_certified(gated: dict[str, Any]) -> None:
        from gatehouse.orchestrate import tasks

        tasks.require_all_certified(gated)

    @task
    def data_docs() -> dict[str, int]:
        from gatehouse.orchestrate import tasks

        return tasks.data_docs()

    gated = gate(build())
    all_certified(gated)
    gated >> data_docs()


build_core()
