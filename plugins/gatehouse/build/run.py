"""One build: plan the interval, run dbt, record what happened while it happens."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from gatehouse.build.dbt import DbtEvent, DbtResult, code_version, invoke_dbt
from gatehouse.build.report import BuildReport, Interval, NodeResult
from gatehouse.errors import telling
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.lake.arrivals import BEGINNING, newest_arrival
from gatehouse.lake.iceberg import bind_warehouse
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun
from gatehouse.store.sync import sync_store

log = logging.getLogger(__name__)

# What a build is worth running for. Changes of the store come along but start none: every
# build makes some itself.
_ARRIVALS = ("files", "findings")
_MODELS = ("--resource-type", "model", "--resource-type", "seed", "--exclude", "tag:detection")


def run_build(
    settings: Settings,
    *,
    interval: Interval | None = None,
    select: str | None = None,
    full_refresh: bool = False,
    force: bool = False,
    airflow_dag_id: str | None = None,
    airflow_run_id: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> BuildReport:
    """Bring the tables up to date with what was ingested in an interval.

    Args:
        settings: where everything is.
        interval: rows to cover, by ``ingested_at``. Default: from the end of the last complete
            increment to now, which moves that mark on when all models succeed.
        select: dbt selection, for a part of the tables; never moves the mark.
        full_refresh: rebuild from all raw rows.
        force: run even if nothing was ingested in the interval.
        airflow_dag_id: DAG on whose behalf this runs, for the per-model page.
        airflow_run_id: run of that DAG.
        progress: called with a line for each model that starts or fails.

    Returns:
        The report. A failed model is in it, not raised: see `BuildReport.raise_for_failure`.

    Raises:
        GatehouseError: the build could not run at all.
    """
    started = time.monotonic()
    lake, store = Lake(settings), open_store(settings)
    is_increment = interval is None and select is None
    with lake.lock("a build"):
        with lake.writer("a build") as connection:
            ensure_tables(connection, settings)
            if settings.engine == "spark":
                bind_warehouse(connection, settings.warehouse)
            sync_store(settings, connection)
            if is_increment:
                full_refresh = full_refresh or _refresh_is_unfinished(store)
                _warn_of_new_code(settings, store, progress, full_refresh=full_refresh)
            planned = interval or _next_interval(store, connection, full_refresh=full_refresh)
            idle = not (force or full_refresh) and not _has_arrivals(connection, planned)
        run = BuildRun(
            build_id=str(uuid.uuid4()),
            interval_start_at=planned.start,
            interval_end_at=planned.end,
            is_increment=is_increment and not idle,
            status="running",
            code_version=code_version(settings),
            airflow_dag_id=airflow_dag_id,
            airflow_run_id=airflow_run_id,
            started_at=datetime.now(UTC),
        )
        if idle:
            return BuildReport(run.build_id, planned, None, nothing_new=True)
        with store.begin() as session:
            _close_dead_runs(session)
            session.add(run)
        result = _run_dbt(settings, store, run, planned, select, full_refresh, progress)
        snapshot = lake.current_snapshot()
        seconds = time.monotonic() - started
        nodes = [_without_data(node) for node in result.nodes]
        report = BuildReport(run.build_id, planned, snapshot, nodes=nodes, seconds=seconds)
        _finish(store, report)
    return report


def _close_dead_runs(session: Session) -> None:
    """The writer's place is held here, so a build that still says running was killed."""
    for run in session.scalars(sa.select(BuildRun).where(BuildRun.status == "running")):
        run.status, run.finished_at = "failed", datetime.now(UTC)


def _refresh_is_unfinished(store: sessionmaker[Session]) -> bool:
    """Whether the newest increment began at the beginning and never came to its end.

    Some tables are then rebuilt and others are not, which no later increment would mend.
    """
    with store() as session:
        newest = session.scalars(
            sa.select(BuildRun)
            .where(BuildRun.is_increment)
            .order_by(BuildRun.started_at.desc())
            .limit(1)
        ).first()
    return (
        newest is not None
        and newest.status != "succeeded"
        and newest.interval_start_at == BEGINNING
    )


