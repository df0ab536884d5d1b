"""Great Expectations 1.24 on DuckDB: everything it needs that it does not bring.

GX has no DuckDB data source. Through SQLAlchemy it nearly works; two things are mended here, by
names that are private to GX, which is why its version is pinned exactly and tested:

* GX fetches results after it gave the connection back. DuckDB's cursor is empty by then, so the
  dialect must be among those whose connection GX keeps.
* GX knows no regular expressions for DuckDB.

Two more are only slow: see `implementation` and `plain_context`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from gatehouse.errors import CouldNotCheckError

if TYPE_CHECKING:
    import duckdb

_SUPPORTED = "1.24."
# Each of these modules holds its own reference to the function.
_REGEX_USERS = (
    "column_map_metrics.column_values_match_regex",
    "column_map_metrics.column_values_match_regex_list",
    "column_map_metrics.column_values_not_match_regex",
    "column_map_metrics.column_values_not_match_regex_list",
    "column_aggregate_metrics.column_values_match_regex_values",
    "column_aggregate_metrics.column_values_not_match_regex_values",
)


class _DuckDBName(str):
    """Quacks like a member of GX's enumeration of dialects, which reads ``value``."""

    __slots__ = ()

    @property
    def value(self) -> str:
        return str(self)


@cache
def adapted_gx() -> Any:
    """The module ``great_expectations``, able to work on DuckDB. Importing it takes seconds.

    Raises:
        CouldNotCheckError: another version is installed than this adaptation is made for.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    if not gx.__version__.startswith(_SUPPORTED):
        raise CouldNotCheckError(
            f"Great Expectations {gx.__version__} is installed; the gate needs {_SUPPORTED}x.",
            next_step="install what is locked: make install",
        )
    engine._PERSISTED_CONNECTION_DIALECTS = (
        *engine._PERSISTED_CONNECTION_DIALECTS,
        _DuckDBName("duckdb"),
    )
    _teach_regular_expressions()
    return gx


def _teach_regular_expressions() -> None:
    import importlib

    from great_expectations.expectations.metrics import util

    original = util.get_dialect_regex_expression
    expression = _regex_for(original)
    util.get_dialect_regex_expression = expression
    for name in _REGEX_USERS:
        module = importlib.import_module(f"great_expectations.expectations.metrics.{name}")
        module.get_dialect_regex_expression = expression  # type: ignore[attr-defined]


def _regex_for(original: Callable[..., Any]) -> Callable[..., Any]:
    import sqlalchemy as sa

    def expression(column: Any, regex: str, dialect: Any, positive: bool = True) -> Any:
        name = getattr(getattr(dialect, "dialect", dialect), "name", "")
        if name != "duckdb":
            return original(column, regex, dialect, positive)
        # Not `~`, which is PostgreSQL's search and DuckDB's match of the whole value.
        matches = sa.func.regexp_matches(column, sa.literal(regex))
        return matches if positive else sa.not_(matches)

    return expression


@cache
def implementation(kind: str) -> Any:
    """The class of an expectation; of one that is a query, one that runs it once.

    GX's own runs it twice, to count the rows and to fetch the first of them, which nobody keeps.
    """
    from great_expectations.expectations.registry import get_expectation_impl

    found: Any = get_expectation_impl(kind)
    if kind != "unexpected_rows_expectation":
        return found

    class CountedRows(found):  # type: ignore[misc]
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
            count = metrics["unexpected_rows_query.row_count"]
            found = {"observed_value": count, "unexpected_count": count}
            return {"success": count == 0, "result": found}

    return CountedRows


def plain_context() -> Any:
    """A GX data context that lives in memory and renders itself as YAML for nobody."""
    context = adapted_gx().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    # Else with each table that it is told of.
    context._save_project_config = lambda *_: None
    return context


def add_lake(context: Any, connect: Callable[[], duckdb.DuckDBPyConnection]) -> Any:
    """A GX data source whose every connection comes from ``connect``.

    Args:
        context: a GX data context.
        connect: opens a connection with the lake attached, pinned, its core schema in use.
    """
    from duckdb_sqlalchemy import ConnectionWrapper

    def creator() -> Any:
        return ConnectionWrapper(connect())

    return context.data_sources.add_sql(
        "lake", connection_string="duckdb:///:memory:", kwargs={"creator": creator}
    )
