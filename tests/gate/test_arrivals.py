"""A table whose rows were kept out in numbers is not certified: what is left is not the world."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.gate.conftest import House
from tests.store.factories import NOW

from gatehouse.gate import certified_versions, run_gate
from gatehouse.gate.results import CheckResult, GateReport

_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: a
name: a
version: 1.0.0
status: active
description: {purpose: An a.}
schema:
  - name: a
    physicalType: table
    description: An a.
    customProperties:
      - {property: timeColumn, value: day}
      - {property: identity, value: [key]}
    properties:
      - {name: key, logicalType: string, physicalType: varchar, required: true, description: Key.}
      - {name: day, logicalType: date, physicalType: date, required: true, description: Day.}
"""
_MAPPING = """
source: {name}
contract: a
description: Files of a.
path: {name}/*.csv
format: {{type: auto}}
columns: same
"""


@pytest.fixture
def fed(house: House) -> House:
    """fct_a is filled by two sources, `one` and `other`."""
    house.settings.input_contracts.mkdir(parents=True)
    (house.settings.input_contracts / "a.yml").write_text(_CONTRACT, "utf-8")
    house.settings.sources.mkdir()
    for name in ("one", "other"):
        (house.settings.sources / f"{name}.yml").write_text(_MAPPING.format(name=name), "utf-8")
    house.sql(
        "create table lake.raw.files (source_id varchar, path varchar, status_code varchar, "
        "reason varchar, size_bytes bigint, rows_in bigint, rows_loaded bigint, "
        "rows_quarantined bigint, rows_repeated bigint, ingested_at timestamp)"
    )
    house.fill()
    return house


def _arrive(
    house: House, source: str, rows: int, quarantined: int, day: float, **file: Any
) -> GateReport:
    """A day's file (see `_load`), the build that takes it in, and the gate."""
    snapshot = _load(house, source, rows, quarantined, day, **file)
    house.built(snapshot, f"b{day}", arrived_to=NOW + timedelta(days=day))
    return run_gate(house.settings)


def _load(
    house: House,
    source: str,
    rows: int,
    quarantined: int,
    day: float,
    *,
    path: str = "",
    repeated: int = 0,
) -> int:
    at = NOW + timedelta(days=day, hours=-1)
    return house.sql(
        f"insert into lake.raw.files values ('{source}', '{path or day}', 'loaded', null, "
        f"{rows * 10}, {rows}, {rows - quarantined - repeated}, {quarantined}, {repeated}, "
        f"'{at:%Y-%m-%d %H:%M:%S}')"
    )


def _reject(house: House, size: int, day: float, path: str) -> None:
    """A file that arrives before the day's and cannot be read."""
    at = NOW + timedelta(days=day, hours=-2)
    house.sql(
        f"insert into lake.raw.files values ('other', '{path}', 'rejected', 'is not Parquet', "
        f"{size}, 0, 0, 0, 0, '{at:%Y-%m-%d %H:%M:%S}')"
    )


def _check(report: GateReport, table: str, name: str = "rows quarantined of") -> CheckResult | None:
    (found,) = (each for each in report.tables if each.table == table)
    named = [check for check in found.checks if check.name.startswith(name)]
    return named[0] if named else None


@pytest.mark.parametrize(
    ("quarantined", "result"), [(0, "passed"), (200, "passed"), (201, "failed"), (1000, "failed")]
)
def test_a_fifth_may_be_wrong_and_no_more(fed: House, quarantined: int, result: str) -> None:
    report = _arrive(fed, "one", 1000, quarantined, day=1)
    check = _check(report, "fct_a")
    assert check is not None
    assert (check.result, check.observed["failing_rows"]) == (result, quarantined)
    assert ("fct_a" in certified_versions(fed.settings)) == (result == "passed")
    # Its feed is not that of fct_b, which falls with fct_a; dim_c has nothing to do with it.
    assert ("fct_b" in certified_versions(fed.settings)) == (result == "passed")
    assert "dim_c" in certified_versions(fed.settings)


def test_few_rows_are_judged_with_those_of_the_day(fed: House) -> None:
    assert _check(_arrive(fed, "one", 60, 60, day=1), "fct_a") is None
    check = _check(_arrive(fed, "other", 60, 0, day=1.5), "fct_a")
    assert check is not None
    assert (check.result, check.observed["row_count"]) == ("failed", 120)
    check = _check(_arrive(fed, "other", 200, 0, day=3), "fct_a")
    assert check is not None
    assert (check.result, check.observed["row_count"]) == ("passed", 260)


