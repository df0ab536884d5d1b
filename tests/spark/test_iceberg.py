"""Which Iceberg snapshots belong together, as the lake says; without Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.build import run_build
from gatehouse.build.shell import run_shell_dbt
from gatehouse.errors import GatehouseError, telling
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import Version, bind_warehouse, read_versions, scan, write_versions
from gatehouse.proof.drill import run_drill
from gatehouse.settings import Settings

SEVEN, EIGHT, NINE = (Version(each, f"v{each}.metadata.json") for each in (7, 8, 9))


def _on_spark(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "spark"})


def _made(settings: Settings) -> Lake:
    settings = _on_spark(settings)
    lake = Lake(settings)
    Path(settings.warehouse).mkdir(parents=True, exist_ok=True)
    with lake.writer("a test") as connection:
        ensure_tables(connection, settings)
        bind_warehouse(connection, settings.warehouse)
    return lake


def test_versions_are_as_of_a_snapshot_of_the_lake(settings: Settings) -> None:
    lake = _made(settings)
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": SEVEN, "fct_events": EIGHT})
    first = lake.current_snapshot()
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": NINE})
    with lake.current() as connection:
        assert read_versions(connection) == {"user_risk": NINE}
        assert read_versions(connection, at=first) == {"user_risk": SEVEN, "fct_events": EIGHT}


def test_the_same_versions_are_no_news(settings: Settings) -> None:
    lake = _made(settings)
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": SEVEN})
    before = lake.current_snapshot()
    with lake.writer("a test") as connection:
        write_versions(connection, {"user_risk": SEVEN})
    assert lake.current_snapshot() == before


def test_before_the_first_build_there_are_none(settings: Settings) -> None:
    lake = _made(settings)
    with lake.current() as connection:
        assert read_versions(connection) == {}


def test_one_home_is_built_by_one_engine(settings: Settings) -> None:
    lake = _made(settings)
    with pytest.raises(GatehouseError, match="built by Spark"):
        run_build(settings, force=True)
    with pytest.raises(GatehouseError, match="built by Spark"):
        Lake(settings).pinned(lake.current_snapshot())


def test_a_home_of_duckdb_is_refused_to_spark(settings: Settings) -> None:
    lake = Lake(settings)
    with lake.writer("a test") as connection:
        connection.execute("create table lake.core.user_risk (actor_id varchar)")
    on_spark = Lake(_on_spark(settings))
    with pytest.raises(GatehouseError, match="built by DuckDB"), on_spark.writer("a test"):
        pass
    with pytest.raises(GatehouseError, match="built by DuckDB"):
        on_spark.pinned(lake.current_snapshot())


def test_dbt_by_hand_writes_no_tables_that_spark_builds(settings: Settings) -> None:
    with pytest.raises(GatehouseError, match="DuckLake"):
        run_shell_dbt(_on_spark(settings), ["run", "--select", "dim_policies"])


def test_another_lake_s_warehouse_is_refused(settings: Settings, tmp_path: Path) -> None:
    _made(settings)
    other = _on_spark(settings).model_copy(
        update={"home": tmp_path / "other", "catalog": f"sqlite:{tmp_path / 'other.sqlite'}"}
    )
    with Lake(other).writer("a test") as connection:
        ensure_tables(connection, other)
        with pytest.raises(GatehouseError, match="is not the one"):
            bind_warehouse(connection, settings.warehouse)


def test_a_lake_is_not_built_into_a_second_warehouse(settings: Settings, tmp_path: Path) -> None:
    lake = _made(settings)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "raw").mkdir(parents=True)
    with lake.writer("a test") as connection:
        bind_warehouse(connection, settings.warehouse)
        with pytest.raises(GatehouseError, match="is not the one"):
            bind_warehouse(connection, str(elsewhere))


def test_a_version_that_spark_did_not_build_is_told(settings: Settings) -> None:
    lake = _made(settings)
    on_spark = Lake(_on_spark(settings))
    with pytest.raises(GatehouseError, match="user_risk"):
        on_spark.reader({"user_risk": lake.current_snapshot()})


def test_a_path_is_quoted() -> None:
    assert "it''s" in scan("/it's", "user_risk", SEVEN)


def test_spark_tells_the_kind_of_an_error_and_no_value() -> None:
    said = (
        "Runtime Error in model x\n  An error occurred while calling o1.sql.\n"
        ": org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'a person' "
        "of the type STRING cannot be cast"
    )
    assert telling(said) == ("Spark: CAST_INVALID_INPUT (its text may quote data and is left out)")


def test_drills_are_refused_where_spark_builds(settings: Settings) -> None:
    with pytest.raises(GatehouseError, match="DuckLake"):
        run_drill(_on_spark(settings))
