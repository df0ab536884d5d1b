from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import select
from tests.gate.conftest import House
from tests.store.factories import NOW, build_node, build_run

from gatehouse.errors import GatehouseError
from gatehouse.gate import certified_versions, dbt_checks, open_certified, run_gate
from gatehouse.gate.dbt_checks import CANARY
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.gate.rows import count_rows
from gatehouse.store import open_store
from gatehouse.store.models import Certificate


def _by_name(report: GateReport) -> dict[str, TableResult]:
    return {each.table: each for each in report.tables}


def _outcomes(report: GateReport) -> dict[str, str]:
    return {each.table: each.result for each in report.tables}


def test_tables_that_hold_are_certified_and_readable(house: House) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    report = run_gate(house.settings)
    assert _outcomes(report) == {"dim_c": "passed", "fct_a": "passed", "fct_b": "passed"}
    assert report.snapshot_id == snapshot
    assert report.build_id == "b1"
    shown = certified_versions(house.settings)
    assert {name: each.snapshot_id for name, each in shown.items()} == dict.fromkeys(
        ("dim_c", "fct_a", "fct_b"), snapshot
    )
    with open_certified(house.settings) as connection:
        assert connection.execute("select count(*) from fct_b").fetchall() == [(100,)]
    with open_store(house.settings)() as session:
        certificate = session.get_one(Certificate, shown["fct_b"].certificate_id)
        # 1 of the gate, 2 of the suite, 3 of dbt, 1 that all of them are alive.
        tools = ["gate", *["gx"] * 2, *["dbt"] * 3, "gate"]
        assert [check.tool for check in certificate.checks] == tools
        assert {check.result for check in certificate.checks} == {"passed"}
        assert certificate.interval_end_at is not None
        assert certificate.severities["critical"] == {"passed": 5}


_FAULTS = {
    "duplicate key": ("insert into lake.core.fct_a select * from lake.core.fct_a limit 1", "dbt"),
    "null key": ("insert into lake.core.fct_a values (null, 0.5, date '2024-01-01')", "dbt"),
    "out of range": ("update lake.core.fct_a set score = 1.5 where key = 'k1'", "gx"),
    "empty": ("delete from lake.core.fct_a", "gate"),
}


@pytest.mark.parametrize(("fault", "tool"), _FAULTS.values(), ids=_FAULTS)
def test_a_planted_fault_fails_its_table_and_holds_what_is_made_from_it(
    house: House, fault: str, tool: str
) -> None:
    good = house.fill()
    run_gate(house.settings, snapshot_id=good)
    bad = house.sql(fault, "insert into lake.core.dim_c values ('new', 0.1, date '2024-01-01')")
    report = run_gate(house.settings, snapshot_id=bad)
    found = _by_name(report)
    assert found["fct_a"].result == "failed"
    assert found["fct_a"].held_by == ()
    failed = [check for check in found["fct_a"].checks if check.result == "failed"]
    assert [check.tool for check in failed] == [tool]
    assert found["fct_b"].result == "failed"
    assert found["fct_b"].held_by == ("fct_a",)
    assert found["dim_c"].is_certified
    shown = certified_versions(house.settings)
    assert (shown["fct_a"].snapshot_id, shown["fct_b"].snapshot_id) == (good, good)
    assert shown["dim_c"].snapshot_id == bad
    with open_certified(house.settings) as connection:
        rows = connection.execute("select count(*), max(score) from fct_a").fetchone()
        assert rows == (100, 0.99)


def test_an_orphan_is_a_warning_where_its_test_says_so(house: House) -> None:
    snapshot = house.fill()
    snapshot = house.sql("delete from lake.core.dim_c where key = 'k7'")
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))["fct_b"]
    assert found.is_certified
    warned = [check for check in found.checks if check.result == "failed"]
    assert [(check.severity, dict(check.observed)) for check in warned] == [
        ("warning", {"failing_rows": 1})
    ]


def _data_files(house: House, table: str) -> list[Path]:
    return sorted((Path(house.settings.data_path) / "core" / table).rglob("*.parquet"))


