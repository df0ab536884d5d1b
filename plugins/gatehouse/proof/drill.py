"""A drill: break a copy of the lake in one way, run the gate on it, record whether it noticed."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

import duckdb
import sqlalchemy as sa

from gatehouse.alerts import alert_gate, note_silence, settle
from gatehouse.errors import GatehouseError, telling
from gatehouse.gate import run_gate
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.lake import Lake
from gatehouse.proof.faults import FAULTS, Fault, fault_named, fault_of
from gatehouse.proof.scratch import scratch_home
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun, Certificate, Drill

log = logging.getLogger(__name__)

Outcome = Literal["caught", "missed", "could_not_run"]
# Days before the newest one of which one is broken: the newest is hardly over.
_DAYS = 3


@dataclass(frozen=True)
class DrillReport:
    """What became of one drill.

    Attributes:
        fault: what was done.
        relation: to what.
        seed: which day and which rows.
        outcome: ``caught``: a table that was certified is held; ``missed``: none is;
            ``could_not_run``: says nothing about the gate.
        table: the root of what is held.
        check: the first of its checks that failed.
        changed_rows: rows that the fault touched.
        snapshot_id: of the lake that was copied.
        seconds: wall clock by part: ``copy``, ``break``, ``gate``, ``total``.
    """

    fault: str
    relation: str
    seed: int
    outcome: Outcome
    table: str = ""
    check: str = ""
    changed_rows: int = 0
    snapshot_id: int | None = None
    message: str = ""
    seconds: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return asdict(self)


def run_drill(
    settings: Settings,
    *,
    fault: str | None = None,
    seed: int | None = None,
    today: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> DrillReport:
    """Run one drill and record it; an uncaught fault opens an incident.

    Args:
        settings: where the lake is; it is only read.
        fault: name of one; default: the one whose turn it is today, or the next one for which
            the lake has rows.
        seed: which day and which rows are broken. Default: the number of the day.
        today: UTC; default by the clock.
        progress: called with a line now and then.

    Returns:
        The report. A fault that was not caught is in it, not raised.

    Raises:
        GatehouseError: there is no such fault, or nothing to break.
    """
    started_at = datetime.now(UTC)
    day = today or started_at.date()
    chosen = _chosen(fault, day)
    number = day.toordinal() if seed is None else seed
    say = progress or (lambda _line: None)
    try:
        report = _drill(settings, chosen, number, say)
    except Exception as error:
        message = error.message if isinstance(error, GatehouseError) else telling(str(error))
        first = chosen[0]
        report = DrillReport(first.name, first.relation, number, "could_not_run", message=message)
        _record(settings, report, started_at)
        raise
    _record(settings, report, started_at)
    _tell(settings, report)
    say(f"{report.fault}: {report.outcome} {report.table} {report.check}".rstrip())
    return report


def list_drills(settings: Settings, limit: int = 30) -> list[dict[str, Any]]:
    """The newest drills, newest first."""
    query = sa.select(Drill).order_by(Drill.started_at.desc()).limit(limit)
    with open_store(settings, read_only=True).begin() as session:
        return [
            {
                "started_at": each.started_at,
                "fault": each.fault_name,
                "relation": each.relation_name,
                "outcome": each.outcome,
                "caught_by_table": each.caught_by_table,
                "caught_by_check": each.caught_by_check,
                "seconds": round(each.duration_seconds, 1),
                "seed": each.seed,
                "message": each.message,
            }
            for each in session.scalars(query)
        ]


def _chosen(name: str | None, day: date) -> list[Fault]:
    """The fault to plant, and those to plant instead if there is nothing to break with it."""
    if name is not None:
        return [fault_named(name)]
    first = fault_of(day)
    return [*FAULTS[first:], *FAULTS[:first]]


def _drill(
    settings: Settings, faults: list[Fault], seed: int, say: Callable[[str], None]
) -> DrillReport:
    started = time.monotonic()
    if settings.engine == "spark":
        raise GatehouseError(
            "Drills break tables of DuckLake in a copy; those that Spark builds are none.",
            next_step="run them in a home that DuckDB builds, on the same feeds.",
        )
    with scratch_home(settings) as copy:
        seconds = {"copy": time.monotonic() - started}
        snapshot = Lake(copy).current_snapshot()
        before = _certified(copy)
        if not before:
            raise GatehouseError(
                "No table is certified: there is nothing to break.", next_step="gatehouse gate"
            )
        fault, changed = _break(copy, faults, seed)
        seconds["break"] = time.monotonic() - started - seconds["copy"]
        say(f"{fault.name}: {changed} rows of {fault.relation} in a copy of snapshot {snapshot}")
        began = time.monotonic()
        report = run_gate(copy, build_id=pretend_build(copy))
        seconds["gate"] = time.monotonic() - began
    found = _caught_by(report, before & _made_from(settings, fault.relation))
    seconds["total"] = time.monotonic() - started
    blank = DrillReport(fault.name, fault.relation, seed, "missed")
    return replace(
        blank,
        outcome="missed" if found is None else "caught",
        table="" if found is None else found.table,
        check="" if found is None else _first_failed(found),
        changed_rows=changed,
        snapshot_id=snapshot,
        message=_missed(report, before) if found is None else "",
        seconds={name: round(each, 3) for name, each in seconds.items()},
    )


def _break(copy: Settings, faults: list[Fault], seed: int) -> tuple[Fault, int]:
    """Plant the first fault that finds rows to break."""
    with Lake(copy).writer("a drill") as connection:
        for fault in faults:
            changed = _plant(connection, fault, seed)
            if changed:
                return fault, changed
    raise GatehouseError(
        f"The lake has no rows that {faults[0].name} could break.",
        next_step="choose another fault: gatehouse drill --list",
    )


def _plant(connection: duckdb.DuckDBPyConnection, fault: Fault, seed: int) -> int:
    changed = 0
    try:
        for statement in fault.statements(_day(connection, fault, seed), seed):
            row = connection.execute(statement).fetchone()
            changed += int(row[0]) if row else 0
    except duckdb.CatalogException:  # a project without that table
        return 0
    return changed


def _day(connection: duckdb.DuckDBPyConnection, fault: Fault, seed: int) -> date:
    """One of the last days that are over."""
    column = "scored_at" if fault.relation == "raw.model_scores" else "occurred_date"
    relation = fault.relation if column == "scored_at" else "core.fct_events"
    rows = connection.execute(
        f"select distinct cast({column} as date) as day from lake.{relation} "
        f"where {column} is not null order by day desc limit {_DAYS + 1}"
    ).fetchall()
    days = [row[0] for row in rows[1:] or rows]
    return days[seed % len(days)] if days else date(1970, 1, 1)


def _certified(copy: Settings) -> set[str]:
    """Tables whose newest check passed: what is held besides was held without the fault."""
    newest = sa.select(Certificate).order_by(
        Certificate.snapshot_id.desc(), Certificate.checked_at.desc()
    )
    seen: dict[str, bool] = {}
    with open_store(copy, read_only=True).begin() as session:
        for each in session.scalars(newest):
            is_good = each.result in ("passed", "no_data") and not each.held_by
            seen.setdefault(each.table_name, is_good)
    return {table for table, is_good in seen.items() if is_good}


def pretend_build(copy: Settings) -> str:
    """Let a build have left the broken snapshot: the gate checks what builds leave."""
    snapshot = Lake(copy).current_snapshot()
    with open_store(copy).begin() as session:
        newest = session.scalars(
            sa.select(BuildRun)
            .where(BuildRun.is_increment, BuildRun.status == "succeeded")
            .order_by(BuildRun.started_at.desc())
            .limit(1)
        ).first()
        if newest is None:
            raise GatehouseError("Nothing has been built yet.", next_step="gatehouse build")
        now = datetime.now(UTC)
        build = BuildRun(
            build_id=str(uuid.uuid4()),
            interval_start_at=newest.interval_start_at,
            interval_end_at=newest.interval_end_at,
            is_increment=True,
            status="succeeded",
            code_version=newest.code_version,
            snapshot_id=snapshot,
            started_at=now,
            finished_at=now,
        )
        session.add(build)
        return build.build_id


def _made_from(settings: Settings, relation: str) -> set[str]:
    """The core tables that a fault in a relation can be seen in."""
    schema, _, name = relation.partition(".")
    return {
        each.table
        for each in core_tables(settings).values()
        if (name in each.sources if schema == "raw" else name in (each.table, *each.upstream))
    }


def _caught_by(report: GateReport, before: set[str]) -> TableResult | None:
    """The root of what is held for a fact about the data, of tables that were not held before."""
    roots = [
        each
        for each in report.tables
        if each.result == "failed" and not each.held_by and each.table in before
    ]
    return roots[0] if roots else None


def _first_failed(table: TableResult) -> str:
    failed = (c for c in table.checks if c.result == "failed" and c.severity == "critical")
    return next((check.name for check in failed if not check.waiver_id), table.message)


def _missed(report: GateReport, before: set[str]) -> str:
    unable = [t for t in report.tables if t.result == "could_not_check" and t.table in before]
    if unable:
        return f"{unable[0].table} could not be checked: {unable[0].message}"
    warned = [
        f"{table.table}: {check.name}"
        for table in report.tables
        for check in table.checks
        if check.result == "failed" and check.severity == "warning"
    ]
    return f"a warning only: {warned[0]}" if warned else "no check failed"


def _record(settings: Settings, report: DrillReport, started_at: datetime) -> None:
    now = datetime.now(UTC)
    with open_store(settings).begin() as session:
        session.add(
            Drill(
                drill_id=str(uuid.uuid4()),
                fault_name=report.fault,
                relation_name=report.relation,
                seed=report.seed,
                outcome=report.outcome,
                caught_by_table=report.table or None,
                caught_by_check=report.check[:500] or None,
                snapshot_id=report.snapshot_id,
                message=report.message,
                duration_seconds=(now - started_at).total_seconds(),
                started_at=started_at,
                finished_at=now,
            )
        )


def _tell(settings: Settings, report: DrillReport) -> None:
    key = f"silence:drill:{report.fault}"
    if report.outcome == "caught":
        if settle(settings, key, "caught"):
            alert_gate(settings)
        return
    log.error("The drill %s was not caught: %s", report.fault, report.message)
    note_silence(
        settings,
        key,
        subject=report.fault,
        title=f"The gate did not catch {report.fault} in a copy of {report.relation}",
        look=f"gatehouse drill --fault {report.fault} --seed {report.seed}",
        error=report.message,
    )
    alert_gate(settings)
