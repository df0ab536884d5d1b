"""The gate beside the certified past: real tables, real snapshots, real certificates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.gate.conftest import House
from tests.store.factories import build_run

from gatehouse.errors import GatehouseError
from gatehouse.gate import certified_versions, run_gate
from gatehouse.gate.calibrate import propose_limits, write_limits
from gatehouse.gate.drift import Reading
from gatehouse.gate.due import missing_days, usual_lags
from gatehouse.gate.monitors import checks_of
from gatehouse.gate.products import failed_products
from gatehouse.gate.results import CheckResult, TableResult
from gatehouse.gate.rollback import lift, roll_back
from gatehouse.gate.suites import Drift, Limits, load_limits, load_suite
from gatehouse.gate.waivers import end_waivers, waive
from gatehouse.lake import Lake
from gatehouse.store import open_store
from gatehouse.store.models import TableProfile, Waiver

DRIFT = {
    "day": "day",
    "unit": "key",
    "numbers": ["score"],
    "reason": "a day must look like the days before it",
    "owner": "data",
}
FEED = {**DRIFT, "of": "raw.a"}
FIRST = date(2024, 1, 1)


def _rows(table: str, start: int, days: int, units: int = 100, score: str = "") -> str:
    score = score or "(hash(unit * 7 + day) % 100) / 100.0::double"
    return (
        f"insert into lake.{table} select 'k' || day || '-' || unit, {score}, "
        f"date '{FIRST}' + day::int from range({start}, {start + days}) as d (day), "
        f"range({units}) as u (unit)"
    )


@pytest.fixture
def watched(house: House) -> House:
    """A certified house: 30 days of 100 units in each table."""
    for table in ("fct_a", "dim_c"):
        house.suite(table, expectations=[], drift=[DRIFT])
    house.suite("fct_b", expectations=[], drift=[FEED])
    house.fill(0)
    tables = ("raw.a", "raw.c", "core.fct_a", "core.fct_b", "core.dim_c")
    snapshot = house.sql(*(_rows(table, 0, 30) for table in tables))
    report = run_gate(house.settings, snapshot_id=snapshot)
    assert report.ok, [each.message for each in report.tables]
    return house


def _gate(house: House, snapshot: int) -> dict[str, TableResult]:
    return {each.table: each for each in run_gate(house.settings, snapshot_id=snapshot).tables}


def _failed(result: TableResult) -> list[CheckResult]:
    return [each for each in result.checks if each.result == "failed"]


def _days_kept(house: House, table: str) -> int:
    with open_store(house.settings)() as session:
        days = sa.func.count(sa.distinct(TableProfile.day))
        query = sa.select(days).where(TableProfile.table_name == table)
        return session.scalar(query) or 0


def test_ordinary_days_are_certified_and_kept_as_past(watched: House) -> None:
    assert _days_kept(watched, "fct_a") == 30
    found = _gate(watched, watched.sql(_rows("core.fct_a", 30, 1)))
    assert found["fct_a"].is_certified
    assert _days_kept(watched, "fct_a") == 31


def test_a_broken_day_holds_its_table_and_says_what_was_seen(watched: House) -> None:
    found = _gate(watched, watched.sql(_rows("core.fct_a", 30, 1, units=30)))
    assert found["fct_a"].result == "failed"
    failed = {each.name: each for each in _failed(found["fct_a"])}
    assert set(failed) == {"rows missing by day", "actors missing by day"}
    observed = failed["rows missing by day"].observed
    assert observed["day"] == observed["since"] == "2024-01-31"
    assert observed["observed"] == 30
    assert observed["expected"] == pytest.approx(100, abs=2)
    assert found["fct_b"].held_by == ("fct_a",)
    assert found["dim_c"].is_certified
    assert _days_kept(watched, "fct_a") == 30


def test_a_number_that_is_always_the_same_holds_its_table(watched: House) -> None:
    found = _gate(watched, watched.sql(_rows("core.fct_a", 30, 1, score="0.5")))
    assert [each.name for each in _failed(found["fct_a"])] == ["distribution of score"]


def test_what_a_later_day_does_not_show_is_seen_in_the_day_that_changed(watched: House) -> None:
    """A certified day loses half of its rows while a good new day arrives."""
    gone = f"delete from lake.core.fct_a where day = date '{FIRST + timedelta(days=12)}' " + (
        "and hash(key) % 2 = 0"
    )
    found = _gate(watched, watched.sql(gone, _rows("core.fct_a", 30, 1)))
    names = {each.name: each.observed["day"] for each in _failed(found["fct_a"])}
    assert names["rows lost from certified days"] == "2024-01-13"


def test_a_feed_holds_the_table_that_is_made_from_it(watched: House) -> None:
    found = _gate(watched, watched.sql(_rows("raw.a", 30, 1, units=20)))
    assert "raw.a: rows missing by day" in [each.name for each in _failed(found["fct_b"])]
    assert found["fct_a"].is_certified


def test_a_feed_that_cannot_be_read_is_neither_passed_nor_failed(watched: House) -> None:
    watched.suite("fct_b", expectations=[], drift=[{**FEED, "of": "raw.nothing"}])
    found = _gate(watched, watched.sql(_rows("core.dim_c", 30, 1)))
    assert found["fct_b"].result == "could_not_check"
    assert found["dim_c"].is_certified


@pytest.mark.parametrize(("hours", "result"), [(23, "passed"), (24, "failed")])
def test_a_day_that_is_not_over_is_not_judged(watched: House, hours: int, result: str) -> None:
    snapshot = watched.sql(_rows("core.fct_a", 30, 1, units=3))
    arrived_to = datetime(2024, 1, 31, tzinfo=UTC) + timedelta(hours=hours)
    started = arrived_to - timedelta(days=1)
    with open_store(watched.settings).begin() as session:
        session.add(
            build_run(
                snapshot_id=snapshot,
                status="succeeded",
                interval_start_at=started,
                interval_end_at=arrived_to,
            )
        )
    report = run_gate(watched.settings)
    assert {each.table: each.result for each in report.tables}["fct_a"] == result


MISSING = ("rows missing by day", "actors missing by day")


def test_a_new_level_is_what_days_are_compared_with(watched: House) -> None:
    first = watched.sql(_rows("core.fct_a", 30, 1, units=30))
    assert not _gate(watched, first)["fct_a"].is_certified
    given = waive(
        watched.settings,
        "fct_a",
        *MISSING,
        days=3,
        reason="most units moved away, as agreed",
        is_new_level=True,
    )
    assert _gate(watched, first)["fct_a"].is_certified
    # Days to come are covered, and days before are not.
    more = watched.sql(_rows("core.fct_a", 31, 9, units=30))
    assert _gate(watched, more)["fct_a"].is_certified
    _expire(watched, given)
    usual = watched.sql(_rows("core.fct_a", 40, 1, units=30))
    assert _gate(watched, usual)["fct_a"].is_certified


def test_a_waived_day_is_judged_again_until_it_is_mended(watched: House) -> None:
    """Else it would be certified by the next good day, and waived by nobody."""
    lost = watched.sql(_rows("core.fct_a", 30, 1, units=30))
    assert not _gate(watched, lost)["fct_a"].is_certified
    given = waive(watched.settings, "fct_a", *MISSING, days=2, reason="backfilled tonight")
    assert _gate(watched, lost)["fct_a"].is_certified
    after = watched.sql(_rows("core.fct_a", 31, 1))
    found = _gate(watched, after)["fct_a"]
    assert found.is_certified
    assert {each.name for each in found.checks if each.waiver_id} == {*MISSING}
    _expire(watched, given)
    assert _gate(watched, watched.sql(_rows("core.fct_a", 32, 1)))["fct_a"].result == "failed"
    mended = watched.sql(
        "insert into lake.core.fct_a select 'k30-' || unit, (hash(unit * 7 + 30) % 100) / "
        f"100.0::double, date '{FIRST}' + 30 from range(30, 100) as u (unit)"
    )
    assert _gate(watched, mended)["fct_a"].is_certified
    assert _gate(watched, watched.sql(_rows("core.fct_a", 33, 1)))["fct_a"].is_certified


def test_a_waiver_covers_no_other_day(watched: House) -> None:
    lost = watched.sql(_rows("core.fct_a", 30, 1, units=30))
    assert not _gate(watched, lost)["fct_a"].is_certified
    waive(watched.settings, "fct_a", *MISSING, days=5, reason="backfilled tonight")
    assert _gate(watched, lost)["fct_a"].is_certified
    more = watched.sql(_rows("core.fct_a", 31, 1, units=20))
    found = _gate(watched, more)["fct_a"]
    assert found.result == "failed"
    observed = {each.name: each.observed for each in _failed(found)}["rows missing by day"]
    assert (observed["since"], observed["until"]) == ("2024-01-31", "2024-02-01")
    assert observed["beyond_waiver"] == "on 2024-01-31"
    # It may be waived anew, with what has come besides.
    waive(watched.settings, "fct_a", *MISSING, days=5, reason="two days by now")
    assert _gate(watched, more)["fct_a"].is_certified


def _expire(house: House, waivers: list[dict[str, Any]]) -> None:
    with open_store(house.settings).begin() as session:
        for each in waivers:
            found = session.get_one(Waiver, each["waiver_id"])
            found.expires_at = datetime.now(UTC) - timedelta(seconds=1)


def test_when_a_waiver_ends_its_days_are_judged_again(watched: House) -> None:
    snapshot = watched.sql(_rows("core.fct_a", 30, 1, units=30), _rows("core.fct_a", 31, 2))
    assert not _gate(watched, snapshot)["fct_a"].is_certified
    checks = ("rows missing by day", "actors missing by day")
    given = waive(watched.settings, "fct_a", *checks, days=3, reason="thought right then")
    assert _gate(watched, snapshot)["fct_a"].is_certified
    for each in given:
        end_waivers(watched.settings, each["waiver_id"])
    assert _gate(watched, snapshot)["fct_a"].result == "failed"


def test_a_certified_day_that_is_gone_with_the_table_made_anew_is_missed(watched: House) -> None:
    snapshot = watched.sql(
        "create or replace table lake.core.fct_a as select * from lake.core.fct_a "
        f"where day <> date '{FIRST + timedelta(days=12)}'"
    )
    names = {each.name: each.observed["day"] for each in _failed(_gate(watched, snapshot)["fct_a"])}
    assert names["rows lost from certified days"] == "2024-01-13"


def test_a_day_that_was_not_over_is_judged_when_the_next_ones_have_come(watched: House) -> None:
    broken = watched.sql(_rows("core.fct_a", 30, 1, units=3))
    for number, (snapshot, hours) in enumerate(
        ((broken, 23), (watched.sql(_rows("core.fct_a", 31, 3)), 200))
    ):
        arrived_to = datetime(2024, 1, 31, tzinfo=UTC) + timedelta(hours=hours)
        watched.built(snapshot, f"b{number}", arrived_to=arrived_to)
        found = {each.table: each for each in run_gate(watched.settings).tables}["fct_a"]
        assert found.is_certified == (hours == 23)


def test_a_day_that_all_others_have_and_one_has_not_is_missed(watched: House) -> None:
    rest = [_rows(table, 30, 2) for table in ("raw.a", "raw.c", "core.fct_a", "core.fct_b")]
    found = _gate(watched, watched.sql(*rest))
    assert {name for name, each in found.items() if not each.is_certified} == {"dim_c"}
    observed = {each.name: each.observed for each in _failed(found["dim_c"])}["rows missing by day"]
    assert (observed["since"], observed["observed"]) == ("2024-01-31", 0)
    # Of the newest day nobody knows yet: feeds do not all come at the same hour.
    assert observed["beyond"] == 1
    # Late, and then it is there.
    assert _gate(watched, watched.sql(_rows("core.dim_c", 30, 2)))["dim_c"].is_certified


OTHERS = ("raw.a", "raw.c", "core.fct_a", "core.fct_b")


def _night(house: House, day: int, *tables: str, days: int = 1) -> dict[str, TableResult]:
    """Days arrive of some tables, and the gate runs, as every night."""
    return _gate(house, house.sql(*(_rows(table, day, days) for table in tables)))


def test_what_falls_silent_is_held_night_after_night(watched: House) -> None:
    held = [not _night(watched, day, *OTHERS)["dim_c"].is_certified for day in range(30, 36)]
    assert held == [False, True, True, True, True, True]
    # Looked at again, by itself or with all, it is no more there than it was.
    snapshot = Lake(watched.settings).current_snapshot()
    assert not _gate(watched, snapshot)["dim_c"].is_certified
    alone = run_gate(watched.settings, snapshot_id=snapshot, tables=["dim_c"])
    assert not alone.ok
    # What comes at last makes it good, with all days that it lacked.
    assert _night(watched, 30, "core.dim_c", days=6)["dim_c"].is_certified


def test_what_fell_silent_long_ago_is_as_silent_as_ever(watched: House) -> None:
    snapshot = watched.sql(*(_rows(table, 30, 70) for table in OTHERS))
    for _ in range(2):
        assert not _gate(watched, snapshot)["dim_c"].is_certified
        snapshot = watched.sql(*(_rows(table, 100, 1) for table in OTHERS))


def test_who_worked_on_one_saturday_is_not_missed_on_the_next(house: House) -> None:
    house.suite("dim_c", expectations=[], drift=[DRIFT])
    house.fill(0)
    days = [day for day in range(42) if day % 7 < 5 or day == 19]  # the first is a Monday
    statements = [_rows("core.dim_c", day, 1) for day in days]
    assert _gate(house, house.sql(*statements))["dim_c"].is_certified
    for day in (42, 43, 44, 45, 46, 49):
        assert _night(house, day, "core.dim_c")["dim_c"].is_certified
    # A Wednesday that is gone is another thing.
    assert not _night(house, 52, "core.dim_c")["dim_c"].is_certified


def test_a_day_that_was_lost_between_two_is_missed_without_any_neighbour(house: House) -> None:
    house.suite("dim_c", expectations=[], drift=[DRIFT])
    house.fill(0)
    assert _night(house, 0, "core.dim_c", days=30)["dim_c"].is_certified
    found = _night(house, 31, "core.dim_c")["dim_c"]
    observed = {each.name: each.observed for each in _failed(found)}["rows missing by day"]
    assert (observed["day"], observed["observed"], observed["beyond"]) == ("2024-01-31", 0, 1)


def test_what_falls_silent_is_held_when_nobody_knows_what_has_changed(watched: House) -> None:
    _night(watched, 30, *OTHERS)
    certified = certified_versions(watched.settings)["dim_c"].snapshot_id
    snapshot = watched.sql(*(_rows(table, 31, 1) for table in OTHERS))
    with Lake(watched.settings).writer("test") as connection:
        connection.execute(f"call ducklake_expire_snapshots('lake', versions => [{certified}])")
    assert not _gate(watched, snapshot)["dim_c"].is_certified


def test_what_comes_every_third_night_is_not_missed_once_that_is_known(watched: House) -> None:
    """Held until it is known; from then on it may be as late as it has been twice."""
    held = []
    for day in range(30, 39):
        statements = [_rows(table, day, 1) for table in OTHERS]
        if day % 3 == 2:
            statements.append(_rows("core.dim_c", day - 2, 3))
        held.append(not _gate(watched, watched.sql(*statements))["dim_c"].is_certified)
    assert held == [*2 * [False, True, False], False, False, False]


def _steps(*days: int) -> list[tuple[int, date]]:
    """A new newest day at version 0, 1, 2…; what did not move has none."""
    found = [(snapshot, FIRST + timedelta(days=day)) for snapshot, day in enumerate(days)]
    return [
        step for number, step in enumerate(found) if not number or step[1] > found[number - 1][1]
    ]


@pytest.mark.parametrize(
    ("days", "lag"),
    [
        ([*range(40)], 0),
        ([max(0, day - 3) for day in range(40)], 3),
        ([*range(20), *[19] * 9, *range(29, 40)], 0),
        ([day - day % 7 for day in range(40)], 6),
        ([day - max(0, day % 7 - 4) for day in range(40)], 2),
    ],
    ids=[
        "every day",
        "three days behind",
        "an outage of nine days",
        "once a week",
        "weekends on Mondays",
    ],
)
def test_how_far_behind_is_usual_is_learned_from_what_was_certified(
    days: list[int], lag: int
) -> None:
    others = {name: _steps(*range(40)) for name in "abcd"}
    usual = usual_lags({**others, "it": _steps(*days)})
    assert usual["it"] == timedelta(days=lag)
    assert all(usual[name] == timedelta(0) for name in others)


def test_days_that_are_there_are_not_missing_and_hide_none_that_is() -> None:
    def days(*numbers: int) -> set[date]:
        return {FIRST + timedelta(days=number) for number in numbers}

    there = days(*range(1, 20)) - days(18)
    assert missing_days(FIRST, there, None) == days(18)
    assert missing_days(FIRST, there, FIRST + timedelta(days=21)) == days(18, 20, 21)
    assert missing_days(FIRST, set(), FIRST + timedelta(days=99)) == days(*range(1, 15))


def test_a_feed_that_comes_later_in_the_night_than_the_others_is_not_missed(watched: House) -> None:
    rest = [_rows(table, 30, 1) for table in ("raw.a", "raw.c", "core.fct_a", "core.fct_b")]
    assert all(each.is_certified for each in _gate(watched, watched.sql(*rest)).values())


def test_what_lags_behind_the_others_may_lag_as_far_as_before(house: House) -> None:
    for table in ("fct_a", "dim_c"):
        house.suite(table, expectations=[], drift=[DRIFT])
    house.suite("fct_b", expectations=[], drift=[FEED])
    house.fill(0)
    on_time = ("raw.a", "raw.c", "core.fct_a", "core.fct_b")
    first = [_rows(table, 0, 30) for table in on_time]
    assert _gate(house, house.sql(*first, _rows("core.dim_c", 0, 27)))["dim_c"].is_certified
    then = [_rows(table, 30, 2) for table in on_time]
    assert _gate(house, house.sql(*then, _rows("core.dim_c", 27, 2)))["dim_c"].is_certified
    assert not _gate(house, house.sql(*[_rows(t, 32, 2) for t in on_time]))["dim_c"].is_certified


def test_one_table_that_is_ahead_makes_no_other_late(watched: House) -> None:
    assert all(
        each.is_certified for each in _gate(watched, watched.sql(_rows("raw.a", 30, 9))).values()
    )


def _of_products(*readings: Reading) -> CheckResult:
    drift = Drift.model_validate({**DRIFT, "surface": "product"})
    checks = checks_of(drift, Limits(), readings)
    return next(each for each in checks if each.name == "rows missing by day")


@pytest.mark.parametrize(
    ("off", "named"),
    [(("api",), ["api"]), (("api", "chat"), []), (("", "api"), [])],
    ids=["one", "all that were judged", "of none"],
)
def test_what_is_wrong_with_every_product_is_no_product_s(
    off: tuple[str, ...], named: list[str]
) -> None:
    # What is more than expected is another monitor's, and judged as well.
    check = _of_products(
        *(
            Reading("rows_drop", "", FIRST, name, 0.9, 1, 9)
            if name in off
            else Reading("rows_rise", "", FIRST, name, 0.1, 10, 9)
            for name in {"api", "chat", *off}
        )
    )
    assert (check.result, check.observed.get("products", [])) == ("failed", named)
    assert check.observed.get("sound", []) == (["chat"] if named else [])


def test_rows_without_a_product_are_no_product_that_is_sound() -> None:
    check = _of_products(
        Reading("rows_drop", "", FIRST, "", 0.0, 9, 9),
        Reading("rows_drop", "", FIRST, "api", 0.9, 1, 9),
    )
    assert (check.result, check.observed.get("products")) == ("failed", None)


def test_what_is_wrong_with_every_product_on_one_of_two_days_is_no_product_s() -> None:
    """Of the other one there was too little on that day to be judged."""
    check = _of_products(
        Reading("rows_drop", "", FIRST, "chat", 0.0, 9, 9),
        Reading("rows_drop", "", FIRST, "api", 0.9, 1, 9),
        Reading("rows_drop", "", FIRST + timedelta(days=1), "api", 0.9, 1, 9),
    )
    assert (check.result, check.observed.get("products")) == ("failed", None)


@pytest.mark.parametrize(
    ("second", "without"),
    [
        ({"products": ["chat"], "sound": ["api"]}, set()),
        ({"products": ["chat"], "sound": ["api", "images"]}, {"api", "chat"}),
        ({"products": ["chat"]}, set()),
    ],
    ids=["each by one of two checks", "one is left", "by a check that does not say"],
)
def test_what_several_checks_find_in_all_products_is_no_product_s(
    second: dict[str, object], without: set[str]
) -> None:
    checks = [("failed", {"products": ["api"], "sound": ["chat"]}), ("failed", second)]
    assert failed_products("failed", (), checks) == without


def test_a_gate_that_ends_late_keeps_nothing_over_a_newer_one(watched: House) -> None:
    older = watched.sql(_rows("core.fct_a", 30, 1))
    newer = watched.sql(_rows("core.fct_a", 31, 1))
    for snapshot in (newer, older):
        assert _gate(watched, snapshot)["fct_a"].is_certified
    healthy = watched.sql(_rows("core.fct_a", 32, 1))
    assert _gate(watched, healthy)["fct_a"].is_certified


def test_after_a_rollback_a_table_without_days_still_has_its_good_past(watched: House) -> None:
    undated = {"unit": "key", "numbers": ["score"], "reason": "as it was", "owner": "data"}
    watched.suite("dim_c", expectations=[], drift=[{**undated, "reason": "as it was before"}])
    spread = "(hash(key) % 100) / 100.0::double"
    good = watched.sql(f"update lake.core.dim_c set score = {spread}")
    assert _gate(watched, good)["dim_c"].is_certified
    slightly = watched.sql(f"update lake.core.dim_c set score = {spread} * 0.99")
    assert _gate(watched, slightly)["dim_c"].is_certified
    roll_back(watched.settings, "dim_c", to=None, reason="those scores were another model's")
    lift(watched.settings, "dim_c")
    constant = watched.sql("update lake.core.dim_c set score = 0.99")
    failed = [each.name for each in _failed(_gate(watched, constant)["dim_c"])]
    assert failed == ["distribution of score"]


def test_a_rollback_forgets_what_the_wrong_version_looked_like(watched: House) -> None:
    _gate(watched, watched.sql(_rows("core.fct_a", 30, 5)))
    assert _days_kept(watched, "fct_a") == 35
    roll_back(watched.settings, "fct_a", to=None, reason="those days were another product's")
    assert _days_kept(watched, "fct_a") == 30
    assert certified_versions(watched.settings)["fct_a"].snapshot_id


def test_a_first_build_holds_nothing_for_days_that_differ_among_themselves(house: House) -> None:
    house.suite("fct_a", expectations=[], drift=[DRIFT])
    house.fill(0)
    snapshot = house.sql(
        *(_rows(f"core.{name}", 0, 30) for name in ("fct_b", "dim_c")),
        _rows("core.fct_a", 0, 20),
        _rows("core.fct_a", 20, 1, units=5),
        _rows("core.fct_a", 21, 9),
    )
    found = _gate(house, snapshot)["fct_a"]
    assert found.is_certified
    assert {(each.name, each.severity) for each in _failed(found)} == {
        ("rows missing by day", "warning"),
        ("actors missing by day", "warning"),
    }


def test_limits_are_of_the_file_and_part_of_the_version(watched: House) -> None:
    folder = watched.settings.core_suites
    columns = {"key": "varchar", "score": "double", "day": "date"}
    before = load_suite(folder, "fct_a", columns)
    path = folder.parent / "limits.yml"
    path.write_text("core.fct_a: {rows_drop: 0.9, units_drop: 0.9}\n", "utf-8")
    after = load_suite(folder, "fct_a", columns)
    assert before.digest != after.digest
    assert _gate(watched, watched.sql(_rows("core.fct_a", 30, 1, units=30)))["fct_a"].is_certified
    path.write_text("core.fct_a: {rows_dorp: 0.9}\n", "utf-8")
    with pytest.raises(GatehouseError, match=r"limits\.yml.*rows_dorp"):
        load_suite(folder, "fct_a", columns)


def test_a_drift_that_names_an_unknown_column_is_refused(watched: House) -> None:
    watched.suite("dim_c", drift=[{**DRIFT, "unit": "whom"}])
    found = _gate(watched, watched.sql(_rows("core.dim_c", 30, 1)))["dim_c"]
    assert found.result == "could_not_check"
    assert "whom" in found.message


def test_limits_are_proposed_from_certified_days_and_written_for_review(watched: House) -> None:
    assert {each.relation for each in propose_limits(watched.settings)} == {
        "core.fct_a",
        "core.dim_c",
        "raw.a",
    }
    proposals = propose_limits(watched.settings, ["fct_a"])
    by_limit = {each.limit: each for each in proposals}
    assert by_limit["rows_drop"].days == 30
    # Certified days were all alike, so half of the default is enough.
    assert by_limit["rows_drop"].proposed == pytest.approx(0.2)
    assert by_limit["numbers"].furthest < by_limit["numbers"].proposed
    path = write_limits(watched.settings, proposals)
    assert load_limits(path)["core.fct_a"].rows_drop == pytest.approx(0.2)
    found = _gate(watched, watched.sql(_rows("core.fct_a", 30, 1, units=57)))["fct_a"]
    assert [each.name for each in _failed(found)] == [
        "rows missing by day",
        "actors missing by day",
    ]


def test_nothing_is_proposed_from_a_few_days(house: House) -> None:
    assert propose_limits(house.settings) == []
    with pytest.raises(GatehouseError, match="no core table fct_x"):
        propose_limits(house.settings, ["fct_x"])
