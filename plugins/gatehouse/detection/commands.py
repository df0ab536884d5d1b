"""``gatehouse detect``, ``detections`` and ``findings``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows
from gatehouse.cli.times import interval_of, moment_of
from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings

_RESULT_COLUMNS = ["detection_id", "version", "mode", "status", "found", "new", "message"]

_FINDING_COLUMNS = [
    *("finding_key", "detection_id", "actor_id", "score", "review_rank", "is_within_budget"),
    *("event_count", "last_event_at", "evidence"),
]

_RESTATED_COLUMNS = [
    *("finding_key", "detection_id", "mode_code", "table", "then_id", "now_id"),
    *("first_day", "last_day", "rows_added", "rows_removed", "actions"),
]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("detect")(detect)
    app.command("detections")(detections)
    app.command("findings")(findings)
    app.command("replay")(replay)
    app.command("restated")(restated)


def detect(
    ids: Annotated[list[str] | None, typer.Argument(help="Detections; default all.")] = None,
    start: Annotated[
        str, typer.Option("--from", help="Look at events from here (UTC, ISO 8601).")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="...up to here, exclusive.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Run detections on certified tables and record new findings.

    By default each looks at the days that newly certified rows can have changed. A detection
    that reads a table whose newest check did not pass is held: it does not run, and says why.
    """
    from gatehouse.detection import run_detections

    report = run_detections(
        Settings(),
        ids=list(ids) if ids else None,
        window=interval_of(start, end),
        progress=None if as_json else lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print_json(report.as_dict())
    else:
        rows = [vars(result) for result in report.results]
        empty = "This project has no detection. Next: docs/guides/write-a-detection.md"
        print_rows("Detections", _RESULT_COLUMNS, rows, empty=empty)
        if report.new:
            typer.echo("next:  gatehouse findings; they are signals from the next build on")
    failed = [result for result in report.results if result.status == "failed"]
    if failed:
        raise GatehouseError(
            f"{failed[0].detection_id} failed: {failed[0].message}",
            next_step="mend its SQL; nothing of its run was recorded.",
        )


def detections(
    detection_id: Annotated[str, typer.Argument(help="Show all metadata of this one.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the detections of the project; or one with its runbook, gaps and what it reads."""
    from gatehouse.detection.compiled import load_detections

    known = load_detections(Settings(), [detection_id] if detection_id else None)
    rows: list[dict[str, Any]] = [
        {**each.spec.model_dump(), "reads": list(each.reads), "code_hash": each.code_hash}
        for each in known
    ]
    if as_json:
        print_json(rows[0] if detection_id else rows)
    elif detection_id:
        for name, value in rows[0].items():
            lines = value if isinstance(value, list | tuple) else [value]
            typer.echo(f"{name}: " + "\n    ".join(map(str, lines)))
    else:
        columns = ["id", "version", "mode", "severity", "policy", "title", "owner"]
        print_rows("Detections", columns, rows, empty="This project has no detection.")


def findings(
    detection_id: Annotated[str, typer.Option("--detection", help="Only of this one.")] = "",
    within_budget: Annotated[
        bool, typer.Option("--within-budget", help="Only what reviewers can take of a day.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List certified findings, the newest events first, with the evidence of each.

    `review_rank` counts a detection's findings of a UTC day, the strongest first; those up to its
    review budget are within budget, whatever the order they were found in.
    """
    import duckdb
    from duckdb import ColumnExpression, ConstantExpression

    from gatehouse.detection.budget import rank_findings, review_budgets
    from gatehouse.gate.published import open_certified
    from gatehouse.store import open_store

    settings = Settings()
    with open_store(settings)() as session:
        budgets = review_budgets(session)
    with open_certified(settings) as connection:
        try:
            found = rank_findings(connection, budgets)
        except duckdb.CatalogException as error:
            raise GatehouseError(
                "fct_findings is not certified.",
                next_step="gatehouse status says why; gatehouse certificate fct_findings has more.",
            ) from error
        if detection_id:
            found = found.filter(
                ColumnExpression("detection_id") == ConstantExpression(detection_id)
            )
        if within_budget:
            found = found.filter("is_within_budget")
        found = found.order("last_event_at desc, finding_key").limit(limit)
        rows = found.project(", ".join(_FINDING_COLUMNS)).fetchall()
    if detection_id and not rows:
        _require_detection(settings, detection_id)
    listed = [dict(zip(_FINDING_COLUMNS, row, strict=True)) for row in rows]
    if as_json:
        print_json(listed)
    else:
        print_rows("Findings", _FINDING_COLUMNS, listed, empty="No finding. Next: gatehouse detect")


def _require_detection(settings: Settings, detection_id: str) -> None:
    """Tell a detection that found nothing from one that is not there, without compiling all."""
    models = (settings.dbt_project / "models" / "detections").rglob("*.sql")
    if detection_id not in {model.stem for model in models}:
        raise GatehouseError(
            f"There is no detection {detection_id}.", next_step="gatehouse detections lists them."
        )


def replay(
    finding_key: Annotated[
        str, typer.Argument(help="Key of the finding, or as much of its start as no other has.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Run a finding again: its code, its window, the versions it was made on.

    Says `same`, or shows each column that came out differently and exits with 1.
    """
    from gatehouse.detection.replay import replay as run_again

    settings = Settings()
    result = run_again(settings, _whole_key(settings, finding_key))
    if as_json:
        print_json(result.as_dict())
    elif result.same:
        versions = ", ".join(f"{table} at {at}" for table, at in result.snapshot_ids.items())
        typer.echo(f"same: {result.detection_id} on {versions}, code {result.code_hash[:12]}")
    else:
        rows = [
            {"column": name, "then": then, "now": now}
            for name, (then, now) in result.differences.items()
        ]
        print_rows("Different", ["column", "then", "now"], rows, empty="")
    if not result.same:
        raise typer.Exit(1)


def restated(
    table: Annotated[str, typer.Argument(help="Only changes of this core table.")] = "",
    since: Annotated[
        str, typer.Option(help="Only findings recorded from here on (UTC, ISO 8601).")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List findings made on days that have changed since, and actions that followed.

    Compares the certified version on show with the one that a finding names: its actor, on the
    days that its detection saw together. What was found is not taken back by that: look again.
    """
    from gatehouse.detection.restated import restated as find_restated

    found = find_restated(Settings(), table, since=moment_of(since) if since else None)
    if as_json:
        print_json(found.as_dict())
        return
    rows = [
        {**vars(each), "finding_key": each.finding_key[:12], "actions": len(each.action_ids)}
        for each in found.findings
    ]
    print_rows("Restated", _RESTATED_COLUMNS, rows, empty="No finding rests on a changed day.")
    for what, names in (("gone", found.unknown), ("without days", found.not_compared)):
        if names:
            typer.echo(f"Not compared, {what}: {', '.join(names)}")
    if rows:
        typer.echo("Next: gatehouse detect ID --from DAY --to DAY looks at a day again.")


def _whole_key(settings: Settings, start: str) -> str:
    """The key that begins so; ``start`` itself if none does."""
    from gatehouse.lake import Lake

    connection = Lake(settings).current()
    try:
        rows = connection.execute(
            "select distinct finding_key from lake.raw.findings "
            "where starts_with(finding_key, $1) order by finding_key limit 2",
            [start],
        ).fetchall()
    finally:
        connection.close()
    if len(rows) > 1 and rows[0][0] != start:
        raise GatehouseError(
            f"More than one finding key begins with {start}.",
            next_step="give more of it: gatehouse findings shows the keys.",
        )
    return str(rows[0][0]) if rows else start
