"""What the DAG tasks do: call a room, report, and say on which assets there is news.

Reports go to XCom as JSON. They hold counts, names and times: never content or identifiers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatehouse.cli.times import interval_of
from gatehouse.orchestrate.lineage_notes import note
from gatehouse.settings import Settings

log = logging.getLogger(__name__)

# Files that no source reads are named up to here, and counted beyond.
MOST_NAMED = 10


def ingest(params: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Load the landing folder; news on `RAW` if a file was loaded or rejected, or is no more.

    Args:
        params: ``folder`` and ``source``, each possibly None.
        context: Airflow's.

    Raises:
        AirflowSkipException: of a scheduled run: there is no landing folder yet, or a build holds
            the lake; the next run loads.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from gatehouse.errors import LakeBusyError
    from gatehouse.ingest import run_ingest
    from gatehouse.orchestrate.assets import NEW_RAW, RAW
    from gatehouse.proof.heartbeats import INGEST, watch_the_watch

    folder, settings = params.get("folder"), Settings()
    watch_the_watch(settings, INGEST)
    by_the_clock = _run_type(context) == "scheduled"
    if by_the_clock and not folder and not settings.landing.is_dir():
        raise AirflowSkipException(f"There is no landing folder {settings.landing} yet.")
    try:
        report = run_ingest(
            settings,
            folder=Path(folder) if folder else None,
            source=params.get("source") or None,
            progress=log.info,
        )
    except LakeBusyError as error:
        if by_the_clock:
            raise AirflowSkipException(f"{error.message} The next run loads.") from error
        raise
    note(settings, "ingest", [report.load_id])
    totals = report.totals
    log.info("%s", totals)
    # A rejected file is news, too: the gate counts it.
    if totals["files_loaded"] or report.rejections_changed:
        context["outlet_events"][NEW_RAW].add(RAW, extra={"load_id": report.load_id, **totals})
    return {
        "load_id": report.load_id,
        "totals": totals,
        "unmatched": report.unmatched[:MOST_NAMED],
        "unmatched_count": len(report.unmatched),
        "seconds": report.seconds,
    }


def build(params: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Build the tables for the run's interval; skip the rest of a run that has nothing to do.

    Raises:
        GatehouseError: a model failed.
        AirflowSkipException: the run was started by news that an earlier run already built, or
            by the clock before anything was ever loaded.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from gatehouse.build import run_build
    from gatehouse.build.history import has_built

    run, run_type, settings = context["dag_run"], _run_type(context), Settings()
    report = run_build(
        settings,
        interval=_interval(params, context, run_type),
        select=params.get("select") or None,
        full_refresh=bool(params.get("full_refresh")),
        airflow_dag_id=run.dag_id,
        airflow_run_id=run.run_id,
        progress=log.info,
    )
    note(settings, "build", [] if report.nothing_new else [report.build_id])
    report.raise_for_failure()
    # Killed between the end of the build and its own: what it built waits for the gate.
    waits = report.nothing_new and has_built(settings, run.run_id)
    if report.nothing_new and not waits and run_type in ("asset_triggered", "backfill"):
        raise AirflowSkipException("No row was ingested in this interval.")
    if report.nothing_new and run_type == "scheduled" and not has_built(settings):
        raise AirflowSkipException("Nothing has been ingested yet.")
    return _plain(
        {
            "build_id": None if report.nothing_new else report.build_id,
            "snapshot_id": report.snapshot_id,
            "interval": [report.interval.start, report.interval.end],
            "models": len(report.nodes),
            "seconds": report.seconds,
        }
    )


def gate(built: Mapping[str, Any], outlet_events: Any) -> dict[str, Any]:
    """Check what `build` made; news on `CERTIFIED` if a table was published.

    Incidents follow, and people are told; should that fail, the gate has still done its work.
    """
    from gatehouse.alerts import alert_gate
    from gatehouse.alerts.callbacks import run_key
    from gatehouse.gate import run_gate
    from gatehouse.orchestrate.assets import CERTIFIED, NEW_CERTIFIED
    from gatehouse.proof.heartbeats import watch_the_watch

    settings = Settings()
    report = run_gate(
        settings,
        snapshot_id=built["snapshot_id"],
        build_id=built["build_id"],
        progress=log.info,
    )
    note(settings, "gate", [each.certificate_id for each in report.tables])
    # A run that has come this far is late no more.
    alert_gate(settings, over=run_key("build_core"))
    watch_the_watch(settings)
    tables = [
        {"table": each.table, "result": each.result, "message": each.message}
        for each in report.tables
        if not each.is_certified
    ]
    summary = {
        "snapshot_id": report.snapshot_id,
        "certified": list(report.certified),
        "published": list(report.published),
        "held": tables,
        "seconds": dict(report.seconds),
    }
    if report.published:
        outlet_events[NEW_CERTIFIED].add(
            CERTIFIED,
            extra={
                "snapshot_id": report.snapshot_id,
                "certified": list(report.published),
                "held": list(report.held),
            },
        )
    return summary


def data_docs() -> dict[str, int]:
    """Write the pages of the newest certificates; the *Data Docs* of the UI.

    Nothing depends on them: where they cannot be written, the log says so.
    """
    from gatehouse.gate.data_docs import write_data_docs

    try:
        return {"pages": len(write_data_docs(Settings()).pages)}
    except Exception as error:  # of GX, or a full disk
        log.warning("The Data Docs could not be written (%s)", type(error).__name__)
        return {"pages": 0}


def require_all_certified(gated: Mapping[str, Any]) -> None:
    """Show a held table as a red task, after everything that may go on has gone on.

    Raises:
        AirflowFailException: at least one table is held; trying again would not help.
    """
    from airflow.sdk.exceptions import AirflowFailException

    held = gated["held"]
    for each in held:
        log.error("held: %s: %s", each["table"], each["message"])
    if held:
        names = ", ".join(each["table"] for each in held)
        raise AirflowFailException(
            f"{len(held)} table(s) held: {names}. "
            f"Next: gatehouse certificate {held[0]['table']}; what does not read them went on."
        )


def detect(params: Mapping[str, Any], outlet_events: Any) -> dict[str, Any]:
    """Run the detections; news on `FINDINGS` if something new was found.

    Raises:
        GatehouseError: a detection failed; the findings of the others are kept.
    """
    from gatehouse.detection import run_detections
    from gatehouse.errors import GatehouseError
    from gatehouse.orchestrate.assets import FINDINGS, NEW_FINDINGS

    settings = Settings()
    report = run_detections(
        settings,
        ids=params.get("detections") or None,
        window=interval_of(params.get("window_from") or "", params.get("window_to") or ""),
        progress=log.info,
    )
    note(settings, "detect", [each.run_id for each in report.results if each.run_id])
    if report.new:
        new = {each.detection_id: each.new for each in report.results if each.new}
        outlet_events[NEW_FINDINGS].add(FINDINGS, extra={"new": new})
    failed = [each for each in report.results if each.status == "failed"]
    if failed:
        raise GatehouseError(
            f"{failed[0].detection_id} failed: {failed[0].message}",
            next_step=f"gatehouse detect {failed[0].detection_id}",
        )
    return _plain(report.as_dict())


def maintain() -> dict[str, Any]:
    """Merge files and drop what nobody may still need."""
    from gatehouse.lake.maintain import run_maintenance

    return _plain(run_maintenance(Settings()).as_dict())


def watch_alerts() -> dict[str, int]:
    """Look who is silent, open, end and escalate incidents, and send what waits."""
    from gatehouse.proof.silence import watch

    return watch(Settings())


def drill(params: Mapping[str, Any]) -> dict[str, Any]:
    """Break a copy of the lake in one way, and see whether the gate catches it.

    Args:
        params: ``fault``, possibly None: then the one of the day.

    Raises:
        AirflowSkipException: nothing is certified yet, so there is nothing to break.
        GatehouseError: the drill could not run.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from gatehouse.gate.published import published_versions
    from gatehouse.proof.drill import run_drill

    # Of a home that is being made: what was certified once and is held now is drilled.
    if not published_versions(Settings()):
        raise AirflowSkipException("Nothing has been certified yet: there is nothing to break.")
    report = run_drill(Settings(), fault=params.get("fault") or None, progress=log.info)
    return _plain(report.as_dict())


def _run_type(context: Mapping[str, Any]) -> str:
    """``scheduled``, ``manual``, ``asset_triggered`` or ``backfill``."""
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))


def _interval(params: Mapping[str, Any], context: Mapping[str, Any], run_type: str) -> Any:
    """The interval asked for; a backfill asks by its day; otherwise none: go on to now."""
    from gatehouse.build.report import Interval

    bounds = interval_of(params.get("from") or "", params.get("to") or "")
    if bounds is None and run_type == "backfill":
        bounds = (context["data_interval_start"], context["data_interval_end"])
    return Interval(*bounds) if bounds else None


def _plain(data: object) -> dict[str, Any]:
    """``data`` with times as text, so that XCom shows it as JSON."""
    result: dict[str, Any] = json.loads(json.dumps(data, default=str))
    return result
