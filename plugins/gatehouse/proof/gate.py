"""Canaries of the gate: every check must fail on a table that is broken for it, in each run.

The table itself is the other half of the proof: a check that failed on anything would hold it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import duckdb

from gatehouse.gate.dbt_checks import DbtChecks, run_test
from gatehouse.gate.expectations import GxRunner
from gatehouse.gate.lineage import CoreTable, DbtTest
from gatehouse.gate.results import (
    CANARIES,
    CERTIFYING,
    CheckResult,
    TableResult,
    decide,
    hold_downstream,
)
from gatehouse.gate.rows import count_rows
from gatehouse.gate.scope import Since, on_new_rows
from gatehouse.gate.suites import Expectation, Suite
from gatehouse.proof.days import uncaught
from gatehouse.proof.wreck import Copy

log = logging.getLogger(__name__)

_REASON = "a check that cannot fail certifies nothing"
# Figures of a version before: beyond any bound that a suite sets relative to it.
_FAR_MORE, _FAR_LESS = {"row_count": 1e12}, {"row_count": 1e-6}
_TABLE = re.compile(r"\blake\W{1,3}(raw|core)\W{1,3}(\w+)")
_MOST_NAMED = 5


class Canaries:
    """The canaries of one run of the gate: a copy in memory, closed at its end."""

    def __init__(
        self,
        pinned: duckdb.DuckDBPyConnection,
        tables: Iterable[CoreTable],
        suites: Iterable[Suite],
        dbt: DbtChecks,
        since: Mapping[str, Since] | None = None,
    ) -> None:
        suites = list(suites)
        self._dbt = dbt
        # What is asked of new rows only is asked so here, too: all rows of a broken table are new.
        self._since = {name: dict.fromkeys(own, 0) for name, own in (since or {}).items()}
        self._copy = Copy(pinned, _read_by(tables, suites))
        # Before GX begins a transaction, which sees no table that is made after it.
        for suite in suites:
            self._plant(suite)
        try:
            self._gx = GxRunner(self._copy.connection)
        except BaseException:
            self._copy.close()
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget the copy."""
        self._copy.close()

    def check(self, table: CoreTable, suite: Suite, row_count: int) -> CheckResult:
        """Whether each check of a table is alive.

        On an empty table no check is made that could be dead, but for the one on its being empty.

        Returns:
            ``passed``, or ``no_data`` of an empty table; ``could_not_check`` with the names of
            what did not catch its canary.
        """
        missed = self._rows(table, suite) + self._deciding()
        unproven: list[str] = []
        planted = 1
        if row_count:
            dead, unproven = self._expectations(suite)
            tests_dead, tests_unproven = self._tests(table)
            missed += [*dead, *tests_dead, *self._monitors(suite)]
            unproven = [*unproven, *tests_unproven]
            planted += len(suite.expectations) + len(table.tests) + len(suite.drift)
        return _result(suite, missed, planted, unproven, is_empty=not row_count)

    def _expectations(self, suite: Suite) -> tuple[list[str], list[str]]:
        """Expectations that are dead, and those of which it is not known.

        One with a canary of its own must fail on it, and none may end in anything but passed or
        failed. What merely holds on a few rows broken at random may be right to; unless all do.
        """
        table = suite.table
        left = self._still(suite, suite.expectations, f"{table}__odd", _FAR_MORE)
        if left:
            still = self._still(suite, [*left.values()], f"{table}__crowd", _FAR_LESS)
            left = {title: each for title, each in left.items() if each in still.values()}
        for title, each in [*left.items()]:
            name = f"{table}__canary_{suite.expectations.index(each)}"
            if each.canary and not self._still(suite, [each], name, _FAR_LESS):
                del left[title]
        unknown = [
            title
            for title, each in left.items()
            if not each.canary and title == f"{each.title} (passed)"
        ]
        if unknown and len(left) < len(suite.expectations):
            return [title for title in left if title not in unknown], unknown
        return [*left], []

    def _plant(self, suite: Suite) -> None:
        """Make the tables that are broken for a suite; what cannot be made is not caught."""
        with suppress(duckdb.Error):
            self._copy.odd(suite.table)
            self._copy.crowd(suite.table)
        for position, each in enumerate(suite.expectations):
            with suppress(duckdb.Error):
                if each.canary:
                    self._copy.declared(suite.table, position, each.canary)

    def _still(
        self,
        suite: Suite,
        expectations: list[Expectation],
        broken: str,
        previous: Mapping[str, float],
    ) -> dict[str, Expectation]:
        """The expectations that do not fail, by what is said of them."""
        own = suite.model_copy(update={"table": broken, "expectations": expectations})
        found = self._gx.run(own, previous, self._since.get(suite.table))
        outcomes = [str(each.observed.get("error") or each.result) for each in found]
        outcomes += ["no result"] * len(expectations)
        return {
            f"{each.title} ({outcome})": each
            for each, outcome in zip(expectations, outcomes, strict=False)
            if outcome != "failed"
        }

    def _tests(self, table: CoreTable) -> tuple[list[str], list[str]]:
        """Whether dbt is dead; and the dbt tests whose SQL finds nothing in a broken table."""
        if not table.tests:
            return [], []
        if not self._dbt.is_alive:
            return ["dbt: the test that must fail did not"], []
        if len(self._dbt.checks.get(table.table, [])) != len(table.tests):
            return ["dbt: not every test has a result"], []
        broken = f"{table.table}__odd"
        found = {test.name: self._finds(table, broken, test) for test in table.tests}
        silent = [name for name, finds in found.items() if not finds]
        return (silent, []) if len(silent) == len(found) else ([], silent)

    def _finds(self, table: CoreTable, broken: str, test: DbtTest) -> bool:
        if not test.sql:
            return True  # it did not run, which is its own result
        if ("dbt", test.name) in self._since.get(table.table, {}):
            asked = on_new_rows(table, test, 0, of=broken)
        else:
            own = f'"lake"."core"."{table.table}"'
            asked = replace(test, sql=test.sql.replace(own, f'"lake"."core"."{broken}"'))
        return run_test(self._copy.connection, asked).result == "failed"

    def _monitors(self, suite: Suite) -> list[str]:
        missed = []
        for drift in suite.drift:
            relation = drift.relation(suite.table)
            schema, _, name = relation.partition(".")
            types = self._copy.columns(name, schema)
            limits = suite.limits[relation]
            missed += uncaught(self._copy.connection, suite.table, types, drift, limits)
        return missed

    def _rows(self, table: CoreTable, suite: Suite) -> list[str]:
        """The check on being empty: on an empty table, and on one with a row."""
        empty = self._copy.empty(table.table)
        found = count_rows(self._copy.connection, empty, suite.empty, {"row_count": 9})
        wanted = "no_data" if suite.empty.when == "always" else "failed"
        return [] if found.check.result == wanted else [found.check.name]

    @staticmethod
    def _deciding() -> list[str]:
        """Whether what checks find decides, and holds what is made from the table."""
        bad = CheckResult("gate", "canary", "critical", "failed")
        unable = CheckResult("gate", "canary", "critical", "could_not_check")
        alone = [decide([bad], 1)[0], decide([unable], 1)[0], decide([], 0)[0]]
        results = {"a": TableResult("a", "failed"), "b": TableResult("b", "passed")}
        below = hold_downstream(results, {"b": ("a",)})["b"]
        is_alive = alone == ["failed", "could_not_check", "no_data"] and not below.is_certified
        return [] if is_alive else ["the decision"]


