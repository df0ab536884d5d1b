"""``gatehouse run``, ``ui`` and ``stop``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gatehouse.cli.output import JsonOption, print_json
from gatehouse.settings import Settings

# The pipeline did its work and a table is held: neither fine nor broken.
EXIT_HELD = 3


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("run")(run)
    app.command("ui")(ui)
    app.command("stop")(stop)
    app.command(
        "airflow",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )(airflow)


def run(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Landing folder, also of Airflow's own runs. Default: that of the Airflow that "
            "runs, else the home's own."
        ),
    ] = None,
    simulate: Annotated[
        bool, typer.Option(help="Write simulated logs if there is nothing to load and never was.")
    ] = True,
    keep_running: Annotated[
        bool, typer.Option("--keep-running/--stop", help="Leave Airflow running at the end.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Run the pipeline by Airflow: load, build, gate, detect; and say what came of it.

    Exit code 0: all went well. 1: something broke. 3: it ran, and a table is held.
    """
    from gatehouse.orchestrate.pipeline import run_pipeline
    from gatehouse.orchestrate.text import failure_of, lines_of

    _interrupt_on_signal()
    try:
        report = run_pipeline(
            Settings(),
            data=data,
            simulate=simulate,
            keep_running=keep_running,
            progress=lambda line: typer.echo(line, err=True),
        )
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    if as_json:
        print_json(report.as_dict())
    else:
        login = "" if not keep_running else _login(Settings())
        typer.echo("\n".join(lines_of(report, login)))
    if report.failed:
        raise failure_of(report)
    if report.summary.held:
        raise typer.Exit(EXIT_HELD)


def ui(
    foreground: Annotated[bool, typer.Option(help="Stay until Ctrl-C, then stop Airflow.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the Airflow UI if it does not run, and say where it is and how to log in."""
    from gatehouse.orchestrate.environment import USERS, airflow_home, password_of
    from gatehouse.orchestrate.service import as_it_runs, start, wait_until_stopped
    from gatehouse.orchestrate.service import stop as stop_airflow
    from gatehouse.orchestrate.text import command_name

    settings = as_it_runs(Settings())
    there = start(settings, progress=lambda line: typer.echo(line, err=True))
    if as_json:
        passwords = str(airflow_home(settings).passwords)
        print_json({"url": there.url, "pid": there.pid, "passwords_file": passwords})
    else:
        typer.echo(f"Airflow: {there.url}  (Gatehouse: {there.url}/plugin/gatehouse)")
        for user, role in USERS.items():
            typer.echo(f"  {user:8} {password_of(settings, user)}  ({role})")
        if not foreground:
            typer.echo(f"Stop it: {command_name()} stop")
    if foreground:
        try:
            wait_until_stopped(settings)
        except KeyboardInterrupt:
            stop_airflow(settings)


def stop(as_json: JsonOption = False) -> None:
    """Stop the Airflow of this home, and every process it started."""
    from gatehouse.orchestrate.service import stop as stop_airflow

    was_running = stop_airflow(Settings())
    if as_json:
        print_json({"was_running": was_running})
    else:
        typer.echo("Airflow is stopped." if was_running else "Airflow was not running.")


def airflow(context: typer.Context) -> None:
    """Any airflow command on this home's Airflow, e.g. `gatehouse airflow backfill create -h`."""
    import subprocess
    import sys

    from gatehouse.orchestrate.environment import airflow_environment
    from gatehouse.orchestrate.service import as_it_runs

    command = [sys.executable, "-m", "airflow", *context.args]
    environment = airflow_environment(as_it_runs(Settings()))
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603
    raise typer.Exit(done.returncode)


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C or a polite kill.

    Of a plain KeyboardInterrupt that passed through `exec` of a text, as an import of dataclasses
    does it, `python -m` dies by SIGINT at its end although it was caught: the exit code is lost.
    """


def _interrupt_on_signal() -> None:
    """Clean up after a polite kill as after Ctrl-C, and end with the code of an interrupt."""
    import signal

    def interrupt(_number: int, _frame: object) -> None:
        raise _Interrupted

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)


def _login(settings: Settings) -> str:
    from gatehouse.orchestrate.environment import airflow_home, password_of

    if os.environ.get("CI"):  # a log is kept longer than a terminal
        return f"admin, password in {airflow_home(settings).passwords}"
    return f"admin / {password_of(settings, 'admin')}"
