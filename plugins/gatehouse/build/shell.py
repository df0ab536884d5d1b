"""dbt for people: the same settings as a build, output to the terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from gatehouse.build.dbt import environment
from gatehouse.errors import GatehouseError
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.settings import Settings

_WRITING = {"build", "run", "seed", "snapshot", "clone", "run-operation", "retry"}


def run_shell_dbt(settings: Settings, args: Sequence[str]) -> int:
    """Run dbt as a process of its own, holding the writer's place; returns its exit code.

    Raises:
        GatehouseError: it would write tables that Spark builds.
    """
    project = str(settings.dbt_project)
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", *args),
        *("--project-dir", project, "--profiles-dir", project),
        *("--target-path", str(settings.home / "dbt" / "shell")),
        # What it says goes to the terminal alone: it may quote data.
        *("--log-path", str(settings.home / "dbt" / "logs"), "--log-level-file", "none"),
    ]
    if settings.engine == "spark" and _WRITING & {*args}:
        raise GatehouseError(
            "By hand, dbt would build these tables in DuckLake.",
            next_step="gatehouse build --select …, which builds on Spark.",
        )
    lake = Lake(settings)
    with lake.lock("gatehouse dbt"), environment(settings):
        # dbt attaches a lake, and makes none; nor does it ask whose tables are in it.
        with lake.writer("gatehouse dbt") as connection:
            ensure_tables(connection, settings)
        return subprocess.run(command, check=False).returncode  # noqa: S603
