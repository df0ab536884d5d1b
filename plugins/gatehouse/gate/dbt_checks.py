"""Running the dbt data tests of the core tables on the pinned snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatehouse.build.dbt import invoke_dbt
from gatehouse.build.report import NodeResult
from gatehouse.errors import telling
from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import CheckResult, Outcome
from gatehouse.settings import Settings

_ONLY_DATA_TESTS = ("--exclude-resource-type", "unit_test")
_OUTCOMES: dict[str, Outcome] = {"pass": "passed", "fail": "failed", "warn": "failed"}
# Fails on every pinned snapshot: where it does not, dbt's answers mean nothing.
CANARY = DbtTest(
    unique_id="test.gatehouse.canary_of_the_gate",
    name="canary_of_the_gate",
    column=None,
    severity="critical",
    reason="",
    owner="",
    digest="",
)
_CANARY_ROWS = 3


@dataclass(frozen=True)
class DbtChecks:
    """What the dbt tests of some tables found.

    Attributes:
        checks: by table, one result per test, in the manifest's order.
        seconds: by table, the time they took.
        sql: compiled SQL by the test's id, of those that ran.
        is_alive: whether the test that must fail, which ran with them, did.
    """

    checks: Mapping[str, list[CheckResult]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    sql: Mapping[str, str] = field(default_factory=dict)
    is_alive: bool = True


def run_dbt_tests(settings: Settings, snapshot_id: int, tables: Iterable[CoreTable]) -> DbtChecks:
    """Run the data tests attached to ``tables``, in one dbt process, on one snapshot.

    Raises:
        GatehouseError: dbt could not run at all.
    """
    tables = list(tables)
    wanted = sorted({test.name for table in tables for test in table.tests})
    if not wanted:
        return DbtChecks({table.table: [] for table in tables})
    outcome = invoke_dbt(
        settings,
        # The cache of relations costs a second, and a test makes none.
        ["test", "--no-populate-cache", *_ONLY_DATA_TESTS, "--select", CANARY.name, *wanted],
        target="pinned",
        snapshot_id=snapshot_id,
    )
    ran = {node.unique_id: node for node in outcome.nodes}
    canary = _result(CANARY, ran.get(CANARY.unique_id))
    return DbtChecks(
        checks={
            table.table: [_result(test, ran.get(test.unique_id)) for test in table.tests]
            for table in tables
        },
        seconds={
            table.table: sum(ran[t.unique_id].seconds for t in table.tests if t.unique_id in ran)
            for table in tables
        },
        sql={name: outcome.manifest.nodes[name].compiled_code or "" for name in ran},
        is_alive=canary.result == "failed" and canary.observed == {"failing_rows": _CANARY_ROWS},
    )


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
