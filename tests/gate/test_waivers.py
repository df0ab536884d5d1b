"""A waiver lets one failed check not decide, for a while, and says so everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.gate.conftest import House

from gatehouse.errors import GatehouseError
from gatehouse.gate import certified_versions, run_gate
from gatehouse.gate.certificate import read_certificate
from gatehouse.gate.publish import publish
from gatehouse.gate.results import CheckResult, GateReport, TableResult, decide
from gatehouse.gate.status import read_status
from gatehouse.gate.subject import Subject
from gatehouse.gate.waivers import (
    covered_by,
    end_waivers,
    is_covered,
    list_waivers,
    waive,
    waived,
)
from gatehouse.store import open_store
from gatehouse.store.models import Waiver

REASON = "scores above one are a unit that changed; mended tonight"
RANGE = "expect_column_values_to_be_between"


@pytest.fixture
def failed(house: House) -> int:
    """A snapshot whose fct_a fails one check, and holds fct_b."""
    house.fill()
    bad = house.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'")
    assert run_gate(house.settings, snapshot_id=bad).held == ("fct_a", "fct_b")
    return bad


def _gated(house: House, snapshot_id: int) -> dict[str, TableResult]:
    return {each.table: each for each in run_gate(house.settings, snapshot_id=snapshot_id).tables}


# One day is the default: its certificate is about to expire from the start.
@pytest.mark.parametrize("days", [1, 2])
def test_a_waived_check_fails_and_does_not_decide(house: House, failed: int, days: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=days)
    gated = _gated(house, failed)
    assert (gated["fct_a"].result, gated["fct_b"].result) == ("passed", "passed")
    assert certified_versions(house.settings)["fct_a"].snapshot_id == failed
    assert REASON in gated["fct_a"].message
    certificate = read_certificate(house.settings, "fct_a")
    marked = [each for each in certificate["checks"] if each["waiver_id"]]
    assert [(each["result"], each["waiver_id"]) for each in marked] == [
        ("failed", made["waiver_id"])
    ]
    assert REASON in certificate["message"]
    assert certificate["severities"]["critical"]["failed"] == 1
    why = {each["table"]: each["why"] for each in read_status(house.settings)["tables"]}
    assert REASON in why["fct_a"]
    assert made["person_name"] in why["fct_a"]


def test_a_waiver_lets_nothing_else_fail(house: House, failed: int) -> None:
    waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    also = house.sql("insert into lake.core.fct_a select * from lake.core.fct_a limit 1")
    assert _gated(house, also)["fct_a"].result == "failed"
    elsewhere = house.sql(
        "delete from lake.core.fct_a where key = 'k1'",
        "insert into lake.core.fct_a values ('k1', 0.5, date '2024-01-01')",
        "update lake.core.dim_c set score = 1.5 where key = 'k1'",
    )
    assert _gated(house, elsewhere)["dim_c"].result == "failed"


@pytest.mark.parametrize("how", ["expired", "ended"])
def test_a_waiver_that_is_over_lets_nothing_fail(house: House, failed: int, how: str) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    if how == "ended":
        end_waivers(house.settings, made["waiver_id"])
    else:
        with open_store(house.settings).begin() as session:
            found = session.get_one(Waiver, made["waiver_id"])
            found.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert _gated(house, failed)["fct_a"].result == "failed"
    assert list_waivers(house.settings) == []
    assert len(list_waivers(house.settings, ended=True)) == 1
    with pytest.raises(GatehouseError, match="in force"):
        end_waivers(house.settings, made["waiver_id"])


def test_a_certificate_lives_no_longer_than_its_waiver(house: House, failed: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    _gated(house, failed)
    shown = certified_versions(house.settings)
    # So does that of a table that is made from it, and no other.
    assert shown["fct_a"].expires_at == shown["fct_b"].expires_at == made["expires_at"]
    assert shown["dim_c"].expires_at > made["expires_at"]
    end_waivers(house.settings, made["waiver_id"])
    assert certified_versions(house.settings).keys() == shown.keys() - {"fct_a", "fct_b"}
    states = {each["table"]: each["state"] for each in read_status(house.settings)["tables"]}
    assert (states["fct_a"], states["fct_b"]) == ("expired", "expired")


def test_what_passed_without_the_waiver_stays_when_it_ends(house: House, failed: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    _gated(house, failed)
    mended = house.sql("update lake.core.fct_a set score = 0.5 where key = 'k1'")
    _gated(house, mended)
    end_waivers(house.settings, made["waiver_id"])
    shown = certified_versions(house.settings)
    assert {shown[name].snapshot_id for name in ("fct_a", "fct_b")} == {mended}


def test_a_check_is_waived_once(house: House, failed: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    with pytest.raises(GatehouseError, match="waived by"):
        waive(house.settings, "fct_a", RANGE, reason="again", days=3)
    end_waivers(house.settings, made["waiver_id"])
    waive(house.settings, "fct_a", RANGE, reason="again", days=3)


def test_several_checks_are_waived_at_once_or_none(house: House, failed: int) -> None:
    twice = house.sql("insert into lake.core.fct_a select * from lake.core.fct_a limit 1")
    assert _gated(house, twice)["fct_a"].result == "failed"
    checks = read_certificate(house.settings, "fct_a")["checks"]
    names = [each["check"] for each in checks if each["result"] == "failed"]
    assert len(names) == 2
    with pytest.raises(GatehouseError, match="0 failed checks"):
        waive(house.settings, "fct_a", *names, "no such check", reason=REASON, days=1)
    assert list_waivers(house.settings) == []
    # Named twice, by a part and by its name: once.
    made = waive(house.settings, "fct_a", *names, names[0], reason=REASON, days=1)
    assert [each["check_name"] for each in made] == names
    ids = [each["waiver_id"] for each in made]
    with pytest.raises(GatehouseError, match="none was ended"):
        end_waivers(house.settings, ids[0], "another")
    assert len(list_waivers(house.settings)) == 2
    assert _gated(house, twice)["fct_a"].result == "passed"
    end_waivers(house.settings, *ids)
    assert list_waivers(house.settings) == []


def test_who_waives_a_table_that_is_held_is_sent_to_the_cause(house: House, failed: int) -> None:
    with pytest.raises(GatehouseError, match="because of fct_a"):
        waive(house.settings, "fct_b", RANGE, reason=REASON, days=2)


@pytest.mark.parametrize(
    ("check", "reason", "days", "what"),
    [
        (RANGE, " ", 2, "needs a reason"),
        (RANGE, "WHY", 2, "needs a reason"),
        (RANGE, REASON, 0, "1 to 90"),
        (RANGE, REASON, 91, "1 to 90"),
        ("expect", "", 2, "needs a reason"),
        ("no day after 2030", REASON, 2, "0 failed checks"),
        ("", REASON, 2, "0 failed checks"),
    ],
    ids=[
        "no reason",
        "placeholder",
        "no days",
        "too long",
        "empty reason",
        "a check that passed",
        "no check",
    ],
)
def test_what_cannot_be_waived(
    house: House, failed: int, check: str, reason: str, days: int, what: str
) -> None:
    with pytest.raises(GatehouseError, match=what):
        waive(house.settings, "fct_a", check, reason=reason, days=days)
    assert list_waivers(house.settings) == []


def test_what_could_not_be_checked_is_not_waived() -> None:
    waiver = {
        "waiver_id": "w",
        "person_name": "somebody",
        "expires_at": datetime.now(UTC),
        "reason": REASON,
        "covers": {},
    }
    checks = [
        CheckResult("gx", "a check", "critical", outcome)
        for outcome in ("failed", "could_not_check", "passed")
    ]
    marked = waived("t", checks, {("t", "a check", None): [waiver]})
    assert [each.waiver_id for each in marked] == ["w", "", ""]


API = {"since": "2026-03-02", "until": "2026-03-03", "products": ["api"], "sound": ["chat"]}


@pytest.mark.parametrize(
    ("given_for", "found", "is_let_pass"),
    [
        (API, API, True),
        (API, API | {"since": "2026-03-03"}, True),
        (API, API | {"products": ["api", "chat"]}, False),
        # Without a name it is the whole feed.
        (API, {"since": "2026-03-02", "until": "2026-03-03"}, False),
        (API, API | {"since": "2026-03-01"}, False),
        (API, API | {"until": "2026-03-04"}, False),
        ({"since": "2026-03-02", "until": "2026-03-03"}, API, True),
        ({"failing_rows": 40}, {"failing_rows": 80}, True),
        ({"failing_rows": 40}, {"failing_rows": 81}, False),
        ({"unexpected_count": 1}, {}, False),
        ({"observed_value": 7}, {"observed_value": 9000}, True),
    ],
)
def test_a_waiver_covers_what_failed_when_it_was_given(
    given_for: dict[str, Any], found: dict[str, Any], is_let_pass: bool
) -> None:
    assert is_covered(found, covered_by(given_for)) == is_let_pass


@pytest.mark.parametrize(
    ("found", "is_let_pass"),
    [
        (API | {"until": "2026-05-01"}, True),
        (API | {"since": "2026-03-01"}, False),
        (API | {"products": ["chat"]}, False),
    ],
)
def test_a_new_level_covers_days_to_come(found: dict[str, Any], is_let_pass: bool) -> None:
    assert is_covered(found, covered_by(API, is_new_level=True)) == is_let_pass


def test_a_failure_beyond_its_waiver_says_what_that_covers(house: House, failed: int) -> None:
    waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    worse = house.sql("update lake.core.fct_a set score = 1.5 where key in ('k1', 'k2', 'k3')")
    found = _gated(house, worse)["fct_a"]
    assert found.result == "failed"
    (check,) = [each for each in found.checks if each.result == "failed"]
    assert check.observed["beyond_waiver"] == "up to 2 rows"


def test_a_waiver_that_is_ended_while_the_gate_runs_lets_nothing_pass(
    house: House, failed: int
) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    ended: list[str] = []

    def end_it(_line: str) -> None:
        if not ended:
            ended.append(made["waiver_id"])
            end_waivers(house.settings, made["waiver_id"])

    report = run_gate(house.settings, snapshot_id=failed, progress=end_it)
    assert report.held == ("fct_a", "fct_b")
    assert {each.table: each.held_by for each in report.tables}["fct_b"] == ("fct_a",)
    assert certified_versions(house.settings).keys() == {"dim_c"}
    certificate = read_certificate(house.settings, "fct_a")
    assert certificate["result"] == "failed"
    assert [each for each in certificate["checks"] if each["waiver_id"]] == []


def test_a_table_checked_without_what_it_is_made_from_lives_no_longer_than_that(
    house: House, failed: int
) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    _gated(house, failed)
    # What stands beside fct_b alone: fct_a is vouched for, and not checked again.
    tables = (TableResult("fct_b", "passed", row_count=100),)
    report = GateReport(failed, None, datetime.now(UTC), tables, {})
    publish(house.settings, report, Subject(failed))
    assert certified_versions(house.settings)["fct_b"].expires_at == made["expires_at"]


def test_the_beginning_of_an_id_ends_a_waiver(house: House, failed: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    for short in ("", made["waiver_id"][:3], "%%%%%%%%"):
        with pytest.raises(GatehouseError, match="none was ended"):
            end_waivers(house.settings, short)
    (ended,) = end_waivers(house.settings, made["waiver_id"][:8])
    assert ended["waiver_id"] == made["waiver_id"]


def test_who_ended_a_waiver_is_kept(house: House, failed: int) -> None:
    (made,) = waive(house.settings, "fct_a", RANGE, reason=REASON, days=2)
    (ended,) = end_waivers(house.settings, made["waiver_id"])
    assert ended["ended_by_name"] == made["person_name"]
    assert ended["ended_at"] == ended["expires_at"]


def test_what_could_not_be_checked_still_decides() -> None:
    unknown = CheckResult("gx", "a check", "critical", "could_not_check")
    excused = CheckResult("gx", "another", "critical", "failed", waiver_id="w", waiver="waived")
    assert decide([excused, unknown], 10)[0] == "could_not_check"
    assert decide([excused], 10) == ("passed", "another failed, waived")
    assert decide([excused], 0)[0] == "no_data"
