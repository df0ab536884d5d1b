"""A build on Spark: hand over what arrived, run the models, say which versions belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gatehouse.build.dbt import DbtEvent, DbtResult, invoke_dbt
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import read_versions, write_versions
from gatehouse.settings import Settings
from gatehouse.spark.raw import hand_over
from gatehouse.spark.session import spark_session
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
    rows = sum(hand_over(settings, session).values())
    tell(f"Spark: {rows} new raw rows handed over")
    result = invoke_dbt(settings, args, target="spark", variables=variables, on_event=on_event)
    ids = newest_versions(session)
    with Lake(settings).writer("the versions of a build") as connection:
        known = read_versions(connection)
        keep_versions(
            session, {name: each for name, each in ids.items() if known.get(name) != each}
        )
        write_versions(connection, ids)
    return result