def test_a_lost_data_file_is_neither_passed_nor_failed(house: House) -> None:
    good = house.fill(5000)
    run_gate(house.settings, snapshot_id=good)
    bad = house.sql("create or replace table lake.core.fct_a as select * from lake.raw.a")
    newest = max(_data_files(house, "fct_a"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    found = _by_name(run_gate(house.settings, snapshot_id=bad))
    assert found["fct_a"].result == "could_not_check"
    assert found["fct_b"].result == "could_not_check"
    assert found["fct_b"].held_by == ("fct_a",)
    assert found["dim_c"].result == "passed"
    critical = [c for c in found["fct_a"].checks if c.severity == "critical" and c.tool != "gate"]
    # Not all: what the lake's statistics answer needs no file.
    assert "could_not_check" in {check.result for check in critical}
    assert "failed" not in {check.result for check in critical}
    assert certified_versions(house.settings)["fct_a"].snapshot_id == good


def test_no_values_of_rows_reach_the_certificate(house: House) -> None:
    snapshot = house.fill()
    snapshot = house.sql(
        "update lake.core.fct_a set key = 'who@example.org', score = 7 where key = 'k1'",
        "insert into lake.core.fct_a select * from lake.core.fct_a where score = 7",
    )
    run_gate(house.settings, snapshot_id=snapshot)
    with open_store(house.settings)() as session:
        for certificate in session.scalars(select(Certificate)):
            text = repr([(c.name, c.observed, c.reason) for c in certificate.checks])
            assert "who@" not in text + certificate.message


def test_a_table_that_was_never_built_could_not_be_checked(house: House) -> None:
    house.fill()
    snapshot = house.sql("drop table lake.core.dim_c")
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))
    assert found["dim_c"].result == "could_not_check"
    assert "never built" in found["dim_c"].message
    assert found["fct_a"].is_certified


def test_a_counter_that_breaks_is_told_of_its_table_and_silences_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = house.fill()

    def broken(connection: object, table: str, *rest: object) -> object:
        if table == "dim_c":
            raise ValueError("k1 is no number")
        return count_rows(connection, table, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("gatehouse.gate.run.count_rows", broken)
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))
    assert found["dim_c"].result == "could_not_check"
    assert "k1" not in found["dim_c"].message
    assert found["fct_a"].is_certified


def test_a_model_that_failed_to_build_holds_its_tables(house: House) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    with open_store(house.settings).begin() as session:
        session.add(build_node("int_a", "error"))
    found = _by_name(run_gate(house.settings))
    assert found["fct_b"].result == "could_not_check"
    assert "int_a was not built" in found["fct_b"].message
    assert found["fct_a"].is_certified


def test_an_empty_table_with_empty_inputs_is_no_data_and_readable(house: House) -> None:
    house.fill()
    snapshot = house.sql("delete from lake.core.dim_c", "delete from lake.raw.c")
    empty = {"when": "inputs_empty", "inputs": ["c"], "reason": "no c may have come yet"}
    house.suite("dim_c", empty=empty)
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))["dim_c"]
    assert found.result == "no_data"
    assert found.is_certified
    assert {check.result for check in found.checks} == {"no_data"}
    assert certified_versions(house.settings)["dim_c"].result == "no_data"
    with open_certified(house.settings) as connection:
        assert connection.execute("select count(*) from dim_c").fetchall() == [(0,)]


def test_an_empty_table_with_rows_in_its_inputs_fails(house: House) -> None:
    house.fill()
    snapshot = house.sql("delete from lake.core.dim_c")
    empty = {"when": "inputs_empty", "inputs": ["c"], "reason": "no c may have come yet"}
    house.suite("dim_c", empty=empty)
    assert _outcomes(run_gate(house.settings, snapshot_id=snapshot))["dim_c"] == "failed"


def test_a_late_gate_on_an_older_snapshot_moves_no_pointer_back(house: House) -> None:
    older = house.fill()
    newer = house.sql("insert into lake.core.dim_c values ('new', 0.1, date '2024-01-01')")
    run_gate(house.settings, snapshot_id=newer)
    report = run_gate(house.settings, snapshot_id=older)
    assert _by_name(report)["dim_c"].is_certified
    assert not _by_name(report)["dim_c"].is_published
    assert certified_versions(house.settings)["dim_c"].snapshot_id == newer


def test_a_version_on_show_that_fails_later_is_taken_off(house: House) -> None:
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    second = house.sql("update lake.core.fct_a set score = 0.995 where key = 'k1'")
    run_gate(house.settings, snapshot_id=second)
    stricter = [
        {
            "type": "expect_column_max_to_be_between",
            "kwargs": {"column": "score", "max_value": 0.99},
            "severity": "critical",
            "meta": {"reason": "as was agreed later", "owner": "data"},
        }
    ]
    house.suite("fct_a", expectations=stricter)
    run_gate(house.settings, snapshot_id=second)
    shown = certified_versions(house.settings)
    assert (shown["fct_a"].snapshot_id, shown["fct_b"].snapshot_id) == (first, first)
    assert shown["dim_c"].snapshot_id == second


