"""Running the dbt data tests of the core tables on the pinned snapshot.

dbt compiles them, once per code version; what it would then run is run here, on the connection
that all other checks use. A process of dbt's own for each gate would cost more than the tests.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import duckdb

from gatehouse.errors import telling
from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import CheckResult, Outcome, Severity
from gatehouse.gate.scope import Since, of_new_rows, on_new_rows

# Fails wherever the gate looks: where it does not, the answers mean nothing.
CANARY = DbtTest(
    unique_id="",
    name="canary of the gate",
    column=None,
    severity="critical",
    reason="",
    owner="",
    digest="",
    sql="select * from (values (1), (2), (3)) as planted (row_number)",
    question="select count(*), count(*) != 0, count(*) != 0 from ({rows})",
)
_CANARY_ROWS = 3


@dataclass(frozen=True)
class DbtChecks:
    """What the dbt tests of some tables found.

    Attributes:
        checks: by table, one result per test, in the manifest's order.
        seconds: by table, the time they took.
        is_alive: whether the test that must fail, which ran with them, did.
    """

    checks: Mapping[str, list[CheckResult]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    is_alive: bool = True


def run_dbt_tests(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[CoreTable],
    since: Mapping[str, Since] | None = None,
) -> DbtChecks:
    """Run the data tests attached to ``tables`` on the snapshot that a connection is pinned to.

    Args:
        connection: the pinned one.
        tables: core tables.
        since: by table, the version since which a check looks at rows; see
            `gatehouse.gate.scope`.
    """
    found: dict[str, list[CheckResult]] = {}
    seconds = {}
    # A test may speak of several tables.
    ran: dict[str, CheckResult] = {}
    for table in tables:
        started = time.monotonic()
        for test in table.tests:
            if test.unique_id not in ran:
                version = (since or {}).get(table.table, {}).get(("dbt", test.name))
                ran[test.unique_id] = _run(connection, table, test, version)
        found[table.table] = [ran[test.unique_id] for test in table.tests]
        seconds[table.table] = time.monotonic() - started
    canary = run_test(connection, CANARY)
    is_alive = canary.result == "failed" and canary.observed == {"failing_rows": _CANARY_ROWS}
    return DbtChecks(found, seconds, is_alive)


def _run(
    connection: duckdb.DuckDBPyConnection, table: CoreTable, test: DbtTest, since: int | None
) -> CheckResult:
    """Run a test on what was written since a version; on all rows where there is none."""
    if since is None:
        return run_test(connection, test)
    return of_new_rows(run_test(connection, on_new_rows(table, test, since)), since)


def not_run(table: CoreTable, error: str) -> list[CheckResult]:
    """The results of a table's tests where none could be run."""
    return [_result(test, "could_not_check", {"error": error}) for test in table.tests]


def run_test(connection: duckdb.DuckDBPyConnection, test: DbtTest) -> CheckResult:
    """Put the question of one test."""
    if not test.sql:
        error = "dbt could not compile it once for all: gatehouse dbt compile --select " + test.name
        return _result(test, "could_not_check", {"error": error})
    try:
        row = connection.execute(test.question.replace("{rows}", test.sql)).fetchone()
        failing, warns, fails = row or (None, None, None)
        count = None if failing is None else int(failing)
    except Exception as error:  # of one test, whatever it is; the others go on
        return _result(test, "could_not_check", {"error": telling(str(error))})
    if count is None:
        return _result(test, "could_not_check", {"error": "it counted nothing"})
    outcome, severity = _verdict(test, bool(warns), bool(fails))
    return replace(_result(test, outcome, {"failing_rows": count}), severity=severity)


def _verdict(test: DbtTest, warns: bool, fails: bool) -> tuple[Outcome, Severity]:
    """As dbt decides: what fails at more rows than it warns at is a warning in between."""
    if test.severity == "critical" and fails:
        return "failed", "critical"
    return ("failed", "warning") if warns else ("passed", test.severity)


def _result(test: DbtTest, outcome: Outcome, observed: dict[str, object]) -> CheckResult:
    return CheckResult(
        tool="dbt",
        name=test.name,
        severity=test.severity,
        result=outcome,
        column=test.column,
        reason=test.reason,
        owner=test.owner,
        observed=observed,
    )
