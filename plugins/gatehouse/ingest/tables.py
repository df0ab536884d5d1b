"""The raw tables. All exist, empty, before the first load, so that dbt always builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gatehouse.ingest.contracts import Contract, load_contracts
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb

LINEAGE = {
    "record_key": "varchar",
    "source_id": "varchar",
    "file_id": "varchar",
    "row_number": "bigint",
    "row_hash": "varchar",
    "version_at": "timestamp",
    "ingested_at": "timestamp",
}
FILES = {
    "file_id": "varchar",
    "source_id": "varchar",
    "path": "varchar",
    "size_bytes": "bigint",
    "mapping_hash": "varchar",
    "status_code": "varchar",
    "reason": "varchar",
    "rows_in": "bigint",
    "rows_loaded": "bigint",
    "rows_quarantined": "bigint",
    "rows_repeated": "bigint",
    "rows_left_out": "bigint",
    "load_id": "varchar",
    "ingested_at": "timestamp",
    # How to read a quarantined row of it again: the header of a CSV, the types of a Parquet file.
    "layout": "varchar",
}
QUARANTINE = {
    "quarantine_key": "varchar",
    "file_id": "varchar",
    "source_id": "varchar",
    "contract_name": "varchar",
    "path": "varchar",
    "row_number": "bigint",
    "column_name": "varchar",
    "reason": "varchar",
    "original_text": "varchar",
    "mapping_hash": "varchar",
    "ingested_at": "timestamp",
}
FINDINGS = {
    "finding_key": "varchar",
    "detection_id": "varchar",
    "detection_version": "integer",
    "code_hash": "varchar",
    "mode_code": "varchar",
    "severity_code": "varchar",
    "policy_code": "varchar",
    "abuse_type_code": "varchar",
    "subject_code": "varchar",
    "actor_id": "varchar",
    "actor_type": "varchar",
    "product_code": "varchar",
    "dedup_key": "varchar",
    "score": "double",
    "event_count": "bigint",
    "evidence": "varchar",
    "first_event_at": "timestamp",
    "last_event_at": "timestamp",
    "window_start_at": "timestamp",
    "window_end_at": "timestamp",
    "detection_run_id": "varchar",
    "certificate_ids": "varchar",
    "snapshot_ids": "varchar",
    "parameters": "varchar",
    "found_at": "timestamp",
    "ingested_at": "timestamp",
}
STORE_CHANGES = {
    "change_id": "bigint",
    "table_name": "varchar",
    "operation": "varchar",
    "row_key": "varchar",
    "row": "varchar",
    "changed_at": "timestamp",
    "ingested_at": "timestamp",
}


def raw_tables(contracts: Mapping[str, Contract]) -> dict[str, dict[str, str]]:
    """Every table of ``raw``: its columns and their types, by table name."""
    tables = {
        contract.name: {column.name: column.type for column in contract.columns} | LINEAGE
        for contract in contracts.values()
    }
    return tables | {
        "files": FILES,
        "quarantine": QUARANTINE,
        "findings": FINDINGS,
        "store_changes": STORE_CHANGES,
    }


def ensure_tables(connection: duckdb.DuckDBPyConnection, settings: Settings | None = None) -> None:
    """Make the raw tables that are missing, and add the columns a contract has gained.

    Args:
        connection: from `Lake.writer`.
        settings: where the contracts are; default those of the environment.
    """
    settings = settings or Settings()
    ensure_tables_of(connection, load_contracts(settings.input_contracts))


def ensure_tables_of(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]
) -> None:
    """`ensure_tables` for given contracts."""
    present: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'lake' and schema_name = 'raw'"
    ).fetchall():
        present.setdefault(table, set()).add(column)
    connection.execute("create schema if not exists lake.raw")
    # One commit: each change of the catalog's tables makes DuckLake read it all again.
    connection.execute("begin")
    try:
        _make_missing(connection, contracts, present)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _make_missing(
    connection: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Contract],
    present: Mapping[str, set[str]],
) -> None:
    for table, columns in raw_tables(contracts).items():
        name = f"lake.raw.{identifier(table)}"
        if table not in present:
            body = ", ".join(f"{identifier(column)} {kind}" for column, kind in columns.items())
            connection.execute(f"create table {name} ({body})")
            continue
        for column in columns.keys() - present[table]:
            connection.execute(
                f"alter table {name} add column {identifier(column)} {columns[column]}"
            )
