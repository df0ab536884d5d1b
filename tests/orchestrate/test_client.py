"""A slow Airflow is asked again, and a run that is asked for twice is started once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatehouse.errors import GatehouseError
from gatehouse.orchestrate.client import TRIES, AirflowClient
from gatehouse.settings import Settings


class SlowServer(ThreadingHTTPServer):
    """Carries each request out at once, and answers the first ``late`` of them too late."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.late = 0
        self.started: list[str] = []
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: SlowServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        again = body["dag_run_id"] in self.server.started
        if not again:
            self.server.started.append(body["dag_run_id"])
        self._answer(409 if again else 200, body)

    def do_GET(self) -> None:
        self._answer(200, {"dags": []})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.server.asked += 1
        if self.server.asked <= self.server.late:
            time.sleep(0.6)
        try:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())
        except OSError:
            pass  # nobody waits for it any more

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[SlowServer]:
    with SlowServer() as slow:
        threading.Thread(target=slow.serve_forever, daemon=True).start()
        yield slow
        slow.shutdown()


@pytest.fixture
def client(server: SlowServer, tmp_path: Path) -> Iterator[AirflowClient]:
    made = AirflowClient(Settings(home=tmp_path, api_port=server.server_port))
    made._http.timeout = httpx.Timeout(0.3)
    yield made
    made.__exit__(None, None, None)


def test_a_run_asked_for_again_is_started_once(client: AirflowClient, server: SlowServer) -> None:
    server.late = TRIES - 1
    run_id = client.trigger("ingest_landing", {})
    assert server.started == [run_id]
    assert server.asked == TRIES
    assert client.trigger("ingest_landing", {}) != run_id
    assert len(server.started) == 2


def test_what_is_read_is_asked_for_again(client: AirflowClient, server: SlowServer) -> None:
    server.late = 1
    assert client.known_dags() == {}
    assert server.asked == 2


def test_an_airflow_that_never_answers_is_named(client: AirflowClient, server: SlowServer) -> None:
    server.late = TRIES
    with pytest.raises(GatehouseError, match=f"no answer to GET /api/v2/dags in {TRIES} tries"):
        client.known_dags()
