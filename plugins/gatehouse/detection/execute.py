"""The one executor of detections: hold, look, record, stamp."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
from sqlalchemy.orm import Session, sessionmaker

from gatehouse.alerts import note_silence, settle
from gatehouse.detection.compiled import Detection, load_detections
from gatehouse.detection.findings import Stamp, find, over_budget, record
from gatehouse.detection.inputs import (
    Input,
    Window,
    by_product,
    hold_reason,
    last_seen,
    products_left_out,
    read_inputs,
    rows_left_out,
    stamp_of,
    touched_windows,
    widened,
)
from gatehouse.detection.replay import remember_code
from gatehouse.detection.report import DetectionReport, DetectionResult
from gatehouse.errors import GatehouseError, telling
from gatehouse.gate.lineage import upstream_of
from gatehouse.gate.products import product_columns
from gatehouse.lake import Lake
from gatehouse.proof.actors import canary_key, canary_problem
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, DetectionRun, PublishedVersion

log = logging.getLogger(__name__)


def run_detections(
    settings: Settings,
    *,
    ids: list[str] | None = None,
    window: Window | None = None,
    airflow_run_id: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> DetectionReport:
    """Run detections on certified versions and record what is new.

    A detection that reads a table whose newest check did not pass is held: it does not run,
    and the others do. Where only some products failed, one that works product by product goes on
    with the others, and looks at what was left out once it is certified. One that does not find
    its own canary first has failed.

    Args:
        settings: where everything is.
        ids: which detections; default all that are not retired.
        window: look for findings on these days, UTC; what a detection needs to see before them
            is read too. Default: the days that rows certified since its last run can have
            changed.
        airflow_run_id: run on whose behalf this happens, for the log.
        progress: called with a line per detection.

    Returns:
        One result per detection. A failure of one is in its result; the others go on.
    """
    started = time.monotonic()
    detections = load_detections(settings, ids)
    store, upstream = open_store(settings), upstream_of(settings)
    columns = product_columns(settings)
    with store() as session:
        tables = {table for each in detections for table in each.reads}
        inputs = read_inputs(session, tables, upstream, columns)
    results = []
    for detection in detections:
        result = _run_one(settings, store, detection, inputs, window)
        log.info(
            "%s: %s, %d new (run %s)", detection.spec.id, result.status, result.new, airflow_run_id
        )
        if progress is not None:
            progress(f"{detection.spec.id}: {result.status}, {result.new} new {result.message}")
        results.append(result)
    report = DetectionReport(results, time.monotonic() - started)
    if report.new or _has_unpublished(settings, store):
        _publish(settings, progress)
    return replace(report, seconds=time.monotonic() - started)


def _run_one(
    settings: Settings,
    store: sessionmaker[Session],
    detection: Detection,
    inputs: dict[str, Input],
    window: Window | None,
) -> DetectionResult:
    started_at = datetime.now(UTC)
    mine = by_product(detection, {table: inputs[table] for table in detection.reads})
    spec = detection.spec
    result = DetectionResult(spec.id, spec.version, spec.mode, "succeeded")
    run_id = str(uuid.uuid4())
    held = hold_reason(detection, mine)
    problem = _prove(settings, detection)
    if held:
        result = replace(result, status="held", message=held)
    elif problem:
        # What it finds, or does not, would say nothing.
        log.error("%s failed: %s", spec.id, problem)
        result = replace(result, status="failed", message=problem)
    else:
        try:
            result = _look(settings, store, detection, mine, window, run_id, result)
        except Exception as error:  # one broken detection must not silence the others
            message = str(error) if isinstance(error, GatehouseError) else telling(str(error))
            log.error("%s failed: %s", spec.id, message)
            result = replace(result, status="failed", message=message)
    if result.status == "nothing_new":
        return result
    seconds = (datetime.now(UTC) - started_at).total_seconds()
    result = replace(result, seconds=round(seconds, 3), run_id=run_id)
    with store.begin() as session:
        # What was left out is still to be looked at: such a run moves no mark.
        is_increment = window is None and not products_left_out(mine)
        session.merge(_row(run_id, detection, mine, result, started_at, is_increment=is_increment))
    return result


def _prove(settings: Settings, detection: Detection) -> str:
    """Why a detection is not known to be alive, which is an incident; empty if it is."""
    spec = detection.spec
    problem = canary_problem(detection)
    key = canary_key(spec.id)
    if not problem:
        settle(settings, key, "found")
        return ""
    note_silence(
        settings,
        key,
        subject=spec.id,
        title=f"{spec.id} does not show that it is alive: {problem}",
        look=f"gatehouse detect {spec.id}",
        owner=spec.owner,
        detections=[spec.id],
    )
    return problem


def _look(
    settings: Settings,
    store: sessionmaker[Session],
    detection: Detection,
    inputs: dict[str, Input],
    window: Window | None,
    run_id: str,
    result: DetectionResult,
) -> DetectionResult:
    """Run every window, then record: nothing is recorded of a detection that fails."""
    lake = Lake(settings)
    versions = {t: each.snapshot_id for t, each in inputs.items() if each.snapshot_id is not None}
    connection = lake.reader(versions, rows_left_out(inputs))
    try:
        windows = (
            [widened(window, detection)]
            if window
            else _windows(store, connection, detection, inputs)
        )
        without = ", ".join(products_left_out(inputs))
        if not windows and without:
            # Not looked at is not the same as nothing there.
            message = f"what is new is of {without} only, whose rows failed their gate"
            return replace(result, status="held", message=message)
        if not windows:
            return replace(result, status="nothing_new")
        found = [(each, find(connection, detection, each)) for each in windows]
    finally:
        connection.close()
    new = 0
    remember_code(settings, detection)
    _announce(store, run_id, detection, inputs, replace(result, windows=tuple(windows)))
    with lake.writer(f"the findings of {detection.spec.id}") as writer:
        for each, table in found:
            new += record(writer, table, Stamp(detection, run_id, inputs, each))
    return replace(
        result,
        windows=tuple(windows),
        message=f"without {without}, whose rows failed their gate" if without else "",
        found=sum(len(table) for _, table in found),
        new=new,
        over_budget=sum(over_budget(table, detection.spec.review_budget) for _, table in found),
    )


def _announce(
    store: sessionmaker[Session],
    run_id: str,
    detection: Detection,
    inputs: dict[str, Input],
    result: DetectionResult,
) -> None:
    """The run's row before its findings: one that is killed leaves no finding without its run."""
    broken = replace(result, status="failed", message="interrupted before all was recorded")
    with store.begin() as session:
        now = datetime.now(UTC)
        session.add(_row(run_id, detection, inputs, broken, now, is_increment=False))


