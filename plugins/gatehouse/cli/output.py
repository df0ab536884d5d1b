"""One way to print a report: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def printable(text: str) -> str:
    """``text`` with control characters made visible, so that no terminal or log obeys them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_json(data: object) -> None:
    """Print ``data`` as one JSON document; what is not ASCII is escaped: no terminal obeys it."""
    typer.echo(json.dumps(data, indent=2, default=_plain))


def print_rows(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, empty: str
) -> None:
    """Print rows as a table.

    Args:
        title: what the rows are.
        columns: keys of each row, in order; also the headings.
        rows: the rows.
        empty: what to say when there are none, with the next step.
    """
    console = Console()
    if not rows:
        console.print(Text(empty))
        return
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        heading = column.replace("_", " ")
        # Folded, not cut: half a key or half a reason is worse than two lines.
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # Text, not str: data is never read as markup.
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(value))


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} has no JSON form")
