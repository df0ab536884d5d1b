"""Clean-up of the warehouse: small files joined, and what no snapshot of the lake names dropped."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb

from gatehouse.lake import LAKE, SCHEMAS, Lake
from gatehouse.lake.iceberg import versions_at
from gatehouse.settings import Settings
from gatehouse.spark.session import spark_session, telling_errors
from gatehouse.spark.tables import CORE, TAG, tables_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


def maintain_warehouse(settings: Settings, grace: timedelta) -> int:
    """Join small files, drop the tags of versions that nobody refers to, expire what has no tag.

    Call it after the lake's own snapshots have been expired, while holding the writer's place:
    the versions that those which are left name are the ones that are kept.

    Args:
        settings: which warehouse.
        grace: how long a version stays after it was replaced, for readers that opened before.

    Returns:
        Versions of core tables whose tags were dropped.
    """
    session = spark_session(settings)
    with telling_errors("Maintenance of the warehouse", "gatehouse maintain"):
        return _maintain(settings, session, grace)


def _maintain(settings: Settings, session: SparkSession, grace: timedelta) -> int:
    kept = _named_by_the_lake(settings)
    dropped = 0
    for schema in SCHEMAS:
        for table in tables_of(session, schema):
            name = f"{schema}.`{table}`"
            if schema == CORE:
                dropped += _drop_tags(session, name, kept.get(table, set()))
            session.sql(
                f"call spark_catalog.system.rewrite_data_files(table => '{schema}.{table}')"
            )
            _expire(session, f"{schema}.{table}", grace)
    log.info("maintenance of the warehouse: %d versions dropped", dropped)
    return dropped


def _named_by_the_lake(settings: Settings) -> dict[str, set[int]]:
    """Iceberg snapshots by core table.

    Raises:
        duckdb.CatalogException: a snapshot cannot be read that should be there: what it names is
            not known, and must not be taken for nothing.
    """
    named: dict[str, set[int]] = {}
    is_made = False
    with Lake(settings).current() as connection:
        snapshots = connection.execute(
            f"select snapshot_id from ducklake_snapshots('{LAKE}') order by snapshot_id"
        ).fetchall()
        for (snapshot,) in snapshots:
            try:
                versions = versions_at(connection, at=snapshot)
            except duckdb.CatalogException:
                # Of before the first build on Spark: the table is never taken away again.
                if is_made or snapshot == snapshots[-1][0]:
                    raise
                continue
            is_made = True
            for table, version in versions.items():
                named.setdefault(table, set()).add(version.snapshot_id)
    return named


def _drop_tags(session: SparkSession, name: str, kept: set[int]) -> int:
    tags = session.sql(f"select name, snapshot_id from {name}.refs where type = 'TAG'").collect()
    gone = [tag.name for tag in tags if tag.name.startswith(TAG) and tag.snapshot_id not in kept]
    for tag in gone:
        session.sql(f"alter table {name} drop tag `{tag}`")
    return len(gone)


def _expire(session: SparkSession, name: str, grace: timedelta) -> None:
    before = datetime.now(UTC) - grace
    session.sql(
        f"call spark_catalog.system.expire_snapshots(table => '{name}', "
        f"older_than => timestamp_ltz '{before:%Y-%m-%d %H:%M:%S.%f}', retain_last => 1)"
    )
