"""Wall time of a build as a real Airflow run: one dbt task, or Cosmos in WATCHER mode.

Settings: RUNS (of each kind), EVENTS (size of the simulated world), PORT.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _harness import PROJECT, Measurement, scratch, setting
from gatehouse.build import run_build
from gatehouse.build.dbt import environment
from gatehouse.ingest import run_ingest
from gatehouse.orchestrate.client import AirflowClient
from gatehouse.orchestrate.service import start, stop
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

_KINDS = ("one_task", "watcher")
_LINKED = ("dbt_project", "expectations", "sources", "plugins")
_PATIENCE_SECONDS = 900


def main() -> None:
    """Run the measurement."""
    runs, events = int(setting("RUNS", "3")), int(setting("EVENTS", "50000"))
    port = int(setting("PORT", "8991"))
    asked = {"RUNS": str(runs), "EVENTS": str(events)}
    measurement = Measurement("orchestration", "One dbt task, or a task per model", asked)
    with scratch() as folder:
        settings = Settings(project=_project(folder), home=folder / "home", api_port=port)
        run_simulation(settings, actors=500, events=events)
        run_ingest(settings)
        models = _prepare(settings)
        start(settings, progress=print)
        try:
            with AirflowClient(settings) as client:
                found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
                _wait_for_dags(client)
                for number in range(runs + 1):
                    for kind in _KINDS:
                        run = _run(client, kind)
                        print(f"{kind} run {number}: {run['seconds']:.1f} s", flush=True)
                        if number:  # the first one warms caches
                            found[kind].append(run)
        finally:
            stop(settings)
    _report(measurement, found, models)
    measurement.note(
        "Both build all tables anew from the same raw rows, in one dbt process. The time is that "
        "of the DAG run, from its start to its end, after one run of each that is not counted. "
        "Detections are left out, tests are the gate's."
    )
    measurement.finish()


def _report(measurement: Measurement, found: dict[str, list[dict[str, Any]]], models: int) -> None:
    measurement.figure("models and seeds", models)
    rows = []
    for kind, runs in found.items():
        seconds = [run["seconds"] for run in runs]
        measurement.figure(f"{kind}: median", round(statistics.median(seconds), 1), "s")
        failed = sum(run["state"] != "success" for run in runs)
        measurement.figure(f"{kind}: runs that failed", failed, equals=0)
        rows.append(
            (kind, runs[0]["tasks"], min(seconds), statistics.median(seconds), max(seconds))
        )
    one, watcher = (statistics.median([r["seconds"] for r in found[kind]]) for kind in _KINDS)
    measurement.figure("watcher beside one task", round(watcher / one, 2), "times")
    measurement.table("DAG runs", ("kind", "tasks", "fastest s", "median s", "slowest s"), rows)


def _project(folder: Path) -> Path:
    """A project like this one, with the two DAGs of this measurement."""
    project = folder / "project"
    project.mkdir()
    for name in _LINKED:
        (project / name).symlink_to(PROJECT / name)
    (project / "dags").symlink_to(PROJECT / "benchmarks" / "orchestration_dags")
    return project


def _prepare(settings: Settings) -> int:
    """Build once, note what Cosmos has to give dbt, and return how many nodes there are."""
    report = run_build(settings, full_refresh=True)
    report.raise_for_failure()
    with environment(settings):
        given = {key: value for key, value in os.environ.items() if key.startswith("GATEHOUSE_DBT")}
    text = "%Y-%m-%d %H:%M:%S.%f"
    (settings.home / "watcher.json").write_text(
        json.dumps(
            {
                "manifest": str(settings.home / "dbt" / "target" / "manifest.json"),
                "environment": given,
                "variables": {
                    "interval_start": report.interval.start.strftime(text),
                    "interval_end": report.interval.end.strftime(text),
                },
            }
        ),
        "utf-8",
    )
    return len(report.nodes)


def _wait_for_dags(client: AirflowClient) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not set(_KINDS) <= set(client.known_dags()):
        if client.import_errors() or time.monotonic() > deadline:
            raise RuntimeError("; ".join(client.import_errors()) or "the DAGs were not parsed")
        time.sleep(1)
    for kind in _KINDS:
        client.unpause(kind)


def _run(client: AirflowClient, kind: str) -> dict[str, Any]:
    began = datetime.now(UTC).isoformat()
    run_id = client.trigger(kind, {})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.5)
        for run in client.runs_since(began):
            if run["dag_run_id"] == run_id and run["state"] in ("success", "failed"):
                spent = _moment(run["end_date"]) - _moment(run["start_date"])
                tasks = client.task_instances(kind, run_id)
                return {
                    "state": run["state"],
                    "seconds": round(spent.total_seconds(), 2),
                    "tasks": len(tasks),
                }
    raise RuntimeError(f"{kind} did not end within {_PATIENCE_SECONDS} s")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
