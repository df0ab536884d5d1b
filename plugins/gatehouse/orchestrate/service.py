"""Starting and stopping the Airflow of one home."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.environment import (
    AirflowHome,
    airflow_environment,
    airflow_home,
    base_url,
    fingerprint,
)
from gatehouse.settings import Settings

# A cold machine compiles all of Airflow on the first start.
START_SECONDS = 300.0
_STOP_SECONDS = 30.0
# Set for the supervisor and what it starts, nothing else.
_FINGERPRINT = "GATEHOUSE_AIRFLOW_FINGERPRINT"
_COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Running:
    """An Airflow that runs.

    Attributes:
        pid: the supervisor's process id.
        url: address of the UI.
        fingerprint: digest of the settings it was started with.
        landing: the folder it loads every five minutes.
    """

    pid: int
    url: str
    fingerprint: str
    landing: str = ""


def running(settings: Settings) -> Running | None:
    """The Airflow of this home, if it runs; one that is deployed is taken to."""
    if settings.airflow == "deployed":
        if not base_url(settings):
            raise GatehouseError(
                "It is not said where the deployed Airflow is.",
                next_step="set AIRFLOW__CORE__EXECUTION_API_SERVER_URL: http://HOST:PORT/execution/",
            )
        shown = os.environ.get("AIRFLOW__API__BASE_URL", base_url(settings))
        return Running(0, shown, "", str(settings.landing))
    home = airflow_home(settings)
    if not home.state.exists() or not _is_locked(home):
        return None
    try:
        return Running(**json.loads(home.state.read_text("utf-8")))
    except FileNotFoundError:  # it ended between the two looks
        return None


def as_it_runs(settings: Settings) -> Settings:
    """The settings with the landing folder of the Airflow that runs, unless one was set."""
    there = running(settings)
    if there is None or not there.landing or "landing" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"landing": Path(there.landing)})


def start(settings: Settings, *, progress: Callable[[str], None]) -> Running:
    """Start Airflow, or find that it runs with these settings, and return once it is healthy.

    Args:
        settings: where, and on which port.
        progress: called with a line when something changed.

    Raises:
        GatehouseError: the port is taken, or a component did not come up.
    """
    there = running(settings)
    if there is not None and settings.airflow == "deployed":
        _wait_until_healthy(settings, lambda _line: None)
        return there
    environment = airflow_environment(settings)
    digest = fingerprint(environment)
    if there is not None and there.fingerprint != digest:
        if there.landing and there.landing != str(settings.landing):
            progress(f"The Airflow that runs here loads {there.landing}, not {settings.landing}")
        progress("Settings have changed: restarting Airflow")
        stop(settings)
        there = None
    if there is None:
        progress(f"Starting Airflow on {base_url(settings)}")
        _spawn(settings, {**environment, _FINGERPRINT: digest})
        _wait_until_healthy(settings, progress)
    else:
        _wait_until_healthy(settings, lambda _line: None)
    found = running(settings)
    if found is None:
        raise _did_not_start(settings)
    return found


def stop(settings: Settings) -> bool:
    """Stop Airflow with every process it started.

    Returns:
        Whether it was running.

    Raises:
        GatehouseError: it does not stop.
    """
    if settings.airflow == "deployed":
        raise GatehouseError(
            "This Airflow is deployed: its components run by themselves.",
            next_step="stop their containers: docker compose stop",
        )
    there = running(settings)
    if there is None:
        return _end_leftovers(settings)
    import psutil  # type: ignore[import-untyped]

    with contextlib.suppress(psutil.NoSuchProcess):
        supervisor = psutil.Process(there.pid)
        supervisor.terminate()
        try:
            supervisor.wait(_STOP_SECONDS)
        except psutil.TimeoutExpired:
            raise GatehouseError(
                f"Airflow (process {there.pid}) does not stop.",
                next_step=f"kill -9 {there.pid}; then gatehouse stop ends what it started.",
            ) from None
    return True


def wait_until_stopped(settings: Settings) -> None:
    """Return when Airflow has ended."""
    home = airflow_home(settings)
    while _is_locked(home):
        time.sleep(0.5)


def log_tail(settings: Settings, lines: int = 15) -> str:
    """The end of the output of all components."""
    log = airflow_home(settings).log
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _spawn(settings: Settings, environment: dict[str, str]) -> None:
    _end_leftovers(settings)
    _require_free_port(settings)
    home = airflow_home(settings)
    home.state.unlink(missing_ok=True)  # of one that was killed
    if home.log.exists():
        home.log.replace(home.log.with_suffix(".previous.log"))
    with home.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gatehouse.orchestrate.supervisor"],
            env=environment,
            cwd=settings.project,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 30
    while not home.state.exists() and time.monotonic() < deadline:
        if process.poll() is not None:
            raise _did_not_start(settings)
        time.sleep(0.05)


def _end_leftovers(settings: Settings) -> bool:
    """End what a supervisor that was killed left behind: a scheduler waits for its tasks.

    Returns:
        Whether there was anything.
    """
    import psutil

    home = str(airflow_home(settings).folder)
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if _FINGERPRINT in environment and environment.get("AIRFLOW_HOME") == home:
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=10)
    return bool(left)


def _require_free_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise GatehouseError(
                f"Port {settings.api_port} on {settings.api_host} is in use by another program.",
                next_step=(
                    f"choose another: GATEHOUSE_API_PORT={settings.api_port + 10} make run; "
                    "or stop what uses it."
                ),
            ) from error


def _wait_until_healthy(settings: Settings, progress: Callable[[str], None]) -> None:
    import httpx

    url = f"{base_url(settings)}/api/v2/monitor/health"
    deadline = time.monotonic() + START_SECONDS
    up: set[str] = set()
    client = httpx.Client(timeout=10)
    while time.monotonic() < deadline:
        if running(settings) is None:
            raise _did_not_start(settings)
        try:
            health = client.get(url).json()
        except (httpx.HTTPError, ValueError):
            health = {}
        for name in _COMPONENTS:
            if health.get(name, {}).get("status") == "healthy" and name not in up:
                up.add(name)
                progress(f"  {name.replace('_', ' ')} is up ({len(up)} of {len(_COMPONENTS)})")
        if len(up) == len(_COMPONENTS):
            return
        time.sleep(0.3)
    raise _did_not_start(settings)


def _did_not_start(settings: Settings) -> GatehouseError:
    log = airflow_home(settings).log
    return GatehouseError(
        f"Airflow did not start. The end of {log}:\n{log_tail(settings)}",
        next_step=f"read {log}; then gatehouse stop, and try again.",
    )


def _is_locked(home: AirflowHome) -> bool:
    """Whether a supervisor lives: the lock goes with its process, however that ends."""
    if not home.lock.exists():
        return False
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
