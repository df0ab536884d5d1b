"""Run the detections on the certified versions of the tables they read.

**Inputs**: the newest certified version of each core table. **Outputs**: `raw.findings`, a row
per detection in `detection_runs`; an event on the asset `findings` if something new was found,
which brings it into `fct_findings` and the risk of the actors concerned. Runs on an event on
`certified`. A detection one of whose tables is held waits; the others run. Where one product's
rows failed, a detection that works product by product runs without them, and says so.

## Triage

1. The log has a line per detection: found, new, held and by which table, or failed and why. The
   task is red only if a detection failed by itself; the findings of the others are kept.
2. *held*: nothing to do here. See **all_certified** of the `build_core` run before it.
3. *failed*: run `gatehouse detect <id>` with the detection's runbook at hand; mend it, clear.

**Clear or re-trigger?** Either: a finding is appended once, by its key. Trigger with a window to
run over history.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from gatehouse.orchestrate.assets import CERTIFIED, NEW_FINDINGS
from gatehouse.orchestrate.policy import DEFAULT_ARGS


def _moment(title: str, description: str) -> Param:
    return Param(
        None, type=["null", "string"], format="date-time", title=title, description=description
    )


@dag(
    schedule=[CERTIFIED],
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_1"],
    doc_md=__doc__,
    params={
        "detections": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Detections",
            description="Ids to run. Default: all that are not retired.",
        ),
        "window_from": _moment("From", "Start of the window (UTC). Default: each one's own."),
        "window_to": _moment("To", "End of the window, not included (UTC)."),
    },
)
def detect_abuse() -> None:
    """Certified core tables to findings."""

    @task(outlets=[NEW_FINDINGS])
    def detect(params: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
        from gatehouse.orchestrate import tasks

        return tasks.detect(params, outlet_events)

    detect()


detect_abuse()
