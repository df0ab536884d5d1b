from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from tests.conftest import PROJECT
from tests.gate.conftest import suite

from gatehouse.gate.expectations import GxRunner, resolve, telling
from gatehouse.gate.results import CheckResult
from gatehouse.gate.suites import Suite

_META = {"reason": "it is a test", "owner": "data"}

# Each type that suites use, once true and once false of the table below.
_CASES: dict[str, list[tuple[dict[str, object], str]]] = {
    "expect_column_values_to_be_between": [
        ({"column": "number", "min_value": 0, "max_value": 9}, "passed"),
        ({"column": "number", "min_value": 0, "max_value": 8}, "failed"),
        ({"column": "number", "min_value": 0, "max_value": 8, "mostly": 0.9}, "passed"),
        # A null is in no range and out of none.
        ({"column": "mostly_null", "min_value": 3}, "passed"),
    ],
    "expect_column_value_lengths_to_be_between": [
        ({"column": "text", "min_value": 1, "max_value": 2}, "passed"),
        ({"column": "text", "max_value": 1}, "failed"),
    ],
    "expect_column_values_to_match_regex": [
        ({"column": "text", "regex": "^x[0-9]$"}, "passed"),
        # A search, not a match of the whole value.
        ({"column": "text", "regex": "[0-9]"}, "passed"),
        ({"column": "text", "regex": "^[0-9]"}, "failed"),
    ],
    "expect_column_values_to_not_match_regex": [
        ({"column": "text", "regex": "@"}, "passed"),
        ({"column": "text", "regex": "x5"}, "failed"),
    ],
    "expect_column_mean_to_be_between": [
        ({"column": "number", "min_value": 4.5, "max_value": 4.5}, "passed"),
        ({"column": "number", "max_value": 4.4}, "failed"),
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        ({"column_A": "ended", "column_B": "started", "or_equal": True}, "passed"),
        ({"column_A": "started", "column_B": "ended", "or_equal": True}, "failed"),
    ],
    "expect_table_row_count_to_be_between": [
        ({"min_value": 10, "max_value": 10}, "passed"),
        ({"min_value": 11}, "failed"),
        ({"min_value": {"previous": "row_count", "times": 0.5}}, "passed"),
        ({"min_value": {"previous": "row_count", "times": 0.6}}, "failed"),
    ],
    "unexpected_rows_expectation": [
        ({"unexpected_rows_query": "select 1 from {batch} where number > 9"}, "passed"),
        ({"unexpected_rows_query": "select 1 from {batch} where number > 8"}, "failed"),
        ({"unexpected_rows_query": "select 1 from lake.core.other where a > 0"}, "failed"),
    ],
}


@pytest.fixture(scope="module")
def runner() -> Iterator[GxRunner]:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.core")
        connection.execute("create table lake.core.other as select 1 as a")
        connection.execute(
            "create table lake.core.things as select range as number, 'x' || range as text, "
            "case when range = 3 then 3 end as mostly_null, "
            "timestamp '2024-01-01' + to_hours(range::int) as started, "
            "timestamp '2024-01-02' + to_hours(range::int) as ended from range(10)"
        )
        yield GxRunner(connection)


def _check(runner: GxRunner, kind: str, kwargs: dict[str, object]) -> CheckResult:
    expectation = {"type": kind, "kwargs": kwargs, "severity": "critical", "meta": _META}
    built = Suite.model_validate(suite("things", expectations=[expectation]))
    (result,) = runner.run(built, {"row_count": 20.0})
    return result


@pytest.mark.parametrize(
    ("kind", "kwargs", "expected"),
    [(kind, kwargs, expected) for kind, cases in _CASES.items() for kwargs, expected in cases],
)
def test_it_is_evaluated_in_duckdb(
    runner: GxRunner, kind: str, kwargs: dict[str, object], expected: str
) -> None:
    assert _check(runner, kind, kwargs).result == expected


def test_every_type_that_suites_use_is_tried_here() -> None:
    used = {
        expectation["type"]
        for path in Path(PROJECT / "expectations" / "core").glob("*.yml")
        for expectation in yaml.safe_load(path.read_text("utf-8"))["expectations"]
    }
    assert used <= _CASES.keys()


@pytest.mark.parametrize(
    "query",
    [
        "select 1 from {batch} where no_such_column",
        "select 1 from {batch} where cast(text as integer) > 1",
    ],
    ids=["wrong name", "wrong value"],
)
def test_a_query_that_cannot_run_could_not_be_checked(runner: GxRunner, query: str) -> None:
    found = _check(runner, "unexpected_rows_expectation", {"unexpected_rows_query": query})
    assert found.result == "could_not_check"
    # The value that could not be converted is not quoted.
    assert "x0" not in repr(found.observed)


def test_a_query_is_run_once(runner: GxRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine

    asked: list[str] = []
    plain = SqlAlchemyExecutionEngine.execute_query

    def seen(self: Any, query: Any) -> Any:
        asked.append(str(query))
        return plain(self, query)

    monkeypatch.setattr(SqlAlchemyExecutionEngine, "execute_query", seen)
    query = "select 1 from {batch} where number > 7"
    found = _check(runner, "unexpected_rows_expectation", {"unexpected_rows_query": query})
    assert (found.result, found.observed["observed_value"]) == ("failed", 2)
    assert len([each for each in asked if "number > 7" in each]) == 1


def test_counts_are_kept_and_values_are_not(runner: GxRunner) -> None:
    found = _check(
        runner, "expect_column_values_to_match_regex", {"column": "text", "regex": "^x[0-4]$"}
    )
    assert found.observed["unexpected_count"] == 5
    assert "x7" not in repr(found.observed)


def test_without_a_version_before_its_bound_is_left_out() -> None:
    kwargs = {"min_value": {"previous": "row_count", "times": 0.5}, "max_value": 7}
    assert resolve(kwargs, {}) == {"max_value": 7}
    assert resolve(kwargs, {"row_count": 0.0}) == {"max_value": 7}
    assert resolve(kwargs, {"row_count": 10.0}) == {"min_value": 5.0, "max_value": 7}


def test_only_errors_that_hold_no_data_are_quoted() -> None:
    assert "nothere" in telling('Binder Error: Referenced column "nothere" not found\nLINE 1')
    assert "who@example.org" not in telling(
        "Conversion Error: Could not convert string 'who@example.org' to INT32"
    )
