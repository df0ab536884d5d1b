"""``gatehouse maintain`` and ``attach``."""

from __future__ import annotations

from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json
from gatehouse.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("maintain")(maintain)
    app.command("attach")(attach)


def maintain(
    keep: Annotated[
        int, typer.Option(min=1, help="Newest snapshots to keep whatever happens.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Join small files, rewrite files full of deletes, drop snapshots nothing refers to.

    Kept are the snapshots that are on show, those with a certificate that has not expired,
    those a finding was made on, and the newest.
    """
    from gatehouse.lake.maintain import run_maintenance

    report = run_maintenance(Settings(), keep_newest=keep)
    if as_json:
        print_json(report.as_dict())
    else:
        typer.echo(
            f"Snapshots: {report.snapshots_expired} dropped, {report.snapshots_kept} kept. "
            f"Files: {report.files_before} before, {report.files_after} after, "
            f"{report.files_removed} removed from storage. {report.seconds:.1f} s."
        )


def attach(as_json: JsonOption = False) -> None:
    """Print the SQL that opens the certified tables in any DuckDB session, and write it to a file.

    BI tools run the file (certified.sql in the home) at the start of a session. It holds no
    password: PostgreSQL's own means (PGPASSWORD, ~/.pgpass) give it.
    """
    from gatehouse.gate.attach import attach_statements, write_attach_file

    settings = Settings()
    path = write_attach_file(settings)
    text = attach_statements(settings)
    if as_json:
        print_json({"path": path, "sql": text})
    else:
        typer.echo(text)
        typer.echo(f"Written to {path}", err=True)
