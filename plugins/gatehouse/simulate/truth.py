"""Ground truth: who and what is abuse. Kept apart from the landing folder, written day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

_ROWS_A_GROUP = 50_000
_TIME, _TEXT, _FLAG = pa.timestamp("us"), pa.string(), pa.bool_()
SCHEMAS = {
    "campaigns": pa.schema(
        {
            "campaign_id": _TEXT,
            "kind": _TEXT,
            "policy_code": _TEXT,
            "size": pa.int32(),
            "stealth": pa.float64(),
            "starts_at": _TIME,
            "ends_at": _TIME,
            "phase_count": pa.int32(),
            "adapted_at": _TIME,
            "adapted_because": _TEXT,
        }
    ),
    "campaign_actors": pa.schema(
        {
            "campaign_id": _TEXT,
            "kind": _TEXT,
            "actor_id": _TEXT,
            "actor_type": _TEXT,
            "role": _TEXT,
            "phase": _TEXT,
            "phase_start_at": _TIME,
            "phase_end_at": _TIME,
        }
    ),
    "campaign_records": pa.schema(
        {"campaign_id": _TEXT, "phase": _TEXT, "contract_name": _TEXT, "record_id": _TEXT}
    ),
    "campaign_resources": pa.schema(
        {"campaign_id": _TEXT, "phase": _TEXT, "resource_type": _TEXT, "resource": _TEXT}
    ),
    "actors": pa.schema(
        {
            "actor_id": _TEXT,
            "actor_type": _TEXT,
            "is_abusive": _FLAG,
            "abuse_kind": _TEXT,
            "campaign_id": _TEXT,
        }
    ),
    "violating_items": pa.schema(
        {"item_id": _TEXT, "actor_id": _TEXT, "policy_code": _TEXT, "campaign_id": _TEXT}
    ),
    "reports": pa.schema({"report_id": _TEXT, "report_kind": _TEXT, "campaign_id": _TEXT}),
    "decisions": pa.schema({"contract_name": _TEXT, "record_id": _TEXT, "is_right": _FLAG}),
    "happenings": pa.schema(
        {
            "kind": _TEXT,
            "product_code": _TEXT,
            "country_code": _TEXT,
            "starts_at": _TIME,
            "ends_at": _TIME,
        }
    ),
}


class Truth:
    """Writes the tables of `SCHEMAS`; they replace those of an earlier run when all are whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, schema in SCHEMAS.items():
            self._writers[name] = pq.ParquetWriter(self._staged(name), schema, compression="zstd")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, writer in self._writers.items():
            self._flush(name)
            writer.close()
            if kind is None:
                self._staged(name).replace(self.folder / f"{name}.parquet")
            else:
                self._staged(name).unlink()

    def add(self, name: str, columns: Mapping[str, Any], count: int) -> None:
        """Add rows to a table; texts and None stand for all ``count`` rows."""
        if count:
            schema = SCHEMAS[name]
            arrays = [_column(columns.get(field.name), field.type, count) for field in schema]
            self._put(name, pa.Table.from_arrays(arrays, schema=schema))

    def add_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add a few rows."""
        if rows:
            self._put(name, pa.Table.from_pylist(list(rows), SCHEMAS[name]))

    def _put(self, name: str, table: pa.Table) -> None:
        waiting = self._waiting[name]
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= _ROWS_A_GROUP:
            self._flush(name)

    def _flush(self, name: str) -> None:
        if self._waiting[name]:
            whole = pa.concat_tables(self._waiting[name]).combine_chunks()
            self._writers[name].write_table(whole)
            self._waiting[name] = []

    def _staged(self, name: str) -> Path:
        return self.folder / f".{name}.parquet.part"


def _column(value: Any, kind: pa.DataType, count: int) -> Any:
    if value is None or isinstance(value, str | bool):
        return pa.repeat(pa.scalar(value, kind), count)
    array = value if isinstance(value, pa.Array) else pa.array(value)
    return array if array.type == kind else array.cast(kind)
