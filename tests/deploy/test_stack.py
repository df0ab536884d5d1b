"""The services of docker-compose.yml, started as processes: real PostgreSQL, S3 and Airflow."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from _compose import Stack
from _compose import stack as services_of
from _servers import NotHereError, as_postgres, postgres_binaries
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation
from tests.conftest import PROJECT

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    try:
        postgres_binaries()
        as_postgres()
    except NotHereError as reason:
        pytest.skip(str(reason))
    # The server's user must be able to enter every folder above its own.
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-stack-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        run_simulation(Settings(home=folder / "world"), actors=120, days=10, seed=3)
        with services_of(folder, folder / "world" / "landing") as services:
            yield services
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_pipeline_runs_on_the_services(stack: Stack) -> None:
    done = stack.gatehouse("run", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["ok"]
    assert {run["dag_id"] for run in report["runs"]} >= {
        "ingest_landing",
        "build_core",
        "detect_abuse",
    }
    status = json.loads(stack.gatehouse("status", "--json").stdout)
    assert {each["state"] for each in status["tables"]} == {"certified"}
    answer = stack.gatehouse("sql", "--csv", "select count(*) from fct_events")
    assert int(answer.stdout.split()[-1]) > 1000
    # Nothing of it lies in a file of this machine, but for what SeaweedFS and PostgreSQL keep.
    assert stack.own_files() == []


def test_no_password_and_no_key_is_in_any_log_or_file_of_the_home(stack: Stack) -> None:
    assert stack.written() != []
    assert stack.leaking() == []


def test_a_component_that_died_is_seen_and_another_one_goes_on(stack: Stack) -> None:
    stack.kill("scheduler")
    stack.kill("dag-processor")
    for name in ("scheduler", "dag-processor"):
        stack.start(name)
    done = stack.gatehouse("run", "--json")
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_is_deployed_is_not_this_command_s_to_stop(stack: Stack) -> None:
    for arguments in (("stop",), ("run", "--data", str(PROJECT))):
        done = stack.gatehouse(*arguments)
        assert done.returncode == 1
        assert "deployed" in done.stderr
