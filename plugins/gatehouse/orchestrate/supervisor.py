"""The process that runs Airflow's components, and takes all of them with it when it ends.

It is Airflow's ``standalone`` in what it runs, with three differences: the components are forked
after Airflow was imported once, instead of importing it four times; no log server listens; and
it ends every process it started before it ends. If it is killed itself, the components are told
to end, and the next start or stop of this home ends those that have not.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from gatehouse.files import write_whole
from gatehouse.orchestrate import component

log = logging.getLogger(__name__)

_GRACE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class _Stop(BaseException):
    """Raised by the signal handler."""


def main() -> int:
    """Run until a signal comes or a component dies.

    Returns:
        0 after a signal, 1 if a component died, 3 if another supervisor runs here.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s supervisor %(message)s")
    home = Path(os.environ["AIRFLOW_HOME"])
    lock = FileLock(home / "supervisor.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.error("another supervisor runs in %s", home)
        return 3
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    # Orphans of a component (its workers, their tasks) become children of this process, so that
    # they can be found and ended.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    children: dict[int, str] = {}
    try:
        _write_state(home)
        _import_airflow()
        _migrate()
        _let_all_read(home / "airflow.db")
        _in_process(_forget_schedulers, "the Airflow before could not be tidied up")
        for name in component.ARGUMENTS:
            children[_fork(name)] = name
        return _watch(children)
    except _Stop:
        log.info("asked to stop")
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end_all(children)
        (home / "supervisor.json").unlink(missing_ok=True)
        lock.release()


def _write_state(home: Path) -> None:
    state = {
        "pid": os.getpid(),
        "url": os.environ["AIRFLOW__API__BASE_URL"],
        "fingerprint": os.environ.get("GATEHOUSE_AIRFLOW_FINGERPRINT", ""),
        "landing": os.environ.get("GATEHOUSE_LANDING", ""),
    }
    write_whole(home / "supervisor.json", json.dumps(state))


def _migrate() -> None:
    """Bring Airflow's database to the installed version."""
    from importlib.metadata import version

    home = Path(os.environ["AIRFLOW_HOME"])
    marker, installed = home / "migrated", version("apache-airflow-core")
    if marker.exists() and marker.read_text("utf-8") == installed:
        return
    _in_process(component.migrate, "Airflow's database could not be migrated")
    marker.write_text(installed, "utf-8")


def _let_all_read(database: Path) -> None:
    """Let no component that reads keep another from writing.

    In SQLite's default mode a writer that waits for readers keeps out whoever reads and wants to
    write, at once and whatever its timeout: "database is locked". The file remembers the mode.
    """
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection:
        connection.execute("pragma journal_mode = wal")


def _in_process(work: Callable[[], None], failure: str) -> None:
    """Use Airflow's database in a process of its own.

    A connection opened here would be shared by all components after the fork.
    """
    pid = os.fork()
    if pid == 0:
        _in_child(work)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise SystemExit(failure)


def _forget_schedulers() -> None:
    """Say of each scheduler before that it is gone: its tasks start again at once.

    Only one supervisor runs at a time, so none of them lives. One that was killed while a task
    ran still counts as running; a new scheduler would wait minutes for its last sign of life to
    grow old before it takes the task for dead.
    """
    from airflow.jobs.job import Job, JobState
    from airflow.utils.session import create_session
    from sqlalchemy import update

    mine = (Job.job_type == "SchedulerJob", Job.state == JobState.RUNNING)
    with create_session() as session:
        session.execute(update(Job).where(*mine).values(state=JobState.FAILED))


def _import_airflow() -> None:
    """Import once what all components import; opens no connection and starts no thread."""
    import airflow.__main__
    import airflow.jobs.dag_processor_job_runner
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner
    import airflow.models
    import airflow.utils.db  # noqa: F401


def _fork(name: str) -> int:
    pid = os.fork()
    if pid == 0:
        _in_child(lambda: component.run(name))
    log.info("started %s as process %d", name, pid)
    return pid


def _in_child(work: Callable[[], None]) -> None:
    """Run ``work`` in a forked child and leave, never returning to the parent's code."""
    code = 1
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        code = 0
    except BaseException:
        log.exception("component failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _watch(children: dict[int, str]) -> int:
    """Wait until a component ends by itself, which none should."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid in children:
            name = children.pop(pid)
            log.error("%s ended with %d", name, os.waitstatus_to_exitcode(status))
            return 1


def _end_all(children: dict[int, str]) -> None:
    """Ask the components to end, wait a little, then end whatever is left of their processes."""
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while children and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            pid, _ = os.waitpid(-1, os.WNOHANG)
            children.pop(pid, None)
            if pid:
                continue
        time.sleep(0.05)
    import psutil  # type: ignore[import-untyped]

    for _round in range(50):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=0.2)


def _prctl(option: int, value: int) -> None:
    """Set a Linux process attribute; elsewhere, do without."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _on_signal(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


if __name__ == "__main__":
    sys.exit(main())