def test_one_table_is_checked_with_what_it_is_made_from(house: House) -> None:
    house.fill()
    snapshot = house.sql("update lake.core.fct_a set score = 9 where key = 'k1'")
    report = run_gate(house.settings, snapshot_id=snapshot, tables=["fct_b"])
    assert _outcomes(report) == {"fct_a": "failed", "fct_b": "failed"}
    with pytest.raises(GatehouseError, match="fct_a"):
        report.raise_for_failure()


def test_what_is_made_from_one_table_falls_with_it(house: House) -> None:
    first = house.fill()
    run_gate(house.settings, snapshot_id=first)
    second = house.sql("update lake.core.fct_a set score = 0.995 where key = 'k1'")
    run_gate(house.settings, snapshot_id=second)
    stricter = {
        "type": "expect_column_max_to_be_between",
        "kwargs": {"column": "score", "max_value": 0.99},
        "severity": "critical",
        "meta": {"reason": "as was agreed later", "owner": "data"},
    }
    house.suite("fct_a", expectations=[stricter])
    run_gate(house.settings, snapshot_id=second, tables=["fct_a"])
    shown = certified_versions(house.settings)
    assert (shown["fct_a"].snapshot_id, shown["fct_b"].snapshot_id) == (first, first)
    assert shown["dim_c"].snapshot_id == second


def test_a_wrong_suite_stops_its_table_only(house: House) -> None:
    snapshot = house.fill()
    house.suite("dim_c", expectations=[{"type": "expect_the_best", "severity": "critical"}])
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))
    assert found["dim_c"].result == "could_not_check"
    assert "expect_the_best" in found["dim_c"].message
    assert found["fct_a"].is_certified


def test_a_version_may_shrink_only_so_far_against_the_one_before(house: House) -> None:
    volume = [
        {
            "type": "expect_table_row_count_to_be_between",
            "kwargs": {"min_value": {"previous": "row_count", "times": 0.5}},
            "severity": "critical",
            "meta": {"reason": "half of it cannot vanish", "owner": "data"},
        }
    ]
    house.suite("dim_c", expectations=volume)
    first = house.fill()
    assert _outcomes(run_gate(house.settings, snapshot_id=first))["dim_c"] == "passed"
    second = house.sql("delete from lake.core.dim_c where score > 0.3")
    assert _outcomes(run_gate(house.settings, snapshot_id=second))["dim_c"] == "failed"


def test_nothing_built_is_an_error_with_a_next_step(house: House) -> None:
    with pytest.raises(GatehouseError, match="gatehouse build"):
        run_gate(house.settings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sql": ""}, "could not compile"),
        ({"sql": "select no_such_column from lake.core.fct_a"}, "no_such_column"),
        ({"question": "select null, false, false from ({rows})"}, "counted nothing"),
        ({"question": "nonsense {rows}"}, "syntax error"),
        ({"question": "select 'nan'::float, false, false"}, "left out"),
        ({"question": None}, "left out"),
    ],
    ids=["not compiled", "no such column", "counts nothing", "no SQL", "no number", "raises"],
)
def test_a_dbt_test_that_cannot_run_is_neither_passed_nor_failed(
    house: House, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], told: str
) -> None:
    snapshot = house.fill()
    known = core_tables(house.settings)
    first, *others = known["fct_a"].tests
    broken = replace(known["fct_a"], tests=(replace(first, **changes), *others))
    monkeypatch.setattr("gatehouse.gate.run.core_tables", lambda _: {**known, "fct_a": broken})
    found = _by_name(run_gate(house.settings, snapshot_id=snapshot))
    assert found["fct_a"].result == "could_not_check"
    check = next(each for each in found["fct_a"].checks if each.name == first.name)
    assert (check.tool, check.result) == ("dbt", "could_not_check")
    assert told in str(check.observed["error"])
    assert "fct_a" not in certified_versions(house.settings)


def test_a_dbt_test_that_cannot_be_compiled_once_for_all_holds_its_table_alone(
    house: House,
) -> None:
    tests = house.settings.dbt_project / "tests"
    tests.mkdir(exist_ok=True)
    select = "select * from {{ ref('dim_c') }} where "
    (tests / "asks.sql").write_text(
        select + "{{ run_query('select 1').rows[0][0] if execute else 1 }} > 1"
    )
    (tests / "of_now.sql").write_text(select + "day > date '{{ run_started_at.date() }}'")
    (tests / "commented.sql").write_text(select + "day > date '2031-01-01' -- some day")
    report = _by_name(run_gate(house.settings, snapshot_id=house.fill()))
    own = {each.name: each for each in report["dim_c"].checks}
    assert {name: own[name].result for name in ("asks", "of_now", "commented")} == {
        "asks": "could_not_check",
        "of_now": "could_not_check",
        "commented": "passed",
    }
    assert "dbt compile --select asks" in str(own["asks"].observed["error"])
    assert (report["dim_c"].result, report["fct_a"].result) == ("could_not_check", "passed")


