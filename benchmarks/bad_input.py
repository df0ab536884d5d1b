"""Bad files and bad rows of many kinds: each quarantined or refused with a reason, none lost.

Makes a landing folder with one case a file and good files between them, loads it in one run,
and compares what became of each with what must. Run by `make measure NAME=bad_input`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _harness import Measurement, scratch
from bad_input_cases import CASES, SOURCES, Case
from gatehouse.ingest import IngestReport, run_ingest
from gatehouse.ingest.quarantine import list_files
from gatehouse.lake import Lake
from gatehouse.settings import Settings

# Number, column, reason and text of a quarantined row.
Row = tuple[Any, ...]

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    case: Case
    misses: tuple[str, ...]
    seen: str


def make_settings(home: Path) -> Settings:
    """Settings of a project with the real contracts and mappings, and those of the cases."""
    project = home / "project"
    (project / "dbt_project").mkdir(parents=True)
    (project / "dbt_project" / "dbt_project.yml").touch()
    shutil.copytree(PROJECT / "expectations" / "inputs", project / "expectations" / "inputs")
    shutil.copytree(PROJECT / "sources", project / "sources")
    for name, text in SOURCES.items():
        (project / "sources" / f"{name}.yml").write_text(text, "utf-8")
    return Settings(project=project, home=home / "home")


def run_cases(home: Path, cases: Iterable[Case]) -> tuple[list[Outcome], list[str]]:
    """Load the cases, each in a file of its own, in one run.

    Args:
        home: an empty folder to work in.
        cases: the cases.

    Returns:
        What became of each, and what is wrong with the load as a whole.
    """
    settings = make_settings(home)
    landing = settings.landing
    landing.mkdir(parents=True)
    cases = list(cases)
    for case in cases:
        target = landing / case.path
        target.parent.mkdir(parents=True, exist_ok=True)
        case.make(target)
    report = run_ingest(settings)
    refused = _refused_rows(settings)
    outcomes = [_outcome(case, report, refused.get(case.shown, [])) for case in cases]
    return outcomes, _whole(settings, report)


def _outcome(case: Case, report: IngestReport, rows: list[Row]) -> Outcome:
    files = [file for file in report.files if file.path == case.shown]
    if len(files) != 1:
        return Outcome(case, (f"reported {len(files)} times",), "not reported")
    file = files[0]
    misses = []
    if file.status != case.status:
        misses.append(f"is {file.status}, not {case.status}")
    if case.reason and case.status != "loaded" and case.reason not in (file.reason or ""):
        misses.append(f"says {file.reason!r}")
    for name in ("loaded", "quarantined", "repeated", "left_out"):
        is_, must = getattr(file, f"rows_{name}"), getattr(case, name)
        if is_ != must:
            misses.append(f"{is_} rows {name}, not {must}")
    if case.quarantined:
        misses += _compare_rows(case, rows)
    said = rows[0][2] if rows else (file.reason or "")
    return Outcome(case, tuple(misses), f"{file.status}: {said}" if said else file.status)


def _refused_rows(settings: Settings) -> dict[str, list[Row]]:
    connection = Lake(settings).current()
    try:
        rows = connection.execute(
            "select path, row_number, column_name, reason, original_text "
            "from lake.raw.quarantine order by path, row_number"
        ).fetchall()
    finally:
        connection.close()
    by_path: dict[str, list[Row]] = {}
    for path, *row in rows:
        by_path.setdefault(path, []).append(tuple(row))
    return by_path


def _compare_rows(case: Case, rows: list[Row]) -> list[str]:
    misses = []
    for number, column, reason, text in rows:
        if case.reason not in reason:
            misses.append(f"row {number} says {reason!r}")
        if column != case.column:
            misses.append(f"row {number} blames {column}, not {case.column}")
        if not text:
            misses.append(f"row {number} lost its text")
    if case.row is not None and [row[0] for row in rows] != [case.row]:
        misses.append(f"blames rows {[row[0] for row in rows]}, not {case.row}")
    return misses


def _whole(settings: Settings, report: IngestReport) -> list[str]:
    """What is wrong beyond single cases: counts that do not add up, a second run that loads."""
    wrong = []
    for file in list_files(settings):
        parts = ("rows_loaded", "rows_quarantined", "rows_repeated", "rows_left_out")
        if file["rows_in"] != sum(file[part] for part in parts):
            wrong.append(f"{file['path']}: rows do not add up")
    totals = report.totals
    again = run_ingest(settings).totals
    if again["files_loaded"] or again["rows_in"]:
        wrong.append("a second run loaded something again")
    return wrong + [
        f"a second run has {again[name]} {name}, the first {totals[name]}"
        for name in ("files_rejected", "files_waiting")
        if again[name] != totals[name]
    ]


def main() -> None:
    """Run every case and compare."""
    measurement = Measurement("bad_input", "Bad files and rows")
    with scratch() as folder:
        outcomes, wrong = run_cases(folder, CASES)
    rows = [
        (outcome.case.name, outcome.seen, "; ".join(outcome.misses) or "as expected")
        for outcome in outcomes
    ]
    measurement.table("What became of each kind", ("kind", "became", ""), rows, in_docs=200)
    cases = [outcome.case for outcome in outcomes]
    measurement.figure("kinds of bad input", len(cases), at_least=60)
    measurement.figure("kinds not as expected", sum(bool(o.misses) for o in outcomes), equals=0)
    measurement.figure("wrong with the load as a whole", len(wrong), equals=0)
    measurement.figure("files rejected with a reason", sum(c.status == "rejected" for c in cases))
    measurement.figure("kinds quarantined by row", sum(c.quarantined > 0 for c in cases))
    measurement.figure("kinds that look bad and load", sum(c.is_harmless for c in cases))
    for text in wrong:
        measurement.note(f"Wrong: {text}.")
    measurement.finish()


if __name__ == "__main__":
    main()
