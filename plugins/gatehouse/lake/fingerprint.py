"""Content hashes of tables, to say whether two states of the lake hold the same rows."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.lake.sql import identifier


def table_hash(
    connection: duckdb.DuckDBPyConnection, table: str, *, exclude: Iterable[str] = ()
) -> str:
    """Hash of a table's rows, whatever their order and however they lie in files.

    Two tables have the same hash exactly if they have the same columns and the same rows, each
    as often (up to collisions of 128 bits). Values are compared as text with their type, so
    ``1`` and ``'1'`` differ, and null differs from empty.

    Args:
        connection: any connection that sees the table.
        table: name as in SQL, e.g. ``lake.core.fct_events``.
        exclude: columns to leave out, e.g. ``ingested_at``.

    Returns:
        ``<rows>-<32 hex digits>``.

    Raises:
        GatehouseError: every column is left out.
    """
    left_out = set(exclude)
    described = connection.execute(f"describe select * from {table}").fetchall()
    columns = sorted((row[0], row[1]) for row in described if row[0] not in left_out)
    if not columns:
        raise GatehouseError(f"{table} has no column to hash.", next_step="exclude fewer columns.")
    values = ", ".join(identifier(name) for name, _ in columns)
    schema = " ".join(f"{name}:{kind}" for name, kind in columns).replace("'", "''")
    # md5 of the row's JSON: of defined form across versions, unlike hash(). Summing the halves
    # keeps multiplicity (xor would cancel a pair) and needs no order.
    row = connection.execute(
        f"""
        with hashed as (
            select md5(to_json(row({values}))::varchar) as digest from {table}
        ), summed as (
            select
                count(*) as row_count,
                sum(('0x' || digest[1:16])::ubigint::hugeint) % 18446744073709551616 as high,
                sum(('0x' || digest[17:32])::ubigint::hugeint) % 18446744073709551616 as low
            from hashed
        )
        select row_count, md5(concat_ws('-', row_count, high, low, '{schema}')) from summed
        """
    ).fetchone()
    if row is None:
        raise GatehouseError(f"{table} could not be hashed.", next_step="read it first.")
    return f"{row[0]}-{row[1]}"