def test_another_configuration_of_a_test_is_another_suite(house: House) -> None:
    before = core_tables(house.settings)
    path = house.settings.dbt_project / "models" / "models.yml"
    text = path.read_text("utf-8")
    changed = text.replace("- unique", "- unique: {config: {where: '1 = 1'}}", 1)
    assert changed != text
    path.write_text(changed, "utf-8")
    after = core_tables(house.settings)
    digests = [
        {test.name: test.digest for test in known["fct_b"].tests} for known in (before, after)
    ]
    assert {name for name, each in digests[0].items() if digests[1][name] != each} == {
        "unique_fct_b_key"
    }


@pytest.mark.parametrize(
    ("severity", "warns", "fails", "expected"),
    [
        ("critical", "!= 0", "!= 0", ("failed", "critical")),
        ("critical", "!= 0", "> 2", ("failed", "warning")),
        ("critical", "> 2", "> 2", ("passed", "critical")),
        ("warning", "!= 0", "!= 0", ("failed", "warning")),
        ("warning", "> 2", "!= 0", ("passed", "warning")),
    ],
)
def test_a_dbt_test_decides_as_dbt_would(
    severity: Any, warns: str, fails: str, expected: tuple[str, str]
) -> None:
    question = f"select count(*), count(*) {warns}, count(*) {fails} from (\n{{rows}}\n)"
    rows = "select * from (values (1), (2)) -- two"
    test = replace(CANARY, severity=severity, sql=rows, question=question)
    with duckdb.connect() as connection:
        found = dbt_checks.run_test(connection, test)
    assert (found.result, found.severity) == expected
    assert found.observed == {"failing_rows": 2}


@pytest.fixture
def mixing(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """As if fct_b were made from dim_c as well; all certified."""
    known = {
        name: replace(each, upstream=("dim_c", "fct_a")) if name == "fct_b" else each
        for name, each in core_tables(house.settings).items()
    }
    monkeypatch.setattr("gatehouse.gate.run.core_tables", lambda _settings: known)
    house.built(house.fill(), "good")
    assert run_gate(house.settings).ok
    return house


def test_what_rests_on_a_held_table_is_not_certified_beside_another(mixing: House) -> None:
    """New findings are certified by themselves while the events are held."""
    good = certified_versions(mixing.settings)["fct_b"].snapshot_id
    mixing.built(mixing.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'"), "bad")
    assert set(run_gate(mixing.settings).held) == {"fct_a", "fct_b"}
    mixing.built(mixing.sql("insert into lake.core.dim_c from lake.raw.c where false"), "small")
    report = run_gate(mixing.settings, tables=["dim_c"])
    assert report.certified == ("dim_c",)
    assert report.held == ()
    assert certified_versions(mixing.settings)["fct_b"].snapshot_id == good


def test_nor_what_rests_on_one_that_was_built_and_not_checked(mixing: House) -> None:
    build = mixing.built(mixing.sql("update lake.core.fct_a set score = 0.5"), "new")
    with open_store(mixing.settings).begin() as session:
        session.add(build_node("fct_a", build_id=build))
    assert run_gate(mixing.settings, tables=["dim_c"]).certified == ("dim_c",)


def test_nor_what_rests_on_one_that_a_killed_build_wrote(mixing: House) -> None:
    """It left no snapshot that tells when; a small build after it has one, with its rows."""
    good = certified_versions(mixing.settings)["fct_a"].snapshot_id
    since = NOW + timedelta(seconds=good, milliseconds=1)
    with open_store(mixing.settings).begin() as session:
        session.add(build_run("killed", status="failed", started_at=since))
        session.flush()
        session.add(build_node("fct_a", build_id="killed"))
    mixing.built(mixing.sql("update lake.core.dim_c set score = 0.5"), "small")
    assert run_gate(mixing.settings, tables=["dim_c"]).certified == ("dim_c",)
    # A gate over all of it has seen them.
    assert run_gate(mixing.settings).ok
    assert run_gate(mixing.settings, tables=["dim_c"]).certified == ("dim_c", "fct_b")


def test_what_rests_on_certified_tables_is_checked_with_its_neighbour(mixing: House) -> None:
    mixing.built(mixing.sql("update lake.core.dim_c set score = 0.5"), "small")
    assert run_gate(mixing.settings, tables=["dim_c"]).certified == ("dim_c", "fct_b")
