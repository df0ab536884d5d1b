"""Break a copy of the lake in one way a day, and see whether the gate catches it.

**Inputs**: the lake and the certificates, read only. **Outputs**: a row in `drills`; an incident
if the fault was not caught. Runs once a day, each day with another fault of `gatehouse drill
--list`; a fault for which the lake has no rows is passed over. Nothing of the copy is kept.

## Triage

1. *The gate did not catch …* is an incident, and the task is green: the drill did its work. Run
   the command the alert gives; then give the table a check that catches it, or a stricter limit.
2. *The lake is being written by …*: a long build. It tries again.
3. Anything else: the gate could not run on the copy; the log says why. Disk full is the likeliest:
   the copy links the lake's files and writes what the fault changes.

**Clear or re-trigger?** Either: each run has a copy of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from gatehouse.orchestrate.policy import DEFAULT_ARGS


@dag(
    schedule=CronTriggerTimetable("15 4 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_3"],
    doc_md=__doc__,
    params={
        "fault": Param(
            None,
            type=["null", "string"],
            title="Fault",
            description="A fault of `gatehouse drill --list`. Default: the one of the day.",
        ),
    },
)
def drill_gates() -> None:
    """A fault planted, and caught or not."""

    @task
    def drill(params: dict[str, Any]) -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.drill(params)

    drill()


drill_gates()
