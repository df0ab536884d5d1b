"""``%load_ext gatehouse.cli.notebook``: the commands in a notebook, as a shell would run them."""

from __future__ import annotations

import io
import os
import shlex
import sys
from contextlib import redirect_stdout
from typing import Any

import typer

_COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE")


def load_ipython_extension(shell: Any) -> None:
    """Add the line magic ``%gatehouse``. Called by IPython."""
    shell.register_magic_function(run_line, "line", "gatehouse")


def run_line(line: str) -> None:
    """Run one command in this process; one that fails says so and ends no cell.

    Args:
        line: what follows ``gatehouse`` in a shell, quoted as there.
    """
    from gatehouse.cli.app import main

    arguments, sys.argv = sys.argv, ["gatehouse", *shlex.split(line)]
    # A kernel says of itself that it shows colours and is a terminal: tables would be cut to fit.
    forced = {name: os.environ.pop(name) for name in _COLOURS if name in os.environ}
    printed, code = io.StringIO(), None
    try:
        with redirect_stdout(printed):
            main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = arguments
        os.environ.update(forced)
        typer.echo(printed.getvalue(), nl=False)
    if code:
        typer.echo(f"exit code {code}")
