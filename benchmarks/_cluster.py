"""A Spark cluster that lives as long as a measurement or a test: processes, on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from _servers import NotHereError, free_ports, wait_for
from gatehouse.environment import environment_variables
from gatehouse.spark.daemon import SECRET, command, environment

_START_SECONDS = 90


@contextmanager
def spark_cluster(folder: Path, *, workers: int = 2, memory: str = "1g") -> Iterator[str]:
    """A standalone cluster of separate processes, of one core each.

    Args:
        folder: for the workers' files and what the processes say.
        workers: how many.
        memory: of each.

    Yields:
        Its address, ``spark://…``.

    Raises:
        NotHereError: Java or pyspark is not installed.
    """
    if find_spec("pyspark") is None or shutil.which("java") is None:
        raise NotHereError("no Java, or no pyspark: make spark")
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    address = f"spark://127.0.0.1:{port}"
    # For drivers, in this process and those it starts, too: they are found on loopback.
    shared = {"SPARK_LOCAL_IP": "127.0.0.1", SECRET: secrets.token_hex(16)}
    own = environment({**os.environ, **shared})
    commands = [
        command(part, address, cores=1, memory=memory, work=folder / f"work-{number}")
        for number, part in enumerate(["master", *["worker"] * workers])
    ]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, words in enumerate(commands):
            processes.append(_start(words, own, folder / f"{number}.log"))
            if number == 0:
                wait_for(processes[0], (port,), folder / "0.log")
        _wait_for_workers(folder / "0.log", workers)
        with environment_variables(shared):
            yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(
    command: list[str], environment: Mapping[str, str], said: Path
) -> subprocess.Popen[bytes]:
    with said.open("wb") as file:
        return subprocess.Popen(
            command, env=dict(environment), stdout=file, stderr=file, start_new_session=True
        )


def _wait_for_workers(said: Path, workers: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while said.read_text("utf-8", "replace").count("Registering worker") < workers:
        if time.monotonic() > deadline:
            raise RuntimeError("the workers of the Spark cluster do not start")
        time.sleep(0.2)
