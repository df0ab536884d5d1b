"""Who needs warnings to pass sees the newest version of which they did, or is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.gate.conftest import House
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import certified_versions, open_certified, run_gate
from gatehouse.gate.needs import Needs
from gatehouse.gate.publish import publish
from gatehouse.gate.query import run_query
from gatehouse.gate.results import GateReport, TableResult
from gatehouse.gate.subject import Subject
from gatehouse.gate.waivers import end_waivers, waive

_TOO_FAR = "update lake.core.fct_a set day = '2031-05-05' where key = 'k3'"


def _gate(house: House, snapshot: int) -> int:
    house.built(snapshot, f"b{snapshot}")
    run_gate(house.settings, snapshot_id=snapshot)
    return snapshot


def _versions(house: House, needs: Needs) -> dict[str, int]:
    found = certified_versions(house.settings, needs=needs)
    return {name: each.snapshot_id for name, each in found.items()}


def test_a_version_with_a_failed_warning_is_for_those_who_need_less(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    good = _gate(house, house.fill())
    warned = _gate(house, house.sql(_TOO_FAR))
    assert _versions(house, "critical") == dict.fromkeys(("dim_c", "fct_a", "fct_b"), warned)
    # fct_b is made from fct_a: a warning of the one is a warning of the other.
    assert _versions(house, "warning") == {"dim_c": warned, "fct_a": good, "fct_b": good}
    query = "select count(*) from fct_a where day > date '2030-01-01'"
    assert run_query(house.settings, query).rows == [(1,)]
    assert run_query(house.settings, query, needs="warning").rows == [(0,)]
    assert f"fct_a is shown at snapshot {good}, not {warned}" in caplog.text


def test_where_no_version_will_do_it_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.fill()
    _gate(house, house.sql(_TOO_FAR))
    with pytest.raises(GatehouseError, match="No certified version of fct_a has all its warnings"):
        run_query(house.settings, "from fct_a", needs="warning")
    with open_certified(house.settings, needs="warning") as connection:
        assert connection.execute("show tables").fetchall() == [("dim_c",)]
    monkeypatch.setenv("GATEHOUSE_HOME", str(house.settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(house.settings.project))
    asked = ["sql", "select count(*) from fct_a"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert CliRunner().invoke(app, [*asked, "--needs", "warning"]).exit_code != 0


def test_a_warning_of_what_was_not_checked_with_it_counts(house: House) -> None:
    _gate(house, house.fill())
    _gate(house, house.sql(_TOO_FAR))
    later = house.sql("update lake.core.dim_c set score = 0.5")
    # fct_b alone: the warning of fct_a, from which it is made, is of the snapshot before.
    tables = (TableResult("fct_b", "passed", row_count=100),)
    report = GateReport(later, None, datetime.now(UTC), tables, {})
    publish(house.settings, report, Subject(later))
    assert _versions(house, "critical")["fct_b"] == later
    assert _versions(house, "warning")["fct_b"] != later


def test_a_warning_that_somebody_answers_for_is_fine(house: House) -> None:
    house.fill()
    warned = _gate(house, house.sql(_TOO_FAR))
    (made,) = waive(house.settings, "fct_a", "no day after 2030", reason="clocks", days=1)
    run_gate(house.settings, snapshot_id=warned)
    assert _versions(house, "warning") == dict.fromkeys(("dim_c", "fct_a", "fct_b"), warned)
    # Without it the version would be certified as well: it ends for those alone who need more.
    expiries = {each.expires_at for each in certified_versions(house.settings).values()}
    assert min(expiries) > made["expires_at"]
    (ended,) = end_waivers(house.settings, made["waiver_id"])
    assert ended["certificates_ended"] == 0
    assert _versions(house, "critical") == dict.fromkeys(("dim_c", "fct_a", "fct_b"), warned)
    assert _versions(house, "warning") == {"dim_c": warned}
