"""The whole loop by real Airflow: start it, load, follow what that sets going, sum it up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.client import DAGS, AirflowClient
from gatehouse.orchestrate.follow import FollowedRun, Follower
from gatehouse.orchestrate.service import as_it_runs, running, start, stop
from gatehouse.orchestrate.summary import Landing, Summary, knows_files, summarise
from gatehouse.settings import Settings

_PARSE_SECONDS = 120.0


@dataclass(frozen=True)
class PipelineReport:
    """One ``gatehouse run``.

    Attributes:
        url: address of the Airflow UI.
        simulated: rows written by the simulator, 0 if it was not asked.
        runs: the Airflow runs, in the order they were queued.
        summary: what they came to.
        seconds: wall clock, with Airflow's start.
        landing: what the load found in the landing folder; None if it failed.
    """

    url: str
    simulated: int
    runs: list[FollowedRun]
    summary: Summary
    seconds: float
    landing: Landing | None = None

    @property
    def failed(self) -> list[FollowedRun]:
        """Runs for this command in which something broke; one that only holds a table is none.

        Nor is one that the clock started meanwhile: what it left undone, the others did.
        """
        return [run for run in self._not_fine if run.run_type != "scheduled"]

    @property
    def failed_by_the_clock(self) -> list[FollowedRun]:
        """Runs that were due meanwhile, and in which something broke."""
        return [run for run in self._not_fine if run.run_type == "scheduled"]

    @property
    def _not_fine(self) -> list[FollowedRun]:
        return [run for run in self.runs if run.state != "success" and not run.only_held]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {**asdict(self), "summary": self.summary.as_dict(), "ok": not self.failed}


def run_pipeline(
    settings: Settings,
    *,
    data: Path | None = None,
    simulate: bool = True,
    keep_running: bool = True,
    progress: Callable[[str], None],
) -> PipelineReport:
    """Load a landing folder and follow it through to findings, by Airflow.

    Args:
        settings: where everything is.
        data: landing folder of this Airflow from now on. Default: that of the settings if one was
            set, of the Airflow that runs, or of the home.
        simulate: write simulated files if there is no ``data``, the landing folder is empty and
            nothing was ever loaded.
        keep_running: leave Airflow running at the end. It is stopped after an interruption if
            it was started here.
        progress: called with a line when something changed.

    Raises:
        GatehouseError: there is no landing folder; or Airflow did not start, went away, or does
            not know a DAG.
    """
    began = time.monotonic()
    if settings.airflow == "deployed":
        if data is not None and data.expanduser().resolve() != settings.landing:
            raise GatehouseError(
                f"This Airflow is deployed, and loads {settings.landing}.",
                next_step="put the files there, or deploy it with another GATEHOUSE_LANDING.",
            )
        simulate = False
    own = data is None and settings.landing
    settings = _with_landing(settings, data)
    simulated = _simulate(settings, progress) if simulate and own == settings.landing else 0
    _require_landing(settings)
    was_running = running(settings) is not None
    try:
        there = start(settings, progress=progress)
        # Airflow's clock and this one are the same; its `run_after` is truncated at times.
        since = datetime.now(UTC) - timedelta(milliseconds=1)
        with AirflowClient(settings) as client:
            _make_ready(client, progress)
            load = client.trigger("ingest_landing", {})
            runs = Follower(settings, client, progress).until_quiet(since)
            landing = Landing.of(client.result_of("ingest_landing", load, "ingest"))
    except BaseException:
        if not was_running:
            progress("Stopping Airflow")
            stop(settings)
        raise
    if not keep_running:
        progress("Stopping Airflow")
        stop(settings)
    return PipelineReport(
        url=there.url,
        simulated=simulated,
        runs=runs,
        summary=summarise(settings, since),
        seconds=time.monotonic() - began,
        landing=landing,
    )


def _with_landing(settings: Settings, data: Path | None) -> Settings:
    """The settings with ``data`` as landing folder: what Airflow's own runs load, too."""
    if data is None:
        return as_it_runs(settings)
    return settings.model_copy(update={"landing": data.expanduser().resolve()})


def _require_landing(settings: Settings) -> None:
    if not settings.landing.is_dir():
        raise GatehouseError(
            f"There is no landing folder {settings.landing}.",
            next_step="give the folder that holds the files: make run DATA=path",
        )


def _simulate(settings: Settings, progress: Callable[[str], None]) -> int:
    """Fill an empty landing folder, so that there is something to see.

    Not beside rows of somebody's own, whose files may have been taken away after they loaded.
    """
    from gatehouse.simulate import run_simulation

    if settings.landing.is_dir() and any(settings.landing.iterdir()):
        return 0
    if knows_files(settings):
        settings.landing.mkdir(parents=True, exist_ok=True)
        return 0
    progress(f"{settings.landing} is empty: simulating two weeks of product logs")
    report = run_simulation(settings)
    rows = sum(report.rows.values())
    progress(f"  {rows:,} rows in {report.files} files, {report.seconds:.1f} s")
    return rows


def _make_ready(client: AirflowClient, progress: Callable[[str], None]) -> None:
    """Wait until all DAGs are parsed, and let them run."""
    deadline = time.monotonic() + _PARSE_SECONDS
    known = client.known_dags()
    if not set(DAGS) <= known.keys():
        progress("Waiting for the DAGs to be parsed")
    while not set(DAGS) <= known.keys():
        errors = client.import_errors()
        if errors:
            raise GatehouseError(
                f"A DAG file cannot be imported:\n{errors[0]}", next_step="mend it, run again."
            )
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(set(DAGS) - known.keys()))
            raise GatehouseError(
                f"Airflow has not parsed {missing} after {_PARSE_SECONDS:.0f} s.",
                next_step="see airflow/airflow.log below GATEHOUSE_HOME.",
            )
        time.sleep(0.5)
        known = client.known_dags()
    for dag_id in DAGS:
        if known[dag_id]:
            client.unpause(dag_id)
