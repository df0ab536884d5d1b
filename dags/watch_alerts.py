"""Watch over incidents: open and end them, escalate those nobody took, send what was not sent.

**Inputs**: the certificates, `incidents` and `alert_deliveries` of the operational store.
**Outputs**: the same, and messages by the channels of `expectations/alerts.yml`. Runs every five
minutes. What a killed gate did not tell, it tells; an alert that did not arrive, it sends again.

## Triage

1. *The alert channel … failed*: the message is kept and sent again in the next run, and the
   second channel has been told. `gatehouse alerts test` says which channels work; mend the
   channel's Airflow connection.
2. *Alerts go to the log alone*: `expectations/alerts.yml` is wrong, the log says where. Mend it.
3. Anything else: the operational store cannot be reached. It tries again.

**Clear or re-trigger?** Either: it depends on the store alone, and sends nothing twice.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from gatehouse.orchestrate.policy import DEFAULT_ARGS


@dag(
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    tags=["domain:all", "impact:tier_1"],
    doc_md=__doc__,
)
def watch_alerts() -> None:
    """Incidents up to date, and told."""

    @task
    def watch() -> dict[str, int]:
        from gatehouse.orchestrate import tasks

        return tasks.watch_alerts()

    watch()


watch_alerts()
