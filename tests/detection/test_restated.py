"""Of a finding whose day has changed since it was found, that is said, and of no other."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from gatehouse.detection.restated import RestatedReport, restated
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.lake.maintain import run_maintenance
from tests.detection.factories import certify
from tests.gate.conftest import House, house, project  # noqa: F401

_COLUMNS = "(key varchar, score double, day date)"
_DRIFT = {
    "day": "day",
    "unit": "key",
    "reason": "days are compared with days before",
    "owner": "data",
}
NOW = datetime.now(UTC)


@pytest.fixture
def found(house: House) -> tuple[House, int]:  # noqa: F811
    """Findings about a (days 4 and 5) and b (day 5), on the first version of fct_a."""
    house.suite("fct_a", drift=[_DRIFT])
    with Lake(house.settings).writer("test") as connection:
        ensure_tables(connection)
    first = house.sql(
        f"create table lake.core.fct_a {_COLUMNS}",
        "insert into lake.core.fct_a values ('a', 1, '2026-01-04'), ('a', 1, '2026-01-05'), "
        "('a', 1, '2026-01-02'), ('b', 1, '2026-01-05'), ('b', 1, '2026-01-07')",
    )
    for key, reach in (("a", 2), ("b", 1)):
        house.sql(
            "insert into lake.raw.findings by name select "
            f"'f-{key}' as finding_key, 'busy' as detection_id, 'live' as mode_code, "
            f"'{key}' as actor_id, timestamp '2026-01-05 12:00' as last_event_at, "
            f"""'{{"fct_a": {first}}}' as snapshot_ids, '{{"window_days": {reach}}}' """
            f"as parameters, timestamp '{NOW:%Y-%m-%d %H:%M}' as found_at"
        )
    return house, first


def _after(house: House, *statements: str) -> RestatedReport:  # noqa: F811
    certify(house.settings, house.sql(*statements), table="fct_a")
    return restated(house.settings)


def _told(report: RestatedReport) -> list[tuple[str, str, int, int]]:
    return [
        (each.finding_key, f"{each.first_day:%d}", each.rows_added, each.rows_removed)
        for each in report.findings
    ]


_CHANGES = {
    "a late row of a day seen": (
        "insert into {t} values ('a', 2, '2026-01-04')",
        [("f-a", "04", 1, 0)],
    ),
    "a correction": (
        "update {t} set score = 3 where key = 'b' and day = '2026-01-05'",
        [("f-b", "05", 1, 1)],
    ),
    "a row lost": ("delete from {t} where key = 'a' and day = '2026-01-05'", [("f-a", "05", 0, 1)]),
    "a day before the reach": ("insert into {t} values ('a', 2, '2026-01-03')", []),
    "a day before the reach of another": ("insert into {t} values ('b', 2, '2026-01-04')", []),
    "a day after": ("update {t} set score = 3 where day = '2026-01-07'", []),
    "somebody else": ("insert into {t} values ('c', 2, '2026-01-05')", []),
}


@pytest.mark.parametrize(("change", "expected"), _CHANGES.values(), ids=_CHANGES)
def test_what_changed_of_the_actor_on_the_days_seen(
    found: tuple[House, int], change: str, expected: list[tuple[str, str, int, int]]
) -> None:
    report = _after(found[0], change.format(t="lake.core.fct_a"))
    assert _told(report) == expected
    assert (report.unknown, report.not_compared) == ((), ())


def test_a_row_put_back_the_same_has_not_changed(found: tuple[House, int]) -> None:
    house, first = found  # noqa: F811
    again = f"select * from lake.core.fct_a at (version => {first})"
    report = _after(house, "delete from lake.core.fct_a", f"insert into lake.core.fct_a {again}")
    assert _told(report) == []


def test_only_what_is_certified_and_asked_for(found: tuple[House, int]) -> None:
    house, first = found  # noqa: F811
    certify(house.settings, first, table="fct_a")
    house.sql("update lake.core.fct_a set score = 9")
    assert _told(restated(house.settings)) == []
    certify(house.settings, Lake(house.settings).current_snapshot(), table="fct_a")
    assert len(restated(house.settings, "fct_a").findings) == 2
    assert restated(house.settings, "dim_c").findings == ()
    assert restated(house.settings, since=NOW + timedelta(days=1)).findings == ()


def test_versions_between_may_be_gone(found: tuple[House, int]) -> None:
    house, _ = found  # noqa: F811
    house.sql("insert into lake.core.fct_a values ('a', 2, '2026-01-04')")
    last = house.sql("update lake.core.fct_a set score = 5 where key = 'b' and day = '2026-01-05'")
    certify(house.settings, last, table="fct_a")
    before = _told(restated(house.settings))
    run_maintenance(house.settings, keep_newest=1, grace=timedelta(0))
    assert _told(restated(house.settings)) == before == [("f-a", "04", 1, 0), ("f-b", "05", 1, 1)]


def test_a_version_that_is_gone_is_said_to_be(found: tuple[House, int]) -> None:
    house, first = found  # noqa: F811
    house.sql("update lake.core.fct_a set score = 5")
    with Lake(house.settings).writer("test") as connection:
        connection.execute(f"call ducklake_expire_snapshots('lake', versions => [{first}])")
    certify(house.settings, Lake(house.settings).current_snapshot(), table="fct_a")
    assert restated(house.settings).unknown == ("fct_a",)


def test_a_table_without_days_is_named(found: tuple[House, int]) -> None:
    found[0].suite("fct_a")
    report = _after(found[0], "update lake.core.fct_a set score = 5")
    assert (report.findings, report.not_compared) == ((), ("fct_a",))


def test_actions_that_followed_are_named(found: tuple[House, int]) -> None:
    house, _ = found  # noqa: F811
    house.sql(
        "create table lake.core.enforcement_history as select * from (values "
        "('x1', 'a', 'busy', timestamp '2026-01-06'), ('x2', 'a', 'other', timestamp '2026-01-06'),"
        " ('x3', 'a', 'busy', timestamp '2026-01-01')) "
        "as v (action_id, actor_id, detection_id, decided_at)"
    )
    last = house.sql("insert into lake.core.fct_a values ('a', 2, '2026-01-04')")
    certify(house.settings, last, table="enforcement_history")
    report = _after(house)
    assert [each.action_ids for each in report.findings] == [("x1",)]
    told = json.dumps(dataclasses.asdict(report), default=str)
    assert '"a"' not in told
