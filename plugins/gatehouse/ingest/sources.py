"""Checking mappings before a file is there: every expression is bound to its contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatehouse.errors import GatehouseError
from gatehouse.ingest.batch import BatchFile, Source, judge, prepare_session, register_batch
from gatehouse.ingest.contracts import load_contracts
from gatehouse.ingest.fields import fields_sql
from gatehouse.ingest.layout import Layout
from gatehouse.ingest.mapping import SourceMapping, load_mappings
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb


def check_sources(settings: Settings) -> list[dict[str, Any]]:
    """Every mapping, after checking it against its contract without any file.

    Raises:
        GatehouseError: one is wrong; names the mapping and what is wrong.
    """
    import duckdb

    contracts = load_contracts(settings.input_contracts)
    mappings = load_mappings(settings.sources, contracts)
    connection = duckdb.connect(config={"threads": "1"})
    try:
        prepare_session(connection)
        for mapping in mappings.values():
            _bind(connection, Source(mapping, contracts[mapping.contract]))
    finally:
        connection.close()
    return [_row(mapping) for mapping in mappings.values()]


def _bind(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    import duckdb

    register_batch(connection, [BatchFile(Path("none"), "none", "none", 0)])
    connection.execute(
        "create or replace temp table lines "
        "(ordinal integer, row_number bigint, line varchar, defect varchar)"
    )
    kind = source.mapping.format.type
    if kind == "parquet":  # its types are the file's: there is nothing to bind to yet
        return
    names = tuple(source.mapping.raw_fields(source.contract))
    layout = Layout("jsonl" if kind == "auto" else kind, names if kind == "csv" else ())
    try:
        judge(connection, source, layout)
    except duckdb.Error as error:
        where, why = _refused(connection, source, layout, error)
        raise GatehouseError(
            f"sources/{source.id}.yml: {where}{why}.",
            next_step="mend the expression and run: gatehouse sources",
        ) from error


def _refused(
    connection: duckdb.DuckDBPyConnection, source: Source, layout: Layout, error: duckdb.Error
) -> tuple[str, str]:
    """Which key of the mapping holds the expression that cannot be bound, and the reason."""
    import duckdb

    fields = fields_sql(source.mapping, source.contract, layout)
    keys = dict(source.mapping.expressions(source.contract))
    expressions = {f"columns.{name}": expression.expr for name, expression in keys.items()}
    if source.mapping.filter is not None:
        expressions["filter.keep"] = source.mapping.filter.keep
    if source.mapping.version is not None:
        expressions["version"] = source.mapping.version
    for key, expression in expressions.items():
        try:
            connection.execute(f"describe select ({expression}) from ({fields})")
        except duckdb.Error as own:
            return f"{key}: ", str(own).splitlines()[0]
    return "", str(error).splitlines()[0]


def _row(mapping: SourceMapping) -> dict[str, Any]:
    return {
        "source": mapping.source,
        "contract": mapping.contract,
        "format": mapping.format.type,
        "path": mapping.path,
        "description": " ".join(mapping.description.split()),
    }
