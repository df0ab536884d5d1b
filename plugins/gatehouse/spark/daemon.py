"""A part of a standalone Spark cluster in this process: ``python -m gatehouse.spark.daemon``.

``master ADDRESS`` and ``worker ADDRESS`` run until they are told to stop; ``check ADDRESS`` says
whether a master answers. Who is in a cluster has its secret, the variable `SECRET`: without it
nobody can have anything run there, or read what goes between its processes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings

SECRET = "SPARK_SECRET"  # noqa: S105 - its name
# Where they look for it; a property would show in the list of processes.
_SECRET_OF_DAEMONS = "_SPARK_AUTH_SECRET"  # noqa: S105
_CLASSES = {
    "master": "org.apache.spark.deploy.master.Master",
    "worker": "org.apache.spark.deploy.worker.Worker",
}
_SCALA = "2.12"
_OF_DAEMONS = {
    # Each session leaves a copy of Iceberg's runtime on each worker.
    "spark.worker.cleanup.enabled": "true",
    "spark.worker.cleanup.appDataTtl": "86400",
    "spark.ui.killEnabled": "false",
}
_CHECK_SECONDS = 5


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Spark's properties of whatever is in a cluster, daemon, driver or executor."""
    if not environment.get(SECRET):
        return {}
    return {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}


def secrets_of_driver(environment: Mapping[str, str]) -> dict[str, str]:
    """The property that a driver needs besides, which nobody else may see."""
    secret = environment.get(SECRET)
    return {"spark.authenticate.secret": secret} if secret else {}


def command(part: str, address: str, *, cores: int, memory: str, work: Path) -> list[str]:
    """The command of a daemon.

    Args:
        part: ``master`` or ``worker``.
        address: of the master, ``spark://HOST:PORT``.
        cores: of a worker.
        memory: of a worker, as Spark writes it, e.g. ``4g``.
        work: folder for what a worker's executors say.

    Raises:
        GatehouseError: Spark is not installed, or that is no such address.
    """
    host, port = _place(address)
    # Its page has no login: nobody is told its port.
    own = [str(_home() / "bin" / "spark-class"), _CLASSES[part], "--webui-port", "0"]
    if part == "master":
        return [*own, "--host", host, "--port", str(port)]
    return [*own, "--cores", str(cores), "--memory", memory, "--work-dir", str(work), address]


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a daemon."""
    own = {**properties(base), **_OF_DAEMONS}
    options = [f"-D{name}={value}" for name, value in own.items()]
    return {
        **base,
        _SECRET_OF_DAEMONS: base.get(SECRET, ""),
        "SPARK_HOME": str(_home()),
        "SPARK_SCALA_VERSION": _SCALA,
        "PYSPARK_PYTHON": sys.executable,
        # Of the daemons themselves, not of what they run.
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": " ".join(options),
    }


def spark_memory(limit: str) -> str:
    """A memory limit as Spark writes it: ``6GB`` is ``6g``."""
    return limit.lower().removesuffix("b")


def answers(address: str) -> bool:
    """Whether a master answers."""
    try:
        socket.create_connection(_place(address), _CHECK_SECONDS).close()
    except OSError:
        return False
    return True


def _place(address: str) -> tuple[str, int]:
    where = urlsplit(address)
    if where.scheme != "spark" or not where.hostname or not where.port:
        raise GatehouseError(
            f"{address} is no address of a Spark master.", next_step="write spark://HOST:PORT."
        )
    return where.hostname, where.port


def _home() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise GatehouseError("Spark is not installed.", next_step="make spark")
    return Path(found.origin).parent


def main(arguments: list[str]) -> int:
    """What a container runs; returns the exit code, or becomes the daemon."""
    part, address = arguments
    if part == "check":
        return 0 if answers(address) else 1
    settings = Settings()
    words = command(
        part,
        address,
        cores=settings.threads,
        memory=spark_memory(settings.memory_limit),
        work=settings.make_home() / "spark",
    )
    return os.execve(words[0], words, environment(os.environ))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
