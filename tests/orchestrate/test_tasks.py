from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.build.report import Interval
from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.assets import NEW_RAW
from gatehouse.orchestrate.tasks import (
    _interval,
    _run_type,
    build,
    data_docs,
    drill,
    ingest,
    require_all_certified,
)
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun, PublishedVersion
from tests.store.factories import NOW, build_run, certificate


@dataclass
class _Run:
    run_type: str
    dag_id: str = "build_core"
    run_id: str = "a run"


DAY = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def _context(run_type: str) -> dict[str, Any]:
    return {
        "dag_run": _Run(run_type),
        "data_interval_start": DAY[0],
        "data_interval_end": DAY[1],
    }


def _built(build_id: str, airflow_run_id: str) -> BuildRun:
    return build_run(build_id, status="succeeded", snapshot_id=1, airflow_run_id=airflow_run_id)


def _asked(run_type: str, **params: Any) -> Interval | None:
    context = _context(run_type)
    found: Interval | None = _interval(params, context, _run_type(context))
    return found


def test_a_backfill_builds_its_day() -> None:
    assert _asked("backfill") == Interval(*DAY)


@pytest.mark.parametrize("run_type", ["asset_triggered", "scheduled", "manual"])
def test_any_other_run_goes_on_from_the_last(run_type: str) -> None:
    assert _asked(run_type) is None


def test_an_interval_asked_for_counts_before_the_runs_own() -> None:
    asked = _asked("backfill", **{"from": "2026-01-01", "to": "2026-01-02T12:00:00+01:00"})
    assert asked == Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 11, tzinfo=UTC))


def test_half_an_interval_is_refused() -> None:
    with pytest.raises(GatehouseError, match="both ends"):
        _asked("manual", **{"from": "2026-01-01"})


def test_a_scheduled_load_waits_for_the_landing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    with pytest.raises(AirflowSkipException, match="no landing folder"):
        ingest({}, _context("scheduled"))
    with pytest.raises(GatehouseError, match="no landing folder"):
        ingest({}, _context("manual"))


def test_a_load_that_rejects_everything_is_news_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    file = tmp_path / "landing" / "events" / "day.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not Parquet")

    def news() -> int:
        told: list[Any] = []
        recorder = type("_", (), {"add": lambda _self, *event, **_more: told.append(event)})()
        result = ingest({}, {**_context("manual"), "outlet_events": {NEW_RAW: recorder}})
        assert result["totals"]["files_loaded"] == 0
        return len(told)

    assert [news(), news()] == [1, 0]


def test_a_scheduled_build_of_an_empty_home_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    with pytest.raises(AirflowSkipException, match="Nothing has been ingested yet"):
        build({}, _context("scheduled"))
    # Who asks for a build is told by the gate that there is nothing to check.
    assert build({}, _context("manual"))["models"] == 0


def test_a_drill_of_a_home_that_is_being_made_has_nothing_to_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    with pytest.raises(AirflowSkipException, match="nothing to break"):
        drill({})
    with open_store(Settings()).begin() as session:
        session.add(certificate("c1", table_name="fct_events"))
        session.flush()
        session.add(
            PublishedVersion(
                table_name="fct_events", certificate_id="c1", snapshot_id=3, published_at=NOW
            )
        )
    with pytest.raises(GatehouseError):
        drill({})


def test_what_a_killed_attempt_had_built_still_goes_to_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    with open_store(Settings()).begin() as session:
        session.add(_built("first try", "another run"))
    with pytest.raises(AirflowSkipException, match="No row was ingested"):
        build({}, _context("asset_triggered"))
    with open_store(Settings()).begin() as session:
        session.add(_built("second try", "a run"))
    assert build({}, _context("asset_triggered"))["build_id"] is None


def test_a_held_table_is_a_failure_that_no_retry_mends() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    held = [{"table": "fct_events", "result": "failed", "message": "unique failed"}]
    with pytest.raises(AirflowFailException, match="fct_events"):
        require_all_certified({"held": held})


def test_nothing_held_is_fine() -> None:
    require_all_certified({"held": []})


def test_data_docs_that_cannot_be_written_fail_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(settings.home))
    assert data_docs() == {"pages": 0}
    assert "could not be written (GatehouseError)" in caplog.text