def _warn_of_new_code(
    settings: Settings,
    store: sessionmaker[Session],
    progress: Callable[[str], None] | None,
    *,
    full_refresh: bool,
) -> None:
    """An increment rebuilds what was touched; the rest keeps the old logic. Say so."""
    with store() as session:
        built_with = session.scalar(
            sa.select(BuildRun.code_version)
            .where(BuildRun.is_increment, BuildRun.status == "succeeded")
            .order_by(BuildRun.started_at.desc())
            .limit(1)
        )
    if full_refresh or built_with in (None, code_version(settings)):
        return
    message = (
        "The models have changed since the last build. Rows that are not touched keep the old "
        "logic until: gatehouse build --full-refresh"
    )
    log.warning(message)
    if progress is not None:
        progress(message)


def _next_interval(
    store: sessionmaker[Session], connection: duckdb.DuckDBPyConnection, *, full_refresh: bool
) -> Interval:
    """From the end of the last complete increment to just past the newest arrival.

    The writer's place is held here, and every load takes its ``ingested_at`` while holding it:
    no row can appear behind the end afterwards.
    """
    with store() as session:
        last = session.scalar(
            sa.select(BuildRun.interval_end_at)
            .where(BuildRun.is_increment, BuildRun.status == "succeeded")
            .order_by(BuildRun.interval_end_at.desc())
            .limit(1)
        )
    newest = max(newest_arrival(connection), last or BEGINNING)
    end = newest + timedelta(microseconds=1)
    return Interval(BEGINNING if full_refresh or last is None else last, end)


def _has_arrivals(connection: duckdb.DuckDBPyConnection, interval: Interval) -> bool:
    bounds = [interval.start.replace(tzinfo=None), interval.end.replace(tzinfo=None)]
    union = " union all ".join(
        f"select 1 from lake.raw.{t} where ingested_at >= $1 and ingested_at < $2"
        for t in _ARRIVALS
    )
    return connection.execute(f"select 1 from ({union}) limit 1", bounds).fetchone() is not None


def _run_dbt(
    settings: Settings,
    store: sessionmaker[Session],
    run: BuildRun,
    interval: Interval,
    selection: str | None,
    full_refresh: bool,
    progress: Callable[[str], None] | None,
) -> DbtResult:
    args = ["build", *_MODELS]
    if selection:
        args += ["--select", *_with_what_it_is_made_of(selection)]
    if full_refresh:
        args.append("--full-refresh")
    variables = {
        "interval_start": _text(interval.start),
        "interval_end": _text(interval.end),
    }

    def record(event: DbtEvent) -> None:
        if progress is not None and event.status in ("running", "error", "fail"):
            progress(f"{event.name}: {event.status}")
        _record_node(store, run.build_id, event)

    try:
        if settings.engine == "spark":
            from gatehouse.spark.build import build_on_spark

            return build_on_spark(settings, args, variables, record, progress)
        return invoke_dbt(settings, args, variables=variables, on_event=record)
    except BaseException:
        with store.begin() as session:
            failed = session.get_one(BuildRun, run.build_id)
            failed.status, failed.finished_at = "failed", datetime.now(UTC)
        raise


def _with_what_it_is_made_of(selection: str) -> list[str]:
    """A dbt selection with the ancestors of each part.

    Staging and intermediate models live in the memory of one run: a table cannot be built
    without those it reads.
    """
    return [
        part if part[0] in "+@" or part[0].isdigit() else f"+{part}" for part in selection.split()
    ]


def _record_node(store: sessionmaker[Session], build_id: str, event: DbtEvent) -> None:
    now = datetime.now(UTC)
    with store.begin() as session:
        node = session.get(BuildNode, (build_id, event.unique_id)) or BuildNode(
            build_id=build_id,
            unique_id=event.unique_id,
            name=event.name,
            resource_type=event.resource_type,
            started_at=now,
        )
        node.status = event.status
        if event.status != "running":
            node.finished_at = now
        session.add(node)


def _finish(store: sessionmaker[Session], report: BuildReport) -> None:
    with store.begin() as session:
        run = session.get_one(BuildRun, report.build_id)
        run.status = "succeeded" if report.ok else "failed"
        run.snapshot_id = report.snapshot_id
        run.finished_at = datetime.now(UTC)
        for result in report.nodes:
            session.merge(_as_row(report.build_id, result))


def _without_data(node: NodeResult) -> NodeResult:
    """The result as logs and the store may hold it: a failed cast quotes what it could not cast."""
    return replace(node, message="" if node.ok else telling(node.message))


def _as_row(build_id: str, result: NodeResult) -> BuildNode:
    return BuildNode(
        build_id=build_id,
        unique_id=result.unique_id,
        name=result.name,
        resource_type=result.resource_type,
        status=result.status,
        message=result.message,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
