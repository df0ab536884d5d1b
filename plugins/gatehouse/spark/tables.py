"""The core tables in the warehouse: their versions, which are kept by tags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.lake.iceberg import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

CORE = "core"
# What the name of a version's tag begins with.
TAG = "kept_"
# Made and dropped by a build; one that was killed has left it.
_UNFINISHED = "__computed"


def newest_versions(session: SparkSession) -> dict[str, int]:
    """Id of the current Iceberg snapshot, by core table."""
    tables = [name for name in tables_of(session, CORE) if not name.endswith(_UNFINISHED)]
    if not tables:
        return {}
    union = " union all ".join(
        f"select '{table}' as name, snapshot_id from {CORE}.`{table}`.refs where name = 'main'"
        for table in tables
    )
    return {row.name: int(row.snapshot_id) for row in session.sql(union).collect()}


def tables_of(session: SparkSession, schema: str) -> list[str]:
    """The tables of a schema, those that a killed build has left too."""
    return [str(row.tableName) for row in session.sql(f"show tables in {schema}").collect()]


def keep_versions(
    session: SparkSession, warehouse: str, ids: Mapping[str, int]
) -> dict[str, Version]:
    """Tag versions, which no clean-up takes away then: certificates name them.

    Call it while nobody else writes.

    Returns:
        The versions by table, each with the file of metadata that the tag is in.
    """
    for table, snapshot in ids.items():
        session.sql(
            f"alter table {CORE}.`{table}` create tag if not exists `{TAG}{snapshot}` "
            f"as of version {snapshot}"
        )
    return {
        table: Version(snapshot, _newest_metadata(Path(warehouse) / CORE / table / "metadata"))
        for table, snapshot in ids.items()
    }


def _newest_metadata(folder: Path) -> str:
    """Name of the file that Iceberg's catalog of folders takes for the newest."""
    return f"v{int((folder / 'version-hint.text').read_text('ascii'))}.metadata.json"