def _windows(
    store: sessionmaker[Session],
    connection: duckdb.DuckDBPyConnection,
    detection: Detection,
    inputs: dict[str, Input],
) -> list[Window]:
    with store() as session:
        since = last_seen(session, detection)
    driver = inputs[detection.spec.driver]
    if since is not None and since.covered_to >= driver.covered_to:
        return []
    return touched_windows(connection, detection, driver, since)


def _row(
    run_id: str,
    detection: Detection,
    inputs: dict[str, Input],
    result: DetectionResult,
    started_at: datetime,
    *,
    is_increment: bool,
) -> DetectionRun:
    return DetectionRun(
        detection_run_id=run_id,
        detection_id=detection.spec.id,
        detection_version=detection.spec.version,
        code_hash=detection.code_hash,
        mode=detection.spec.mode,
        status=result.status,
        is_increment=is_increment,
        window_start_at=min((start for start, _ in result.windows), default=None),
        window_end_at=max((end for _, end in result.windows), default=None),
        inputs={
            table: {
                "certificate_id": each.certificate_id,
                "snapshot_id": each.snapshot_id,
                "covered_to": each.covered_to.isoformat(),
            }
            for table, each in inputs.items()
        },
        parameters=detection.spec.parameters | stamp_of(inputs),
        message=result.message,
        found_count=result.found,
        new_count=result.new,
        over_budget_count=result.over_budget,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _has_unpublished(settings: Settings, store: sessionmaker[Session]) -> bool:
    """Whether findings were recorded that readers do not see: a run was killed before the end."""
    connection = Lake(settings).current()
    try:
        row = connection.execute("select count(*) from lake.raw.findings").fetchone()
    finally:
        connection.close()
    with store() as session:
        shown = session.get(PublishedVersion, "fct_findings")
        certificate = session.get(Certificate, shown.certificate_id) if shown else None
    recorded = int(row[0]) if row else 0
    return recorded > 0 and recorded != (certificate.row_count if certificate else 0)


def _publish(settings: Settings, progress: Callable[[str], None] | None) -> None:
    """Build and certify fct_findings alone, so that new findings can be read at once."""
    from gatehouse.build import run_build
    from gatehouse.gate import run_gate

    report = run_build(settings, select="stg_findings fct_findings", progress=progress)
    report.raise_for_failure()
    run_gate(
        settings,
        snapshot_id=report.snapshot_id,
        build_id=report.build_id,
        tables=["fct_findings"],
        progress=progress,
    )
