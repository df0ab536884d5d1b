"""Commands of ingest: load files, see what became of them, mend what was quarantined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows, printable
from gatehouse.errors import GatehouseError
from gatehouse.ingest.again import SHOW_REJECTED

if TYPE_CHECKING:
    from gatehouse.settings import Settings

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why raw content is read; recorded with your name.")
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Only this source (see `gatehouse sources`).")
]
_MOST_NAMED = 5
_ROWS = ["rows_in", "rows_loaded", "rows_quarantined", "rows_repeated", "rows_left_out"]

quarantine_app = typer.Typer(
    name="quarantine",
    help=(
        "Rows that were not loaded, and why.\n\n"
        "A row goes to quarantine when it cannot be read or breaks its contract. Look at the "
        "reasons with `list`, at the rows with `export`; mend the mapping in sources/, and "
        "`replay` loads what now passes. Nothing in quarantine is ever dropped."
    ),
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command("ingest")(ingest)
    app.command("sources")(sources)
    app.command("files")(files)
    app.add_typer(quarantine_app)


def ingest(
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Landing folder; default: GATEHOUSE_LANDING."),
    ] = None,
    source: SourceOption = None,
    settle: Annotated[
        float,
        typer.Option("--settle", help="Leave alone files changed less than this ago, seconds."),
    ] = 0,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Try rejected files again as they are.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Load the files that are new in the landing folder.

    A file is known by its content: delivered again, under whatever name, it adds nothing. Rows
    that break their contract go to quarantine; a file that cannot be read is rejected with its
    reason; everything else loads. Killed at any point, run it again. Next: gatehouse build.
    """
    from gatehouse.ingest import run_ingest
    from gatehouse.settings import Settings

    report = run_ingest(
        Settings(),
        folder=folder,
        source=source,
        settle_seconds=settle,
        retry_rejected=retry_rejected,
        progress=None if as_json else lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print_json(report.to_json())
        return
    rows = [vars(file) for file in report.files if file.status != "known"]
    columns = ["source_id", "path", "status", *_ROWS, "reason"]
    print_rows("Files", columns, rows, empty="No new file in the landing folder.")
    totals = report.totals
    typer.echo(
        f"{totals['files_loaded']} files loaded, {totals['files_known']} known, "
        f"{totals['files_rejected']} rejected, {totals['files_waiting']} waiting; "
        f"{len(report.unmatched)} that no source reads (--json lists them); "
        f"{totals['rows_loaded']:,} rows in {report.seconds:.1f} s."
    )
    empty = [file.path for file in report.files if file.status == "loaded" and not file.rows_in]
    if empty:
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        typer.echo(printable(f"Loaded without a row: {', '.join(empty[:_MOST_NAMED])}{more}."))
    if totals["files_rejected"]:
        typer.echo(f"See why files were rejected: {SHOW_REJECTED}")
    if totals["rows_quarantined"]:
        typer.echo("See why rows were quarantined: gatehouse quarantine list")
    typer.echo("next:  gatehouse build")


def sources(as_json: JsonOption = False) -> None:
    """List the source mappings in sources/, after checking each against its contract.

    A wrong mapping is named with the field that is wrong. To add a source, see
    docs/guides/add-a-source.md.
    """
    from gatehouse.ingest.sources import check_sources
    from gatehouse.settings import Settings

    rows = check_sources(Settings())
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["path"] = " ".join(row["path"])
    print_rows(
        "Sources",
        ["source", "contract", "format", "path"],
        rows,
        empty="No mapping in sources/. See docs/guides/add-a-source.md.",
    )


def files(
    source: SourceOption = None,
    status: Annotated[
        Literal["loaded", "rejected", "replaced", "gone"] | None,
        typer.Option("--status", help="Only files of which that became."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List every file that was seen and what became of its rows.

    Rows in = loaded + quarantined + repeated + left out by the mapping's filter, always. A
    rejected file gave none: put one that can be read at its path, or mend its mapping, and
    gatehouse ingest takes it. It is `replaced` then, or `gone` once it was taken away.
    """
    from gatehouse.ingest.quarantine import list_files
    from gatehouse.settings import Settings

    settings = Settings()
    rows = list_files(settings, source=source, status=status)
    if not rows:
        _require_source(settings, source)
    if as_json:
        print_json(rows)
        return
    columns = ["source_id", "path", "status_code", *_ROWS, "reason"]
    empty = "No file was loaded yet. Next: gatehouse ingest"
    if source or status:
        empty = "No such file. All files: gatehouse files"
    print_rows("Files", columns, rows, empty=empty)


def _require_source(settings: Settings, source: str | None) -> None:
    """Tell a source without rows from one that is not there."""
    from gatehouse.ingest.contracts import load_contracts
    from gatehouse.ingest.mapping import load_mappings

    if source is None:
        return
    if source not in load_mappings(settings.sources, load_contracts(settings.input_contracts)):
        raise GatehouseError(
            f"There is no source {source}.", next_step="see what there is: gatehouse sources"
        )


@quarantine_app.command("list")
def list_command(
    source: SourceOption = None,
    samples: Annotated[
        int,
        typer.Option("--samples", min=0, help="Show this many original rows of each reason."),
    ] = 0,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Count quarantined rows by source, column and reason.

    Those that came_again need no mending: their file came again at its path, whole.

    --samples shows raw content, which may be hostile or personal: only where you may see it. It
    asks for a --reason, which is kept with your name: gatehouse access.
    """
    from gatehouse.ingest.quarantine import Selection, list_quarantine
    from gatehouse.settings import Settings

    settings = Settings()
    rows = list_quarantine(settings, Selection(source=source), samples=samples, reason=reason)
    if not rows:
        _require_source(settings, source)
    if as_json:
        print_json(rows)
        return
    columns = ["source_id", "column_name", "reason", "row_count", "file_count"]
    columns += ["first_path", "first_row_number", "came_again"]
    print_rows("Quarantine", columns, rows, empty="Nothing is in quarantine.")
    for row in rows if samples else ():
        typer.echo(f"{row['source_id']}: {row['column_name'] or 'row'} {row['reason']}")
        for text in row["samples"]:
            # repr: an escape sequence in a log must not reach the terminal.
            typer.echo(f"  {text[:500]!r}")


@quarantine_app.command("export")
def export_command(
    target: Annotated[Path, typer.Argument(help="A new file, .csv or .jsonl.")],
    source: SourceOption = None,
    path: Annotated[
        str | None, typer.Option("--path", help="Only rows of this file (see `list`).")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Only rows refused for this column.")
    ] = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write quarantined rows, with file, row number, reason and original text, to a file.

    The file is made readable by you alone: it holds raw content. That it was made, by whom and
    why (--reason) is recorded: gatehouse access.
    """
    from gatehouse.ingest.quarantine import Selection, export_quarantine
    from gatehouse.settings import Settings

    selection = Selection(source=source, path=path, column=column)
    count = export_quarantine(Settings(), target, selection, reason=reason)
    if as_json:
        print_json({"path": str(target), "rows": count})
    else:
        typer.echo(f"{count:,} rows written to {target}.")


@quarantine_app.command("replay")
def replay_command(
    source: SourceOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also rows whose mapping has not changed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read quarantined rows again, after their mapping or contract was mended.

    Rows that now pass move to the raw table, and the counts of their files with them, in one
    transaction. The others stay. Next: gatehouse build.
    """
    from gatehouse.ingest.replay import replay_quarantine
    from gatehouse.settings import Settings

    reports = replay_quarantine(Settings(), source=source, force=force)
    rows = [report.to_json() for report in reports]
    if as_json:
        print_json(rows)
        return
    columns = ["source_id", "rows_tried", "rows_loaded", "rows_repeated", "rows_left_out"]
    columns += ["rows_quarantined", "rows_unchanged"]
    print_rows("Replayed", columns, rows, empty="Nothing is in quarantine.")
    if any(report.rows_unchanged for report in reports):
        typer.echo(
            "Rows are unchanged where neither mapping nor contract has changed since they were "
            "refused: mend it in sources/, or try them all with --force."
        )
