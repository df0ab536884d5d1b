"""A build on Spark: hand over what arrived, run the models, say which versions belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from gatehouse.build.dbt import DbtEvent, DbtResult, invoke_dbt
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import Version, read_versions, write_versions
from gatehouse.settings import Settings
from gatehouse.spark.raw import hand_over
from gatehouse.spark.session import spark_session, telling_errors
from gatehouse.spark.tables import keep_versions, newest_versions


def build_on_spark(
    settings: Settings,
    args: Sequence[str],
    variables: Mapping[str, str],
    on_event: Callable[[DbtEvent], None],
    progress: Callable[[str], None] | None = None,
) -> DbtResult:
    """Run dbt on Spark, then pin what it left, also where a model failed.

    Call it while holding the writer's place. A process that is killed before the end leaves the
    lake as it was: nobody reads a version that is not pinned.

    Args:
        settings: where everything is.
        args: as of `gatehouse.build.dbt.invoke_dbt`.
        variables: dbt variables.
        on_event: called when a node starts and when it ends.
        progress: called with a line for what is done beside the models.

    Raises:
        GatehouseError: Spark does not start, or dbt could not run at all.
    """
    tell = progress or (lambda _line: None)
    tell("Spark: starting a session")
    session = spark_session(settings)
    with telling_errors("The build on Spark"):
        rows = sum(hand_over(settings, session).values())
    tell(f"Spark: {rows} new raw rows handed over")
    with _casts_that_fail():
        result = invoke_dbt(settings, args, target="spark", variables=variables, on_event=on_event)
    lake = Lake(settings)
    with telling_errors("The build on Spark"), lake.writer("versions of a build") as connection:
        ids = newest_versions(session)
        known = read_versions(connection)
        new = {name: each for name, each in ids.items() if not _is_known(known, name, each)}
        kept = keep_versions(session, settings.warehouse, new)
        write_versions(connection, {name: kept.get(name) or known[name] for name in ids})
    return result


def _is_known(known: Mapping[str, Version], table: str, snapshot: int) -> bool:
    return table in known and known[table].snapshot_id == snapshot


@contextmanager
def _casts_that_fail() -> Iterator[None]:
    """Keep dbt-spark from turning ANSI mode off before each statement, whatever a profile says.

    Without it a cast that fails gives null and a sum that is too large wraps around: rows that
    DuckDB refuses would be built.
    """
    from dbt.adapters.spark.connections import SparkCredentials

    original = SparkCredentials.__post_init__

    def keeping_ansi(self: SparkCredentials) -> None:
        original(self)
        self.server_side_parameters["spark.sql.ansi.enabled"] = "true"

    SparkCredentials.__post_init__ = keeping_ansi
    try:
        yield
    finally:
        SparkCredentials.__post_init__ = original
