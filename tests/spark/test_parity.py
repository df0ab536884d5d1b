"""Both engines make the same tables of the same files; the tests follow one another."""

from __future__ import annotations

import json
import random
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from jinja2 import Environment
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from _parity import Compared, compare_tables
from gatehouse.build import run_build
from gatehouse.gate import certified_versions, run_gate
from gatehouse.gate.published import open_certified
from gatehouse.ingest import run_ingest
from gatehouse.lake import Lake
from gatehouse.lake.iceberg import read_versions, write_versions
from gatehouse.lake.maintain import run_maintenance
from gatehouse.proof.drill import pretend_build
from gatehouse.spark import build as spark_build
from gatehouse.spark.raw import hand_over
from gatehouse.spark.session import spark_session
from gatehouse.spark.tables import keep_versions, newest_versions
from tests.conftest import PROJECT
from tests.spark.conftest import Both

pytestmark = pytest.mark.timeout(900)


def test_a_build_at_once_and_findings_are_equal(both: Both) -> None:
    compared = compare_tables(both.duckdb, both.spark)
    assert len(compared) == 17
    assert _unequal(compared) == []
    rows = {each.table: each.rows for each in compared}
    assert rows["fct_findings"] > 0
    assert rows["dim_operations"] > 0
    assert rows["user_risk"] > 0


def test_what_may_not_be_null_fails_the_build(both: Both) -> None:
    compiled = both.spark.home / "dbt" / "target" / "run" / "gatehouse" / "models" / "core"
    text = (compiled / "activity" / "fct_events.sql").read_text("utf-8")
    assert "coalesce(event_key, raise_error('fct_events.event_key is null'))" in text
    session = spark_session(both.spark)
    with pytest.raises((PySparkException, Py4JError), match="event_key is null"):
        session.sql(
            "select coalesce(nullif(event_key, event_key), raise_error('event_key is null')) "
            "from core.fct_events"
        ).collect()


def test_a_build_leaves_casts_failing(both: Both) -> None:
    # dbt-spark turns ANSI mode off before each statement.
    session = spark_session(both.spark)
    assert session.conf.get("spark.sql.ansi.enabled") == "true"


def test_certified_reads_give_the_certified_iceberg_snapshot(both: Both) -> None:
    shown = certified_versions(both.spark)
    assert shown.keys() == certified_versions(both.duckdb).keys()
    with Lake(both.spark).current() as connection:
        versions = read_versions(connection, at=shown["fct_events"].snapshot_id)
    with open_certified(both.spark) as connection:
        count = connection.sql("select count(*) from lake.core.fct_events").fetchall()[0][0]
    session = spark_session(both.spark)
    version = f"core.fct_events version as of {versions['fct_events'].snapshot_id}"
    assert count == session.sql(f"select count(*) from {version}").collect()[0][0]
    assert count == shown["fct_events"].row_count


def test_what_is_certified_is_tagged(both: Both) -> None:
    shown = certified_versions(both.spark)
    session = spark_session(both.spark)
    for table, each in shown.items():
        with Lake(both.spark).current() as connection:
            snapshot = read_versions(connection, at=each.snapshot_id)[table].snapshot_id
        tags = session.sql(f"select name, snapshot_id from core.{table}.refs").collect()
        assert (f"kept_{snapshot}", snapshot) in {(row.name, row.snapshot_id) for row in tags}


def test_nothing_is_handed_over_twice(both: Both) -> None:
    session = spark_session(both.spark)
    before = session.sql("select count(*) from raw.events").collect()[0][0]
    assert sum(hand_over(both.spark, session).values()) == 0
    assert session.sql("select count(*) from raw.events").collect()[0][0] == before


