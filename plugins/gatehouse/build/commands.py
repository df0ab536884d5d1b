"""``gatehouse build``, ``builds`` and ``dbt``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows
from gatehouse.cli.times import interval_of
from gatehouse.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("build")(build)
    app.command("builds")(builds)
    app.command("dbt", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        dbt
    )


def build(
    start: Annotated[
        str, typer.Option("--from", help="Rebuild for rows ingested from here (UTC, ISO 8601).")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="...up to here, exclusive.")] = "",
    select: Annotated[str, typer.Option(help="A dbt selection, e.g. 'abuse_signals+'.")] = "",
    full_refresh: Annotated[
        bool, typer.Option(help="Rebuild every table from all raw rows.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Run even if nothing was ingested.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the tables up to date with what was ingested since the last build.

    Nothing that is built is shown to readers before the gate has passed it: run
    `gatehouse gate` next (the DAG build_core does both).
    """
    from gatehouse.build import run_build

    report = run_build(
        Settings(),
        interval=_interval(start, end),
        select=select or None,
        full_refresh=full_refresh,
        force=force,
        progress=None if as_json else lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print_json(report.as_dict())
    elif report.nothing_new:
        from gatehouse.build.history import has_built

        typer.echo(
            "Nothing was ingested since the last build; the tables are up to date."
            if has_built(Settings())
            else "Nothing was ingested yet. Next: gatehouse ingest"
        )
    else:
        done = sum(node.ok for node in report.nodes)
        typer.echo(
            f"Built {done} of {len(report.nodes)} models in {report.seconds:.1f} s, "
            f"snapshot {report.snapshot_id}. Next: gatehouse gate"
        )
    report.raise_for_failure()


def builds(
    build_id: Annotated[str, typer.Argument(help="Show the models of this build.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many builds to list.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """List builds, newest first; or the state of each model of one build."""
    from gatehouse.build.history import list_builds, list_nodes

    rows: list[dict[str, Any]]
    if build_id:
        rows = list_nodes(Settings(), build_id)
        columns = ["name", "resource_type", "status", "seconds", "message"]
        title, empty = f"Build {build_id}", "This build ran no model."
    else:
        rows = list_builds(Settings(), limit)
        columns = ["build_id", "status", "started_at", "seconds", "models", "snapshot_id"]
        title, empty = "Builds", "No build yet. Next: gatehouse build"
    if as_json:
        print_json(rows)
    else:
        print_rows(title, columns, rows, empty=empty)


def dbt(context: typer.Context) -> None:
    """Run any dbt command on this home's lake, e.g. `gatehouse dbt ls --select core`."""
    from gatehouse.build.shell import run_shell_dbt

    raise typer.Exit(run_shell_dbt(Settings(), context.args))


def _interval(start: str, end: str) -> Any:
    from gatehouse.build.report import Interval

    bounds = interval_of(start, end)
    return Interval(*bounds) if bounds else None
