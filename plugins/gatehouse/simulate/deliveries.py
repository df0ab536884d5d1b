"""How files arrive: mostly in order, some rows late, some files twice, a few rows broken."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from gatehouse.simulate.columns import time_sorted
from gatehouse.simulate.landing import JSON_CONTRACTS, Landing
from gatehouse.simulate.seeds import child

_LATE_CONTRACTS = ("events", "logins")
_LATE_SHARE = 0.015
_LATE_DAYS = 2
_OVERLAP_ROWS = 60
_REPEATED_CONTRACTS = ("payments", "logins", "user_reports")
# What a bad row has instead of a good value. Each breaks a rule of its contract.
_BROKEN: dict[str, tuple[dict[str, object], ...]] = {
    "events": ({"actor_id": None}, {"event_type": "teleport"}, {"input_tokens": -5}),
    "logins": ({"outcome_code": "maybe"}, {"country_code": "Atlantis"}),
    "model_scores": ({"score": 1.7},),
    "payments": ({"currency_code": "dollars"},),
}
_BROKEN_LINES = {
    "user_reports": (
        json.dumps({"report_id": "r_broken", "severity": 9}),
        '{"report_id": "r_cut", "reported_at": "20',
    ),
}


class Deliveries:
    """Hands a day's rows to `Landing`, with the accidents that real feeds have.

    Attributes:
        late_rows: rows that arrived in a later day's file.
        repeated_files: files delivered a second time.
        repeated_rows: rows that a file of other rows brought a second time.
        broken_rows: rows that no contract accepts.
    """

    def __init__(self, landing: Landing, schemas: dict[str, pa.Schema], seed: int) -> None:
        self.late_rows = 0
        self.repeated_files = 0
        self.repeated_rows = 0
        self.broken_rows = 0
        self._landing = landing
        self._schemas = schemas
        self._seed = seed
        self._held: dict[int, list[tuple[str, pa.Table]]] = {}
        self._yesterday: dict[str, Path] = {}
        self._tail: pa.Table | None = None

    def begin(self, day: int) -> None:
        """Deliver what was late, and now and then yesterday's files once more."""
        for contract, table in self._held.pop(day, []):
            self._landing.write(contract, day, "late-00000", table)
            self.late_rows += table.num_rows
        if day % 5 == 4:
            for contract in sorted(self._yesterday):
                self._landing.repeat(self._yesterday[contract], contract, day)
                self.repeated_files += 1
        self._yesterday = {}
        if day % 5 == 2 and self._tail is not None:
            # As after a restart of an exporter: it begins a little before where it ended.
            self._landing.write("events", day, "overlap-00000", self._tail)
            self.repeated_rows += self._tail.num_rows

    def deliver(self, contract: str, day: int, block: int, table: pa.Table) -> None:
        """Write a block's rows of one contract, in the order of their time."""
        if not table.num_rows:
            return
        table = time_sorted(table)
        first = block == 0
        if first and day % 3 == 1 and contract in _LATE_CONTRACTS:
            table = self._hold_back(contract, day, table)
        if first and contract == "events":
            self._tail = table.slice(max(0, table.num_rows - _OVERLAP_ROWS))
        lines: tuple[str, ...] = ()
        if first and day % 2 == 1:
            table, lines = self._break_some(contract, day, table)
        path = self._landing.write(contract, day, f"part-{block:05d}", table, lines)
        if first and contract in _REPEATED_CONTRACTS:
            self._yesterday[contract] = path

    def _hold_back(self, contract: str, day: int, table: pa.Table) -> pa.Table:
        rng = child(self._seed, "late", contract, day)
        late = rng.random(table.num_rows) < _LATE_SHARE
        if late.any():
            held = self._held.setdefault(day + _LATE_DAYS, [])
            held.append((contract, table.filter(pa.array(late))))
        return table.filter(pa.array(~late))

    def _break_some(
        self, contract: str, day: int, table: pa.Table
    ) -> tuple[pa.Table, tuple[str, ...]]:
        if contract in JSON_CONTRACTS:
            lines = _BROKEN_LINES.get(contract, ())
            self.broken_rows += len(lines)
            return table, lines
        rng = child(self._seed, "broken", contract, day)
        parts = [table]
        for number, change in enumerate(_BROKEN.get(contract, ())):
            position = int(rng.integers(table.num_rows))
            parts.append(self._broken(contract, table, position, number, change))
        self.broken_rows += len(parts) - 1
        return pa.concat_tables(parts), ()

    def _broken(
        self,
        contract: str,
        table: pa.Table,
        position: int,
        number: int,
        change: dict[str, object],
    ) -> pa.Table:
        schema = self._schemas[contract]
        row = table.slice(position, 1).to_pylist()[0]
        # An id of its own: a broken row must not look like a version of a good one.
        for name in schema.names[:1]:
            if name.endswith("_id"):
                row[name] = f"{row[name]}_broken{number}"
        return _one_row(schema, {**row, **change})


def _one_row(schema: pa.Schema, row: dict[str, object]) -> pa.Table:
    def value(field: pa.Field) -> pa.Array:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        plain = pa.array([row[field.name]], kind)
        return plain.dictionary_encode() if pa.types.is_dictionary(field.type) else plain

    return pa.Table.from_arrays([value(field) for field in schema], schema=schema)