def test_a_build_that_is_killed_before_its_end_changes_nothing_that_is_read(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = certified_versions(both.spark)["fct_events"]
    both.deliver(1)
    both.restate_actors("first", 60)
    session = spark_session(both.spark)
    written = session.sql("select count(*) from core.fct_events").collect()[0][0]

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(spark_build, "write_versions", killed)
        run_ingest(both.spark)
        with pytest.raises(KeyboardInterrupt):
            run_build(both.spark, select="fct_events")
    assert session.sql("select count(*) from core.fct_events").collect()[0][0] > written
    with Lake(both.spark).pinned(Lake(both.spark).current_snapshot()) as connection:
        count = connection.sql("select count(*) from lake.core.fct_events").fetchall()[0][0]
    assert count == before.row_count
    # What was being written is not on show, and the gate vouches for what is.
    assert run_gate(both.spark).ok
    assert certified_versions(both.spark)["fct_events"].row_count == before.row_count


def test_increments_after_it_are_equal(both: Both) -> None:
    # A correction of a version that Spark has written, and one more.
    both.restate_actors("another", 60)
    both.restate_actors("third", 120)
    both.through()
    compared = compare_tables(both.duckdb, both.spark)
    assert _unequal(compared) == []
    with open_certified(both.spark) as connection:
        versions = connection.sql(
            "select max(n) from (select count(*) as n from lake.core.dim_actors group by actor_id)"
        ).fetchall()
    assert versions == [(3,)]


def test_an_interval_that_is_built_again_leaves_no_new_version(both: Both) -> None:
    session = spark_session(both.spark)
    before = session.sql("select snapshot_id from core.fct_events.refs where name = 'main'")
    (known,) = before.collect()
    run_build(both.spark, select="fct_events", force=True).raise_for_failure()
    (now,) = session.sql(
        "select snapshot_id from core.fct_events.refs where name = 'main'"
    ).collect()
    assert now == known


def test_a_planted_fault_is_held_on_both(both: Both) -> None:
    twice = "core.fct_events select * from {}core.fct_events limit 50"
    with Lake(both.duckdb).writer("a fault") as connection:
        connection.execute(f"insert into lake.{twice.format('lake.')}")
    session = spark_session(both.spark)
    session.sql(f"insert into {twice.format('')}")
    with Lake(both.spark).writer("a fault") as connection:
        ids = newest_versions(session)
        write_versions(connection, keep_versions(session, both.spark.warehouse, ids))
    held = [
        list(run_gate(settings, build_id=pretend_build(settings)).held)
        for settings in (both.duckdb, both.spark)
    ]
    assert held[0] == held[1]
    assert held[0][0] == "fct_events"


def test_an_older_version_is_read_after_newer_ones(both: Both) -> None:
    shown = certified_versions(both.spark)["user_risk"]
    lake = Lake(both.spark)
    assert lake.current_snapshot() > shown.snapshot_id
    with lake.reader({"user_risk": shown.snapshot_id}) as connection:
        count = connection.sql("select count(*) from lake.core.user_risk").fetchall()[0][0]
    assert count == shown.row_count


def test_workers_keep_no_rows_in_their_logs(both: Both) -> None:
    session = spark_session(both.spark)
    with pytest.raises((PySparkException, Py4JError)) as failed:
        session.sql("select sum(cast(actor_id as int)) from raw.events").collect()
    (value,) = re.findall(r"The value '([^']+)'", str(failed.value))[:1]
    said = [path.read_text("utf-8", "replace") for path in both.cluster.rglob("std*")]
    assert said != []
    assert [text for text in said if value in text] == []


def test_components_of_a_long_path_need_few_rounds(both: Both) -> None:
    session = spark_session(both.spark)
    path = PROJECT / "dbt_project" / "macros" / "engine" / "components.sql"
    extensions = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]
    macros = Environment(extensions=extensions).from_string(path.read_text("utf-8")).module  # noqa: S701
    where = ("intermediate.rounds", "intermediate.links", "one", "other")
    nodes = random.Random(3).sample(range(1000), 150)  # noqa: S311
    edges = ", ".join(f"('{a:04}', '{b:04}')" for a, b in pairwise(nodes))
    session.sql(
        "create or replace table intermediate.links using iceberg as "
        f"select * from values {edges} as links (one, other)"
    )
    session.sql(macros.spark_components_begun(*where))
    rounds = 0
    while not session.sql("select 1 from intermediate.rounds where is_new limit 1").isEmpty():
        session.sql(macros.spark_components_round(*where))
        rounds += 1
        assert rounds < 12
    components = session.sql("select distinct component from intermediate.rounds").collect()
    assert [row.component for row in components] == [f"{min(nodes):04}"]


def test_maintenance_keeps_what_the_lake_names_and_drops_the_rest(both: Both) -> None:
    shown = certified_versions(both.spark)
    run_maintenance(both.spark, keep_newest=1, grace=timedelta(0))
    with open_certified(both.spark) as connection:
        for table, each in shown.items():
            count = connection.sql(f"select count(*) from lake.core.{table}").fetchall()[0][0]
            assert count == each.row_count
    session = spark_session(both.spark)
    snapshots = session.sql("select count(*) from core.fct_events.snapshots").collect()[0][0]
    references = session.sql("select count(distinct snapshot_id) from core.fct_events.refs")
    assert snapshots == references.collect()[0][0]


def _unequal(compared: list[Compared]) -> list[str]:
    return [
        f"{each.table}: {each.differing} of {each.rows} {json.dumps(each.types)}"
        for each in compared
        if each.differing or each.types
    ]
