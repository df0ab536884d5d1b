"""The summary of a run as people read it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from gatehouse.cli.output import printable
from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.pipeline import PipelineReport
from gatehouse.orchestrate.summary import Landing, Loaded, Summary

# So many rejected files are told by name.
_MOST_FILES = 3


def lines_of(report: PipelineReport, login: str) -> list[str]:
    """The end of ``gatehouse run``.

    Args:
        report: what happened.
        login: how to log in to the UI; empty if it does not run any more.
    """
    summary = report.summary
    states = [run.state for run in report.runs]
    ended = f"{states.count('success')} of {len(states)} Airflow runs succeeded"
    lines = ["", f"Done in {report.seconds:.0f} s: {ended}."]
    lines += [
        f"  {run.dag_id}, due meanwhile, failed ({', '.join(run.failed_tasks) or '?'}): "
        f"{report.url}/dags/{run.dag_id}/runs/{run.run_id}"
        for run in report.failed_by_the_clock
    ]
    if summary.nothing_new:
        rejected = report.landing.rejected if report.landing else 0
        known = "every file here was loaded before"
        if rejected:
            known = f"{_count(rejected, 'file')} here cannot be read, the others were loaded before"
        lines.append(f"Nothing new: {known}.")
    lines += [*_flow(summary, report.landing), "", *_next(report, login)]
    return lines


def failure_of(report: PipelineReport) -> GatehouseError:
    """The first thing that broke, with the end of its log."""
    run = report.failed[0]
    task, log = next(iter(run.failed_tasks.items()), ("?", []))
    tail = "\n".join(f"    {line}" for line in log)
    return GatehouseError(
        f"{run.dag_id}.{task} failed. The end of its log:\n{tail}",
        next_step=f"{report.url}/dags/{run.dag_id}/runs/{run.run_id} has the whole log, and the "
        "DAG's Triage part what to do; then gatehouse run goes on where this stopped.",
    )


def _flow(summary: Summary, landing: Landing | None) -> list[str]:
    certified = sum(summary.certified.values())
    models, builds = _count(summary.models_built, "model"), _count(summary.builds, "build")
    ever = [f"             ever: {_loaded(summary.loaded_ever)}"]
    if summary.loaded_ever == summary.loaded:
        ever = []
    lines = [
        f"  loaded     {_loaded(summary.loaded)}",
        *_others(summary, landing),
        *ever,
        *_rejected(summary),
        f"  built      {models}" + (f" in {builds}" if summary.builds else ""),
        f"  certified  {_count(len(summary.certified), 'table')}, {_count(certified, 'row')}",
        f"  held       {len(summary.held) or 'none'}",
        *(f"             {table}: {why}" for table, why in summary.held.items()),
        f"  found      {_count(sum(summary.found.values()), 'new finding')}",
        *(f"             {count:>6,} {name}" for name, count in summary.found.items() if count),
    ]
    return lines + [f"             {name}: {why}" for name, why in summary.held_detections.items()]


def _loaded(loaded: Loaded) -> str:
    return (
        f"{_count(loaded.files_loaded, 'file')}, {_count(loaded.rows_in, 'row')} = "
        f"{loaded.rows_loaded:,} loaded + {loaded.rows_quarantined:,} quarantined + "
        f"{loaded.rows_repeated:,} repeated + {loaded.rows_left_out:,} left out"
    )


def _rejected(summary: Summary) -> list[str]:
    """The rejected files that are still there: what is in them is in no table."""
    if not summary.rejected:
        return []
    files = [f"{each['source_id']}: {each['path']}: {each['reason']}" for each in summary.rejected]
    lines = [f"             {printable(text)}" for text in files[:_MOST_FILES]]
    more = "; and more" if len(files) > _MOST_FILES else ""
    return ["  rejected", *lines, f"             {command_name()} files --status rejected{more}"]


def _others(summary: Summary, landing: Landing | None) -> list[str]:
    """The files in the landing folder that were not loaded, and why."""
    if landing is None:
        return []
    known = landing.files - landing.waiting - landing.rejected - summary.loaded.files_loaded
    lines = []
    if known > 0 and not summary.nothing_new:
        lines.append(f"             {_count(known, 'more file')}: the content was loaded already")
    if landing.waiting:
        lines.append(f"             {_count(landing.waiting, 'more file')}: still being written")
    if landing.unmatched_count:
        names = ", ".join(printable(path) for path in landing.unmatched)
        more = ", …" if landing.unmatched_count > len(landing.unmatched) else ""
        count = _count(landing.unmatched_count, "file")
        lines.append(f"  left alone {count} that no source reads: {names}{more}")
    return lines


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def command_name() -> str:
    """How this command is called from here, and on this home: another one must not answer."""
    home = os.environ.get("GATEHOUSE_HOME", "")
    return (f"GATEHOUSE_HOME={shlex.quote(home)} " if home else "") + _program()


def _program() -> str:
    called = Path(sys.argv[0])
    if called.name != "gatehouse":
        return "gatehouse"
    found = shutil.which("gatehouse")
    if found and Path(found).resolve() == called.resolve():
        return "gatehouse"
    here = Path.cwd()
    absolute = called if called.is_absolute() else here / called
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _next(report: PipelineReport, login: str) -> list[str]:
    lines, gatehouse = [], command_name()
    if login:
        lines.append(f"UI:     {report.url}   login {login}   ({gatehouse} stop ends it)")
    if report.summary.certified:
        lines.append(
            f'Query:  {gatehouse} sql "select actor_id, tier_code, top_reasons from user_risk '
            'order by risk_log_odds desc limit 10"'
        )
    lines.append(
        f"More:   {gatehouse} status (or tables, findings, quarantine list); docs/guides/query.md"
    )
    return lines
