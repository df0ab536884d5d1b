"""Arrow schemas of the input contracts: what the simulator writes is what ingest expects."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import yaml

from gatehouse.errors import GatehouseError

# Columns whose values hardly repeat; every other text column is dictionary encoded, which makes
# a row several times cheaper to make, to sort and to write.
_DISTINCT = frozenset(
    {
        "event_id",
        "login_id",
        "payment_id",
        "report_id",
        "label_id",
        "action_id",
        "appeal_id",
        "content_id",
        "item_id",
        "session_id",
        "body",
        "email",
        "comment",
    }
)
_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "double": pa.float64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "timestamp": pa.timestamp("us"),
}


def load_schemas(folder: Path) -> dict[str, pa.Schema]:
    """Arrow schema by contract name, from the contracts in ``folder``.

    Raises:
        GatehouseError: the folder has no contracts, or a type the simulator cannot write.
    """
    schemas = {path.stem: _schema(path) for path in sorted(folder.glob("*.yml"))}
    if not schemas:
        raise GatehouseError(
            f"There are no input contracts in {folder}.",
            next_step="set GATEHOUSE_PROJECT to the checkout.",
        )
    return schemas


def _schema(path: Path) -> pa.Schema:
    table = yaml.safe_load(path.read_text("utf-8"))["schema"][0]
    return pa.schema(
        [(column["name"], _type(path, column)) for column in table["properties"]],
        metadata={b"time_column": _time_column(table).encode()},
    )


def _type(path: Path, column: dict[str, str]) -> pa.DataType:
    name, physical = column["name"], column["physicalType"]
    if physical == "varchar":
        return pa.string() if name in _DISTINCT else _TEXT
    if physical not in _TYPES:
        raise GatehouseError(
            f"{path.name}: the simulator cannot write {name}, a {physical}.",
            next_step="add the type to gatehouse/simulate/schemas.py.",
        )
    return _TYPES[physical]


def _time_column(table: dict[str, list[dict[str, str]]]) -> str:
    return next(
        entry["value"] for entry in table["customProperties"] if entry["property"] == "timeColumn"
    )
