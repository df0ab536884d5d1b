from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from tests.gate.conftest import House
from tests.store.factories import NOW, build_run, certificate
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import run_gate
from gatehouse.gate.actor import PARTS, _events, read_actor
from gatehouse.gate.publish import publish
from gatehouse.gate.query import certified_session
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.gate.status import read_status
from gatehouse.gate.subject import Subject
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, DetectionRun, PublishedVersion

Cli = Callable[..., Any]


@pytest.fixture
def cli(house: House, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("GATEHOUSE_HOME", str(house.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(house.settings.project))

    def run(*args: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*args, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return run


def test_each_state_of_a_table_has_its_word(house: House, cli: Cli) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    run_gate(house.settings, snapshot_id=snapshot)
    house.sql("update lake.core.fct_a set score = 9 where key = 'k1'")
    bad = house.sql("delete from lake.core.dim_c", "delete from lake.raw.c")
    house.suite("dim_c", empty={"when": "always", "reason": "it may be empty"})
    house.built(bad, "b2")
    gated = cli("gate", code=1)
    assert (gated["certified"], gated["held"]) == (["dim_c"], ["fct_a", "fct_b"])
    with open_store(house.settings).begin() as session:
        session.add(
            DetectionRun(
                detection_run_id="r",
                detection_id="guessing",
                detection_version=1,
                code_hash="c",
                mode="live",
                status="held",
                is_increment=True,
                inputs={},
                parameters={},
                message="fct_a failed its gate",
                started_at=NOW,
                finished_at=NOW,
            )
        )
    found = cli("status")
    states = {each["table"]: (each["state"], each["why"]) for each in found["tables"]}
    assert states["fct_a"][0] == "stale"
    assert "score" in states["fct_a"][1]
    assert states["fct_b"] == ("stale", f"snapshot {bad}: held: fct_a failed")
    assert states["dim_c"][0] == "no_data"
    assert found["build"]["build_id"] == "b2"
    assert [each["detection"] for each in found["detections_held"]] == ["guessing"]
    assert "any more" not in found["detections_held"][0]["why"]
    shown = cli("certificate", "fct_a")
    failed = [check for check in shown["checks"] if check["result"] == "failed"]
    assert [check["reason"] for check in failed] == ["a score is a share"]
    assert [each["table"] for each in cli("tables")] == ["dim_c", "fct_a", "fct_b"]
    described = next(each for each in cli("tables") if each["table"] == "fct_a")
    assert described["description"] == "One row per a."
    assert [column["name"] for column in described["columns"]] == ["key", "score", "day"]
    for command in ("status", "tables", "attach"):
        done = CliRunner().invoke(app, [command])
        assert done.exit_code == 0, done.output
        assert "fct_a" in done.stdout


def test_an_answer_of_a_held_table_says_of_which_state_it_is(house: House, cli: Cli) -> None:
    snapshot = house.fill()
    house.built(snapshot, arrived_to=NOW)
    run_gate(house.settings, snapshot_id=snapshot)
    query = "with once as (select 1) select count(*) from fct_a, once"
    assert CliRunner().invoke(app, ["sql", query]).stderr == ""
    bad = house.sql("update lake.core.fct_a set score = 9 where key = 'k1'")
    house.built(bad, "b2")
    run_gate(house.settings, snapshot_id=bad)
    done = CliRunner().invoke(app, ["sql", query])
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"fct_a: held at snapshot {bad}; this is of the certified version")
    assert f" {snapshot}, of what arrived until {NOW:%Y-%m-%d %H:%M} UTC" in line
    assert CliRunner().invoke(app, ["sql", "from dim_c"]).stderr == ""


def test_status_of_an_empty_home_names_the_next_steps(house: House, cli: Cli) -> None:
    found = cli("status")
    assert {each["state"] for each in found["tables"]} == {"unchecked"}
    assert (found["loads"], found["build"], found["detections_held"]) == ([], None, [])


def test_that_detections_are_not_known_is_said(
    house: House, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = "Which others wait is not known"
    monkeypatch.setattr("gatehouse.gate.status.read_readers", lambda _settings: [])
    assert unknown not in CliRunner().invoke(app, ["status"]).stdout
    monkeypatch.setattr("gatehouse.gate.status.read_readers", lambda _settings: None)
    assert unknown in CliRunner().invoke(app, ["status"]).stdout
    assert not cli("status")["detections_known"]


def test_an_expired_version_is_shown_as_such(settings: Settings) -> None:
    with open_store(settings).begin() as session:
        session.add(certificate("c1", table_name="t", expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
        session.flush()
        session.add(
            PublishedVersion(table_name="t", certificate_id="c1", snapshot_id=3, published_at=NOW)
        )
    found = {each["table"]: each for each in read_status(settings)["tables"]}
    assert found["t"]["state"] == "expired"


def _certify_risk(settings: Settings, *actors: str) -> None:
    lake = Lake(settings)
    rows = ", ".join(f"('{actor}')" for actor in actors)
    with lake.writer("test") as connection:
        connection.execute(
            "create table lake.core.user_risk as select actor_id, 0.9 as risk_probability, "
            "'high' as tier_code, '[\"many\"]' as top_reasons, timestamp '2026-03-01' as "
            "as_of_at, 1 as signal_count, 1 as evidence_days, 0.5 as risk_confidence, "
            f"1 as model_version from (values {rows}) as actors (actor_id)"
        )
        connection.execute("create table lake.core.fct_findings as select 'a1' as actor_id")
    snapshot = lake.current_snapshot()
    with open_store(settings).begin() as session:
        later = datetime(2999, 1, 1, tzinfo=UTC)
        session.add(
            certificate("c", table_name="user_risk", snapshot_id=snapshot, expires_at=later)
        )
        session.flush()
        session.add(
            PublishedVersion(
                table_name="user_risk", certificate_id="c", snapshot_id=snapshot, published_at=NOW
            )
        )


def test_an_actor_is_put_together_from_what_is_certified(settings: Settings) -> None:
    _certify_risk(settings, "a1")
    with certified_session(settings) as connection:
        found = read_actor(connection, "a1")
        assert found["risk"][0]["top_reasons"] == ["many"]
        # Not certified is not the same as nothing found.
        assert found["findings"] is None
        assert "fct_findings" in found["not_certified"]
        with pytest.raises(GatehouseError, match="not looked at"):
            read_actor(connection, "a2' or true --")


def test_several_actors_are_looked_up_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _certify_risk(settings, "a1", "a2")
    monkeypatch.setenv("GATEHOUSE_HOME", str(settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(settings.project))
    done = CliRunner().invoke(app, ["actor", "a2", "nobody", "a1", "--json"])
    assert done.exit_code == 1
    assert re.findall(r'"actor_id": "(a.)",\n  "versions"', done.stdout) == ["a2", "a1"]
    assert "Actor nobody: No certified table knows this actor" in done.stderr
    again = CliRunner().invoke(app, ["actor", "-"], input="a1\na2\n")
    assert again.exit_code == 0
    assert re.findall("^Actor (.*)$", again.stdout, re.MULTILINE) == ["a1", "a2"]


def test_the_newest_events_of_an_actor_are_read_whichever_day_its_activity_is_known_to() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table fct_events as select 'a' as actor_id, 'p' as product_code, "
            "'request' as event_type, 'ok' as outcome_code, 'DE' as country_code, "
            "i::varchar as event_id, d::date as occurred_date, d + to_minutes(i) as occurred_at "
            "from range(15) as numbers (i), (select unnest([timestamp '2026-03-01', "
            "timestamp '2026-03-02'])) as days (d)"
        )

        def events(day: str, counted: int) -> list[Any]:
            activity = [{"activity_date": date.fromisoformat(day), "event_count": counted}]
            sql = PARTS["events"][1]
            return [row["occurred_at"] for row in _events(connection, sql, "a", activity)]

        newest = connection.execute(
            "select occurred_at from fct_events order by occurred_at desc limit 20"
        ).fetchall()
        expected = [at for (at,) in newest]
        assert events("2026-03-01", 30) == expected
        # Activity of a later build: those days have no events here yet.
        assert events("2026-03-03", 30) == expected
        assert events("2026-03-02", 15) == expected


def _report(snapshot: int, result: str = "passed") -> GateReport:
    tables = (TableResult("t", result, row_count=1),)  # type: ignore[arg-type]
    return GateReport(snapshot, None, datetime.now(UTC), tables, {})


def test_pointers_move_forward_only(any_settings: Settings) -> None:
    def shown() -> int:
        with open_store(any_settings, read_only=True).begin() as session:
            return session.get_one(PublishedVersion, "t").snapshot_id

    moved = [publish(any_settings, _report(s), Subject(s)).tables[0].is_published for s in (3, 5)]
    assert (moved, shown()) == ([True, True], 5)
    assert not publish(any_settings, _report(4), Subject(4)).tables[0].is_published
    assert shown() == 5
    publish(any_settings, _report(6, "could_not_check"), Subject(6))
    publish(any_settings, _report(5, "could_not_check"), Subject(5))
    assert shown() == 5
    publish(any_settings, _report(5, "failed"), Subject(5))
    assert shown() == 4
    publish(any_settings, _report(5), Subject(5))
    assert shown() == 5


def test_certificates_are_all_written_or_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = (TableResult("t", "passed"), TableResult("u", "fine"))  # type: ignore[arg-type]
    report = GateReport(3, None, datetime.now(UTC), tables, {})
    with pytest.raises(Exception, match="ck_certificates_result"):
        publish(settings, report, Subject(3))
    with open_store(settings)() as session:
        assert session.get(PublishedVersion, "t") is None


def test_a_failed_model_counts_until_it_was_built_again(settings: Settings) -> None:
    from gatehouse.gate.subject import choose_subject

    def add(build: str, hour: int, status: str, unique_id: str = "model.a") -> None:
        started = NOW.replace(hour=hour)
        node = BuildNode(
            unique_id=unique_id, name="a", resource_type="model", status=status, started_at=started
        )
        with open_store(settings).begin() as session:
            run = build_run(
                build,
                snapshot_id=hour,
                started_at=started,
                status="succeeded" if status == "success" else "failed",
                is_increment=unique_id == "model.a",
                nodes=[node],
            )
            session.add(run)

    add("b1", 1, "error")
    assert choose_subject(settings, None, None).unbuilt == {"model.a"}
    add("b2", 2, "success", "model.b")
    assert choose_subject(settings, None, None).unbuilt == {"model.a"}
    add("b3", 3, "success")
    assert choose_subject(settings, None, None).unbuilt == frozenset()
    assert choose_subject(settings, None, None).snapshot_id == 3
    # As of an earlier build, what came later does not count.
    assert choose_subject(settings, 1, None).unbuilt == {"model.a"}


def test_a_backfill_of_another_day_mends_no_failed_increment(settings: Settings) -> None:
    from gatehouse.gate.subject import choose_subject

    def add(build: str, hour: int, status: str, day: int, *, is_increment: bool) -> None:
        started = NOW.replace(hour=hour)
        node = BuildNode(
            unique_id="model.a", name="a", resource_type="model", status=status, started_at=started
        )
        run = build_run(
            build,
            snapshot_id=hour,
            started_at=started,
            interval_start_at=NOW - timedelta(days=day),
            interval_end_at=NOW - timedelta(days=day - 1),
            status="succeeded" if status == "success" else "failed",
            is_increment=is_increment,
            nodes=[node],
        )
        with open_store(settings).begin() as session:
            session.add(run)

    add("b1", 1, "error", day=1, is_increment=True)
    add("b2", 2, "success", day=9, is_increment=False)
    assert choose_subject(settings, None, None).unbuilt == {"model.a"}
    add("b3", 3, "success", day=1, is_increment=False)
    assert choose_subject(settings, None, None).unbuilt == frozenset()
    with pytest.raises(GatehouseError, match="half of two states"):
        choose_subject(settings, 99, None)


@pytest.mark.postgres
def test_the_gate_runs_on_a_postgres_catalog_and_store(
    house: House, postgres_settings: Settings
) -> None:
    settings = house.settings.model_copy(
        update={"catalog": postgres_settings.catalog, "store_url": postgres_settings.store_url}
    )
    there = House(settings)
    snapshot = there.fill()
    there.built(snapshot)
    report = run_gate(settings)
    assert report.certified == ("dim_c", "fct_a", "fct_b")
    written = [path for path in (settings.home / "dbt").rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cret" in path.read_bytes()]


def test_a_certificate_names_the_column_of_which_values_are_missing(house: House, cli: Cli) -> None:
    drift = {
        "day": "day",
        "unit": "key",
        "reason": "days are alike",
        "owner": "data",
    }
    house.suite("fct_a", drift=[drift])
    days = (
        "create or replace table lake.core.fct_a as select 'k' || range as key, "
        "{score} as score, date '2024-01-01' + (range // 100)::int as day from range(700)"
    )
    house.fill()
    for build_id, score in (("b1", "0.5::double"), ("b2", "case when range < 600 then 0.5 end")):
        house.built(house.sql(days.format(score=f"({score})::double")), build_id, arrived_to=NOW)
        run_gate(house.settings, build_id=build_id)
    shown = CliRunner().invoke(app, ["certificate", "fct_a"]).stdout
    assert "failed (critical): missing values of score:" in shown


def test_gate_looks_at_all_rows_when_asked(
    house: House, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.gate.scope.SMALL", 0)
    house.built(house.fill())
    cli("gate")
    more = "insert into lake.core.fct_a values ('{}', 0.1, date '2024-01-01')"
    for key, options, looks_at_all in (("n1", [], False), ("n2", ["--all-rows"], True)):
        house.built(house.sql(more.format(key)), f"b{key}")
        cli("gate", *options)
        checks = cli("certificate", "fct_a")["checks"]
        since = {each["observed"].get("since_version") for each in checks if each["tool"] == "gx"}
        assert (since == {None}) == looks_at_all
