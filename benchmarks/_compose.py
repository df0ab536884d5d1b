"""The services of docker-compose.yml as processes of this machine: no container, same settings.

Commands, environments, secrets, order and health checks are read from the file. What differs is
what containers bring: folders and addresses are this machine's, and two images are stood in for by
the same programs: PostgreSQL of the operating system, SeaweedFS of its Python package.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from _harness import PROJECT
from _servers import S3_PORTS, as_postgres, free_ports, postgres_binaries

COMPOSE = PROJECT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_HEALTHY_SECONDS = 240.0
# Ports of the services in their own networks, each a free one here.
_PORTS = ("5432", "8333", "8931", "7077")
_HOSTS = ("postgres", "s3", "api-server", "spark-master")


def read_compose(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml with its variables as ``given``, else at their defaults."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return (given or {}).get(found["name"]) or found["default"] or ""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each) for each in value]
        return _VARIABLE.sub(fill, value) if isinstance(value, str) else value

    content: dict[str, Any] = walk(yaml.safe_load(COMPOSE.read_text("utf-8")))
    return content


@dataclass
class Stack:
    """All services; see `stack`.

    Attributes:
        folder: everything that is written: volumes, secrets, logs.
        landing: the folder that is mounted as `/landing`.
        given: variables of the compose file; those of its profiles are in `COMPOSE_PROFILES`.
    """

    folder: Path
    landing: Path
    given: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._compose = read_compose(self.given)
        self._ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
        self._places = {
            "/opt/gatehouse": str(PROJECT),
            "/var/lib/gatehouse": str(self.folder / "home"),
            "/var/lib/postgresql/data": str(self.folder / "postgres"),
            "/run/secrets": str(self.folder / "secrets"),
            "/landing": str(self.landing),
            "=/data": f"={self.folder / 's3'}",
        }

    def up(self) -> None:
        """Make secrets, and start all services in their order."""
        for name in ("home", "s3", "secrets", "logs"):
            (self.folder / name).mkdir(parents=True)
        for name in self._compose["secrets"]:
            (self.folder / "secrets" / name).write_text(secrets.token_hex(24))
        chosen = {*self.given.get("COMPOSE_PROFILES", "").split(",")}
        waiting = {
            name: service
            for name, service in self._compose["services"].items()
            if not (own := service.get("profiles", [])) or chosen & {*own}
        }
        while waiting:
            name = next(n for n in waiting if not self._needs(n) & waiting.keys())
            self.start(name)
            del waiting[name]

    def start(self, name: str) -> None:
        """Start a service, and return once it has ended (`init`) or its health check passes."""
        if name == "postgres":
            self._make_cluster()
        log = self.folder / "logs" / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                self._command(name),
                env=self.environment(name),
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process
        is_job = self._compose["services"][name].get("restart") == "no"
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while True:
            ended = process.poll()
            if is_job and ended == 0:
                return
            if ended is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not come up ({ended}): {log.read_text()[-3000:]}")
            if not is_job and self.is_healthy(name):
                return
            time.sleep(0.5)

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of a service passes, as Docker would run it."""
        kind, *command = self._compose["services"][name]["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(
            self._here(command),
            env=self.environment(name),
            cwd=PROJECT,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def kill(self, name: str) -> None:
        """End a service without a word, with all that it has started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def gatehouse(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container of the API server."""
        return subprocess.run(
            [sys.executable, "-m", "gatehouse.cli.app", *arguments],
            env=self.environment("api-server"),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def own_files(self) -> list[Path]:
        """Files of lake or store that lie outside PostgreSQL, S3 and Spark's warehouse."""
        home = self.folder / "home"
        found = [*home.rglob("*.parquet"), *home.rglob("catalog.sqlite*"), *home.rglob("*.db")]
        return [path for path in found if home / "lake" / "iceberg" not in path.parents]

    def written(self) -> list[Path]:
        """Files of the services' logs and home."""
        return [
            path
            for folder in ("home", "logs")
            for path in (self.folder / folder).rglob("*")
            if path.is_file() and not path.is_symlink()
        ]

    def leaking(self) -> list[Path]:
        """Of them, those that hold a password or a key; the name of a key is no secret."""
        names = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "SPARK_SECRET")
        kept = [(self.folder / "secrets" / name).read_bytes() for name in names]
        return [path for path in self.written() if any(each in path.read_bytes() for each in kept)]

    def close(self) -> None:
        """End all services, the last one started first."""
        for name, process in reversed(self.processes.items()):
            is_gentle = name not in ("postgres", "s3")
            for number in (signal.SIGTERM, signal.SIGKILL) if is_gentle else (signal.SIGKILL,):
                try:
                    os.killpg(process.pid, number)
                    process.wait(15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
        self.processes.clear()

    def environment(self, name: str) -> dict[str, str]:
        """Environment of a service's processes."""
        own = self._compose["services"][name].get("environment", {})
        return {
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(postgres_binaries()), os.environ["PATH"]]
            ),
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            # What a container's own name is there.
            "SPARK_LOCAL_IP": "127.0.0.1",
            **{key: self._local(str(value)) for key, value in own.items()},
        }

    def _needs(self, name: str) -> set[str]:
        return {*self._compose["services"][name].get("depends_on", {})}

    def _command(self, name: str) -> list[str]:
        service = self._compose["services"][name]
        if name == "postgres":  # what the image's own entrypoint ends in
            data = str(self.folder / "postgres")
            sockets = f"-c unix_socket_directories={data}"
            port = self._ports["5432"]
            return [*as_postgres(), "postgres", "-D", data, "-p", port, *sockets.split()]
        return self._here([*service.get("entrypoint", []), *service["command"]])

    def _here(self, command: list[str]) -> list[str]:
        words = [self._local(word) for word in command]
        if words[0] == "python":
            words[0] = sys.executable
        if words[0] == "pg_isready":
            words += ["-p", self._ports["5432"]]
        return words

    def _local(self, text: str) -> str:
        """``text`` with the folders and addresses of this machine."""
        for there, here in self._places.items():
            text = text.replace(there, here)
        for host in _HOSTS:
            text = text.replace(f"host={host} ", "host=127.0.0.1 ")
            text = re.sub(rf"(?:(?<=//)|(?<=[@=])){host}(?=[:\s/])", "127.0.0.1", text)
        text = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the other way round
        for there, here in self._ports.items():
            text = re.sub(rf"(?:(?<=[:=])|^){there}\b", here, text)
        # The parts of an S3 server that are its own affair.
        if "weed server" in text:
            names = [each for each in S3_PORTS if each != "s3.port"]
            own = zip(names, free_ports(len(names)), strict=True)
            text = text.rstrip() + " " + " ".join(f"-{each}={port}" for each, port in own)
        return text

    def _make_cluster(self) -> None:
        data = self.folder / "postgres"
        password = self.folder / "secrets" / "PGPASSWORD"
        shared = self.folder / "pgpassword"  # the server's user must be able to read it
        shutil.copyfile(password, shared)
        prefix = as_postgres()
        if prefix:
            shutil.chown(shared, "postgres")
            data.mkdir()
            shutil.chown(data, "postgres")
            data.chmod(0o700)
        environment = self._compose["services"]["postgres"]["environment"]
        user, database = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
        binaries = postgres_binaries()
        subprocess.run(
            [
                *prefix,
                str(binaries / "initdb"),
                *("-D", str(data), "-U", user, "--pwfile", str(shared), "-E", "UTF8"),
                *("--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
        )
        shared.unlink()
        subprocess.run(
            [*prefix, str(binaries / "postgres"), "--single", "-D", str(data), "postgres"],
            input=f"create database {database} owner {user}\n".encode(),
            check=True,
            capture_output=True,
            cwd="/",
        )


@contextmanager
def stack(folder: Path, landing: Path, given: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """All services, healthy; ended at the end. See `Stack`.

    Raises:
        NotHereError: this machine has no PostgreSQL to start.
    """
    services = Stack(folder, landing, given or {})
    try:
        services.up()
        yield services
    finally:
        services.close()
