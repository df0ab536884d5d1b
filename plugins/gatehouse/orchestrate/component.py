"""One Airflow component in this process, with what its tasks need already imported.

By itself, ``python -m gatehouse.orchestrate.component NAME``, it runs beside others in containers
of their own; ``migrate`` makes Airflow's database, ``check NAME`` says whether a component lives.

The local executor forks tasks from the scheduler. Importing dbt and Great Expectations takes
several seconds a process, so the scheduler imports them once, before it starts. Only packages
that are not part of this project are imported: an edit to Gatehouse itself is seen by the next
task without a restart.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import urllib.request

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


def make_databases() -> None:
    """Make those databases of PostgreSQL that a deployment names and nobody has made."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.sql import SQL, Identifier
    from sqlalchemy import make_url

    from gatehouse.lake.catalog import Catalog
    from gatehouse.settings import Settings

    settings = Settings()
    urls = [
        make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]),
        make_url(settings.store_url),
    ]
    wanted = [
        url.set(drivername="postgresql").render_as_string(hide_password=False)
        for url in urls
        if url.get_backend_name() == "postgresql"
    ]
    catalog = Catalog.parse(settings.catalog)
    if catalog.kind == "postgres":
        os.environ |= catalog.environment
        wanted.append(catalog.where)
    for where in wanted:
        name = str(conninfo_to_dict(where).get("dbname", ""))
        server = make_conninfo(where, dbname="postgres")
        with psycopg.connect(server, autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [name])
            if known.fetchone() is None:
                connection.execute(SQL("create database {}").format(Identifier(name)))


def migrate() -> None:
    """Bring Airflow's database to the installed version, or make it."""
    from airflow.utils import db
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    providers_configuration_loaded(db.initdb)()


def is_alive(name: str) -> bool:
    """Whether a component has shown that it lives, as the API server tells; imports nothing."""
    server = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].removesuffix("/execution/")
    part = {"api-server": "metadatabase"}.get(name, name.replace("-", "_"))
    try:
        # The address is the deployment's own setting.
        with urllib.request.urlopen(f"{server}/api/v2/monitor/health", timeout=10) as reply:  # noqa: S310
            health = json.load(reply)
    except (OSError, ValueError):
        return False
    return bool(health.get(part, {}).get("status") == "healthy")


def _configure() -> None:
    """Tell Airflow what the embedded one is told, but for what the deployment says itself."""
    from gatehouse.orchestrate.environment import airflow_environment
    from gatehouse.settings import Settings

    os.environ |= airflow_environment(Settings())


def main(arguments: list[str]) -> int:
    """What a container runs; returns the exit code."""
    if arguments[0] == "check":
        return 0 if is_alive(arguments[1]) else 1
    _configure()
    if arguments[0] == "migrate":
        make_databases()
        migrate()
    else:
        run(arguments[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
