"""``gatehouse simulate``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from gatehouse.simulate.run import SimulationReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    actors: Annotated[int, typer.Option(help="Size of the population.")] = 2_000,
    days: Annotated[int, typer.Option(help="Simulated days.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    start: Annotated[
        datetime,
        typer.Option(help="First simulated day.", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD"),
    ] = datetime(2026, 3, 2),  # noqa: DTZ001 - a day, not an instant
    events: Annotated[
        int | None, typer.Option(help="About how many events of all but campaigns.")
    ] = None,
    products: Annotated[
        str, typer.Option(help="Product surfaces, joined by commas.")
    ] = "chat_assistant,api,image_generation,agents",
    campaigns: Annotated[
        str, typer.Option(help="Kinds of campaigns, joined by commas; all, or none.")
    ] = "all",
    folder: Annotated[
        Path | None, typer.Option(help="Where to write. Default: the landing folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write landing files of a simulated world with planted abuse.

    Ground truth goes to `truth/` of the home, which ingest never reads.
    """
    from gatehouse.simulate.campaigns import KIND_NAMES
    from gatehouse.simulate.run import run_simulation

    named = {"all": KIND_NAMES, "none": ()}
    report = run_simulation(
        Settings(),
        folder=folder,
        actors=actors,
        days=days,
        seed=seed,
        start_date=start.date(),
        events=events,
        products=_names(products),
        campaigns=named.get(campaigns, _names(campaigns)),
        progress=None if json else typer.echo,
    )
    _print(report, as_json=json)


def _names(joined: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in joined.split(",") if name.strip())


def _print(report: SimulationReport, *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json(asdict(report))
        return
    rows = [{"contract": name, "rows": count} for name, count in report.rows.items()]
    print_rows("Written", ["contract", "rows"], rows, empty="Nothing.")
    typer.echo(
        f"{report.files:,} files, {report.size_bytes / 1e6:,.1f} MB in {report.seconds:.1f} s; "
        f"{report.late_rows:,} rows late, {report.repeated_files} files and "
        f"{report.repeated_rows} rows twice, {report.broken_rows} rows broken on purpose."
    )
    typer.echo(f"Planted: {', '.join(report.campaigns) or 'no campaign'}.")
    if report.unplanted:
        typer.echo(f"Not planted in so few days: {', '.join(report.unplanted)}; take more --days.")
    typer.echo(f"Landing: {report.landing}\nTruth:   {report.truth}")
    typer.echo("next:  gatehouse ingest")
