"""Keep the lake small and quick: merge small files, drop snapshots nobody may still need.

**Inputs**: the lake. **Outputs**: the same tables in fewer files; old snapshots expired, except
those a certificate on show or a finding within retention points to. Runs once a day.

## Triage

1. *The lake is being written by …*: a long build. It tries again; a day without maintenance
   is fine.
2. Disk full: free some space first, then trigger. Clean-up needs room to rewrite files.

**Clear or re-trigger?** Either: it only does what is still to do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from gatehouse.orchestrate.policy import DEFAULT_ARGS


@dag(
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_3"],
    doc_md=__doc__,
)
def maintain_lake() -> None:
    """The same lake in fewer files."""

    @task
    def maintain() -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.maintain()

    maintain()


maintain_lake()
