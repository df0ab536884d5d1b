"""Loading the suites of ``expectations/core``: one YAML file a core table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gatehouse.errors import GatehouseError
from gatehouse.gate.results import Severity

# Arguments of expectations that name columns.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")


class Meta(BaseModel):
    """Why an expectation exists, and who mends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=10)
    owner: str = Field(min_length=2)


class Expectation(BaseModel):
    """One expectation, as Great Expectations names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    meta: Meta
    # For expectations on SQL, which have no telling name of their own.
    name: str = ""

    @field_validator("type")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if not re.fullmatch(r"expect_[a-z_]+|unexpected_rows_expectation", value):
            raise ValueError(f"{value!r} does not name an expectation of Great Expectations")
        return value

    @property
    def columns(self) -> list[str]:
        """The columns it names."""
        named: list[str] = []
        for argument in _COLUMN_ARGUMENTS:
            value = self.kwargs.get(argument, [])
            named += [value] if isinstance(value, str) else value
        return named

    @property
    def title(self) -> str:
        """How it is shown."""
        columns = f"({', '.join(self.columns)})" if self.columns else ""
        return self.name or f"{self.type}{columns}"


class Empty(BaseModel):
    """When the table may be empty.

    ``never``: an empty table failed. ``inputs_empty``: it may where all the named raw tables
    are. ``always``: having found nothing is an answer, e.g. no cluster.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Literal["never", "inputs_empty", "always"]
    inputs: list[str] = Field(default_factory=list)
    reason: str = Field(min_length=10)


class Suite(BaseModel):
    """What must hold of one core table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    owner: str
    empty: Empty
    expectations: list[Expectation]
    # Hash of the file, for `suite_version`.
    digest: str = ""


def load_suite(folder: Path, table: str, columns: Mapping[str, str]) -> Suite:
    """The suite of one table.

    Args:
        folder: of the suites.
        table: core table.
        columns: type by column, from the model's contract.

    Raises:
        GatehouseError: there is none, or something in it is wrong.
    """
    path = folder / f"{table}.yml"
    if not path.is_file():
        raise GatehouseError(
            f"{table} has no suite ({path}).", next_step="write one; see docs/concepts/3-gate.md"
        )
    content = path.read_bytes()
    try:
        data = yaml.safe_load(content)
        suite = Suite.model_validate({**data, "digest": hashlib.sha256(content).hexdigest()})
    except (yaml.YAMLError, TypeError, ValidationError) as error:
        raise GatehouseError(
            f"{path.name}: {_first_problem(error, content)}", next_step=f"edit {path}"
        ) from error
    _check(suite, path, table, columns)
    return suite


def _check(suite: Suite, path: Path, table: str, columns: Mapping[str, str]) -> None:
    problems = []
    if suite.table != table:
        problems.append(f"table is {suite.table!r}, the file is named {table!r}")
    if suite.empty.when == "inputs_empty" and not suite.empty.inputs:
        problems.append("empty.inputs names no raw table")
    problems += [
        f"{expectation.title} names the column {column!r}, which the model's contract does not have"
        for expectation in suite.expectations
        for column in expectation.columns
        if column not in columns
    ]
    titles = [expectation.title for expectation in suite.expectations]
    problems += [
        f"{title} stands twice; give one a name" for title in titles if titles.count(title) > 1
    ]
    if problems:
        raise GatehouseError(f"{path.name}: {problems[0]}.", next_step=f"edit {path}")


def _first_problem(error: Exception, content: bytes) -> str:
    if not isinstance(error, ValidationError):
        return str(error).replace("\n", " ")
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    position = problem["loc"][1] if problem["loc"][:1] == ("expectations",) else None
    if isinstance(position, int):
        data = yaml.safe_load(content)
        kind = data["expectations"][position]
        where += f" ({kind.get('type')})" if isinstance(kind, dict) else ""
    return f"{where}: {problem['msg']}"
