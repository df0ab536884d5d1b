"""Running the GX suites: all tables in one process, on one pinned connection."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError, telling
from gatehouse.gate.gx_duckdb import adapted_gx, add_lake, implementation, plain_context
from gatehouse.gate.results import CheckResult, Outcome
from gatehouse.gate.scope import Since, new_rows, of_new_rows
from gatehouse.gate.suites import Expectation, Suite

# Counts and aggregates only: rows and values stay in the lake.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_OBSERVED = ("element_count", "unexpected_count", "unexpected_percent", "missing_count")


class GxRunner:
    """Great Expectations on one pinned view of the lake."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._gx = adapted_gx()
        _silence()
        self._context = plain_context()
        self._source = add_lake(self._context, self._connect)
        self._batches: dict[tuple[str, int | None], Any] = {}

    def _connect(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        cursor.execute("use lake.core")
        return cursor

    def run(
        self, suite: Suite, previous: Mapping[str, float], since: Since | None = None
    ) -> list[CheckResult]:
        """Evaluate one suite.

        Args:
            suite: of a table that has rows.
            previous: figures of the table's certified version before, by name; see `resolve`.
            since: the version since which a check looks at rows; see `gatehouse.gate.scope`.

        Returns:
            One result per expectation, in the suite's order. An expectation that GX cannot
            carry out is ``could_not_check``.
        """
        rows: dict[int | None, list[int]] = {}
        for position, each in enumerate(suite.expectations):
            rows.setdefault((since or {}).get(("gx", each.title)), []).append(position)
        found: dict[int, CheckResult] = {}
        for version, positions in rows.items():
            found |= self._validate(suite, positions, version, previous)
        return [found[position] for position in range(len(suite.expectations))]

    def _validate(
        self, suite: Suite, positions: list[int], since: int | None, previous: Mapping[str, float]
    ) -> dict[int, CheckResult]:
        """The results of some of a suite's expectations, on the rows written since a version."""
        built = [
            self._expectation(suite.expectations[position], position, previous)
            for position in positions
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = self._batch(suite.table, since).validate(
                self._gx.ExpectationSuite(name=suite.table, expectations=built),
                result_format=_RESULT_FORMAT,
            )
        by_position = {each.expectation_config.meta["position"]: each for each in outcome.results}
        results = {
            position: _result(suite.expectations[position], by_position.get(position))
            for position in positions
        }
        if since is None:
            return results
        return {position: of_new_rows(each, since) for position, each in results.items()}

    def _batch(self, table: str, since: int | None) -> Any:
        if (table, since) not in self._batches:
            if since is None:
                asset = self._source.add_table_asset(table, table_name=table)
                definition = asset.add_batch_definition_whole_table("snapshot")
            else:
                name = f"{table} since {since}"
                asset = self._source.add_query_asset(name, query=new_rows(table, since))
                definition = asset.add_batch_definition_whole_table("snapshot")
            self._batches[table, since] = definition.get_batch()
        return self._batches[table, since]

    def _expectation(
        self, expectation: Expectation, position: int, previous: Mapping[str, float]
    ) -> Any:
        try:
            return implementation(expectation.type)(
                **resolve(expectation.kwargs, previous),
                severity=expectation.severity,
                meta={"position": position},
            )
        except Exception as error:
            raise GatehouseError(
                f"{expectation.title}: Great Expectations does not take it: {_words(error)}",
                next_step="see its type and kwargs in expectations/core",
            ) from error


def _silence() -> None:
    """GX logs whole queries and tracebacks; what is needed of them is in its results."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "great_expectations":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def resolve(kwargs: Mapping[str, Any], previous: Mapping[str, float]) -> dict[str, Any]:
    """Fill in ``{previous: NAME, times: FACTOR}`` from the certified version before.

    Where there is none, or it was nothing, the bound is left out: a first version has nothing
    to differ from, and no multiple of nothing says anything.
    """
    resolved = {}
    for name, value in kwargs.items():
        if not (isinstance(value, dict) and "previous" in value):
            resolved[name] = value
        elif previous.get(value["previous"]):
            resolved[name] = previous[value["previous"]] * value.get("times", 1)
    return resolved


def _result(expectation: Expectation, found: Any) -> CheckResult:
    outcome: Outcome = "could_not_check"
    observed: dict[str, Any] = {"error": "Great Expectations gave no result"}
    if found is not None:
        error = _raised(found.exception_info)
        if error is None:
            outcome = "passed" if found.success else "failed"
            observed = _observed(found.result)
        else:
            observed = {"error": error}
    return CheckResult(
        tool="gx",
        name=expectation.title,
        severity=expectation.severity,
        result=outcome,
        column=next(iter(expectation.columns), None),
        reason=expectation.meta.reason,
        owner=expectation.meta.owner,
        observed=observed,
    )


def _raised(info: Mapping[str, Any]) -> str | None:
    """The error of an expectation, if it raised one; GX nests it by metric."""
    parts = [info] if "raised_exception" in info else list(info.values())
    for part in parts:
        if isinstance(part, dict) and part.get("raised_exception"):
            return telling(str(part.get("exception_message") or ""))
    return None


def _observed(result: Mapping[str, Any]) -> dict[str, Any]:
    observed = {name: result[name] for name in _OBSERVED if result.get(name) is not None}
    value = result.get("observed_value")
    # A number is an aggregate; a text may be somebody's identifier.
    if isinstance(value, int | float):
        observed["observed_value"] = value
    return observed


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
