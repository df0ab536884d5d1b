"""The reports of this room for people. Values are data: nothing in them reaches the terminal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

from gatehouse.cli.output import print_json, print_rows
from gatehouse.cli.output import printable as visible
from gatehouse.errors import GatehouseError
from gatehouse.gate.failing import FailingRows
from gatehouse.gate.query import Answer
from gatehouse.gate.results import CERTIFYING
from gatehouse.ingest.again import SHOW_REJECTED

# A spreadsheet runs a cell that starts with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(value: Any) -> Any:
    """``value`` with control characters made visible, so that no terminal obeys them."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list | dict | tuple):
        return visible(json.dumps(value, default=str, ensure_ascii=False))
    return value


def _print(
    title: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, empty: str
) -> None:
    safe = [{name: printable(row.get(name)) for name in columns} for row in rows]
    print_rows(title, columns, safe, empty=empty)


def show_status(found: Mapping[str, Any]) -> None:
    """Print `gatehouse.gate.status.read_status`."""
    columns = ["table", "state", "certified_snapshot", "rows", "newest_check", "why"]
    _print("Core tables", columns, found["tables"], empty="No core table.")
    columns = ["source_id", "loaded_at", "files", "rows_loaded", "rows_quarantined"]
    columns.append("files_rejected")
    empty = "Nothing was loaded yet. Next: gatehouse ingest"
    _print("Last loads", columns, found["loads"], empty=empty)
    if any(each["files_rejected"] for each in found["loads"]):
        typer.echo(f"Which files were rejected, and why: {SHOW_REJECTED}")
    build = found["build"]
    columns = ["build_id", "status", "snapshot_id", "started_at", "covered_to"]
    empty = "Nothing was built yet. Next: gatehouse build"
    _print("Last build", columns, [build] if build else [], empty=empty)
    held = found["detections_held"]
    _print("Detections held", ["detection", "since", "why"], held, empty="No detection is held.")
    if not found["detections_known"]:
        typer.echo("Which others wait is not known: gatehouse dbt parse says what is wrong.")
    counts = ", ".join(f"{count} {severity}" for severity, count in found["incidents_open"].items())
    typer.echo(f"Incidents open: {counts}; gatehouse alerts list" if counts else "No incident.")


def show_columns(tables: Sequence[Mapping[str, Any]], name: str) -> None:
    """Print the columns of one of `gatehouse.gate.tables.list_tables`."""
    found = next((each for each in tables if each["table"] == name), None)
    if found is None:
        raise GatehouseError(
            f"{name} is not a certified table.", next_step="gatehouse tables; gatehouse status"
        )
    typer.echo(f"{found['description']} {found['rows']:,} rows.\n")
    _print(name, ["name", "type", "description"], found["columns"], empty="It has no columns.")


def show_certificate(found: Mapping[str, Any]) -> None:
    """Print `gatehouse.gate.certificate.read_certificate`."""
    typer.echo(
        f"{found['table_name']} at snapshot {found['snapshot_id']}: {found['result']}"
        + (f", {found['message']}" if found["message"] else "")
    )
    if found["rolled_back"]:
        typer.echo(printable(found["rolled_back"]))
    typer.echo(
        f"certificate {found['certificate_id']}, checked {found['checked_at']:%Y-%m-%d %H:%M} UTC, "
        + (
            f"good until {found['expires_at']:%Y-%m-%d %H:%M} UTC, "
            if found["result"] in CERTIFYING
            else ""
        )
        + f"suite {found['suite_version']}, "
        f"{found['row_count']:,} rows, {found['duration_seconds']:.1f} s"
    )
    if found["held_by"]:
        typer.echo(f"held by {', '.join(found['held_by'])}")
    columns = ["result", "severity", "tool", "check"]
    _print("Checks", columns, found["checks"], empty="No check was carried out.")
    failed = [check for check in found["checks"] if check["result"] == "failed"]
    for check in found["checks"]:
        if check["result"] in ("failed", "could_not_check"):
            observed = ", ".join(f"{key} {value}" for key, value in check["observed"].items())
            name, column = check["check"], check["column"]
            of = f" of {column}" if column and column not in name else ""
            typer.echo(
                printable(f"{check['result']} ({check['severity']}): {name}{of}: {observed}")
            )
            if check["waiver_id"]:
                typer.echo(f"    waived: {check['waiver_id']}; gatehouse waivers")
            if check["reason"] or check["owner"]:
                typer.echo(printable(f"    {check['reason']} Owner: {check['owner'] or 'nobody'}"))
    if failed:
        typer.echo(
            f"Which rows: gatehouse certificate {found['table_name']} --rows "
            f"--snapshot {found['snapshot_id']}"
        )


def show_failing(found: Iterable[FailingRows]) -> None:
    """Print `gatehouse.gate.failing.failing_rows`."""
    for each in found:
        typer.echo(f"{visible(each.check)}, at snapshot {each.snapshot_id}")
        if each.note:
            typer.echo(f"  {visible(each.note)}")
        if each.rows:
            rows = [dict(zip(each.columns, row, strict=True)) for row in each.rows]
            _print("", each.columns, rows, empty="")
        if each.is_cut:
            typer.echo(f"  Only the first {len(each.rows):,}; --limit shows more.")
        if each.query:
            typer.echo(f"  {visible(' '.join(each.query.split()))}\n")


def show_answer(answer: Answer, *, as_json: bool, as_csv: bool) -> None:
    """Print the rows of a query."""
    if as_json:
        print_json(answer.as_dicts())
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_csv_cell(value) for value in row] for row in answer.rows)
    else:
        names = [
            f"{n} ({i})" if answer.columns.count(n) > 1 else n for i, n in enumerate(answer.columns)
        ]
        rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
        _print("", names, rows, empty="No rows.")


def _csv_cell(value: Any) -> Any:
    safe = printable(value)
    return f"'{safe}" if isinstance(safe, str) and safe.startswith(_FORMULA) else safe


def show_actor(found: Mapping[str, Any]) -> None:
    """Print `gatehouse.gate.actor.read_actor`."""
    typer.echo(f"Actor {printable(found['actor_id'])}")
    for part, rows in found.items():
        if part in ("actor_id", "not_certified"):
            continue
        title = part.replace("_", " ").capitalize()
        if rows is None:
            typer.echo(f"{title}: not certified, so not shown.")
        elif part == "risk" and rows:
            _show_risk(rows[0])
        else:
            columns = [name for name in (rows[0] if rows else {}) if name != "actor_id"]
            _print(title, columns, rows, empty=f"{title}: none.")


def _show_risk(row: Mapping[str, Any]) -> None:
    typer.echo(
        f"Risk {row['risk_probability']:.3f} ({row['tier_code']}), as of {row['as_of_at']}, "
        f"from {row['signal_count']:,} signals on {row['evidence_days']} days, "
        f"confidence {row['risk_confidence']:.2f}, model {row['model_version']}"
    )
    for reason in row["top_reasons"] or []:
        typer.echo(f"  - {printable(reason)}")
