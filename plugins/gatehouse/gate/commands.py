"""The gate's commands: checking, waiving, rolling back, and what readers use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows, printable
from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings

AllowExpired = Annotated[
    bool, typer.Option("--allow-expired", help="Also read tables whose certificate has expired.")
]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    checks = typer.Typer(invoke_without_command=True)
    checks.callback()(gate)
    checks.command("calibrate")(calibrate)
    app.add_typer(checks, name="gate")
    for command in (status, tables, certificate, waive, waivers, rollback, sql, actor):
        app.command(command.__name__)(command)


def gate(
    context: typer.Context,
    snapshot: Annotated[
        int | None, typer.Option(help="Snapshot to check; default: what the last build left.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Check this table and all it hangs together with; may be repeated."),
    ] = None,
    alert: Annotated[
        bool, typer.Option("--alert/--no-alert", help="Open and end incidents, and tell people.")
    ] = True,
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="Look again also at rows that passed in an older version."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the core tables of a snapshot, and show readers those that hold.

    Exits with 1 if a table is held. Readers keep its certified version before, and what is
    made from it is held too; everything else goes on. With --no-alert people hear of it from the
    next check, or from Airflow's next look.
    """
    if context.invoked_subcommand is not None:
        return
    from gatehouse.alerts import alert_gate
    from gatehouse.gate.run import run_gate

    settings = Settings()
    if snapshot is not None:
        _require_snapshot(settings, snapshot)
    report = run_gate(
        settings,
        snapshot_id=snapshot,
        tables=table or None,
        all_rows=all_rows,
        progress=None if as_json else lambda line: typer.echo(line, err=True),
    )
    if alert:
        alert_gate(settings)
    if as_json:
        _document(settings)
        print_json(report.as_dict())
    else:
        rows = [
            {
                "table": each.table,
                "result": each.result,
                "rows": each.row_count,
                "seconds": each.seconds,
                "why": each.message,
            }
            for each in report.tables
        ]
        columns = ["table", "result", "rows", "seconds", "why"]
        print_rows(f"Snapshot {report.snapshot_id}", columns, rows, empty="No core table.")
        empty = sum(each.result == "no_data" for each in report.tables if each.is_certified)
        typer.echo(
            f"{len(report.certified)} certified{f' ({empty} empty)' if empty else ''}, "
            f"{len(report.held)} held in {report.seconds['total']:.1f} s."
        )
        _document(settings)
        if report.ok:
            typer.echo("next:  gatehouse detect")
    report.raise_for_failure()


def _document(settings: Settings) -> None:
    """Write the Data Docs. Whether they can be written says nothing of the tables."""
    from gatehouse.gate.data_docs import write_data_docs

    try:
        typer.echo(f"docs:  {write_data_docs(settings).index}", err=True)
    except Exception as error:  # of GX, or a full disk
        typer.echo(f"docs:  not written ({type(error).__name__})", err=True)