def test_a_held_arrival_is_not_forgotten_by_the_next_build(fed: House) -> None:
    _arrive(fed, "one", 1000, 0, day=1)
    _arrive(fed, "one", 1000, 900, day=2)
    check = _check(_arrive(fed, "one", 1000, 0, day=3), "fct_a")
    assert check is not None
    assert (check.result, check.observed["row_count"]) == ("failed", 2000)


@pytest.mark.parametrize(
    ("path", "rows", "repeated", "result"),
    [
        ("f", 1000, 100, "passed"),
        ("g", 1000, 100, "failed"),
        ("f", 1000, 99, "failed"),
        ("f", 999, 100, "failed"),
    ],
    ids=["whole again", "elsewhere", "not all of it", "fewer rows"],
)
def test_a_file_that_came_again_whole_is_mended(
    fed: House, path: str, rows: int, repeated: int, result: str
) -> None:
    held = _check(_arrive(fed, "one", 1000, 900, day=1, path="f"), "fct_a")
    assert held is not None
    assert held.result == "failed"
    check = _check(_arrive(fed, "one", rows, 0, day=2, path=path, repeated=repeated), "fct_a")
    assert check is not None
    assert check.result == result


def test_other_rows_in_the_place_of_a_wholly_broken_file_mend_nothing(fed: House) -> None:
    _arrive(fed, "one", 1000, 1000, day=1, path="f")
    check = _check(_arrive(fed, "one", 1000, 0, day=2, path="f"), "fct_a")
    assert check is not None
    assert (check.result, check.observed["failing_rows"]) == ("failed", 1000)


@pytest.mark.parametrize(
    ("sizes", "severity"),
    [([2600], "critical"), ([1], "warning"), ([1, 1], "critical")],
    ids=["large", "small", "many"],
)
def test_a_rejected_file_holds_its_table_if_it_is_much_of_what_came(
    fed: House, sizes: list[int], severity: str
) -> None:
    for day in (0.8, 0.85, 0.9, 0.95):
        _load(fed, "one", 250, 0, day=day)
    for number, size in enumerate(sizes):
        _reject(fed, size, 1, f"bad{number}")
    report = _arrive(fed, "one", 10, 0, day=1)
    check = _check(report, "fct_a", "files rejected of a")
    assert check is not None
    assert (check.result, check.severity) == ("failed", severity)
    assert check.observed["sources"] == ["other"]
    assert check.observed["failing_files"] == len(sizes)
    (found,) = (each for each in report.tables if each.table == "fct_a")
    assert found.is_certified == (severity == "warning")


@pytest.mark.parametrize(
    ("size", "severities"), [(1, ["warning"] * 3), (9000, ["critical"] * 3)], ids=["small", "large"]
)
def test_neither_time_nor_later_files_end_a_rejection(
    fed: House, size: int, severities: list[str]
) -> None:
    for number in range(6):
        _load(fed, "one", 100, 0, day=0.8 + number / 100)
    _reject(fed, size, 1, "bad")
    found = [_check(_arrive(fed, "one", 10, 0, day=1), "fct_a", "files rejected of a")]
    # Alone a day later, and then one of many.
    found.append(_check(_arrive(fed, "one", 10, 0, day=2.5), "fct_a", "files rejected of a"))
    for number in range(20):
        _load(fed, "one", 900, 0, day=3 + number / 100)
    found.append(_check(_arrive(fed, "one", 10, 0, day=4), "fct_a", "files rejected of a"))
    assert [(each.result, each.severity) for each in found if each] == [
        ("failed", severity) for severity in severities
    ]
    fed.sql("update lake.raw.files set status_code = 'gone' where status_code = 'rejected'")
    check = _check(_arrive(fed, "one", 10, 0, day=5), "fct_a", "files rejected of a")
    assert check is not None
    assert (check.result, check.observed["failing_files"]) == ("passed", 0)


def test_a_wrong_mapping_is_said_of_each_table_that_it_may_fill(fed: House) -> None:
    (fed.settings.sources / "other.yml").write_text("source: other\ncontract: nothing\n", "utf-8")
    report = _arrive(fed, "one", 1000, 0, day=1)
    check = _check(report, "fct_a")
    assert check is not None
    assert check.result == "could_not_check"
    assert "other.yml" in str(check.observed["error"])
    assert {each.table: each.result for each in report.tables}["fct_a"] == "could_not_check"
    assert certified_versions(fed.settings) == {}
