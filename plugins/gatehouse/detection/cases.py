"""The unit-test cases of a detection, as its YAML has them: inputs, and what is to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Given:
    """One input of a case.

    Attributes:
        table: core table.
        types: type by column, from the table's contract.
        rows: values by column, or SQL that gives the rows; columns not given are null.
    """

    table: str
    types: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]] | str = ()


@dataclass(frozen=True)
class Case:
    """One unit-test case.

    Attributes:
        name: of the unit test.
        given: every core table that the detection reads, those without rows too.
        expected: what is to be found, by column; empty for a case that must find nothing.
    """

    name: str
    given: tuple[Given, ...]
    expected: tuple[Mapping[str, Any], ...]


def cases_of(unique_id: str, manifest: Any) -> tuple[Case, ...]:
    """The cases of a detection that can be carried out beside dbt, in the manifest's order."""
    node = manifest.nodes[unique_id]
    tables = {
        parent.name: {column.name: column.data_type or "" for column in parent.columns.values()}
        for parent in (manifest.nodes[each] for each in node.depends_on.nodes)
    }
    return tuple(
        _case(test, tables)
        for test in manifest.unit_tests.values()
        if test.model == node.name and _is_plain(test)
    )


def _is_plain(test: Any) -> bool:
    """Whether it brings its rows itself, and changes no macro or variable of dbt."""
    inputs = [*test.given, test.expect]
    return test.overrides is None and all(
        each.fixture is None and str(each.format) in ("dict", "sql") for each in inputs
    )


def _case(test: Any, tables: Mapping[str, Mapping[str, str]]) -> Case:
    rows = {_named(each.input): each.rows or [] for each in test.given}
    return Case(
        name=test.name,
        given=tuple(
            Given(table, types, rows.get(table, ())) for table, types in sorted(tables.items())
        ),
        expected=tuple(test.expect.rows or ()),
    )


def _named(text: str) -> str:
    """``fct_events`` of ``ref('fct_events')``."""
    return text.partition("(")[2].rpartition(")")[0].strip(" '\"")
