"""A failed check shows its rows: the right ones, masked, unless somebody says why."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.gate.conftest import House
from tests.gate.conftest import suite as suite_of
from tests.gate.test_gx_duckdb import runner  # noqa: F401
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import run_gate
from gatehouse.gate.certificate import read_certificate
from gatehouse.gate.expectations import GxRunner
from gatehouse.gate.failing import FailingRows, failing_rows
from gatehouse.gate.failing_sql import _CONDITIONS, of_expectation, of_monitor, whole_rows
from gatehouse.gate.masking import Mask
from gatehouse.gate.publish import publish
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.gate.subject import Subject
from gatehouse.gate.suites import Drift, Suite
from gatehouse.store.access import list_access

_META = {"reason": "it is a test", "owner": "data"}
_COUNTED: dict[str, list[dict[str, object]]] = {
    "expect_column_values_to_be_between": [
        {"column": "number", "min_value": 2, "max_value": 6},
        {
            "column": "number",
            "min_value": 2,
            "strict_min": True,
            "max_value": 6,
            "strict_max": True,
        },
        {"column": "mostly_null", "min_value": 4},
    ],
    "expect_column_value_lengths_to_be_between": [{"column": "text", "max_value": 1}],
    "expect_column_values_to_be_in_set": [{"column": "number", "value_set": [1, 2]}],
    "expect_column_values_to_not_be_in_set": [{"column": "text", "value_set": ["x1", "x2"]}],
    "expect_column_values_to_match_regex": [{"column": "text", "regex": "^x[0-4]"}],
    "expect_column_values_to_not_match_regex": [{"column": "text", "regex": "[0-4]"}],
    "expect_column_values_to_not_be_null": [{"column": "mostly_null"}],
    "expect_column_values_to_be_null": [{"column": "mostly_null"}],
    "expect_column_values_to_be_unique": [{"column": "half"}],
    "expect_compound_columns_to_be_unique": [{"column_list": ["half", "zero"]}],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        {"column_A": "number", "column_B": "half"},
        {"column_A": "half", "column_B": "number", "or_equal": True},
    ],
    "expect_column_pair_values_to_be_equal": [{"column_A": "number", "column_B": "half"}],
}


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [(kind, kwargs) for kind, cases in _COUNTED.items() for kwargs in cases],
)
def test_as_many_rows_are_shown_as_great_expectations_counts(
    runner: GxRunner,  # noqa: F811
    kind: str,
    kwargs: dict[str, object],
) -> None:
    runner._connection.execute(
        "create table if not exists lake.core.pairs as "
        "select *, number // 2 as half, 0 as zero from lake.core.things"
    )
    expectation = {"type": kind, "kwargs": kwargs, "severity": "critical", "meta": _META}
    built = Suite.model_validate(suite_of("pairs", expectations=[expectation]))
    (result,) = runner.run(built, {})
    query = of_expectation(built.expectations[0], "pairs")
    rows = runner._connection.execute(query).fetchall()
    assert len(rows) == result.observed["unexpected_count"] > 0


def test_every_kind_of_row_is_counted_here() -> None:
    assert set(_COUNTED) == set(_CONDITIONS)


def test_a_query_of_constants_gives_the_rows_and_another_one_stays() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select 1 as a, 2 as b")
        found = connection.execute(whole_rows("select 1 as wrong from t where b > a"))
        assert found.fetchall() == [(1, 2)]
    grouped = "select a from t group by a having count(*) > 1"
    assert whole_rows(grouped) == grouped


@pytest.fixture
def failed(house: House) -> House:
    """fct_a with a score out of range, a repeated key and a day too far off."""
    house.fill()
    house.built(
        house.sql(
            "update lake.core.fct_a set score = 7.531864 where key = 'k1'",
            "insert into lake.core.fct_a select * from lake.core.fct_a where key = 'k2'",
            "update lake.core.fct_a set day = '2031-05-05' where key = 'k3'",
        )
    )
    run_gate(house.settings)
    return house


def _one(found: list[FailingRows]) -> tuple[dict[str, Any], FailingRows]:
    (each,) = found
    return each.as_dict()["rows"][0], each


def test_rows_of_each_tool_are_shown_masked(failed: House) -> None:
    settings = failed.settings
    row, found = _one(failing_rows(settings, "fct_a", "be_between"))
    assert (row["score"], str(row["day"])) == (7.531864, "2024-01-02")
    mask = Mask.of(settings)
    assert row["key"] == mask.value("key", "k1")
    assert "k1" not in row["key"]
    assert found.query == 'select * from lake.core."fct_a" where "score" < 0 or "score" > 1'
    row, _ = _one(failing_rows(settings, "fct_a", "no day after 2030"))
    assert (row["key"], str(row["day"])) == (mask.value("key", "k3"), "2031-05-05")
    row, found = _one(failing_rows(settings, "fct_a", "unique_fct_a_key"))
    assert row == {"unique_field": mask.value("unique_field", "k2"), "n_records": 2}
    assert "group by" in found.query
    assert len(failing_rows(settings, "fct_a")) == 3
    assert list_access(settings, 10) == []
    assert stat.S_IMODE((settings.home / "mask.key").stat().st_mode) == 0o600


def test_rows_are_those_of_the_snapshot_that_failed(failed: House) -> None:
    failed.sql("delete from lake.core.fct_a")
    row, _ = _one(failing_rows(failed.settings, "fct_a", "be_between"))
    assert row["score"] == 7.531864


def test_what_failed_before_is_still_shown_by_its_snapshot(failed: House) -> None:
    settings = failed.settings
    at = read_certificate(settings, "fct_a")["snapshot_id"]
    failed.built(
        failed.sql(
            "delete from lake.core.fct_a where key in ('k1', 'k3')",
            "update lake.core.fct_a set key = 'k2b' where key = 'k2' and rowid = "
            "(select min(rowid) from lake.core.fct_a where key = 'k2')",
        ),
        "b2",
    )
    run_gate(settings)
    assert read_certificate(settings, "fct_a")["result"] == "passed"
    with pytest.raises(GatehouseError, match="No failed check of fct_a is called") as caught:
        failing_rows(settings, "fct_a", "be_between")
    command = f"gatehouse certificate fct_a be_between --rows --snapshot {at}"
    assert caught.value.next_step == f"where it did last: {command}"
    row, _ = _one(failing_rows(settings, "fct_a", "be_between", snapshot_id=at))
    assert row["score"] == 7.531864
    with pytest.raises(GatehouseError, match="at snapshot 1") as caught:
        failing_rows(settings, "fct_a", snapshot_id=1)
    assert "shows the newest" in caught.value.next_step
    # Checked again, it passed: nothing is shown as failed there.
    passed = (TableResult("fct_a", "passed", row_count=1),)
    publish(settings, GateReport(at, None, datetime.now(UTC), passed, {}), Subject(at))
    with pytest.raises(GatehouseError, match="No failed check") as caught:
        failing_rows(settings, "fct_a", "be_between")
    assert caught.value.next_step == "gatehouse certificate fct_a"


def test_as_they_are_only_with_a_reason_that_is_kept(failed: House) -> None:
    settings = failed.settings
    with pytest.raises(GatehouseError, match="needs a reason"):
        failing_rows(settings, "fct_a", "be_between", unmasked=True)
    row, _ = _one(
        failing_rows(settings, "fct_a", "be_between", unmasked=True, reason="which client")
    )
    assert row["key"] == "k1"
    (access,) = list_access(settings, 10)
    assert (access["action"], access["reason"]) == ("failing rows", "which client")
    assert access["subject"]["table"] == "fct_a"
    assert "k1" not in json.dumps(access["subject"])


def test_what_is_read_is_kept_nowhere(failed: House, caplog: pytest.LogCaptureFixture) -> None:
    before = _bytes(failed.settings.home)
    failing_rows(failed.settings, "fct_a")
    assert "k2" not in caplog.text
    written = _bytes(failed.settings.home)
    for name in written.keys() - before.keys():
        assert b"7.531864" not in written[name], name


def _bytes(home: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "lake" not in path.parts
    }


def test_what_has_no_rows_says_so(failed: House) -> None:
    with pytest.raises(GatehouseError, match="held because of fct_a") as caught:
        failing_rows(failed.settings, "fct_b")
    assert caught.value.next_step == "gatehouse certificate fct_a --rows"
    with pytest.raises(GatehouseError, match="No failed check of fct_a is called 'nothing'"):
        failing_rows(failed.settings, "fct_a", "nothing")
    with pytest.raises(GatehouseError, match="No check of dim_c failed"):
        failing_rows(failed.settings, "dim_c")


def test_the_command_shows_rows_and_the_query(
    failed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(failed.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(failed.settings.project))
    done = CliRunner().invoke(app, ["certificate", "fct_a", "be_between", "--rows"])
    assert done.exit_code == 0, done.output
    assert "7.532" in done.stdout
    assert "k1" not in done.stdout
    assert 'where "score" < 0 or "score" > 1' in done.stdout
    shown = CliRunner().invoke(app, ["certificate", "fct_a"])
    at = read_certificate(failed.settings, "fct_a")["snapshot_id"]
    assert f"gatehouse certificate fct_a --rows --snapshot {at}" in " ".join(shown.stdout.split())


_DRIFT = Drift(
    day="day",
    surface="product",
    unit="actor_id",
    repeats=["minute"],
    reason="it is a test",
    owner="it",
)


@pytest.mark.parametrize(
    ("monitor", "column", "expected"),
    [
        ("rows_rise", None, [1, 2, 3, 4]),
        ("nulls", "country", [3]),
        ("repeats", None, [1, 2]),
        ("value_rise", "country", [1, 2]),
        ("rows_drop", None, None),
    ],
)
def test_a_monitor_shows_the_rows_of_its_worst_day_and_product(
    monitor: str, column: str | None, expected: list[int] | None
) -> None:
    observed = {"limit_name": monitor, "day": "2026-01-02", "product": "api", "value": "DE"}
    query = of_monitor(_DRIFT, "t", observed, column)
    if expected is None:
        assert query == ""
        return
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake; create schema lake.core")
        connection.execute(
            "create table lake.core.t as select * from (values "
            "(1, '2026-01-02', 'api', 'a', 1, 'DE'), (2, '2026-01-02', 'api', 'a', 1, 'DE'), "
            "(3, '2026-01-02', 'api', 'b', 1, null), (4, '2026-01-02', 'api', 'b', 2, 'FR'), "
            "(5, '2026-01-03', 'api', 'a', 1, 'DE'), (6, '2026-01-02', 'chat', 'a', 1, 'DE')"
            ") as v (n, day, product, actor_id, minute, country)"
        )
        assert sorted(row[0] for row in connection.execute(query).fetchall()) == expected


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("product_code", "api", True),
        ("event_type", "tool-call", True),
        # A feed whose columns are swapped puts anything anywhere.
        ("product_code", "u_d9af18fce05ee594", False),
        ("country_code", "who@example.org", False),
        ("country_code", "10.0.0.7", False),
        ("body", "hello", False),
        ("score", 0.5, True),
        ("user_id", 12345, False),
        ("actor_id", "abc", False),
        ("tags", ["a"], False),
    ],
)
def test_only_measures_and_codes_are_shown_as_they_are(
    column: str, value: Any, shown: bool
) -> None:
    assert (Mask(b"k").value(column, value) == value) is shown
    assert Mask(b"k").value(column, value) == Mask(b"k").value(column, value)
    assert shown or Mask(b"k").value(column, value) != Mask(b"other").value(column, value)
