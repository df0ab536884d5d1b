"""A small copy of what the gate checks, in memory, and tables of it that are broken on purpose.

The copy has a connection of its own and is not attached to the lake: nothing of it can come into
one, and it is gone with the connection.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress

import duckdb

from gatehouse.lake.sql import identifier, literal

# Different rows of a table that the copy has: enough to have several kinds, few enough to cost
# nothing. They are repeated, because some rules speak of a hundred rows and more.
_SAMPLE_ROWS = 24
_COPY_ROWS = 240
# Suites speak of crowds of up to so many rows.
_CROWD_ROWS = 12_000
_DECLARED_ROWS = 240
_GARBAGE = "canary@example.invalid " * 400

# By the kind of a type, values that no rule allows: too low, too high.
_ODD = {
    "integer": ("-100000000", "1000000000"),
    "bigint": ("-10000000000", "10000000000"),
    "hugeint": ("-10000000000", "10000000000"),
    "smallint": ("-30000", "30000"),
    "tinyint": ("-100", "100"),
    "ubigint": ("0", "10000000000"),
    "uinteger": ("0", "4000000000"),
    "double": ("-10000000", "30000000"),
    "float": ("-10000000", "30000000"),
    "timestamp": ("timestamp '1900-01-01'", "timestamp '9998-12-31'"),
    "date": ("date '1900-01-01'", "date '9998-12-31'"),
    "boolean": ("true", "false"),
    "varchar": ("''", literal(_GARBAGE)),
}


class Copy:
    """A few rows of each table of a pinned lake, in memory, under the lake's own names."""

    def __init__(
        self, pinned: duckdb.DuckDBPyConnection, tables: Iterable[tuple[str, str]]
    ) -> None:
        """Make it.

        Args:
            pinned: where the rows come from.
            tables: schema and name of each; those that the lake lacks are left out.
        """
        self._pinned = pinned
        self.connection = duckdb.connect(config={"threads": "1", "memory_limit": "1GB"})
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("attach ':memory:' as lake")
        rows = pinned.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'lake'"
        ).fetchall()
        for schema in ("raw", "core"):
            self.connection.execute(f"create schema lake.{schema}")
        for schema, table in sorted({*tables} & {*rows}):
            with suppress(duckdb.Error):  # what cannot be read is missed where it is needed
                self._sample(schema, table)
        self.connection.execute("use lake.core")

    def close(self) -> None:
        """Forget the copy."""
        self.connection.close()

    def odd(self, table: str) -> str:
        """Make a table in which each column has, by turns, no value and values out of all bounds.

        Each row stands there twice besides. Returns its name.
        """
        columns = self.columns(table)
        source = f"(select * from lake.core.{identifier(table)} limit {_SAMPLE_ROWS})"
        parts = [f"select * from {source}", f"select * from {source}"]
        for name, kind in columns.items():
            for value in ("null", *_odd(kind)):
                changed = f"cast({value} as {kind}) as {identifier(name)}"
                parts.append(f"select * replace ({changed}) from {source}")
        return self._make(f"{table}__odd", " union all ".join(parts))

    def crowd(self, table: str) -> str:
        """Make a table of one row, over and over. Returns its name."""
        source = f"(select * from lake.core.{identifier(table)} limit 1)"
        return self._make(
            f"{table}__crowd", f"select one.* from {source} as one, range({_CROWD_ROWS})"
        )

    def declared(self, table: str, position: int, canary: Mapping[str, str]) -> str:
        """Make a table whose rows are changed as a suite says. Returns its name.

        Args:
            table: core table.
            position: of the expectation in its suite.
            canary: SQL by column; ``n`` is the number of the row, from 0.
        """
        changes = ", ".join(f"{text} as {identifier(name)}" for name, text in canary.items())
        source = f"(select * from lake.core.{identifier(table)} limit 1)"
        return self._make(
            f"{table}__canary_{position}",
            f"select * exclude (n) replace ({changes}) from "
            f"(select one.*, steps.n from {source} as one, range({_DECLARED_ROWS}) as steps (n))",
        )

    def empty(self, table: str) -> str:
        """Make a table without rows. Returns its name."""
        return self._make(f"{table}__empty", f"select * from lake.core.{identifier(table)} limit 0")

    def columns(self, table: str, schema: str = "core") -> dict[str, str]:
        """Type by column of a table of the copy."""
        relation = self.connection.sql(
            f"select * from lake.{identifier(schema)}.{identifier(table)} limit 0"
        )
        return dict(zip(relation.columns, map(str, relation.types), strict=True))

    def _make(self, name: str, query: str) -> str:
        # As a row of the lake tells which version wrote it: all of these are new.
        self.connection.execute(
            f"create or replace table lake.core.{identifier(name)} as "
            f"select *, 1 as snapshot_id from ({query})"
        )
        return name

    def _sample(self, schema: str, table: str) -> None:
        name = f"lake.{identifier(schema)}.{identifier(table)}"
        query = f"select * from {name} limit {_SAMPLE_ROWS}"
        sample = self._pinned.execute(query).to_arrow_table()
        times = math.ceil(_COPY_ROWS / max(sample.num_rows, 1))
        self.connection.register("_sample", sample)
        self.connection.execute(
            f"create table {name} as select one.* "
            f"from range({times}) as steps (n), _sample as one order by n"
        )
        self.connection.unregister("_sample")


def _odd(kind: str) -> tuple[str, ...]:
    base = kind.lower()
    if base.startswith("decimal"):
        return ("-9999", "9999")
    if base.startswith("timestamp"):
        base = "timestamp"
    return _ODD.get(base, ())
