"""Source mappings: how the files of one source become rows of one input table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gatehouse.errors import GatehouseError
from gatehouse.ingest.contracts import Contract
from gatehouse.ingest.expressions import ExpressionError, fields_of
from gatehouse.ingest.globs import glob_pattern

# Fields that every row has, whatever its file's format.
ROW_FIELDS = frozenset({"_line", "_row", "_path", "_path_date"})
_NAME = r"^[a-z][a-z0-9_]{0,62}$"
MAX_LINE_BYTES = 4 * 1024 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileFormat(_Strict):
    """How the bytes of a file are cut into rows and raw fields."""

    type: Literal["parquet", "jsonl", "csv", "text", "auto"]
    pattern: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: bool | list[str] = True
    fields: dict[str, str] = {}
    encoding: str = "utf-8"
    max_line_bytes: int = Field(default=MAX_LINE_BYTES, ge=1024, le=64 * 1024 * 1024)

    @cached_property
    def groups(self) -> list[str]:
        """Names of all groups of ``pattern``, in order."""
        return re.findall(r"\(\?P<(\w+)>", self.pattern or "")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.type == "text") != (self.pattern is not None):
            raise ValueError("`pattern` goes with type text, and type text needs one")
        if self.pattern is not None:
            self._check_pattern(self.pattern)
        if self.fields and self.type not in {"jsonl", "auto"}:
            raise ValueError("`fields` (names for JSON paths) goes with type jsonl")
        if self.header is False:
            raise ValueError("a CSV without a header line needs `header: [names]`")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"encoding {self.encoding} is not known") from error
        return self

    def _check_pattern(self, pattern: str) -> None:
        try:
            count = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        if not self.groups or count != len(self.groups):
            raise ValueError("pattern: every group needs a name, (?P<name>…), or none, (?:…)")


class RowFilter(_Strict):
    """Which rows are kept; the others are left out, counted under this name."""

    name: str
    keep: str


class ColumnExpression(_Strict):
    """One column's SQL expression over the raw fields."""

    expr: str
    # Whether null is a good answer although a field it reads has a value.
    nullable: bool = False


def _as_expression(value: object) -> object:
    return {"expr": str(value)} if isinstance(value, str | int | float | bool) else value


class SourceMapping(_Strict):
    """One source, as ``sources/<id>.yml`` states it (see docs/reference/sources.md)."""

    source: Annotated[str, Field(pattern=_NAME)]
    contract: str
    description: str
    path: list[str] = Field(min_length=1)
    exclude: list[str] = []
    format: FileFormat
    parameters: dict[str, str | int | float | bool] = {}
    null_values: list[str] | None = None
    timezone: str = "UTC"
    ambiguous: Literal["earlier", "later", "quarantine"] = "earlier"
    filter: RowFilter | None = None
    identity: Literal["none"] | list[str] | None = None
    version: str | None = None
    columns: dict[str, ColumnExpression] | Literal["same"]

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = dict(data)
            if isinstance(data.get("path"), str):
                data["path"] = [data["path"]]
            if isinstance(data.get("columns"), dict):
                data["columns"] = {k: _as_expression(v) for k, v in data["columns"].items()}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            ZoneInfo(self.timezone)
        except Exception as error:
            raise ValueError(f"timezone {self.timezone} is not known") from error
        for glob in (*self.path, *self.exclude):
            if glob.startswith("/") or ".." in glob.split("/"):
                raise ValueError(f"path {glob} leaves the landing folder")
        for where, expression in self._expressions():
            try:
                fields_of(expression)
            except ExpressionError as error:
                raise ValueError(f"{where}: the expression {error}") from error
        return self

    def _expressions(self) -> Iterator[tuple[str, str]]:
        if isinstance(self.columns, dict):
            for name, column in self.columns.items():
                yield f"columns.{name}", column.expr
        if self.filter is not None:
            yield "filter.keep", self.filter.keep
        if self.version is not None:
            yield "version", self.version

    @property
    def path_fields(self) -> set[str]:
        """Which of ``_path`` and ``_path_date`` its rows also depend on."""
        read = {name for _, text in self._expressions() for name in fields_of(text)}
        return read & {"_path", "_path_date"}

    def matches(self, relative_path: str) -> bool:
        """Whether a path below the landing folder is of this source."""
        return any(glob_pattern(glob).match(relative_path) for glob in self.path) and not any(
            glob_pattern(glob).match(relative_path) for glob in self.exclude
        )

    def mapping_hash(self, contract: Contract) -> str:
        """Hash of all that decides what becomes of a row of this source."""
        stated = self.model_dump_json(exclude={"description", "path", "exclude"})
        return hashlib.sha256((stated + contract.fingerprint).encode()).hexdigest()

    def expressions(self, contract: Contract) -> dict[str, ColumnExpression]:
        """The expression of each mapped column of the contract."""
        if isinstance(self.columns, dict):
            return self.columns
        return {
            column.name: ColumnExpression(expr=f'"{column.name}"') for column in contract.columns
        }

    def raw_fields(self, contract: Contract) -> dict[str, bool]:
        """The fields to read from a file, and whether a file must have them."""
        optional = self.columns == "same"
        required = {column.name for column in contract.columns if column.is_required}
        names: dict[str, bool] = {}
        for column, expression in self.expressions(contract).items():
            for name in sorted(fields_of(expression.expr)):
                names[name] = not optional or column in required
        for text in (self.filter.keep if self.filter else None, self.version):
            names |= dict.fromkeys(sorted(fields_of(text)) if text else (), True)
        given = ROW_FIELDS | self.parameters.keys()
        return {name: must for name, must in names.items() if name not in given}


