from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.environment import airflow_home
from gatehouse.orchestrate.service import as_it_runs, running, start, stop
from gatehouse.settings import Settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_the_setting_that_moves_it(
    tmp_path: Path, taken_port: int
) -> None:
    settings = Settings(home=tmp_path, api_port=taken_port)
    with pytest.raises(GatehouseError) as caught:
        start(settings, progress=lambda _line: None)
    assert str(taken_port) in caught.value.message
    assert "GATEHOUSE_API_PORT" in caught.value.next_step
    assert running(settings) is None


def test_what_a_killed_supervisor_left_behind_is_not_taken_for_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    home = airflow_home(settings)
    home.folder.mkdir(parents=True)
    home.lock.touch()
    home.state.write_text(json.dumps({"pid": 1, "url": "http://x", "fingerprint": ""}))
    assert running(settings) is None
    assert stop(settings) is False  # and process 1 lives on


def test_an_airflow_that_runs_keeps_its_landing_folder_unless_one_is_set(tmp_path: Path) -> None:
    settings, home = Settings(home=tmp_path), airflow_home(Settings(home=tmp_path))
    assert as_it_runs(settings).landing == tmp_path / "landing"
    home.folder.mkdir(parents=True)
    there = {"pid": 1, "url": "http://x", "fingerprint": "", "landing": "/data/logs"}
    home.state.write_text(json.dumps(there))
    with FileLock(home.lock):
        assert as_it_runs(settings).landing == Path("/data/logs")
        mine = Settings(home=tmp_path, landing=tmp_path / "mine")
        assert as_it_runs(mine).landing == tmp_path / "mine"


def test_what_a_killed_supervisor_started_is_ended_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "mine")
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]

    def started(home: Settings, **more: str) -> subprocess.Popen[bytes]:
        variables = {**os.environ, "AIRFLOW_HOME": str(airflow_home(home).folder), **more}
        return subprocess.Popen(sleep, env=variables)

    mark = {"GATEHOUSE_AIRFLOW_FINGERPRINT": "x"}
    orphan = started(settings, **mark)
    neighbour = started(Settings(home=tmp_path / "theirs"), **mark)
    command = started(settings)  # e.g. gatehouse airflow dags list
    try:
        assert stop(settings) is True
        assert orphan.wait(timeout=10) is not None
        assert neighbour.poll() is None
        assert command.poll() is None
        assert stop(settings) is False
    finally:
        for process in (orphan, neighbour, command):
            process.kill()
            process.wait()
