from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.environment import airflow_home
from gatehouse.orchestrate.service import running, start, stop
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