def load_mappings(folder: Path, contracts: Mapping[str, Contract]) -> dict[str, SourceMapping]:
    """Every mapping in ``folder``, by source id, checked against its contract.

    Raises:
        GatehouseError: one of them is wrong; says which, where and what.
    """
    mappings = {}
    for path in sorted(folder.glob("*.yml")):
        mapping = read_mapping(path)
        problem = _problem(mapping, contracts)
        if problem is None and mapping.source != path.stem:
            problem = f"source: {mapping.source} is not the file's name"
        if problem is not None:
            raise _wrong(path, problem)
        mappings[mapping.source] = mapping
    return mappings


def read_mapping(path: Path) -> SourceMapping:
    """One mapping file, not yet checked against its contract."""
    import yaml

    from gatehouse.strict_yaml import load_yaml

    try:
        return SourceMapping.model_validate(load_yaml(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        raise _wrong(path, f"{where}: {text}" if where else text) from error
    except yaml.YAMLError as error:
        raise _wrong(path, f"not YAML: {error}") from error


def _problem(mapping: SourceMapping, contracts: Mapping[str, Contract]) -> str | None:
    contract = contracts.get(mapping.contract)
    if contract is None:
        return f"contract: there is no {mapping.contract} (there are {', '.join(contracts)})"
    mapped = mapping.expressions(contract)
    if unknown := sorted(mapped.keys() - contract.by_name.keys()):
        return f"columns: {', '.join(unknown)} not in the contract {contract.name}"
    missing = [c.name for c in contract.columns if c.is_required and c.name not in mapped]
    if missing:
        return f"columns: the contract requires {', '.join(missing)}"
    if isinstance(mapping.identity, list):
        if unknown := [name for name in mapping.identity if name not in mapped]:
            return f"identity: {', '.join(unknown)} is not a mapped column"
    elif mapping.identity is None and (
        unknown := [name for name in contract.identity if name not in mapped]
    ):
        return (
            f"identity: the contract's is {', '.join(contract.identity)}, and "
            f"{', '.join(unknown)} is not mapped; map it, name other columns, or say none"
        )
    return _field_problem(mapping, contract)


# Columns of the reader beside a mapping's own fields: see fields.py.
_OWN_NAMES = {"ordinal", "row_number", "_line", "defect"}


def _field_problem(mapping: SourceMapping, contract: Contract) -> str | None:
    fields = mapping.raw_fields(contract)
    if taken := sorted(fields.keys() & _OWN_NAMES):
        return (
            f"columns: {taken[0]} is a name that ingest uses itself; call the field otherwise "
            "in format.fields, format.header or the pattern"
        )
    if mapping.format.type == "text":
        known: set[str] = set(mapping.format.groups)
    elif isinstance(mapping.format.header, list):
        known = set(mapping.format.header)
    else:
        return None
    if unknown := sorted(fields.keys() - known):
        return f"columns: no field {', '.join(unknown)} (there are {', '.join(sorted(known))})"
    return None


def _wrong(path: Path, problem: str) -> GatehouseError:
    return GatehouseError(
        f"sources/{path.name}: {problem}.",
        next_step="mend it and run: gatehouse sources (docs/reference/sources.md).",
    )
