"""The build as Gatehouse runs it: one task, its models shown by the Airflow plugin.

## Triage

Made for `benchmarks/orchestration.py` only.
"""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None, catchup=False, max_active_runs=1, tags=["benchmark"], doc_md=__doc__)
def one_task() -> None:
    """One task that builds everything."""

    @task
    def build() -> None:
        from gatehouse.build import run_build
        from gatehouse.settings import Settings

        run_build(Settings(), full_refresh=True).raise_for_failure()

    build()


one_task()
