"""Raw rows as ingest would write them, made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import duckdb

from gatehouse.ingest.contracts import Contract
from gatehouse.ingest.tables import FINDINGS

Values = dict[str, Any]

# What identifies a record of a contract; the day is part of it where brief look-ups matter.
KEYS = {
    "actors": ("actor_id", "updated_at"),
    "appeals": ("appeal_id", "updated_at"),
    "content": ("content_id",),
    "enforcement_actions": ("action_id", "updated_at"),
    "events": ("event_id",),
    "logins": ("login_id",),
    "model_scores": ("item_id", "model_name", "model_version", "policy_code"),
    "payments": ("payment_id",),
    "reputation": ("list_id", "list_date", "entry"),
    "review_labels": ("label_id",),
    "user_reports": ("report_id",),
}
DATED = ("events", "logins")
_LINEAGE = (
    "record_key",
    "source_id",
    "file_id",
    "row_number",
    "row_hash",
    "version_at",
    "ingested_at",
)
EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001 - the lake's timestamps are UTC and naive


@dataclass(frozen=True)
class Row:
    """One row of an input table.

    Attributes:
        contract: the input table.
        values: its columns; what is left out is null.
        version_at: which version of its record it is.
        source: the source that says it; two sources never share a record.
    """

    contract: str
    values: Values = field(default_factory=dict)
    version_at: datetime = EPOCH
    source: str = "test"

    def corrected(self, version_at: datetime, **values: Any) -> Row:
        """A later version of the same record."""
        return replace(self, values={**self.values, **values}, version_at=version_at)

    @property
    def record_key(self) -> str:
        parts = [] if self.source == "test" else [self.source]
        parts += [str(self.values[name]) for name in KEYS[self.contract]]
        if self.contract in DATED:
            parts.append(str(self.values["occurred_at"].date()))
        return _md5("|".join(parts))

    @property
    def row_hash(self) -> str:
        return _md5(json.dumps(self.values, sort_keys=True, default=str))


def insert(
    connection: duckdb.DuckDBPyConnection,
    contracts: dict[str, Contract],
    rows: Iterable[Row],
    ingested_at: datetime,
) -> None:
    """Append rows to the raw tables as one load."""
    by_contract: dict[str, list[Row]] = {}
    for row in rows:
        by_contract.setdefault(row.contract, []).append(row)
    connection.execute("begin")
    for name, members in sorted(by_contract.items()):
        if name == "findings":
            columns = list(FINDINGS)
            cells = [
                [{**row.values, "ingested_at": ingested_at}.get(c) for c in columns]
                for row in members
            ]
        else:
            stated = [column.name for column in contracts[name].columns]
            columns = [*stated, *_LINEAGE]
            cells = [
                [*_stated(row, stated), *_lineage(row, number, ingested_at)]
                for number, row in enumerate(members)
            ]
        marks = ", ".join("?" for _ in columns)
        connection.executemany(
            f"insert into lake.raw.{name} ({', '.join(columns)}) values ({marks})", cells
        )
    connection.execute("commit")


def _lineage(row: Row, number: int, ingested_at: datetime) -> list[Any]:
    file_id = f"file of {ingested_at}"
    return [row.record_key, row.source, file_id, number, row.row_hash, row.version_at, ingested_at]


def _stated(row: Row, columns: Sequence[str]) -> list[Any]:
    unknown = row.values.keys() - set(columns)
    assert not unknown, f"not in the contract {row.contract}: {sorted(unknown)}"
    return [row.values.get(column) for column in columns]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