def calibrate(
    table: Annotated[
        list[str] | None, typer.Option(help="Only this core table; may be repeated.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write them to expectations/limits.yml, for review.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose how far a day may be from its past, from days that were certified.

    Each certified day is compared with those before it. A limit is proposed half as far again as
    the furthest of them, not below half of the default. Nothing changes until the file is
    written, looked at and committed.
    """
    from gatehouse.gate.calibrate import propose_limits, write_limits

    settings = Settings()
    proposals = propose_limits(settings, table or None)
    path = write_limits(settings, proposals) if write and proposals else None
    if as_json:
        print_json({"proposals": [each.as_dict() for each in proposals], "written": path})
        return
    columns = ["relation", "limit", "days", "readings", "furthest", "present", "proposed"]
    print_rows(
        "Limits",
        columns,
        [each.as_dict() for each in proposals],
        empty="No table has four weeks of certified days yet.",
    )
    if path:
        typer.echo(f"Written: {path}. Next: git diff {path}")
    elif proposals:
        typer.echo("Next: gatehouse gate calibrate --write, then look at the change.")


def _require_snapshot(settings: Settings, snapshot: int) -> None:
    from gatehouse.errors import GatehouseError
    from gatehouse.lake import Lake

    if snapshot < 0 or snapshot > Lake(settings).current_snapshot():
        raise GatehouseError(
            f"There is no snapshot {snapshot}.",
            next_step="choose one that a build left: gatehouse builds",
        )


def status(as_json: JsonOption = False) -> None:
    """Say how things stand: tables, loads, the last build, held detections."""
    from gatehouse.gate.show import show_status
    from gatehouse.gate.status import read_status

    found = read_status(Settings())
    if as_json:
        print_json(found)
    else:
        show_status(found)


def tables(
    name: Annotated[str, typer.Argument(help="Show the columns of this table.")] = "",
    allow_expired: AllowExpired = False,
    as_json: JsonOption = False,
) -> None:
    """List the certified tables; or the columns of one."""
    from gatehouse.gate.show import show_columns
    from gatehouse.gate.tables import list_tables

    found = list_tables(Settings(), allow_expired=allow_expired)
    if as_json:
        print_json([each for each in found if name in ("", each["table"])])
    elif name:
        show_columns(found, name)
    else:
        rows = [{**each, "columns": len(each["columns"])} for each in found]
        columns = ["table", "rows", "columns", "snapshot_id", "description"]
        print_rows("Certified tables", columns, rows, empty="No table is certified.")


def certificate(
    table: Annotated[str, typer.Argument(help="A core table.")],
    check: Annotated[
        str, typer.Argument(help="With --rows: only of this failed check, or a part of its name.")
    ] = "",
    rows: Annotated[
        bool, typer.Option("--rows", help="Show rows of the checks that failed, masked.")
    ] = False,
    snapshot: Annotated[
        int | None, typer.Option(help="As it was at this snapshot; default: the newest check.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows of a check.")] = 20,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Show identifiers and texts as they are; recorded.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why. Required with --unmasked.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a certificate of a table and the checks behind it; or the rows that failed.

    With --rows, identifiers and texts are short hashes: equal ones are equal. Rows are read from
    the snapshot that failed, and kept nowhere.
    """
    settings = Settings()
    if rows or unmasked or check:
        from gatehouse.gate.failing import failing_rows
        from gatehouse.gate.show import show_failing

        failing = failing_rows(
            settings,
            table,
            check,
            limit=limit,
            unmasked=unmasked,
            reason=reason,
            snapshot_id=snapshot,
        )
        if as_json:
            print_json([each.as_dict() for each in failing])
        else:
            show_failing(failing)
        return
    from gatehouse.gate.certificate import read_certificate
    from gatehouse.gate.rollbacks import read_rolled_back
    from gatehouse.gate.show import show_certificate

    found = read_certificate(settings, table, snapshot)
    found["rolled_back"] = read_rolled_back(settings).get(table, "")
    if as_json:
        print_json(found)
    else:
        show_certificate(found)


def waive(
    table: Annotated[str, typer.Argument(help="A core table that failed.")] = "",
    checks: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHECK...", help="The failed checks, or a part of each one's name."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it may be read nevertheless.")] = "",
    days: Annotated[int, typer.Option(help="How long, at most 90.")] = 1,
    new_level: Annotated[
        bool,
        typer.Option(
            "--new-level",
            help="It is right, and how things are from now on: days to come are covered, too, and "
            "new days are compared with it.",
        ),
    ] = False,
    end: Annotated[
        list[str] | None, typer.Option(help="Id of a waiver that ends now; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let failed checks of a table not decide, for a while, in your name.

    They go on being made and shown as failed; each waiver is told wherever it acts. It covers what
    failed, not whatever comes: those products and days, at most twice as many rows. What could
    not be checked cannot be waived. Then check the table again: gatehouse gate --table.
    """
    from gatehouse.gate.waivers import end_waivers
    from gatehouse.gate.waivers import waive as make

    settings = Settings()
    found = (
        end_waivers(settings, *end)
        if end
        else make(
            settings,
            table,
            *(checks or []),
            reason=reason,
            days=days,
            is_new_level=new_level,
        )
    )
    if as_json:
        print_json(found)
        return
    for each in found:
        what = f"{each['check_name']} of {each['table_name']}"
        until = f"{each['expires_at']:%Y-%m-%d %H:%M} UTC"
        typer.echo(
            f"{what}: the waiver has ended, and {each['certificates_ended']} certificates that "
            "rested on it"
            if end
            else f"{what}: waived by {each['person_name']} until {until}{_covering(each)} "
            f"({each['waiver_id']})"
        )
    tables = dict.fromkeys(f"--table {each['table_name']}" for each in found)
    typer.echo(f"Next: gatehouse gate {' '.join(tables)}")


def _covering(waiver: Mapping[str, Any]) -> str:
    from gatehouse.gate.waivers import covers_in_words

    words = covers_in_words(waiver["covers"])
    return f", {words}" if words else ""


def waivers(
    ended: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List waivers: who let which check fail until when, and why."""
    from gatehouse.gate.waivers import covers_in_words, list_waivers

    found = list_waivers(Settings(), ended=ended)
    if as_json:
        print_json(found)
        return
    columns = [
        "table_name",
        "check_name",
        "person_name",
        "expires_at",
        "covers",
        "reason",
        "waiver_id",
    ]
    rows = [{**each, "covers": covers_in_words(each["covers"])} for each in found]
    print_rows("Waivers", columns, rows, empty="No waiver is in force.")


def rollback(
    table: Annotated[str, typer.Argument(help="A core table.")],
    to: Annotated[
        int | None, typer.Option(help="Snapshot of a certified version; default: the one before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why. Required, except with --lift.")] = "",
    lift: Annotated[
        bool, typer.Option("--lift", help="End it: show what was certified in the meantime.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send readers of a table, and of what is made from it, back to an older certified version.

    Nothing newer is shown until it is lifted, whatever the gate finds. Lists the findings that
    were made on what was taken off.
    """
    from gatehouse.gate import rollback as room

    settings = Settings()
    found = (
        room.lift(settings, table)
        if lift
        else room.roll_back(settings, table, to=to, reason=reason)
    )
    if as_json:
        print_json(found.as_dict())
        return
    columns = ["table", "from_snapshot_id", "to_snapshot_id"]
    rows = [{name: getattr(each, name) for name in columns} for each in found.tables]
    print_rows("Readers see", columns, rows, empty="")
    for each in found.tables:
        if each.note:
            typer.echo(f"Note: {each.note}.")
    if not lift:
        columns = ["detection", "mode", "findings", "first_found_at"]
        empty = "No finding was made on what was taken off."
        print_rows("Findings made on what was taken off", columns, found.findings, empty=empty)
        typer.echo(f"Until it is mended; then: gatehouse rollback {table} --lift")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, e.g. 'from user_risk'; - reads stdin.")],
    limit: Annotated[int, typer.Option(min=0, help="Most rows to print; 0 for all.")] = 1000,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    allow_expired: AllowExpired = False,
    needs: Annotated[
        Literal["critical", "warning"],
        typer.Option(help="warning: only versions whose warnings passed, too."),
    ] = "critical",
    as_json: JsonOption = False,
) -> None:
    """Ask the certified tables. Never waits for a build, never sees half of one."""
    from gatehouse.gate.query import run_query
    from gatehouse.gate.show import show_answer

    text = sys.stdin.read() if query == "-" else query
    answer = run_query(Settings(), text, limit=limit, allow_expired=allow_expired, needs=needs)
    _tell_held(answer.held)
    show_answer(answer, as_json=as_json, as_csv=as_csv)
    if answer.is_cut:
        typer.echo(f"Only the first {limit:,} rows are shown; --limit 0 shows all.", err=True)


def _tell_held(held: Mapping[str, str]) -> None:
    """On stderr: what is asked is answered, of an older state than there is."""
    for table, why in held.items():
        typer.echo(f"{table}: {printable(why)}", err=True)


def actor(
    actor_ids: Annotated[
        list[str], typer.Argument(metavar="ACTOR_ID...", help="Ids; - reads one a line of stdin.")
    ],
    allow_expired: AllowExpired = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is known about actors: all of them as of the same certified versions.

    With --json one object an actor, in the order asked for.
    """
    from gatehouse.gate.actor import PARTS, read_actor
    from gatehouse.gate.published import certified_versions, held_now
    from gatehouse.gate.query import certified_session
    from gatehouse.gate.show import show_actor

    ids = sys.stdin.read().split() if actor_ids == ["-"] else actor_ids
    if not ids:
        raise GatehouseError(
            "There was no id to read.", next_step="give ids, or one a line on stdin with -."
        )
    shown = certified_versions(Settings(), allow_expired=allow_expired)
    _tell_held(held_now(Settings(), shown, {table for table, _ in PARTS.values()}))
    unknown = []
    with certified_session(Settings(), allow_expired=allow_expired) as connection:
        for each in ids:
            try:
                found = read_actor(connection, each)
            except GatehouseError as error:
                if len(ids) == 1:
                    raise
                unknown.append(each)
                typer.echo(f"Actor {printable(each)}: {error.message}", err=True)
                continue
            if as_json:
                print_json(found)
            else:
                show_actor(found)
    if unknown:
        raise GatehouseError(
            f"{len(unknown)} of {len(ids)} actors are in no certified table.",
            next_step="check their ids; gatehouse status shows what the tables cover.",
        )
