"""``gatehouse risk`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows

risk_app = typer.Typer(
    name="risk",
    help="What user_risk rests on: weights and baselines.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(risk_app)
    app.command("report")(report)


@risk_app.callback()
def _risk() -> None:
    """What user_risk rests on: weights and baselines."""


@risk_app.command("fit")
def fit_command(
    write: Annotated[
        bool, typer.Option("--write", help="Write weights and model card into the project.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit the weights of user_risk on reviewers' labels, by their inclusion probabilities.

    Shows them beside the present ones, with figures on actors that the fit did not see. With
    --write they become the next version of seeds/risk_weights.csv, described in
    docs/reference/risk-model.md: review both in git, then gatehouse build --full-refresh.
    """
    from gatehouse.measurement.risk_card import fit_risk, write_fit
    from gatehouse.settings import Settings

    settings = Settings()
    found = fit_risk(settings)
    paths = write_fit(settings, found) if write else []
    if as_json:
        print_json(found.as_dict() | {"written": [str(path) for path in paths]})
        return
    columns = ["parameter", "before", "after", "actors"]
    rows = [dict.fromkeys(columns) | row for row in found.rows()]
    print_rows("Weights", columns, rows, empty="")
    figures = [
        {"figure": name, "before": pair[0], "after": pair[1]}
        for name, pair in found.figures.items()
    ]
    print_rows("On a fifth held out", ["figure", "before", "after"], figures, empty="")
    typer.echo(f"{found.labels:,} labelled actors, {found.violating:,} violating.")
    for path in paths:
        typer.echo(f"written: {path}")
    typer.echo(
        "Next: git diff, then gatehouse build --full-refresh"
        if paths
        else "Next: gatehouse risk fit --write"
    )


@risk_app.command("baselines")
def baselines_command(
    days: Annotated[int, typer.Option(min=1, help="Last days of history to look at.")] = 28,
    share: Annotated[
        float, typer.Option(help="Share of active actor-days that may lie beyond.")
    ] = 0.001,
    write: Annotated[
        bool, typer.Option("--write", help="Write what is proposed into the project.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose what counts as rare activity on each product, from certified history.

    The signals volume_spike and velocity_spike measure an actor against its own past and against
    this. Accounts that were acted on are left out of it. With --write it
    goes into seeds/products.csv: review it in git, then gatehouse build --full-refresh.
    """
    from gatehouse.measurement.baselines import propose_baselines, write_baselines
    from gatehouse.settings import Settings

    settings = Settings()
    proposals = propose_baselines(settings, days=days, share=share)
    is_any = any(each.day[1] is not None for each in proposals)
    written = [str(write_baselines(settings, proposals))] if write and is_any else []
    rows = [each.as_dict() for each in proposals]
    if as_json:
        print_json({"baselines": rows, "written": written})
        return
    print_rows(
        f"Rare: beyond all but {share:.2%} of active actor-days of {days} days",
        [*rows[0]],
        rows,
        empty="",
    )
    for path in written:
        typer.echo(f"written: {path}")
    if not is_any:
        typer.echo(
            f"Nothing is proposed: {10 / share:,.0f} active actor-days of a product are needed at "
            "this share. Take more --days, or a larger --share."
        )
    unknown = [each.product for each in proposals if each.day[0] is None]
    if unknown:
        typer.echo(f"Not in seeds/products.csv, add a row first: {', '.join(unknown)}")
    if written:
        typer.echo("Next: git diff, then gatehouse build --full-refresh")
    elif is_any:
        typer.echo("Next: gatehouse risk baselines --write")


def report(
    target: Annotated[
        Path | None,
        typer.Option("--to", help="File to write. Default: report.html in the home."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the home in one HTML file: risk, signals, findings, campaigns, the gate's history.

    Everything is inside the file, so that it can be opened anywhere. It holds counts, neither
    actors nor content. Where the home has the ground truth of a simulated world, it shows which
    campaigns were found and missed.
    """
    from gatehouse.measurement.report import write_report
    from gatehouse.settings import Settings

    settings = Settings()
    path = write_report(settings, target or settings.home / "report.html")
    if as_json:
        print_json({"path": str(path)})
    else:
        typer.echo(f"written: {path}")
