"""One run of the gate: every core table of one pinned snapshot, in one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar

import duckdb

from gatehouse.errors import GatehouseError, telling
from gatehouse.gate.arrivals import arrivals, feeds_of, not_counted, sources_by_contract
from gatehouse.gate.dbt_checks import DbtChecks, not_run, run_dbt_tests
from gatehouse.gate.due import due_days
from gatehouse.gate.expectations import GxRunner
from gatehouse.gate.lineage import CoreTable, core_tables
from gatehouse.gate.monitors import monitor
from gatehouse.gate.past import Judged
from gatehouse.gate.publish import publish
from gatehouse.gate.published import Published, published_versions
from gatehouse.gate.rest import vouched_for
from gatehouse.gate.results import (
    CheckResult,
    GateReport,
    Outcome,
    TableResult,
    decide,
    hold_downstream,
)
from gatehouse.gate.rows import Rows, count_rows
from gatehouse.gate.scope import Since, since_passed
from gatehouse.gate.subject import Subject, choose_subject
from gatehouse.gate.suites import Drift, Expectation, Suite, load_suite
from gatehouse.gate.versions import suite_version
from gatehouse.gate.waivers import InForce, in_force, waived
from gatehouse.lake import Lake
from gatehouse.proof.gate import Canaries, proven, unproven
from gatehouse.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")


def run_gate(
    settings: Settings,
    *,
    snapshot_id: int | None = None,
    build_id: str | None = None,
    tables: Iterable[str] | None = None,
    all_rows: bool = False,
    progress: Callable[[str], None] | None = None,
) -> GateReport:
    """Check the core tables of one snapshot and publish those that hold.

    What is checked is what is certified: the snapshot is pinned for all checks. A table that
    fails keeps its certified version before, and holds the core tables made from it.

    Args:
        settings: where everything is.
        snapshot_id: default: what the build left.
        build_id: default: the newest finished build, or the one that left ``snapshot_id``.
        tables: core tables; what they are made from and what is made from those is checked with
            them, as far as the rest of what that is made from is certified. Default all.
        all_rows: look at all rows, also at those that passed before; see `gatehouse.gate.scope`.
        progress: called with a line per table.

    Returns:
        The report. A failed table is in it, not raised: see `GateReport.raise_for_failure`.

    Raises:
        GatehouseError: there is nothing to check, or no such table or snapshot.
    """
    started = time.monotonic()
    known = core_tables(settings)
    subject = choose_subject(settings, snapshot_id, build_id)
    chosen = vouched_for(settings, _choose(known, tables), known, subject.snapshot_id)
    run = _Run(settings, subject, chosen, known, all_rows)
    with _pinned(settings, subject.snapshot_id) as connection:
        results = run.check(connection, progress or (lambda _line: None))
    upstream = {table.table: table.upstream for table in chosen}
    report = GateReport(
        snapshot_id=subject.snapshot_id,
        build_id=subject.build_id,
        checked_at=datetime.now(UTC),
        tables=tuple(hold_downstream(results, upstream).values()),
        seconds={},
    )
    report = publish(settings, report, subject, run.judged)
    run.seconds["total"] = time.monotonic() - started
    for each in report.tables:
        if not each.is_certified:
            log.warning(
                "%s is held at snapshot %d: %s", each.table, report.snapshot_id, each.message
            )
    return replace(report, seconds={name: round(s, 3) for name, s in run.seconds.items()})


def _choose(known: Mapping[str, CoreTable], names: Iterable[str] | None) -> list[CoreTable]:
    if not known:
        raise GatehouseError(
            "The dbt project defines no core table.", next_step="see dbt_project/models/core"
        )
    if names is None:
        return list(known.values())
    wanted: set[str] = set()
    for name in names:
        if name not in known:
            raise GatehouseError(
                f"There is no core table {name}.", next_step=f"choose of: {', '.join(known)}"
            )
        # A table is only as good as what it is made from.
        wanted |= {name, *known[name].upstream}
    # What is made from them stands and falls with them.
    wanted |= {name for name, each in known.items() if wanted & {*each.upstream}}
    return [table for name, table in known.items() if name in wanted]


@contextmanager
def _pinned(settings: Settings, snapshot_id: int) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = Lake(settings).pinned(snapshot_id)
    try:
        yield connection
    finally:
        connection.close()


@dataclass
class _Run:
    """The checks of one run, with the time they take."""

    settings: Settings
    subject: Subject
    tables: list[CoreTable]
    known: Mapping[str, CoreTable]
    all_rows: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    waivers: InForce = field(default_factory=dict)
    judged: dict[str, list[Judged]] = field(default_factory=dict)
    mapped: dict[str, list[str]] | GatehouseError = field(default_factory=dict)
    shown: Mapping[str, Published] = field(default_factory=dict)
    suites: dict[str, Suite | GatehouseError] = field(default_factory=dict)
    since: dict[str, Since] = field(default_factory=dict)
    due: Mapping[str, date] | None = None
    canaries: Canaries | None = None
    planted_seconds: float = 0.0
    ledger: dict[Hashable, list[tuple[Any, ...]]] = field(default_factory=dict)

    def check(
        self, connection: duckdb.DuckDBPyConnection, progress: Callable[[str], None]
    ) -> dict[str, TableResult]:
        """Each table by its own checks."""
        self.suites = {table.table: _or_error(partial(self._load, table)) for table in self.tables}
        started = time.monotonic()
        self.since = self._since(connection)
        by_dbt = self._dbt(connection)
        self.seconds["dbt_tests"] = time.monotonic() - started
        started = time.monotonic()
        gx = GxRunner(connection)
        self.seconds["gx_start"] = time.monotonic() - started
        self.shown = published_versions(self.settings)
        self.waivers = in_force(self.settings)
        self.mapped = _or_error(lambda: sources_by_contract(self.settings))
        results = {}
        with ExitStack() as stack:
            self.canaries = self._plant(connection, by_dbt, stack)
            for table in self.tables:
                started = time.monotonic()
                checks = by_dbt.checks[table.table]
                result = self._table(table, connection, gx, checks)
                own = time.monotonic() - started
                self.seconds["gx"] = self.seconds.get("gx", 0.0) + own
                seconds = round(own + by_dbt.seconds.get(table.table, 0.0), 3)
                results[table.table] = replace(result, seconds=seconds)
                progress(f"{table.table}: {result.result} {result.message}".rstrip())
        self.seconds["gx"] -= self.seconds["canaries"] - self.planted_seconds
        return results

    def _plant(
        self, connection: duckdb.DuckDBPyConnection, by_dbt: DbtChecks, stack: ExitStack
    ) -> Canaries | None:
        """The canaries of this run; None where there can be none, which certifies nothing."""
        started = time.monotonic()
        # A suite that does not load is said where its table is checked.
        suites = [suite for suite in self.suites.values() if isinstance(suite, Suite)]
        try:
            return stack.enter_context(
                Canaries(connection, self.tables, suites, by_dbt, self.since)
            )
        except Exception as error:
            log.warning("The canaries could not be planted (%s)", type(error).__name__)
            return None
        finally:
            self.planted_seconds = self.seconds["canaries"] = time.monotonic() - started

    def _prove(self, table: CoreTable, suite: Suite, result: TableResult) -> TableResult:
        """The result, if every check behind it is alive."""
        started = time.monotonic()
        try:
            if self.canaries is None:
                canary = unproven(suite, "no canary could be planted")
            else:
                canary = self.canaries.check(table, suite, result.row_count)
            result = proven(result, canary)
        except Exception as error:  # a canary that cannot be planted proves nothing
            log.warning("%s: its canaries failed (%s)", table.table, type(error).__name__)
            result = proven(result, unproven(suite, telling(str(error))))
        self.seconds["canaries"] += time.monotonic() - started
        return result

    def _load(self, table: CoreTable) -> Suite:
        return load_suite(self.settings.core_suites, table.table, table.columns)

    def _since(self, connection: duckdb.DuckDBPyConnection) -> dict[str, Since]:
        """By table, since which versions its checks look at rows; where not known, at all."""
        found = {}
        for table in self.tables:
            suite = self.suites[table.table]
            if self.all_rows or isinstance(suite, GatehouseError):
                continue
            try:
                found[table.table] = since_passed(
                    self.settings, connection, table, suite, self.subject.snapshot_id
                )
            except Exception as error:  # then all rows are looked at, which needs none of it
                log.info("%s: looked at whole (%s)", table.table, type(error).__name__)
        return found

    def _dbt(self, connection: duckdb.DuckDBPyConnection) -> DbtChecks:
        try:
            return run_dbt_tests(connection, self.tables, self.since)
        except Exception as error:  # as of GX: it says nothing about the data
            log.warning("dbt tests could not run (%s)", type(error).__name__)
            reason = telling(str(error))
            return DbtChecks({table.table: not_run(table, reason) for table in self.tables})

    def _table(
        self,
        table: CoreTable,
        connection: duckdb.DuckDBPyConnection,
        gx: GxRunner,
        dbt_checks: list[CheckResult],
    ) -> TableResult:
        blank = TableResult(table.table, "could_not_check", checks=tuple(dbt_checks))
        unbuilt = [node for node in table.nodes if node in self.subject.unbuilt]
        if unbuilt:
            name = unbuilt[0].rpartition(".")[2]
            return replace(
                blank, message=f"{name} was not built; an older state is in the snapshot"
            )
        suite, shown = self.suites[table.table], self.shown.get(table.table)
        if isinstance(suite, GatehouseError):
            return replace(blank, message=suite.message)
        previous = {"row_count": float(shown.row_count)} if shown else {}
        try:
            rows = count_rows(connection, table.table, suite.empty, previous)
        except Exception as error:  # one table's counter must not silence all the others
            log.warning("%s: its rows could not be counted (%s)", table.table, type(error).__name__)
            words = error.message if isinstance(error, GatehouseError) else telling(str(error))
            return replace(blank, message=words)
        checks = [
            rows.check,
            *self._gx(gx, suite, rows, previous),
            *self._arrivals(connection, table, suite),
            *self._monitors(connection, table, suite, rows),
            *_unless_empty(dbt_checks, rows),
        ]
        checks = waived(table.table, checks, self.waivers)
        result, message = decide(checks, rows.count)
        found = TableResult(
            table=table.table,
            result=result,
            checks=tuple(checks),
            row_count=rows.count,
            message=message,
            suite_version=suite_version(suite, table),
        )
        return self._prove(table, suite, found)

    def _arrivals(
        self, connection: duckdb.DuckDBPyConnection, table: CoreTable, suite: Suite
    ) -> list[CheckResult]:
        mapped, shown = self.mapped, self.shown.get(table.table)
        if isinstance(mapped, GatehouseError):
            return not_counted(table, suite, mapped.message)
        feeds = {
            feed: mapped[feed]
            for feed in feeds_of(table, {each.table: each for each in self.tables})
            if feed in mapped
        }
        since = shown.covered_to if shown else None
        return arrivals(connection, suite, feeds, self.subject, since, self.ledger)

    def _monitors(
        self, connection: duckdb.DuckDBPyConnection, table: CoreTable, suite: Suite, rows: Rows
    ) -> list[CheckResult]:
        checks: list[CheckResult] = []
        for drift in suite.drift if rows.count else []:
            try:
                due = self._due(connection).get(drift.relation(table.table))
                found = monitor(self.settings, connection, table, suite, drift, self.subject, due)
            except Exception as error:  # as of GX: it says nothing about the data
                log.warning("%s: not compared (%s)", table.table, type(error).__name__)
                checks.append(_not_compared(drift, drift.relation(table.table), error))
            else:
                self.judged.setdefault(table.table, []).append(found.judged)
                checks += found.checks
        return checks

    def _due(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, date]:
        """The days that relations should have by now, found out once a run.

        Beside all others, also where few tables are checked: else a silent one would pass alone.
        """
        if self.due is None:
            suites = {name: _or_error(partial(self._load, each)) for name, each in self._others()}
            suites |= self.suites
            drifts = {each.table: each.drift for each in suites.values() if isinstance(each, Suite)}
            self.due = due_days(self.settings, connection, drifts, self.subject)
        return self.due

    def _others(self) -> list[tuple[str, CoreTable]]:
        return [(name, each) for name, each in self.known.items() if name not in self.suites]

    def _gx(
        self, gx: GxRunner, suite: Suite, rows: Rows, previous: Mapping[str, float]
    ) -> list[CheckResult]:
        if rows.count == 0:
            return [_blank(each, "no_data", {}) for each in suite.expectations]
        try:
            return gx.run(suite, previous, self.since.get(suite.table))
        except GatehouseError as error:
            observed = {"error": error.message}
        except Exception as error:  # GX raises anything; it says nothing about the data
            log.warning("%s: the suite could not run (%s)", suite.table, type(error).__name__)
            observed = {"error": telling(str(error))}
        return [_blank(each, "could_not_check", observed) for each in suite.expectations]


def _or_error(read: Callable[[], T]) -> T | GatehouseError:
    """What is read, or why not, to be said of each table that it concerns."""
    try:
        return read()
    except GatehouseError as error:
        return error


def _not_compared(drift: Drift, relation: str, error: Exception) -> CheckResult:
    return CheckResult(
        tool="gate",
        name=f"{relation} beside its certified days",
        severity=drift.severity,
        result="could_not_check",
        reason=drift.reason,
        owner=drift.owner,
        observed={"error": telling(str(error))},
    )


def _blank(each: Expectation, outcome: Outcome, observed: Mapping[str, object]) -> CheckResult:
    return CheckResult(
        tool="gx",
        name=each.title,
        severity=each.severity,
        result=outcome,
        column=next(iter(each.columns), None),
        reason=each.meta.reason,
        owner=each.meta.owner,
        observed=observed,
    )


def _unless_empty(checks: list[CheckResult], rows: Rows) -> list[CheckResult]:
    """On an empty table every dbt test passes; that is no finding."""
    if rows.count:
        return checks
    return [replace(each, result="no_data") if each.result == "passed" else each for each in checks]
