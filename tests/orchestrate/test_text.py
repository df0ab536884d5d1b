from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gatehouse.orchestrate.follow import FollowedRun
from gatehouse.orchestrate.pipeline import PipelineReport
from gatehouse.orchestrate.summary import Landing, Loaded, Summary
from gatehouse.orchestrate.text import failure_of, lines_of

LOADED = Loaded(2, 1, 100, 90, 5, 3, 2)
SUMMARY = Summary(
    loaded=LOADED,
    loaded_ever=LOADED,
    models_built=70,
    certified={"fct_events": 90, "user_risk": 10},
    held={"fct_reports": "unique_fct_reports_report_key failed"},
    found={"password_guessing": 3, "scraping": 0},
    held_detections={"report_brigading": "fct_reports is held"},
    builds=2,
)
GOOD = FollowedRun("ingest_landing", "manual__1", "success", 3.0)
HELD = FollowedRun("build_core", "asset__1", "failed", 30.0, {"all_certified": ["1 table(s) held"]})
BROKEN = FollowedRun("build_core", "asset__2", "failed", 30.0, {"build": ["boom", "model x"]})


def _report(*runs: FollowedRun, summary: Summary = SUMMARY) -> PipelineReport:
    return PipelineReport("http://127.0.0.1:9", 0, list(runs), summary, 61.4)


def test_the_end_names_loaded_built_certified_held_and_found() -> None:
    text = "\n".join(lines_of(_report(GOOD, HELD), "admin / x"))
    for part in (
        "1 of 2 Airflow runs succeeded",
        "2 files, 100 rows = 90 loaded + 5 quarantined + 3 repeated + 2 left out",
        "70 models in 2 builds",
        "2 tables, 100 rows",
        "fct_reports: unique_fct_reports_report_key failed",
        "3 password_guessing",
        "report_brigading: fct_reports is held",
        "http://127.0.0.1:9   login admin / x",
    ):
        assert part in text, part
    assert "scraping" not in text


def test_files_that_were_not_loaded_are_accounted_for() -> None:
    landing = Landing.of(
        {
            "totals": {"files_known": 9, "files_loaded": 0, "files_rejected": 1, "files_waiting": 0}
            | {"rows_in": 0},
            "unmatched": ["unknown/x.log"],
            "unmatched_count": 1,
        }
    )
    text = "\n".join(lines_of(replace(_report(GOOD), landing=landing), ""))
    assert "7 more files: the content was loaded already" in text
    assert "left alone 1 file that no source reads: unknown/x.log\n" in text


@pytest.mark.parametrize(
    ("called", "shown"),
    [("{here}/.venv/bin/gatehouse", ".venv/bin/gatehouse"), ("app.py", "gatehouse")],
    ids=["by make", "as a module"],
)
def test_commands_are_shown_as_they_can_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEHOUSE_HOME", raising=False)
    monkeypatch.setattr(sys, "argv", [called.format(here=tmp_path)])
    text = "\n".join(lines_of(_report(GOOD), "admin / x"))
    assert f"({shown} stop ends it)" in text
    assert f'{shown} sql "select' in text
    # Pasted into another shell, they must not be about another home.
    monkeypatch.setenv("GATEHOUSE_HOME", "a second one")
    text = "\n".join(lines_of(_report(GOOD), "admin / x"))
    assert f"(GATEHOUSE_HOME='a second one' {shown} stop ends it)" in text


def test_files_that_cannot_be_read_are_named_with_the_reason_until_they_are_mended() -> None:
    rejected = [{"source_id": "pay", "path": f"{n}.csv", "reason": "is empty"} for n in range(4)]
    idle = replace(SUMMARY, loaded=Loaded(), models_built=0, rejected=rejected)
    landing = Landing(files=9, waiting=0, rejected=4, unmatched=[], unmatched_count=0)
    text = "\n".join(lines_of(replace(_report(GOOD, summary=idle), landing=landing), ""))
    assert "Nothing new: 4 files here cannot be read" in text
    assert "pay: 0.csv: is empty" in text
    assert "3.csv" not in text
    assert "files --status rejected; and more" in text


def test_nothing_new_is_said_plainly() -> None:
    idle = replace(SUMMARY, loaded=Loaded(), models_built=0)
    assert "Nothing new" in "\n".join(lines_of(_report(GOOD, summary=idle), ""))


def test_a_held_table_is_no_failure_of_the_run() -> None:
    assert _report(GOOD, HELD).failed == []
    assert _report(GOOD, HELD).as_dict()["ok"] is True


def test_what_the_clock_started_is_named_and_does_not_decide() -> None:
    tick = FollowedRun(
        "ingest_landing", "scheduled__1", "failed", 1.0, {"ingest": ["boom"]}, "scheduled"
    )
    report = _report(GOOD, tick)
    assert report.failed == []
    assert "ingest_landing, due meanwhile, failed" in "\n".join(lines_of(report, ""))


def test_a_failure_shows_the_task_the_end_of_its_log_and_the_next_step() -> None:
    report = _report(GOOD, HELD, BROKEN)
    error = failure_of(report)
    assert report.failed == [BROKEN]
    assert "build_core.build failed" in error.message
    assert "boom" in error.message
    assert "/dags/build_core/runs/asset__2" in error.next_step
