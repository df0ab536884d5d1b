"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatehouse.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, embedded: SQLite catalog and store."""
    return Settings(project=PROJECT, home=tmp_path / "home", memory_limit="2GB")


@dataclass(frozen=True)
class PostgresServer:
    """A running server that only this test session uses.

    Attributes:
        port: TCP port on 127.0.0.1.
        password: of the user ``gatehouse``.
        psql: runs one statement as superuser and returns its output.
    """

    port: int
    password: str
    psql: Callable[[str, str], str]

    def new_database(self, name: str) -> None:
        self.psql("postgres", f"create database {name} owner gatehouse")

    def store_url(self, database: str) -> str:
        return f"postgresql+psycopg://gatehouse:{self.password}@127.0.0.1:{self.port}/{database}"

    def catalog(self, database: str) -> str:
        return (
            f"postgres:dbname={database} host=127.0.0.1 port={self.port} "
            f"user=gatehouse password={self.password}"
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL from the operating system's binaries, in a folder of its own."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    binaries = folders[-1] if folders else None
    found = shutil.which("initdb")
    if binaries is None and found:
        binaries = Path(found).parent
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries (Debian: apt install postgresql)")
    prefix = _as_other_user()
    # Not tmp_path: the server's user must be able to enter every folder above it.
    root = Path(tempfile.mkdtemp(prefix="gatehouse-pg-", dir="/tmp"))
    if prefix:
        shutil.chown(root, "postgres")
    data = root / "data"
    port = _free_port()

    def run(*command: str) -> str:
        done = subprocess.run(
            [*prefix, *command], capture_output=True, text=True, check=False, cwd="/"
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def psql(database: str, statement: str) -> str:
        where = ["-h", str(root), "-p", str(port), "-U", "postgres", "-d", database]
        return run(
            str(binaries / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", *where, "-c", statement
        )

    password = "s3cret-pa55-word"  # noqa: S105
    try:
        options = ["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-N"]
        run(str(binaries / "initdb"), "-D", str(data), "-E", "UTF8", "--locale=C", *options)
        flags = (
            f"-p {port} -k {root} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        )
        log = str(root / "server.log")
        run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", log, "-o", flags, "start")
        psql("postgres", f"create role gatehouse login password '{password}'")
        yield PostgresServer(port=port, password=password, psql=psql)
    finally:
        if (data / "postmaster.pid").exists():
            run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def postgres_settings(
    postgres_server: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Settings:
    """A home whose catalog and store are databases of a real PostgreSQL."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    for suffix in ("catalog", "store"):
        postgres_server.new_database(f"{name}_{suffix}")
    return Settings(
        project=PROJECT,
        home=tmp_path / "home",
        memory_limit="2GB",
        catalog=postgres_server.catalog(f"{name}_catalog"),
        store_url=postgres_server.store_url(f"{name}_store"),
    )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_settings(request: pytest.FixtureRequest) -> Settings:
    """Both kinds of catalog and store, one after the other."""
    name = "settings" if request.param == "sqlite" else "postgres_settings"
    value = request.getfixturevalue(name)
    assert isinstance(value, Settings)
    return value


def _as_other_user() -> list[str]:
    """PostgreSQL refuses to run as root: then its own user is used."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("running as root, and there is no user postgres to start PostgreSQL as")
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
