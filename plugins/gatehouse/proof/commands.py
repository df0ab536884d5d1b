"""The command of drills."""

from __future__ import annotations

from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows, printable
from gatehouse.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(drill)


def drill(
    fault: Annotated[
        str | None, typer.Option(help="Which fault. Default: the one of the day.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Which day and rows are broken. Default: by the day.")
    ] = None,
    list_faults: Annotated[bool, typer.Option("--list", help="List the faults.")] = False,
    history: Annotated[bool, typer.Option(help="List what past drills came to.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Break a copy of the lake in one way, and see whether the gate catches it.

    The lake itself is only read. Exits with 1 if the fault was not caught.
    """
    from gatehouse.errors import GatehouseError
    from gatehouse.proof.drill import list_drills, run_drill
    from gatehouse.proof.faults import FAULTS

    if list_faults or history:
        rows = (
            list_drills(Settings())
            if history
            else [{"fault": f.name, "breaks": f.relation, "looks_like": f.says} for f in FAULTS]
        )
        if as_json:
            print_json(rows)
            return
        columns = ["fault", "breaks", "looks_like"]
        if history:
            columns = ["started_at", "fault", "outcome", "caught_by_table", "caught_by_check"]
        print_rows(
            "Drills" if history else "Faults",
            columns,
            rows,
            empty="No drill has run. Next: gatehouse drill",
        )
        return
    report = run_drill(Settings(), fault=fault, seed=seed)
    if as_json:
        print_json(report.as_dict())
    else:
        by = f" by {report.table}: {report.check}" if report.outcome == "caught" else ""
        typer.echo(printable(f"{report.fault} in {report.relation}: {report.outcome}{by}"))
    if report.outcome != "caught":
        raise GatehouseError(
            f"The gate did not catch {report.fault}: {report.message}.",
            next_step="give the table a check that does; docs/concepts/6-proof-of-life.md",
        )
