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
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


# A column of text is not made narrower than this; one of names, numbers or times never.
_TEXT_WIDTH = 24
_NAMES = ("_id", "_key", "_hash", "_at", "_date", "_code", "id", "key", "path", "table")


def printable(text: str) -> str:
    """``text`` with control characters made visible, so that no terminal or log obeys them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """As `printable`, but a message of several lines stays one of several lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def print_json(data: object) -> None:
    """Print ``data`` as one JSON document; what is not ASCII is escaped: no terminal obeys it."""
    typer.echo(json.dumps(data, indent=2, default=_plain))


def print_rows(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, empty: str
) -> None:
    """Print rows as a table, or one below the other where the terminal is too narrow for one.

    Names and keys are never broken, so that they can be copied; nor is anything where no terminal
    reads it.

    Args:
        title: what the rows are.
        columns: keys of each row, in order; also the headings.
        rows: the rows.
        empty: what to say when there are none, with the next step.
    """
    # In a notebook it is text, as anywhere else that is no terminal.
    console = Console(force_jupyter=False)
    if not rows:
        console.print(Text(empty), soft_wrap=True)
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    headings = [column.replace("_", " ") for column in columns]
    widths = [
        max(map(cell_len, [heading, *values]))
        for heading, values in zip(headings, zip(*cells, strict=True), strict=True)
    ]
    texts = [
        not column.endswith(_NAMES) and any(isinstance(row.get(column), str) for row in rows)
        for column in columns
    ]
    narrowest = [
        min(width, _TEXT_WIDTH) if is_text else width
        for width, is_text in zip(widths, texts, strict=True)
    ]
    if not console.is_terminal:
        console.width = _of_table(widths)
    elif _of_table(narrowest) > console.width:
        _print_records(console, title, headings, cells)
        return
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for column, heading, is_text in zip(columns, headings, texts, strict=True):
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        # Folded, not cut: half a reason is worse than two lines.
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=not is_text,
        )
    for values in cells:
        # Text, not str: data is never read as markup.
        table.add_row(*map(Text, values))
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as printed:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _of_table(widths: Sequence[int]) -> int:
    """Width of a table with columns so wide: two blanks between, one at each end."""
    return sum(widths) + 3 * len(widths) + 1


def _print_records(
    console: Console, title: str, headings: Sequence[str], cells: Sequence[Sequence[str]]
) -> None:
    """Each row as lines of heading and value; what is longer than a line breaks in the terminal."""
    width = max(map(cell_len, headings))
    if title:
        console.print(Text(title, style="italic"), soft_wrap=True)
    for values in cells:
        console.print()
        for heading, value in zip(headings, values, strict=True):
            if value:
                console.print(Text(f"  {heading:<{width}}  {value}"), soft_wrap=True)
    console.print()


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
