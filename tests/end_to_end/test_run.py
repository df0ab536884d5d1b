"""The whole loop by real Airflow, in a home of its own: twice, then looked at, then stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate
from tests.orchestrate.events import certificates, inputs, outputs

PROJECT = Path(__file__).parents[2]
LOOP = ["ingest_landing", "build_core", "detect_abuse"]
# Tasks with which their runs end.
LAST = ("ingest_landing.ingest", "build_core.all_certified", "detect_abuse.detect")

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Home:
    """One Gatehouse, driven as people drive it: by its command."""

    folder: Path
    port: int
    # Of OpenLineage; without one, nothing is sent.
    transport: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "GATEHOUSE"))},
            "GATEHOUSE_PROJECT": str(PROJECT),
            "GATEHOUSE_HOME": str(self.folder),
            "GATEHOUSE_API_PORT": str(self.port),
            "GATEHOUSE_MEMORY_LIMIT": "2GB",
            **({"AIRFLOW__OPENLINEAGE__TRANSPORT": self.transport} if self.transport else {}),
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gatehouse.cli.app", *arguments],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, f"{done.stderr[-4000:]}\n{done.stdout[-2000:]}"
        return json.loads(done.stdout)

    def processes(self) -> list[str]:
        """Command lines of all processes that belong to this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("GATEHOUSE_HOME") == str(self.folder):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("gatehouse")
    (folder / "lineage").mkdir()
    # A file an event: tasks that end at once write at once.
    transport = {"type": "file", "log_file_path": str(folder / "lineage" / "event")}
    home = Home(folder, _free_port(), json.dumps(transport))
    home.json("simulate", "--actors", "300", "--days", "7")
    yield home
    home("stop")


@pytest.fixture(scope="module")
def first(home: Home) -> dict[str, Any]:
    report: dict[str, Any] = home.json("run")
    return report


