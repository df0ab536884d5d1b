"""Running the dbt data tests of the core tables on the pinned snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from gatehouse.build.dbt import invoke_dbt
from gatehouse.build.report import NodeResult
from gatehouse.errors import telling
from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import CheckResult, Outcome
from gatehouse.settings import Settings

_ONLY_DATA_TESTS = ("--exclude-resource-type", "unit_test")
_OUTCOMES: dict[str, Outcome] = {"pass": "passed", "fail": "failed", "warn": "failed"}


def run_dbt_tests(
    settings: Settings, snapshot_id: int, tables: Iterable[CoreTable]
) -> dict[str, tuple[list[CheckResult], float]]:
    """Run the data tests attached to ``tables``, in one dbt process, on one snapshot.

    Returns:
        By table: one result per test, in the manifest's order, and the seconds they took.

    Raises:
        GatehouseError: dbt could not run at all.
    """
    tables = list(tables)
    wanted = sorted({test.name for table in tables for test in table.tests})
    ran: dict[str, NodeResult] = {}
    if wanted:
        outcome = invoke_dbt(
            settings,
            # The cache of relations costs a second, and a test makes none.
            ["test", "--no-populate-cache", *_ONLY_DATA_TESTS, "--select", *wanted],
            target="pinned",
            snapshot_id=snapshot_id,
        )
        ran = {node.unique_id: node for node in outcome.nodes}
    return {
        table.table: (
            [_result(test, ran.get(test.unique_id)) for test in table.tests],
            sum(ran[test.unique_id].seconds for test in table.tests if test.unique_id in ran),
        )
        for table in tables
    }


def not_run(table: CoreTable, error: str) -> list[CheckResult]:
    """The results of a table's tests where dbt could not run."""
    return [_result(test, None, error) for test in table.tests]


def _result(test: DbtTest, node: NodeResult | None, error: str = "") -> CheckResult:
    outcome: Outcome = "could_not_check"
    observed: dict[str, object] = {"error": error or "dbt did not run it"}
    if node is not None:
        outcome = _OUTCOMES.get(node.status, "could_not_check")
        observed = (
            {"error": telling(node.message)}
            if outcome == "could_not_check"
            else {"failing_rows": node.failures or 0}
        )
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