def proven(result: TableResult, canary: CheckResult) -> TableResult:
    """A table's result, if its checks are alive; else that nothing is known."""
    checks = (*result.checks, canary)
    if canary.result in CERTIFYING or result.result not in CERTIFYING:
        return TableResult(**{**vars(result), "checks": checks})
    return TableResult(
        **{
            **vars(result),
            "result": "could_not_check",
            "message": str(canary.observed["error"]),
            "checks": checks,
        }
    )


def unproven(suite: Suite, error: str) -> CheckResult:
    """The result where no canary could be planted at all."""
    return _result(suite, [error], 0)


def _result(
    suite: Suite,
    missed: list[str],
    planted: int,
    unproven: list[str] | None = None,
    *,
    is_empty: bool = False,
) -> CheckResult:
    observed: dict[str, object] = {"canaries": planted}
    if unproven:
        observed["not_broken_by_any"] = unproven
    if missed:
        more = f" and {len(missed) - _MOST_NAMED} more" if len(missed) > _MOST_NAMED else ""
        names = ", ".join(missed[:_MOST_NAMED])
        observed |= {"error": f"canary not caught by {names}{more}", "uncaught": len(missed)}
    return CheckResult(
        tool="gate",
        name=CANARIES,
        severity="critical",
        result="could_not_check" if missed else "no_data" if is_empty else "passed",
        reason=_REASON,
        owner=suite.owner,
        observed=observed,
    )


def _read_by(tables: Iterable[CoreTable], suites: Iterable[Suite]) -> set[tuple[str, str]]:
    """Schema and name of each table that checks read."""
    texts = [str(each.kwargs) for suite in suites for each in suite.expectations]
    texts += [test.sql for table in tables for test in table.tests]
    named = {found for text in texts for found in _TABLE.findall(text)}
    raw = {name for suite in suites for name in suite.empty.inputs}
    raw |= {d.of.partition(".")[2] for suite in suites for d in suite.drift if d.of}
    return named | {("core", each.table) for each in tables} | {("raw", name) for name in raw}
