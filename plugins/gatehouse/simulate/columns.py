"""Columns, made whole and not row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gatehouse.simulate.seeds import mix

Ints = NDArray[np.int64]
Columns = Mapping[str, Any]

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000

_HEX = np.frombuffer(b"".join(b"%02x" % value for value in range(256)), dtype=np.uint8).reshape(
    256, 2
)


def day_start_us(start: date, day: int) -> int:
    """Microseconds since 1970 of the first instant (UTC) of simulated day ``day``."""
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    return int(midnight.timestamp()) * 1_000_000 + day * DAY_US


def make_ids(
    prefix: str, stream: str, count: int, *, seed: int, day: int, block: int = 0, first: int = 0
) -> Any:
    """Ids that look random and never repeat within a seed: ``prefix`` and 16 hex digits.

    Args:
        prefix: a letter or two saying what it identifies.
        stream: who makes them; with ``day`` and ``block`` it names a run of ids.
        count: how many, below 16 million.
        seed: seed of the simulation.
        day: simulated day.
        block: part of the day.
        first: how many of this run of ids are taken.

    Returns:
        Arrow string array of ``count``.
    """
    high = (
        ((day & 0x3FFF) << 50) | ((block & 0x3FF) << 40) | ((crc32(stream.encode()) & 0xFFFF) << 24)
    )
    salt = mix(np.array([seed], dtype=np.uint64))[0]
    numbers = mix((np.arange(first, first + count, dtype=np.uint64) | np.uint64(high)) ^ salt)
    digits = _HEX[numbers.astype(">u8").view(np.uint8)].reshape(count, 16)
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    text = np.concatenate([np.broadcast_to(head, (count, head.size)), digits], axis=1)
    width = head.size + 16
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))
    )


def pick(pool: Any, index: NDArray[Any]) -> Any:
    """Values of ``pool`` by position, dictionary encoded; a negative position is null.

    The values of ``pool`` must differ: Parquet pages of a dictionary with equal entries are
    valid, but not the same bytes twice.
    """
    index = index.astype(np.int32, copy=False)
    mask = index < 0
    codes = pa.array(index, mask=mask if mask.any() else None)
    return pa.DictionaryArray.from_arrays(codes, pool)


def as_times(microseconds: Ints) -> Any:
    """Timestamps of microseconds since 1970; a negative one is null."""
    mask = microseconds < 0
    return pa.array(microseconds, mask=mask if mask.any() else None).cast(pa.timestamp("us"))


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Columns of a few rows that were made one by one; all rows have the same keys."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def assemble(schema: pa.Schema, columns: Columns) -> pa.Table:
    """A table in ``schema`` from columns; single values are repeated, absent columns are null."""
    count = max(len(value) for value in columns.values() if not _is_single(value))
    unknown = set(columns) - set(schema.names)
    if unknown:
        raise KeyError(f"not in the contract: {sorted(unknown)}")
    arrays = [_column(columns.get(field.name), field.type, count) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of one chunk, from tables of one schema."""
    if len(tables) == 1:
        return tables[0]
    schema = tables[0].schema
    columns = [
        _joined([chunk for table in tables for chunk in table.column(number).chunks])
        for number in range(len(schema))
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _joined(chunks: Sequence[Any]) -> Any:
    if not pa.types.is_dictionary(chunks[0].type):
        return pa.concat_arrays(chunks)
    longest = max((chunk.dictionary for chunk in chunks), key=len)
    # Pools only grow, so that positions in an earlier one are positions in the latest; telling
    # that takes a comparison, where joining dictionaries would hash every entry of each.
    if all(longest.slice(0, len(chunk.dictionary)).equals(chunk.dictionary) for chunk in chunks):
        codes = pa.concat_arrays([chunk.indices for chunk in chunks])
        return pa.DictionaryArray.from_arrays(codes, longest)
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()


def time_sorted(table: pa.Table) -> pa.Table:
    """``table``, of one chunk, in the order of its contract's time column."""
    name = table.schema.metadata[b"time_column"].decode()
    if pa.types.is_date(table.schema.field(name).type):
        return table
    times = table[name].cast(pa.int64()).to_numpy()
    order = np.argsort(times, kind="stable")
    if (order[1:] > order[:-1]).all():
        return table
    return table.take(pa.array(order))


def with_small_dictionaries(table: pa.Table) -> pa.Table:
    """Without the entries that a short table does not use: they would be most of it."""
    for number in range(table.num_columns):
        column = table.column(number)
        if pa.types.is_dictionary(column.type):
            entries = sum(len(chunk.dictionary) for chunk in column.chunks)
            if entries > table.num_rows:
                short = pc.dictionary_encode(column.cast(pa.string()))
                table = table.set_column(number, table.schema.field(number), short)
    return table


def _is_single(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | date)


def _column(value: Any, kind: pa.DataType, count: int) -> Any:
    if _is_single(value):
        return _repeated(value, kind, count)
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value if value.type == kind else _encoded(value, kind)
    if isinstance(value, np.ndarray):
        plain = as_times(value) if pa.types.is_timestamp(kind) else pa.array(value)
        return plain if plain.type == kind else _encoded(plain, kind)
    return _encoded(_from_list(value, kind), kind)


def _repeated(value: object, kind: pa.DataType, count: int) -> Any:
    if not pa.types.is_dictionary(kind):
        return pa.nulls(count, kind) if value is None else pa.repeat(pa.scalar(value, kind), count)
    pool = pa.array([value if isinstance(value, str) else ""], pa.string())
    return pick(pool, np.full(count, -1 if value is None else 0, dtype=np.int32))


def _from_list(values: Sequence[Any], kind: pa.DataType) -> Any:
    return pa.array(values, pa.string() if pa.types.is_dictionary(kind) else kind)


def _encoded(values: Any, kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(kind):
        return pc.dictionary_encode(values)
    if pa.types.is_decimal(kind):
        return _cents(np.asarray(values), kind)
    return values.cast(kind)


def _cents(amounts: Ints, kind: pa.DataType) -> Any:
    """Whole cents as decimals with two places, without passing through a float."""
    words = np.zeros((len(amounts), 2), dtype=np.int64)
    words[:, 0] = amounts
    words[:, 1] = np.where(amounts < 0, -1, 0)
    return pa.Decimal128Array.from_buffers(kind, len(amounts), [None, pa.py_buffer(words)])
