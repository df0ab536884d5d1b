"""One Airflow component in this process, with what its tasks need already imported.

The local executor forks tasks from the scheduler. Importing dbt and Great Expectations takes
several seconds a process, so the scheduler imports them once, before it starts. Only packages
that are not part of this project are imported: an edit to Gatehouse itself is seen by the next
task without a restart.
"""

from __future__ import annotations

import contextlib
import importlib
import sys

# Log servers listen on every interface and are of no use on one machine: left out.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

# In the order in which a run needs them. None opens a DuckDB connection, which would not
# survive a fork.
_PRELOAD = (
    "duckdb",
    "sqlalchemy.orm",
    "dbt.cli.main",
    "dbt.task.build",
    "dbt.adapters.duckdb",
    "great_expectations",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
)


def run(name: str, *, preload: bool = True) -> None:
    """Run the component ``name`` until it is told to stop.

    Args:
        name: a key of `ARGUMENTS`.
        preload: whether a scheduler imports the tasks' packages before it starts.
    """
    if preload and name == "scheduler":
        for module in _PRELOAD:
            # A package that cannot be imported fails in the task that needs it, with its error.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    from airflow.__main__ import main

    sys.argv = ["airflow", *ARGUMENTS[name]]
    main()


if __name__ == "__main__":
    run(sys.argv[1])
