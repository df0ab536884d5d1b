"""The certified tables as analysts see them."""

from __future__ import annotations

from typing import Any

from gatehouse.gate.lineage import core_tables
from gatehouse.gate.published import open_certified, published_versions
from gatehouse.settings import Settings


def list_tables(settings: Settings, *, allow_expired: bool = False) -> list[dict[str, Any]]:
    """The tables that may be read now, with their columns and descriptions.

    Raises:
        GatehouseError: none is certified.
    """
    described = core_tables(settings)
    shown = published_versions(settings)
    with open_certified(settings, allow_expired=allow_expired) as connection:
        cursor = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() "
            "where database_name = 'lake' and schema_name = 'core' "
            "order by table_name, column_index"
        )
        columns: dict[str, list[dict[str, str]]] = {}
        for table, column, kind in cursor.fetchall():
            known = described.get(table)
            text = known.descriptions.get(column, "") if known else ""
            columns.setdefault(table, []).append(
                {"name": column, "type": kind.lower(), "description": text}
            )
    return [
        {
            "table": table,
            "description": described[table].description if table in described else "",
            "rows": shown[table].row_count,
            "snapshot_id": shown[table].snapshot_id,
            "columns": fields,
        }
        for table, fields in columns.items()
    ]
