"""The few calls of Airflow's REST API that following a run needs."""

from __future__ import annotations

import json
import uuid
from types import TracebackType
from typing import Any, Self

import httpx

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.environment import base_url, password_of
from gatehouse.settings import Settings

# In data-flow order; a change here is a change of the policy tests too.
PIPELINE = ("ingest_landing", "build_core", "detect_abuse")
FOLLOWED = (*PIPELINE, "maintain_lake")
# The last two come by the clock and belong to no run of the pipeline.
DAGS = (*FOLLOWED, "watch_alerts", "drill_gates")

# A laptop's Airflow shares its processors with the tasks it runs, and may be slow to answer.
TRIES = 4


class AirflowClient:
    """A logged-in client of one Airflow. Use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx.Client(base_url=base_url(settings), timeout=60)

    def __enter__(self) -> Self:
        credentials = {"username": "admin", "password": password_of(self._settings, "admin")}
        reply = self._send("POST", "/auth/token", json=credentials)
        self._check(reply)
        self._http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def known_dags(self) -> dict[str, bool]:
        """Whether each DAG is paused, by id, of those Airflow has parsed."""
        rows = self._get("/api/v2/dags", limit=100)["dags"]
        return {row["dag_id"]: bool(row["is_paused"]) for row in rows}

    def import_errors(self) -> list[str]:
        """What is wrong with DAG files that could not be parsed."""
        rows = self._get("/api/v2/importErrors")["import_errors"]
        return [f"{row['filename']}: {row['stack_trace'].strip()}" for row in rows]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        reply = self._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})
        self._check(reply)

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run now: one run, however often the request had to be sent.

        Returns:
            The run's id.
        """
        run_id = f"manual__{uuid.uuid4()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        reply = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        # The id is ours alone: a conflict says that an unanswered request had been carried out.
        if reply.status_code != httpx.codes.CONFLICT:
            self._check(reply)
        return run_id

    def runs_since(self, moment: str) -> list[dict[str, Any]]:
        """All runs due at ``moment`` (ISO 8601) or later, the oldest first."""
        return self._runs(run_after_gte=moment)

    def active_runs(self) -> list[dict[str, Any]]:
        """All runs that are queued or running, the oldest first."""
        return self._runs(state=["queued", "running"])

    def _runs(self, **filters: Any) -> list[dict[str, Any]]:
        reply = self._get("/api/v2/dags/~/dagRuns", order_by="run_after", limit=100, **filters)
        rows: list[dict[str, Any]] = reply["dag_runs"]
        return rows

    def has_queued_events(self, dag_id: str) -> bool:
        """Whether there is an asset event that will start a run but has not yet."""
        reply = self._send("GET", f"/api/v2/dags/{dag_id}/assets/queuedEvents")
        if reply.status_code == httpx.codes.NOT_FOUND:
            return False
        self._check(reply)
        return bool(reply.json()["total_entries"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The tasks of a run."""
        reply = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        rows: list[dict[str, Any]] = reply["task_instances"]
        return rows

    def result_of(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What a task returned; empty if it returned nothing."""
        reply = self._send(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
            "/xcomEntries/return_value",
        )
        if reply.status_code == httpx.codes.NOT_FOUND:
            return {}
        self._check(reply)
        value = reply.json()["value"]
        result: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
        return result

    def log_of(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """The log of one try of a task, a line each."""
        reply = self._get(
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}",
            full_content=True,
        )
        lines: list[str] = []
        for entry in reply["content"]:
            if isinstance(entry, dict):
                lines.append(str(entry.get("event", "")))
                lines += _error_lines(entry.get("error_detail"))
            else:
                lines.append(str(entry))
        return lines

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        reply = self._send("GET", path, params=params)
        self._check(reply)
        data: dict[str, Any] = reply.json()
        return data

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request that may be carried out twice; again if no answer came in time."""
        unanswered: httpx.TimeoutException | None = None
        for _ in range(TRIES):
            try:
                return self._http.request(method, path, **more)
            except httpx.TimeoutException as late:
                unanswered = late
        raise GatehouseError(
            f"Airflow gave no answer to {method} {path} in {TRIES} tries of "
            f"{self._http.timeout.read:.0f} s.",
            next_step="see the log below GATEHOUSE_HOME/airflow; if the machine is busy with "
            "something else, try again when it is done.",
        ) from unanswered

    def _check(self, reply: httpx.Response) -> None:
        if reply.is_error:
            raise GatehouseError(
                f"Airflow answered {reply.status_code} to {reply.request.method} "
                f"{reply.request.url.path}: {reply.text[:500]}",
                next_step="see the log below GATEHOUSE_HOME/airflow.",
            )


def _error_lines(detail: object) -> list[str]:
    if not isinstance(detail, list):
        return []
    return [f"{each.get('exc_type')}: {each.get('exc_value')}" for each in detail]
