"""Commands of ingest: load files, see what became of them, mend what was quarantined."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption

SourceOption = Annotated[
    str | None, typer.Option("--source", help="Only this source (see `gatehouse sources`).")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command("ingest")(ingest)
    app.command("sources")(sources)


def ingest(
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Landing folder; default: GATEHOUSE_LANDING."),
    ] = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the files that are new in the landing folder."""
    from gatehouse.cli.output import print_json, print_rows
    from gatehouse.ingest import run_ingest
    from gatehouse.settings import Settings

    progress = None if as_json else lambda line: typer.echo(line, err=True)
    report = run_ingest(Settings(), folder=folder, source=source, progress=progress)
    if as_json:
        print_json(report.to_json())
        return
    print_rows(
        "Files",
        [
            "source_id",
            "path",
            "status",
            "reason",
            "rows_in",
            "rows_loaded",
            "rows_quarantined",
            "rows_repeated",
            "rows_left_out",
        ],
        [vars(f) for f in report.files],
        empty="none",
    )
    typer.echo(str(report.totals))


def sources(as_json: JsonOption = False) -> None:
    """List the source mappings, and check each against its contract."""
    from gatehouse.cli.output import print_json, print_rows
    from gatehouse.ingest.contracts import load_contracts
    from gatehouse.ingest.mapping import load_mappings
    from gatehouse.settings import Settings

    settings = Settings()
    mappings = load_mappings(settings.sources, load_contracts(settings.input_contracts))
    rows = [
        {"source": m.source, "contract": m.contract, "path": ", ".join(m.path)}
        for m in mappings.values()
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows("Sources", ["source", "contract", "path"], rows, empty="none")
