"""Real servers that live as long as a measurement or a test session: PostgreSQL, and S3."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Of SeaweedFS, by its options.
S3_PORTS = tuple(
    f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
)
_START_SECONDS = 60


class NotHereError(RuntimeError):
    """This machine has no such server to start."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server that nobody else uses.

    Attributes:
        port: TCP port on 127.0.0.1.
        password: of the user ``gatehouse``.
        psql: runs one statement as superuser and returns its output.
    """

    port: int
    password: str
    psql: Callable[[str, str], str]

    def new_database(self, name: str) -> None:
        """Make an empty database that ``gatehouse`` owns."""
        self.psql("postgres", f"create database {name} owner gatehouse")

    def store_url(self, database: str) -> str:
        """As `gatehouse.settings.Settings` takes a store."""
        return f"postgresql+psycopg://gatehouse:{self.password}@127.0.0.1:{self.port}/{database}"

    def catalog(self, database: str) -> str:
        """As `gatehouse.settings.Settings` takes a catalog."""
        return (
            f"postgres:dbname={database} host=127.0.0.1 port={self.port} "
            f"user=gatehouse password={self.password}"
        )


@dataclass(frozen=True)
class S3Server:
    """A running S3-compatible server that nobody else uses.

    Attributes:
        port: TCP port on 127.0.0.1.
        environment: what a process needs to reach it.
    """

    port: int
    environment: dict[str, str]


@contextmanager
def postgres(password: str) -> Iterator[PostgresServer]:
    """PostgreSQL from the operating system's binaries, in a folder of its own.

    Raises:
        NotHereError: it is not installed, or this process may not start it.
    """
    binaries = postgres_binaries()
    prefix = as_postgres()
    # The server's user must be able to enter every folder above it.
    root = Path(tempfile.mkdtemp(prefix="gatehouse-pg-", dir="/tmp"))
    if prefix:
        shutil.chown(root, "postgres")
    data = root / "data"
    (port,) = free_ports(1)

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


@contextmanager
def s3(key: str, secret: str) -> Iterator[S3Server]:
    """SeaweedFS from its Python package, in a folder of its own; a file makes its bucket.

    Raises:
        NotHereError: it is not installed.
    """
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        raise NotHereError("no SeaweedFS (it comes with make install)")
    root = Path(tempfile.mkdtemp(prefix="gatehouse-s3-", dir="/tmp"))
    ports = dict(zip(S3_PORTS, free_ports(len(S3_PORTS)), strict=True))
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    command = [
        *(str(weed), "server", "-s3", f"-dir={root}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-{name}={port}" for name, port in ports.items()),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *("-volume.max=50", "-master.volumeSizeLimitMB=256"),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), **keys}
    port = ports["s3.port"]
    log = root / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(server, (port, ports["volume.port"]), log)
        address = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1"}
        yield S3Server(port, {**keys, **address})
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(root, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    """TCP ports of 127.0.0.1 that nobody listens on, all different."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_for(server: subprocess.Popen[bytes], ports: tuple[int, ...], log: Path) -> None:
    """Until a server accepts connections on all its ports.

    Raises:
        RuntimeError: it ended, or took too long; with the end of what it said.
    """
    deadline = time.monotonic() + _START_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"it did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.1)


def postgres_binaries() -> Path:
    """The folder of the newest PostgreSQL server.

    Raises:
        NotHereError: there is none.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    if folders:
        return folders[-1]
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    raise NotHereError("no PostgreSQL server binaries (Debian: apt install postgresql)")


def as_postgres() -> list[str]:
    """What a command of the server begins with: it refuses to run as root, and has a user.

    Raises:
        NotHereError: this is root, and there is no such user.
    """
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise NotHereError(
            "running as root, and there is no user postgres to start PostgreSQL as"
        ) from None
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
