"""Following the runs of the pipeline to their end, whatever starts the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.client import FOLLOWED, PIPELINE, AirflowClient
from gatehouse.orchestrate.service import log_tail, running
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun

_POLL_SECONDS = 0.7
_ENDED = ("success", "failed")
_NOT_BEGUN = ("none", "scheduled", "queued")
# The task that turns a held table red; all that could go on has gone on by then.
HELD_TASK = "all_certified"


@dataclass(frozen=True)
class FollowedRun:
    """One DAG run, ended.

    Attributes:
        dag_id: of which DAG.
        run_id: Airflow's id of it.
        state: ``success`` or ``failed``.
        seconds: from its start to its end.
        failed_tasks: tasks that failed, with the end of their log.
        run_type: ``manual``, ``asset_triggered``, ``scheduled`` or ``backfill``.
    """

    dag_id: str
    run_id: str
    state: str
    seconds: float
    failed_tasks: dict[str, list[str]] = field(default_factory=dict)
    run_type: str = "manual"

    @property
    def only_held(self) -> bool:
        """Whether the run is red only because a table is held."""
        return set(self.failed_tasks) == {HELD_TASK}


def _key(run: dict[str, Any]) -> tuple[str, str]:
    return run["dag_id"], run["dag_run_id"]


def _iso(moment: datetime) -> str:
    """As Airflow writes it, so that texts compare like times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _tail(log: list[str]) -> list[str]:
    """The last lines that say something: not Airflow's folding marks, nor what came after."""
    said = [line for line in log if line.strip() and not line.startswith("::")]
    error = next((n for n, line in enumerate(said) if line == "Task failed with exception"), None)
    return said[-12:] if error is None else said[max(0, error - 8) : error + 6]


class Follower:
    """Watches all runs since one moment, and says what it sees."""

    def __init__(
        self, settings: Settings, client: AirflowClient, progress: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._client = client
        self._progress = progress
        self._store: sessionmaker[Session] = open_store(settings, read_only=True)
        self._seen: dict[tuple[str, str, str], str] = {}
        self._nodes: set[tuple[str, str]] = set()

    def until_quiet(self, since: datetime) -> list[FollowedRun]:
        """Wait until no run is left and no asset event waits to start one.

        Args:
            since: of runs due before, only those that have not ended are looked at.

        Returns:
            The runs, in the order they were queued.

        Raises:
            GatehouseError: Airflow went away meanwhile.
        """
        begun = {_key(run): run["run_after"] for run in self._active()}
        for dag_id, run_id in begun:
            if begun[dag_id, run_id] < _iso(since):
                self._progress(f"  {dag_id}: waiting for a run begun before, {run_id}")
        moment = min([_iso(since), *begun.values()])
        while True:
            self._require_running()
            runs = [
                run
                for run in self._client.runs_since(moment)
                if run["dag_id"] in FOLLOWED
                and (_key(run) in begun or run["run_after"] >= _iso(since))
            ]
            for run in runs:
                self._show(run)
            if runs and self._is_quiet(runs):
                return [self._ended(run) for run in runs]
            time.sleep(_POLL_SECONDS)

    def _is_quiet(self, runs: list[dict[str, Any]]) -> bool:
        """Whether all runs ended and none is about to start."""
        if any(run["state"] not in _ENDED for run in runs):
            return False
        if any(self._client.has_queued_events(dag_id) for dag_id in PIPELINE):
            return False
        # An event becomes a run in one transaction: if none waits now, it is among these.
        return not self._active()

    def _active(self) -> list[dict[str, Any]]:
        return [run for run in self._client.active_runs() if run["dag_id"] in FOLLOWED]

    def _show(self, run: dict[str, Any]) -> None:
        dag_id, run_id, state = run["dag_id"], run["dag_run_id"], run["state"]
        if self._seen.get((dag_id, run_id, "")) in _ENDED or state == "queued":
            return
        self._seen[dag_id, run_id, ""] = state
        tasks = self._client.task_instances(dag_id, run_id)
        for task in tasks:
            now = str(task["state"] or "none")
            before = self._seen.get((dag_id, run_id, task["task_id"]))
            if now == before or now in _NOT_BEGUN:
                continue
            self._seen[dag_id, run_id, task["task_id"]] = now
            took = f" in {task['duration']:.1f} s" if task["duration"] and now in _ENDED else ""
            self._progress(f"  {dag_id}.{task['task_id']}: {now}{took}")
        for task in tasks:
            begun = task["start_date"] and str(task["state"] or "none") not in _NOT_BEGUN
            if begun and (dag_id, task["task_id"]) == ("build_core", "build"):
                self._show_nodes(run_id, datetime.fromisoformat(task["start_date"]))

    def _show_nodes(self, run_id: str, since: datetime) -> None:
        """Name the models of the newest try of the task, which began at ``since``."""
        query = (
            sa.select(BuildNode.build_id, BuildNode.name, BuildNode.status)
            .join(BuildRun, BuildRun.build_id == BuildNode.build_id)
            .where(BuildRun.airflow_run_id == run_id, BuildRun.started_at >= since)
            .order_by(BuildNode.started_at)
        )
        with self._store() as session:
            rows = session.execute(query).all()
        for number, (build_id, name, status) in enumerate(rows, start=1):
            if (build_id, name) not in self._nodes:
                self._nodes.add((build_id, name))
                if status != "skipped":
                    self._progress(f"      {number:>3} {name}")

    def _ended(self, run: dict[str, Any]) -> FollowedRun:
        dag_id, run_id = run["dag_id"], run["dag_run_id"]
        failed = {}
        if run["state"] == "failed":
            for task in self._client.task_instances(dag_id, run_id):
                if task["state"] == "failed":
                    log = self._client.log_of(dag_id, run_id, task["task_id"], task["try_number"])
                    failed[task["task_id"]] = _tail(log)
        return FollowedRun(
            dag_id, run_id, run["state"], float(run["duration"] or 0), failed, run["run_type"]
        )

    def _require_running(self) -> None:
        if running(self._settings) is None:
            raise GatehouseError(
                f"Airflow ended while runs were going on:\n{log_tail(self._settings)}",
                next_step="gatehouse run starts it again and goes on.",
            )
