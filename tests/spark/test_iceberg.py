"""Which Iceberg snapshots belong together, as the lake says; without Spark."""

from __future__ import annotations

import pytest

from gatehouse.build import run_build
from gatehouse.errors import GatehouseError, telling
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import ensure_versions, read_versions, scan, write_versions
from gatehouse.proof.drill import run_drill
from gatehouse.settings import Settings


def _made(settings: Settings) -> Lake:
    lake = Lake(settings)
    with lake.writer("a test") as connection:
        ensure_tables(connection, settings)
        ensure_versions(connection)
    return lake


def test_versions_are_as_of_a_snapshot_of_the_lake(settings: Settings) -> None:
    lake = _made(settings)
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": 7, "fct_events": 8})
    first = lake.current_snapshot()
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": 9})
    with lake.current() as connection:
        assert read_versions(connection) == {"user_risk": 9}
        assert read_versions(connection, at=first) == {"user_risk": 7, "fct_events": 8}


def test_the_same_versions_are_no_news(settings: Settings) -> None:
    lake = _made(settings)
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": 7})
    before = lake.current_snapshot()
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": 7})
    assert lake.current_snapshot() == before


def test_before_the_first_build_there_are_none(settings: Settings) -> None:
    lake = _made(settings)
    with lake.current() as connection:
        assert read_versions(connection) == {}


def test_one_home_is_built_by_one_engine(settings: Settings) -> None:
    _made(settings)
    with pytest.raises(GatehouseError, match="built by Spark"):
        run_build(settings, force=True)


def test_a_home_of_duckdb_is_refused_to_spark(settings: Settings) -> None:
    lake = Lake(settings)
    with lake.writer("a test") as connection:
        connection.execute("create table lake.core.user_risk (actor_id varchar)")
        with pytest.raises(GatehouseError, match="built by DuckDB"):
            ensure_versions(connection)


def test_a_version_that_spark_did_not_build_is_told(settings: Settings) -> None:
    lake = _made(settings)
    on_spark = Lake(settings.model_copy(update={"engine": "spark"}))
    with pytest.raises(GatehouseError, match="user_risk"):
        on_spark.reader({"user_risk": lake.current_snapshot()})


def test_a_path_is_quoted() -> None:
    assert "it''s" in scan("/it's", "user_risk", 1)


def test_spark_tells_the_kind_of_an_error_and_no_value() -> None:
    said = (
        "Runtime Error in model x\n  An error occurred while calling o1.sql.\n"
        ": org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'a person' "
        "of the type STRING cannot be cast"
    )
    assert telling(said) == ("Spark: CAST_INVALID_INPUT (its text may quote data and is left out)")


def test_drills_are_refused_where_spark_builds(settings: Settings) -> None:
    with pytest.raises(GatehouseError, match="DuckLake"):
        run_drill(settings.model_copy(update={"engine": "spark"}))
