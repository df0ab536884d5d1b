"""A store with certificates in it, and a server that takes what channels send."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import airflow.sdk  # noqa: F401 - the first import replaces the handlers of logging, caplog's too
import pytest
import yaml

from gatehouse.alerts.cycle import run_cycle
from gatehouse.gate.lineage import kept_tables
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import AlertDelivery, CertificateCheck, Incident
from tests.store.factories import NOW, certificate

TABLES = ("fct_a", "fct_b", "dim_c")


@dataclass
class Sink:
    """An HTTP server of one test.

    Attributes:
        got: path, headers and JSON body of each request, in order.
        status: what it answers.
        delay: seconds until it answers.
    """

    url: str = ""
    status: int = 200
    delay: float = 0
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def bodies(self, path: str = "/") -> list[dict[str, Any]]:
        return [body for where, _, body in self.got if where.startswith(path)]


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.path, dict(self.headers), json.loads(body)))
            stop.wait(found.delay)
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    stop.set()
    server.shutdown()
    server.server_close()


@dataclass
class Desk:
    """A home whose gate says what a test says, and whose clock a test moves."""

    settings: Settings
    now: datetime = NOW

    def gated(
        self,
        snapshot: int,
        table: str = "fct_a",
        result: str = "passed",
        *checks: CertificateCheck,
        **changes: Any,
    ) -> None:
        """A certificate of one table."""
        self.now += timedelta(minutes=1)
        row = certificate(
            f"{table}-{snapshot}-{self.now:%H%M}-{self.now.day}",
            table_name=table,
            snapshot_id=snapshot,
            result=result,
            checked_at=self.now,
            expires_at=self.now + timedelta(days=7),
            **changes,
        )
        row.checks = list(checks)
        for position, each in enumerate(row.checks):
            each.position = position
        with open_store(self.settings).begin() as session:
            session.add(row)

    def cycle(self, minutes: int = 0) -> dict[str, int]:
        """One look, so many minutes later."""
        self.now += timedelta(minutes=minutes)
        return run_cycle(self.settings, now=self.now)

    def route(self, text: str) -> None:
        """Write `expectations/alerts.yml`."""
        path = self.settings.project / "expectations" / "alerts.yml"
        path.write_text(text, "utf-8")

    def incidents(self, state: str = "") -> list[Incident]:
        with open_store(self.settings, read_only=True).begin() as session:
            found = session.query(Incident).order_by(Incident.opened_at, Incident.cause_key).all()
        return [each for each in found if state in ("", each.state)]

    def open(self) -> list[Incident]:
        return [each for each in self.incidents() if each.state != "resolved"]

    def told(self, channel: str = "") -> list[tuple[str, str, str]]:
        """Channel, event and outcome of each message, in order."""
        with open_store(self.settings, read_only=True).begin() as session:
            found = session.query(AlertDelivery).order_by(AlertDelivery.created_at).all()
        return [
            (each.channel_name, each.event, each.outcome)
            for each in found
            if channel in ("", each.channel_name)
        ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of three tables and two detections, as far as alerts ask for it."""
    root = tmp_path / "project"
    (root / "dbt_project").mkdir(parents=True)
    (root / "dbt_project" / "dbt_project.yml").write_text("name: gatehouse\n", "utf-8")
    (root / "expectations").mkdir()
    return root


def know(settings: Settings) -> None:
    """Leave in the home what is kept of the dbt project, so that no test waits for dbt."""
    from gatehouse.build.dbt import code_version

    folder = settings.home / "gate"
    folder.mkdir(parents=True, exist_ok=True)
    version = code_version(settings)
    names = ("columns", "descriptions")
    lists = ("upstream", "sources", "nodes", "tests")
    tables = [
        {
            "table": name,
            "unique_id": name,
            "description": "",
            **{each: {} for each in names},
            **{each: [] for each in lists},
        }
        for name in TABLES
    ]
    readers = [
        {
            "detection_id": "takeover",
            "owner": "account-team",
            "reads": ["fct_b"],
            "by_product": True,
        },
        {"detection_id": "farm", "owner": "fraud-team", "reads": ["dim_c"]},
    ]
    kept_tables(settings).write_text(json.dumps(tables), "utf-8")
    (folder / f"readers-{version}.json").write_text(json.dumps(readers), "utf-8")


@pytest.fixture
def desk(settings: Settings, project: Path) -> Desk:
    """An embedded store."""
    return _desk(settings, project)


@pytest.fixture
def any_desk(any_settings: Settings, project: Path) -> Desk:
    """Both kinds of store, one after the other."""
    return _desk(any_settings, project)


def _desk(settings: Settings, project: Path) -> Desk:
    own = settings.model_copy(update={"project": project})
    know(own)
    return Desk(own)


def failing(name: str = "unique_fct_a_key", severity: str = "critical", **changes: Any) -> Any:
    """A check that fails."""
    values = {
        "tool": "dbt",
        "name": name,
        "severity": severity,
        "result": "failed",
        "column_name": "key",
        "reason": "a key names one thing",
        "owner": "data",
        "observed": {"failing_rows": 7},
    }
    return CertificateCheck(**(values | changes))


def unable(error: str = "IO Error: lost", severity: str = "critical", **changes: Any) -> Any:
    """A check that could not be carried out."""
    return failing(
        "freshness",
        severity,
        **{"result": "could_not_check", "observed": {"error": error}} | changes,
    )


def routes(sink_connection: str = "", **channel: Any) -> str:
    """A file with one more channel ``out``, that takes all."""
    values = {"type": "webhook", "connection": sink_connection, **channel}
    return yaml.safe_dump({"channels": {"out": values}, "routes": [{"channels": ["out"]}]})
