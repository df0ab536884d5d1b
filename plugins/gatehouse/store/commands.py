"""``gatehouse access``."""

from __future__ import annotations

from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("access")(access)


def access(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List who read raw content or direct identifiers, when, and why."""
    from gatehouse.settings import Settings
    from gatehouse.store.access import list_access

    rows = list_access(Settings(), limit)
    if as_json:
        print_json(rows)
        return
    columns = ["accessed_at", "reader_name", "action", "subject", "reason"]
    print_rows("Accesses", columns, rows, empty="Nobody has read raw content by these commands.")
