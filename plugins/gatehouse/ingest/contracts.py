"""Data contracts of the input tables, as ingest uses them (Open Data Contract Standard 3.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatehouse.errors import GatehouseError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaObject, SchemaProperty


@dataclass(frozen=True)
class Column:
    """One column of an input table and what must hold for its values.

    Attributes:
        name: its name.
        type: DuckDB type.
        is_required: whether every row must have a value.
        enum: the allowed values; empty where any is.
        minimum: smallest allowed number.
        maximum: largest allowed number.
        pattern: regular expression the whole text must match.
        max_length: longest allowed text, characters.
    """

    name: str
    type: str
    is_required: bool = False
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    max_length: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.type == "varchar"

    @property
    def is_time(self) -> bool:
        """Whether it holds a point in time, UTC."""
        return self.type == "timestamp"


@dataclass(frozen=True)
class Contract:
    """An input table: its columns, its clock, and what identifies a record.

    Attributes:
        name: name of the contract and of the table in ``raw``.
        columns: its columns, in order.
        time_column: the record's own clock; loads are sorted and look-ups bounded by it.
        identity: columns that identify a record, where a mapping names no others.
        has_dated_key: whether the UTC date of the time column is part of the key.
    """

    name: str
    columns: tuple[Column, ...]
    time_column: str
    identity: tuple[str, ...]
    has_dated_key: bool = False

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Its columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides what a row must be."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def load_contracts(folder: Path) -> dict[str, Contract]:
    """Every contract in ``folder``, by name.

    Raises:
        GatehouseError: a file is not a contract that ingest can follow.
    """
    contracts = {}
    for path in sorted(folder.glob("*.yml")):
        contract = _load(path)
        contracts[contract.name] = contract
    if not contracts:
        raise GatehouseError(
            f"There is no data contract in {folder}.",
            next_step="run from the checkout, or set GATEHOUSE_PROJECT to it.",
        )
    return contracts


def _load(path: Path) -> Contract:
    from open_data_contract_standard.model import OpenDataContractStandard

    try:
        document = OpenDataContractStandard.from_file(str(path))
        table = document.schema_[0]
        extra = {item.property: item.value for item in table.customProperties or []}
        return Contract(
            name=str(table.name),
            columns=tuple(_column(item) for item in table.properties),
            time_column=extra["timeColumn"],
            identity=tuple(extra["identity"]),
            has_dated_key=bool(extra.get("datedKey", False)),
        )
    except Exception as error:
        raise GatehouseError(
            f"{path.name} is not a data contract that ingest can follow: {error!r}.",
            next_step="compare it with expectations/inputs/events.yml.",
        ) from error


def _column(item: SchemaProperty) -> Column:
    options: dict[str, Any] = item.logicalTypeOptions or {}
    return Column(
        name=item.name,
        type=item.physicalType.lower(),
        is_required=bool(item.required),
        enum=_valid_values(item),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        pattern=options.get("pattern"),
        max_length=options.get("maxLength"),
    )


def _valid_values(item: SchemaProperty | SchemaObject) -> tuple[str, ...]:
    for rule in item.quality or []:
        if rule.metric == "invalidValues":
            return tuple(str(value) for value in (rule.arguments or {})["validValues"])
    return ()
