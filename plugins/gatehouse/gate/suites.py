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
from gatehouse.strict_yaml import load_yaml

LIMITS_FILE = "limits.yml"
# Arguments of expectations that name columns.
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")
# What is known of the certified version before, for bounds that follow it.
_PREVIOUS = ("row_count",)
# Checks by the limits whose readings they gather; {} is the column.
CHECKS = {
    "rows missing by day": "rows_drop",
    "rows in excess by day": "rows_rise",
    "actors missing by day": "units_drop",
    "actors in excess by day": "units_rise",
    "rows lost from certified days": "restated_drop",
    "rows added to certified days": "restated_rise",
    "missing values": "nulls",
    "new values of {}": "new_value",
    "values of {} become rare": "value_drop",
    "values of {} become frequent": "value_rise",
    "mix of {}": "mix",
    "one value of {} for many": "shared",
    "distribution of {}": "numbers",
    "hours of {}": "hours",
    "repeated rows": "repeats",
    "rows at the moments of the day before": "replayed",
}


class Meta(BaseModel):
    """Why an expectation exists, and who mends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=10)
    owner: str = Field(min_length=2)


class Expectation(BaseModel):
    """One expectation, as Great Expectations names it.

    Attributes:
        name: how it is shown; for expectations on SQL, which have no telling name of their own.
        canary: SQL by column that makes a row break it, where values out of all bounds do not;
            ``n`` is the number of the row. See docs/concepts/6-proof-of-life.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    meta: Meta
    name: str = ""
    canary: dict[str, str] = Field(default_factory=dict)

    @field_validator("type")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if not re.fullmatch(r"expect_[a-z_]+|unexpected_rows_expectation", value):
            raise ValueError(f"{value!r} does not name an expectation of Great Expectations")
        return value

    @field_validator("kwargs")
    @classmethod
    def _known_bounds(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, bound in value.items():
            if not (isinstance(bound, dict) and {"previous", "times"} & bound.keys()):
                continue
            times = bound.get("times", 1)
            is_number = isinstance(times, int | float) and not isinstance(times, bool)
            if (
                bound.keys() - {"previous", "times"}
                or bound.get("previous") not in _PREVIOUS
                or not (is_number and times > 0)
            ):
                raise ValueError(
                    f"{name} is a bound by the version before: {{previous: {_PREVIOUS[0]}, "
                    "times: a number}"
                )
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


class Limits(BaseModel):
    """How far a day may be from what its past leads one to expect; see `gatehouse.gate.drift`.

    Attributes:
        rows_drop: share of the forecast rows that may be missing.
        rows_rise: rows beyond the forecast, as a share of it.
        units_drop: share of the forecast actors that may be missing.
        units_rise: actors beyond the forecast, as a share of it.
        restated_drop: share of a certified day's rows that may go.
        restated_rise: rows that may be added to a certified day, as a share of it.
        nulls: rise of the share of rows without a value.
        new_value: share of actors with a value never seen.
        value_drop: share of the expected actors of a value that may be missing.
        value_rise: actors of a value beyond what is expected, as a share of it.
        mix: share of the actors that have another value than expected, of a column of few values.
        shared: rise of the share of the actors that one value covers.
        numbers: population stability index of a number's distribution.
        hours: population stability index of the hours of the day.
        repeats: change of the share of rows that repeat another.
        replayed: rise of the share of rows at the same moment as on the day before.
        least: actors, or rows, below which a day, a product or a value is not judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows_drop: float = Field(default=0.4, gt=0, lt=1)
    rows_rise: float = Field(default=3, gt=0)
    units_drop: float = Field(default=0.45, gt=0, lt=1)
    units_rise: float = Field(default=3, gt=0)
    restated_drop: float = Field(default=0.1, gt=0, lt=1)
    restated_rise: float = Field(default=0.5, gt=0)
    nulls: float = Field(default=0.1, gt=0, lt=1)
    new_value: float = Field(default=0.05, gt=0, lt=1)
    value_drop: float = Field(default=0.6, gt=0, lt=1)
    value_rise: float = Field(default=1.5, gt=0)
    mix: float = Field(default=0.4, gt=0, lt=1)
    shared: float = Field(default=0.2, gt=0, lt=1)
    numbers: float = Field(default=0.5, gt=0)
    hours: float = Field(default=0.25, gt=0)
    repeats: float = Field(default=0.05, gt=0, lt=1)
    replayed: float = Field(default=0.2, gt=0, lt=1)
    least: int = Field(default=40, ge=1)


class Drift(BaseModel):
    """What of a table, or of one that it is made from, is compared with its certified past.

    Attributes:
        of: the raw table to look at, e.g. ``raw.model_scores``: a feed whose faults do not show in
            the table itself; absent: the table itself.
        only: a boolean column; rows where it is false are not looked at.
        day: column of the day, a date or a time; absent: the table is compared as a whole.
        time: column of the time of day.
        surface: column of the product.
        unit: column of who a row is about: each has one vote; absent: each row.
        values: columns of few values.
        shared: columns of identifiers: one value that many share is one that stands for all.
        numbers: columns of numbers.
        repeats: columns that tell two rows of one unit apart.
        severity: of what is beyond a limit.
        warnings: checks that hold nothing: what they see is as often news as a fault.
        reason: why it matters.
        owner: who mends it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str = Field(default="", pattern=r"^(raw\.[a-z_]+)?$")
    only: str = ""
    day: str = ""
    time: str = ""
    surface: str = ""
    unit: str = ""
    values: list[str] = Field(default_factory=list)
    shared: list[str] = Field(default_factory=list)
    numbers: list[str] = Field(default_factory=list)
    repeats: list[str] = Field(default_factory=list)
    severity: Severity = "critical"
    warnings: list[str] = Field(default_factory=list)
    reason: str = Field(min_length=10)
    owner: str = Field(min_length=2)

    def relation(self, table: str) -> str:
        """What is looked at, with its schema."""
        return self.of or f"core.{table}"

    @property
    def looks_for_replays(self) -> bool:
        """Whether a day can be told from a copy of the day before: by who does what when."""
        return bool(self.day and self.time and self.unit)

    @property
    def columns(self) -> list[str]:
        """The columns it names."""
        named = [self.only, self.day, self.time, self.surface, self.unit]
        columns = self.values + self.shared + self.numbers + self.repeats
        return [name for name in named if name] + columns

    @property
    def checks(self) -> set[str]:
        """Names that its checks may have, without that of a feed."""
        return {name.format(column) for name in CHECKS for column in ["", *self.columns]}


class Suite(BaseModel):
    """What must hold of one core table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    owner: str
    empty: Empty
    expectations: list[Expectation]
    drift: list[Drift] = Field(default_factory=list)
    # Column of the product, where a row is made from rows of its own product only: then what is
    # wrong with one product says nothing of the rows of the others.
    by_product: str = ""
    # Share of the rows that arrive for it which may be quarantined.
    most_quarantined: float = Field(default=0.2, gt=0, le=1)
    # By relation; of ``expectations/limits.yml``, not of the suite's own file.
    limits: dict[str, Limits] = Field(default_factory=dict)
    # Hash of the file and the limits, for `suite_version`.
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
        data = load_yaml(content)
        suite = Suite.model_validate(data)
    except (yaml.YAMLError, TypeError, ValidationError) as error:
        raise GatehouseError(
            f"{path.name}: {_first_problem(error, content)}", next_step=f"edit {path}"
        ) from error
    _check(suite, path, table, columns)
    known = load_limits(folder.parent / LIMITS_FILE)
    relations = [drift.relation(table) for drift in suite.drift]
    _check_limits(known, folder, f"core.{table}", relations)
    limits = {name: known.get(name, Limits()) for name in relations}
    told = "".join(f"{name} {limits[name].model_dump_json()}" for name in sorted(limits))
    digest = hashlib.sha256(content + told.encode()).hexdigest()
    return suite.model_copy(update={"limits": limits, "digest": digest})


def load_limits(path: Path) -> dict[str, Limits]:
    """The limits by relation; one that the file does not name has the default ones.

    Raises:
        GatehouseError: something in the file is wrong.
    """
    if not path.is_file():
        return {}
    try:
        data = load_yaml(path.read_bytes()) or {}
        return {name: Limits.model_validate(own or {}) for name, own in data.items()}
    except (yaml.YAMLError, AttributeError, ValidationError) as error:
        words = " ".join(str(error).split())[:200]
        raise GatehouseError(f"{path.name}: {words}", next_step=f"edit {path}") from error


def _check_limits(
    known: Mapping[str, Limits], folder: Path, own: str, relations: list[str]
) -> None:
    """A name that no suite has would bound nothing, and leave the defaults where it was meant."""
    suites = {f"core.{path.stem}" for path in folder.glob("*.yml")}
    inputs = {f"raw.{path.stem}" for path in (folder.parent / "inputs").glob("*.yml")}
    unknown = [
        name
        for name in known
        if name not in suites | (inputs or {name}) or (name == own and own not in relations)
    ]
    if unknown:
        path = folder.parent / LIMITS_FILE
        raise GatehouseError(
            f"{path.name}: no suite compares {unknown[0]} with its past.",
            next_step=f"edit {path}: core.TABLE or raw.FEED, as the drift of a suite names it",
        )


def _check(suite: Suite, path: Path, table: str, columns: Mapping[str, str]) -> None:
    problems = []
    if suite.table != table:
        problems.append(f"table is {suite.table!r}, the file is named {table!r}")
    if suite.empty.when == "inputs_empty" and not suite.empty.inputs:
        problems.append("empty.inputs names no raw table")
    problems += [
        f"{expectation.title} names the column {column!r}, which the model's contract does not have"
        for expectation in suite.expectations
        for column in [*expectation.columns, *expectation.canary]
        if column not in columns
    ]
    problems += [
        f"drift names the column {column!r}, which the model's contract does not have"
        for drift in suite.drift
        for column in drift.columns
        if not drift.of and column not in columns
    ]
    problems += [
        f"drift.warnings names {name!r}, which is none of its checks"
        for drift in suite.drift
        for name in drift.warnings
        if name not in drift.checks
    ]
    if suite.by_product and suite.by_product not in columns:
        problems.append(
            f"by_product names the column {suite.by_product!r}, which the model's contract does "
            "not have"
        )
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
        data = load_yaml(content)
        kind = data["expectations"][position]
        where += f" ({kind.get('type')})" if isinstance(kind, dict) else ""
    return f"{where}: {problem['msg']}"
