"""The dbt project on a lake of its own: load rows, build, compare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gatehouse.build.dbt import DbtResult, invoke_dbt
from gatehouse.ingest.contracts import Contract, load_contracts
from gatehouse.ingest.tables import ensure_tables_of
from gatehouse.lake import Lake
from gatehouse.lake.fingerprint import table_hash
from gatehouse.settings import Settings
from tests.dbt.rows import Row, insert

_FIRST_LOAD = datetime(2026, 6, 1)  # noqa: DTZ001 - UTC, naive as in the lake


@dataclass
class Project:
    """A lake and the loads it has seen, numbered from 0."""

    settings: Settings
    loads: int = 0
    contracts: dict[str, Contract] = field(init=False)

    def __post_init__(self) -> None:
        self.contracts = dict(load_contracts(self.settings.input_contracts))
        with Lake(self.settings).writer("a test") as connection:
            ensure_tables_of(connection, self.contracts)

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows as one load, and return its number."""
        number = self.loads
        with Lake(self.settings).writer("a test") as connection:
            insert(connection, self.contracts, rows, _ingested_at(number))
        self.loads += 1
        return number

    def build(
        self, first: int, last: int, *, full_refresh: bool = False, select: str = ""
    ) -> DbtResult:
        """Build the interval of some loads, both ends included."""
        args = ["build", "--resource-type", "model", "--resource-type", "seed"]
        args += ["--exclude", "tag:detection"]
        args += ["--full-refresh"] if full_refresh else []
        args += ["--select", *select.split()] if select else []
        variables = {
            "interval_start": str(_ingested_at(first)),
            "interval_end": str(_ingested_at(last) + timedelta(microseconds=1)),
        }
        with Lake(self.settings).lock("a test"):
            result = invoke_dbt(self.settings, args, variables=variables)
        failed = [f"{node.name}: {node.message}" for node in result.nodes if not node.ok]
        assert result.success, "\n".join(failed)
        return result

    def hashes(self) -> dict[str, str]:
        """Content hash of every core table, without times of ingestion."""
        connection = Lake(self.settings).current()
        try:
            tables = connection.execute(
                "select table_name from duckdb_tables() "
                "where database_name = 'lake' and schema_name = 'core' order by all"
            ).fetchall()
            return {
                table: table_hash(connection, f"lake.core.{table}", exclude=["ingested_at"])
                for (table,) in tables
            }
        finally:
            connection.close()

    def tables_with(self, text: str) -> set[str]:
        """Names of the tables of the lake, of any layer, with a text that holds ``text``."""
        columns = self.rows(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = 'lake' and data_type = 'VARCHAR'"
        )
        return {
            str(table)
            for schema, table, column in columns
            if self.rows(
                f"select 1 from lake.{schema}.{table} where contains({column}, '{text}') limit 1"
            )
        }

    def unsorted(self, table: str, columns: str) -> tuple[int, int]:
        """How many files a core table has, and rows in them before which a greater one lies."""
        files = [
            str(path)
            for (path,) in self.rows(
                f"select data_file from ducklake_list_files('lake', '{table}', schema => 'core')"
            )
        ]
        if not files:
            return 0, 0
        place = "(partition by filename order by file_row_number)"
        (found,) = self.rows(
            f"select count(*) from (select row({columns}) as here, lag(here) over {place} "
            f"as before from read_parquet({files}, filename = true, file_row_number = true)) "
            "where here < before"
        )
        return len(files), int(str(found[0]))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query on the current lake."""
        connection = Lake(self.settings).current()
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def _ingested_at(load: int) -> datetime:
    moment = _FIRST_LOAD + timedelta(days=load)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
