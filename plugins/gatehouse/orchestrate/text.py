"""The summary of a run as people read it."""

from __future__ import annotations

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.pipeline import PipelineReport
from gatehouse.orchestrate.summary import Loaded, Summary


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
        lines.append("Nothing new: every file here was loaded before.")
    lines += [*_flow(summary), "", *_next(report, login)]
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


def _flow(summary: Summary) -> list[str]:
    certified = sum(summary.certified.values())
    lines = [
        f"  loaded     {_loaded(summary.loaded)}",
        f"             ever: {_loaded(summary.loaded_ever)}",
        f"  built      {summary.models_built} models",
        f"  certified  {len(summary.certified)} tables, {certified:,} rows",
        f"  held       {len(summary.held) or 'none'}",
        *(f"             {table}: {why}" for table, why in summary.held.items()),
        f"  found      {sum(summary.found.values()):,} new findings",
        *(f"             {count:>6,} {name}" for name, count in summary.found.items() if count),
    ]
    return lines + [f"             {name}: {why}" for name, why in summary.held_detections.items()]


def _loaded(loaded: Loaded) -> str:
    text = (
        f"{loaded.files_loaded:,} files, {loaded.rows_in:,} rows = "
        f"{loaded.rows_loaded:,} loaded + {loaded.rows_quarantined:,} quarantined + "
        f"{loaded.rows_repeated:,} repeated + {loaded.rows_left_out:,} left out"
    )
    return text + (f"; {loaded.files_rejected} files rejected" if loaded.files_rejected else "")


def _next(report: PipelineReport, login: str) -> list[str]:
    lines = []
    if login:
        lines.append(f"UI:     {report.url}   login {login}   (gatehouse stop ends it)")
    if report.summary.certified:
        lines.append(
            'Query:  gatehouse sql "select actor_id, tier_code, top_reasons from user_risk '
            'order by risk_probability desc limit 10"'
        )
    lines.append("More:   gatehouse status, tables, findings, quarantine; docs/guides/query.md")
    return lines