def _started(home: Home, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gatehouse.cli.app", "run", *arguments],
        env=home.environment,
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background inherits that Ctrl-C is not for it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _login(report: dict[str, Any], home: Home, user: str) -> dict[str, str]:
    passwords = json.loads((home.folder / "airflow" / "passwords.json").read_text("utf-8"))
    reply = httpx.post(
        f"{report['url']}/auth/token", json={"username": user, "password": passwords[user]}
    )
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def test_the_loop_runs_to_findings_and_every_run_succeeds(first: dict[str, Any]) -> None:
    assert {run["state"] for run in first["runs"]} == {"success"}
    assert set(LOOP) <= {run["dag_id"] for run in first["runs"]}
    summary = first["summary"]
    loaded = summary["loaded_ever"]
    assert loaded["rows_in"] == (
        loaded["rows_loaded"]
        + loaded["rows_quarantined"]
        + loaded["rows_repeated"]
        + loaded["rows_left_out"]
    )
    assert loaded["rows_loaded"] > 1000
    assert loaded["rows_quarantined"] > 0
    assert summary["held"] == {}
    assert summary["certified"]["fct_events"] > 1000
    assert sum(summary["found"].values()) > 0
    assert summary["certified"]["fct_findings"] == sum(summary["found"].values())


def test_a_second_run_finds_nothing_new(first: dict[str, Any], home: Home) -> None:
    second = home.json("run")
    assert {run["state"] for run in second["runs"]} == {"success"}
    assert {run["dag_id"] for run in second["runs"]} == {"ingest_landing"}
    assert second["summary"]["nothing_new"] is True
    assert second["summary"]["certified"] == first["summary"]["certified"]


def test_the_assets_link_the_loop(first: dict[str, Any], home: Home) -> None:
    headers = _login(first, home, "analyst")
    events = httpx.get(f"{first['url']}/api/v2/assets/events", headers=headers).json()
    made = {
        (event["source_dag_id"], event["name"], started["dag_id"])
        for event in events["asset_events"]
        for started in event["created_dagruns"]
    }
    assert made >= {
        ("ingest_landing", "raw", "build_core"),
        ("build_core", "certified", "detect_abuse"),
        ("detect_abuse", "findings", "build_core"),
    }


def test_pages_ask_for_the_login(first: dict[str, Any], home: Home) -> None:
    page = f"{first['url']}/gatehouse/"
    assert httpx.get(page).status_code == 401
    reply = httpx.get(page, headers=_login(first, home, "analyst"), timeout=60)
    assert reply.status_code == 200
    assert "fct_events" in reply.text
    plugins = httpx.get(
        f"{first['url']}/api/v2/plugins/importErrors", headers=_login(first, home, "admin")
    )
    assert plugins.json()["total_entries"] == 0


def test_a_viewer_may_look_and_not_run(first: dict[str, Any], home: Home) -> None:
    reply = httpx.post(
        f"{first['url']}/api/v2/dags/build_core/dagRuns",
        json={"logical_date": None},
        headers=_login(first, home, "analyst"),
    )
    assert reply.status_code == 403


def test_the_page_of_a_run_shows_each_model(first: dict[str, Any], home: Home) -> None:
    run = next(run for run in first["runs"] if run["dag_id"] == "build_core")
    reply = httpx.get(
        f"{first['url']}/gatehouse/run",
        params={"dag_id": "build_core", "run_id": run["run_id"]},
        headers=_login(first, home, "analyst"),
        timeout=60,
    )
    assert reply.status_code == 200
    for name in ("stg_events", "fct_events", "user_risk", "passed"):
        assert name in reply.text, name


def test_a_backfill_of_days_without_rows_is_made_and_succeeds(
    first: dict[str, Any], home: Home
) -> None:
    days = ("--from-date", "2026-01-02", "--to-date", "2026-01-03")
    done = home("airflow", "backfill", "create", "--dag-id", "build_core", *days)
    assert done.returncode == 0, done.stderr[-2000:]
    url = f"{first['url']}/api/v2/dags/build_core/dagRuns"
    headers = _login(first, home, "analyst")
    for _ in range(300):
        runs = httpx.get(url, params={"run_type": "backfill"}, headers=headers).json()["dag_runs"]
        states = [run["state"] for run in runs]
        if len(states) == 2 and not {"queued", "running"} & set(states):
            break
        time.sleep(1)
    assert states == ["success", "success"]


def _sent(home: Home) -> list[dict[str, Any]]:
    """The events that are there so far; one may just be being written."""
    texts = [path.read_text("utf-8") for path in sorted((home.folder / "lineage").iterdir())]
    return [json.loads(text) for text in texts if text.endswith("\n")]


def _lineage(home: Home, runs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Events with datasets by job, once those of the runs are there: they follow the state."""
    wanted = {run["run_id"] for run in runs if run["dag_id"] in LOOP}
    for _ in range(60):
        events = _sent(home)
        ends = [e for e in events if e["job"]["name"] in LAST and e["eventType"] == "COMPLETE"]
        if wanted <= {e["run"]["facets"]["airflow"]["dagRun"]["run_id"] for e in ends}:
            break
        time.sleep(1)
    told: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["inputs"] or event["outputs"]:
            told.setdefault(event["job"]["name"], []).append(event)
    return told


def test_lineage_events_tell_the_story_of_the_certificates(
    first: dict[str, Any], home: Home
) -> None:
    told = _lineage(home, first["runs"])
    tasks = {"ingest_landing.ingest", "build_core.build", "build_core.gate", "detect_abuse.detect"}
    assert set(told) == tasks
    datasets = [
        each for events in told.values() for e in events for each in e["inputs"] + e["outputs"]
    ]
    assert len({each["namespace"] for each in datasets}) == 1
    assert datasets[0]["namespace"].startswith("ducklake://")

    loaded: list[Any] = [outputs(event) for event in told["ingest_landing.ingest"]]
    rows = [
        each.outputFacets["outputStatistics"].rowCount
        for event in loaded
        for name, each in event.items()
        if name not in ("raw.files", "raw.quarantine")
    ]
    assert sum(rows) == first["summary"]["loaded_ever"]["rows_loaded"]

    built: Any = outputs(told["build_core.build"][0])
    assert {each.name for each in built["core.fct_events"].facets["lineage"].inputs} <= set(
        inputs(told["build_core.build"][0])
    )
    store = open_store(Settings(project=PROJECT, home=home.folder), read_only=True)
    with store.begin() as session:
        for event in told["build_core.gate"]:
            found: Any = inputs(event)
            for table, certificate_id in certificates(event).items():
                made = session.get_one(Certificate, certificate_id)
                dataset = found.pop(f"core.{table}")
                assert dataset.facets["version"].datasetVersion == str(made.snapshot_id)
                assert dataset.inputFacets["dataQualityMetrics"].rowCount == made.row_count
                certified, *checks = dataset.inputFacets["dataQualityAssertions"].assertions
                assert (certified.success, certified.actual) == (True, made.result)
                assert [(each.assertion, each.success, each.actual) for each in checks] == [
                    (check.name, check.result == "passed", check.result) for check in made.checks
                ]
            assert found == {}
        for event in told["detect_abuse.detect"]:
            found = inputs(event)
            for table, certificate_id in certificates(event).items():
                version = found[f"core.{table}"].facets["version"].datasetVersion
                assert version == str(session.get_one(Certificate, certificate_id).snapshot_id)
    new: list[Any] = [outputs(event)["raw.findings"] for event in told["detect_abuse.detect"]]
    assert sum(each.outputFacets["outputStatistics"].rowCount for each in new) == sum(
        first["summary"]["found"].values()
    )
    text = json.dumps(told)
    for finding in home.json("findings", "--limit", "20"):
        assert finding["actor_id"] not in text
        assert finding["finding_key"] not in text


def test_the_start_of_a_finding_key_is_enough(first: dict[str, Any], home: Home) -> None:
    key = home.json("findings", "--limit", "1")[0]["finding_key"]
    replayed = home.json("replay", key[:16])
    assert (replayed["finding_key"], replayed["same"]) == (key, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("findings", "--detection", "nope"), "There is no detection nope."),
        (("gate", "--snapshot", "99999"), "There is no snapshot 99999."),
        (("replay", "nope"), "There is no finding nope."),
    ],
    ids=["detection", "snapshot", "finding"],
)
def test_what_is_not_there_is_said_so(
    first: dict[str, Any], home: Home, command: tuple[str, ...], said: str
) -> None:
    done = home(*command)
    assert done.returncode == 1
    assert said in done.stderr


# Last: the others need it running.
def test_stop_leaves_no_process_and_frees_the_port(first: dict[str, Any], home: Home) -> None:
    assert len(home.processes()) >= 4
    done = home("stop")
    assert done.returncode == 0, done.stderr
    assert home.processes() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(first["url"])
    assert "was not running" in home("stop").stdout


# In a home of its own, with the landing folder elsewhere.
def test_a_build_that_was_interrupted_goes_on_at_the_next_start(tmp_path: Path) -> None:
    home, logs = Home(tmp_path / "home", _free_port()), str(tmp_path / "logs")
    home.json("simulate", "--actors", "50", "--days", "1", "--folder", logs)
    run = _started(home, "--data", logs)
    assert run.stderr is not None
    assert any(re.match(r" +5 \w", line) for line in run.stderr), "no fifth model"
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=120)
    assert run.returncode == 130
    report = home.json("run", "--data", logs, "--stop")
    assert {each["state"] for each in report["runs"]} == {"success"}
    assert set(LOOP) <= {each["dag_id"] for each in report["runs"]}
    assert not (home.folder / "landing").exists()
    # Airflow would have found out by itself, after five minutes without a sign of life.
    assert "without heartbeat" not in (home.folder / "airflow" / "airflow.log").read_text()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "kill"])
def test_an_interrupted_start_leaves_no_process(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    home = Home(tmp_path / "home", _free_port())
    home.json("simulate", "--actors", "50", "--days", "1")
    run = _started(home)
    state = home.folder / "airflow" / "supervisor.json"
    while not state.exists() and run.poll() is None:
        time.sleep(0.1)
    run.send_signal(signal_number)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 130, errors
    assert "interrupted" in errors
    assert home.processes() == []
