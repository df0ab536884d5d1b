"""Load what has arrived in the landing folder into the raw tables.

**Inputs**: files in the landing folder (or the folder given on triggering) that match a mapping
in `sources/`. **Outputs**: `raw.*`, the ledger `raw.files`, rejected rows in `raw.quarantine`;
an event on the asset `raw` if anything was loaded. Runs every five minutes, when triggered, and
on an event on the asset `landing`. A file is loaded once, however often it is found.

## Triage

1. The task log names the file and the reason. A bad row or file never fails this task: it goes to
   quarantine (`gatehouse quarantine list`), and the rest loads.
2. *The lake is being written by …*: another writer held the lake for all of
   `GATEHOUSE_LOCK_TIMEOUT_SECONDS`. A scheduled run is skipped, the next one loads; one that was
   triggered tries again.
3. A run every five minutes is skipped as long as there is no landing folder.
4. A mapping that cannot be read: mend `sources/<name>.yml`, then clear the task.

**Clear or re-trigger?** Either: a load is atomic and a file loads once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from gatehouse.orchestrate.assets import LANDING, NEW_RAW
from gatehouse.orchestrate.policy import DEFAULT_ARGS


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/5 * * * *", timezone="UTC"), assets=[LANDING]
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_1"],
    doc_md=__doc__,
    params={
        "folder": Param(
            None,
            type=["null", "string"],
            title="Folder",
            description="Folder to load instead of the landing folder.",
        ),
        "source": Param(
            None,
            type=["null", "string"],
            title="Source",
            description="Only this mapping of sources/. Default: all.",
        ),
    },
)
def ingest_landing() -> None:
    """Landing files to raw tables."""

    @task(outlets=[NEW_RAW])
    def ingest(params: dict[str, Any], **context: Any) -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.ingest(params, context)

    ingest()


ingest_landing()
