"""The ``gatehouse`` command. Each room brings its own commands; this joins them."""

from __future__ import annotations

import importlib
import sys

import typer
from rich.console import Console

from gatehouse.cli.output import printable_lines
from gatehouse.errors import GatehouseError

# Modules with `register(app)`, in data-flow order. They import heavy things inside functions,
# so that `gatehouse --help` is quick.
_ROOMS = (
    "gatehouse.simulate.commands",
    "gatehouse.ingest.commands",
    "gatehouse.build.commands",
    "gatehouse.gate.commands",
    "gatehouse.alerts.commands",
    "gatehouse.detection.commands",
    "gatehouse.proof.commands",
    "gatehouse.measurement.commands",
    "gatehouse.lake.commands",
    "gatehouse.store.commands",
    "gatehouse.orchestrate.commands",
)

app = typer.Typer(
    name="gatehouse",
    help=(
        "Certified safety tables for abuse-protection teams.\n\n"
        "Data flows: landing files -> ingest -> build -> gate -> detect. "
        "Start with `gatehouse run`, then `gatehouse status`."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for _room in _ROOMS:
    importlib.import_module(_room).register(app)


def main() -> None:
    """Run the command; a `GatehouseError` ends as one clear line, exit code 1."""
    try:
        app()
    except GatehouseError as error:
        console = Console(
            stderr=True, soft_wrap=True, highlight=False, markup=False, force_jupyter=False
        )
        console.print(f"error: {printable_lines(error.message)}")
        if error.next_step:
            console.print(f"next:  {printable_lines(error.next_step)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
