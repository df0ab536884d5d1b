"""The commands of alerts."""

from __future__ import annotations

from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json, print_rows, printable
from gatehouse.settings import Settings

Id = Annotated[str, typer.Argument(help="Id of an incident, or its first characters.")]
Ended = Annotated[bool, typer.Option("--all", help="Also those that are over.")]

alerts = typer.Typer(
    help="Incidents: what is wrong, who has it, who was told.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_(ended: Ended = False, as_json: JsonOption = False) -> None:
    """List what is wrong now: one incident for one cause."""
    from gatehouse.alerts.people import list_incidents

    found = list_incidents(Settings(), ended=ended)
    if as_json:
        print_json(found)
        return
    columns = ["incident_id", "severity", "state", "kind", "title", "owner", "opened_at"]
    columns += ["snoozed_until_at"] if any(each["snoozed_until_at"] for each in found) else []
    columns += ["resolution"] if ended else []
    print_rows("Incidents", columns, found, empty="No incident is open.")


@alerts.command()
def show(incident: Id, as_json: JsonOption = False) -> None:
    """Show one incident: what broke, what it holds, what to do, who was told."""
    from gatehouse.alerts.people import read_incident

    found = read_incident(Settings(), incident)
    if as_json:
        print_json(found)
        return
    message = found["message"]
    typer.echo(f"{found['severity']}, {found['state']}: {message['headline']}")
    for name, text in {**message["facts"], **message["commands"]}.items():
        typer.echo(f"  {name}: {text}")
    if found["acknowledged_by_name"]:
        typer.echo(f"  Taken by: {printable(found['acknowledged_by_name'])}")
    if found["snoozed_until_at"]:
        until = f"{found['snoozed_until_at']:%Y-%m-%d %H:%M} UTC"
        who, why = printable(found["snoozed_by_name"]), printable(found["snooze_reason"])
        typer.echo(f"  Snoozed: until {until} by {who}: {why}")
    columns = ["channel", "event", "outcome", "error_kind", "attempt_count", "attempted_at"]
    print_rows("Told", columns, found["deliveries"], empty="Nobody was told.")


@alerts.command()
def ack(incident: Id, as_json: JsonOption = False) -> None:
    """Take an incident, in your name: it does not escalate any more."""
    from gatehouse.alerts.people import acknowledge

    found = acknowledge(Settings(), incident)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{printable(found['title'])}: taken by {found['acknowledged_by_name']}")


@alerts.command()
def snooze(
    incident: Id,
    hours: Annotated[int, typer.Option(help="How long, at most 168.")] = 4,
    reason: Annotated[str, typer.Option(help="Why it can wait.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Hear no more of an incident for a while, in your name; then it is told again."""
    from gatehouse.alerts import people

    found = people.snooze(Settings(), incident, hours=hours, reason=reason)
    if as_json:
        print_json(found)
    else:
        until = f"{found['snoozed_until_at']:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"{printable(found['title'])}: snoozed until {until}")


@alerts.command()
def watch(as_json: JsonOption = False) -> None:
    """Look once: who is silent, what opens, ends and escalates; and send what waits."""
    from gatehouse.proof.silence import watch as look

    report = look(Settings())
    if as_json:
        print_json(report)
    else:
        typer.echo(f"{report['open']} open, {report['sent']} sent, {report['failed']} failed.")


@alerts.command("test")
def try_out(
    channel: Annotated[
        list[str] | None, typer.Option(help="Only this channel; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test by every channel of expectations/alerts.yml, and say which arrived.

    Exits with 1 if one failed. Connections are Airflow's, from the environment
    (AIRFLOW_CONN_<ID>) or a secrets backend.
    """
    from gatehouse.alerts.deliver import try_channels
    from gatehouse.alerts.routing import load_routing
    from gatehouse.errors import GatehouseError

    settings = Settings()
    routing = load_routing(settings)
    unknown = sorted(set(channel or ()) - set(routing.channels))
    if unknown:
        raise GatehouseError(
            f"There is no channel {unknown[0]}.",
            next_step=f"choose of: {', '.join(routing.channels)}",
        )
    attempts = try_channels(settings, routing, channel or routing.channels)
    rows = [
        {
            "channel": each.due.channel,
            "type": routing.channels[each.due.channel].type,
            "outcome": each.outcome,
            "error_kind": each.error_kind,
        }
        for each in attempts
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ["channel", "type", "outcome", "error_kind"]
        print_rows("Channels", columns, rows, empty="No channel.")
    failed = [row["channel"] for row in rows if row["outcome"] == "failed"]
    if failed:
        raise GatehouseError(
            f"{len(failed)} of {len(rows)} channels failed: {', '.join(map(str, failed))}.",
            next_step="mend their Airflow connections; docs/guides/airflow.md has the forms.",
        )
