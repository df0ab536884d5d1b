"""The pages with a real store and lake; only Airflow's check of the login is stood in for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from gatehouse.alerts import run_cycle, settle
from gatehouse.files import write_whole
from gatehouse.gate.data_docs import data_docs_folder
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    BuildRun,
    Certificate,
    CertificateCheck,
    Incident,
    PublishedVersion,
    Rollback,
    Waiver,
)
from gatehouse_ui.app import app, router
from tests.store.factories import build_node

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
RUN = "asset_triggered__2026-03-02T12:00:00+00:00_a"


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Somebody who is logged in."""
    monkeypatch.setenv("GATEHOUSE_HOME", str(settings.home))
    app.dependency_overrides[get_user] = lambda: "somebody"
    yield TestClient(app)
    app.dependency_overrides.clear()


def _build(settings: Settings, *, status: str = "succeeded") -> None:
    with open_store(settings).begin() as session:
        session.add(
            BuildRun(
                build_id="b1",
                interval_start_at=NOW - timedelta(days=1),
                interval_end_at=NOW,
                is_increment=True,
                status=status,
                code_version="c",
                snapshot_id=7,
                airflow_dag_id="build_core",
                airflow_run_id=RUN,
                started_at=NOW,
                finished_at=None if status == "running" else NOW + timedelta(seconds=90),
            )
        )
        for name, state, message in (
            ("fct_events", "success", ""),
            ("user_risk", "error", HOSTILE),
        ):
            session.add(
                build_node(
                    name,
                    state,
                    message=message,
                    started_at=NOW,
                    finished_at=NOW + timedelta(seconds=3),
                )
            )


def _certificate(
    settings: Settings, table: str, result: str, message: str = "", warnings: int = 0
) -> None:
    with open_store(settings).begin() as session:
        session.add(
            Certificate(
                certificate_id=f"c-{table}",
                table_name=table,
                snapshot_id=7,
                build_id="b1",
                suite_version="s",
                result=result,
                severities={"critical": {result: 1}, "warning": {"failed": warnings}},
                held_by=[],
                row_count=1234,
                message=message,
                checked_at=NOW,
                expires_at=NOW + timedelta(days=36_500),
                checks=[
                    CertificateCheck(
                        position=0,
                        tool="gx",
                        name=HOSTILE,
                        severity="critical",
                        result=result,
                        reason=HOSTILE,
                        owner="",
                        observed={"unexpected_count": 3, HOSTILE: 1},
                    )
                ],
            )
        )
        if result == "passed":
            session.flush()
            session.add(
                PublishedVersion(
                    table_name=table,
                    certificate_id=f"c-{table}",
                    snapshot_id=7,
                    published_at=NOW,
                )
            )


def test_every_route_asks_for_the_user() -> None:
    anonymous = TestClient(app)
    paths = ["/", "/run?run_id=x", "/build/x", "/table/x", "/alerts", "/ingest"]
    paths += ["/docs/index.html", "/static/live.js"]
    assert len(paths) == len(router.routes), "a new route: add it here"
    assert {path: anonymous.get(path).status_code for path in paths} == dict.fromkeys(paths, 401)
    assert {r.path for r in app.routes} == {r.path for r in router.routes}


def test_incidents_are_shown_with_what_to_do_and_escaped(
    settings: Settings, client: TestClient
) -> None:
    assert "No incident is open" in client.get("/alerts").text
    _build(settings)
    _certificate(settings, "fct_events", "failed")
    run_cycle(settings)
    text = client.get("/alerts").text
    for part in ("fct_events", "critical", "gatehouse certificate fct_events", "log sent"):
        assert part in text, part
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    settle(settings, "data:fct_events", "passed")
    text = client.get("/alerts").text
    assert "No incident is open" in text
    assert "the next check passed" in text


def test_a_table_that_lacks_two_feeds_shows_what_to_do_about_both(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed")
    with open_store(settings).begin() as session:
        for number, feed in enumerate(("events", "logins"), 1):
            session.add(
                CertificateCheck(
                    certificate_id="c-fct_events",
                    position=number,
                    tool="gate",
                    name=f"rows quarantined of {feed}",
                    severity="critical",
                    result="failed",
                    observed={"feed": feed, "sources": [f"shop_{feed}"]},
                )
            )
    run_cycle(settings)
    text = client.get("/table/fct_events").text
    for feed in ("events", "logins"):
        assert f"gatehouse quarantine list --source shop_{feed}" in text


def test_an_empty_home_says_what_to_do(client: TestClient) -> None:
    reply = client.get("/")
    assert reply.status_code == 200
    assert "Nothing has been checked yet" in reply.text
    assert client.get("/ingest").status_code == 200


def test_a_run_shows_each_model_and_each_check(settings: Settings, client: TestClient) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed", "too few rows")
    text = client.get("/run", params={"dag_id": "build_core", "run_id": RUN}).text
    for part in ("fct_events", "success", "user_risk", "3.00 s", "too few rows", "held"):
        assert part in text, part
    assert "data-live" not in text


def test_a_running_build_refreshes_and_an_ended_one_does_not(
    settings: Settings, client: TestClient
) -> None:
    _build(settings, status="running")
    assert "data-live" in client.get("/build/b1").text


def test_a_run_without_a_build_is_not_found_but_watched(client: TestClient) -> None:
    reply = client.get("/run", params={"dag_id": "build_core", "run_id": "none"})
    assert reply.status_code == 404
    assert "data-live" in reply.text
    other = client.get("/run", params={"dag_id": "detect_abuse", "run_id": "none"})
    assert "data-live" not in other.text


def test_the_overview_shows_what_is_on_show_and_what_is_held(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "passed")
    _certificate(settings, "fct_reports", "could_not_check", "no suite")
    text = client.get("/").text
    for part in ("1,234", "certified", "no suite", "held"):
        assert part in text, part


def test_empty_is_no_all_clear_and_a_warning_holds_nothing(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_appeals", "no_data")
    assert "certified</span>" not in client.get("/").text
    _certificate(settings, "fct_events", "passed", warnings=2)
    text = client.get("/").text
    assert "certified</span>" in text
    assert "2 warn" in text
    assert 'class="state bad"' not in text


def _waived(settings: Settings, table: str) -> None:
    """Somebody lets the first check of a table's certificate fail."""
    with open_store(settings).begin() as session:
        session.add(
            Waiver(
                waiver_id="w1",
                table_name=table,
                check_name=HOSTILE,
                person_name="steward",
                reason="the rest comes tonight",
                created_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        )
        session.flush()
        certificate = session.get_one(Certificate, f"c-{table}")
        certificate.result = "passed"
        certificate.checks[0].waiver_id = "w1"


def test_a_held_table_says_what_readers_see_and_what_to_do(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed", "too few rows")
    run_cycle(settings)
    text = client.get("/table/fct_events").text
    for part in ("Readers see nothing", "What to do", "gatehouse waive fct_events", "alerts ack"):
        assert part in text, part
    settle(settings, "data:fct_events", "passed")
    assert "What to do" not in client.get("/table/fct_events").text


def test_a_table_that_is_rolled_back_says_so_everywhere(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "passed")
    assert "rolled back" not in client.get("/").text
    with open_store(settings).begin() as session:
        session.add(
            Rollback(
                rollback_id="r1",
                table_name="fct_events",
                root_table_name="fct_events",
                from_snapshot_id=5,
                to_snapshot_id=4,
                person_name="steward",
                reason=HOSTILE,
                created_at=NOW,
            )
        )
    for page in ("/", "/table/fct_events"):
        text = client.get(page).text
        assert "rolled back</span>" in text
        assert "gatehouse rollback fct_events --lift" in text
        assert HOSTILE not in text


def test_a_table_held_by_another_leads_to_it(settings: Settings, client: TestClient) -> None:
    _build(settings)
    _certificate(settings, "user_risk", "failed", "held: fct_events failed")
    with open_store(settings).begin() as session:
        session.get_one(Certificate, "c-user_risk").held_by = ["fct_events", "abuse_signals"]
    text = client.get("/table/user_risk").text
    assert 'The cause: <a href="/table/fct_events">fct_events</a>' in text
    assert "abuse_signals" not in text


def test_the_overview_names_the_open_incident_and_who_took_it(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed", "too few rows")
    assert "does not hold" not in client.get("/").text
    run_cycle(settings)
    text = client.get("/").text
    assert "does not hold" in text
    assert "taken by" not in text
    with open_store(settings).begin() as session:
        session.query(Incident).one().acknowledged_by_name = "steward"
    assert "taken by steward" in client.get("/").text


def test_a_waived_check_is_shown_as_failed_and_waived_by_whom(
    settings: Settings, client: TestClient
) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed")
    assert "1 failed" in client.get("/").text
    _waived(settings, "fct_events")
    for path in ("/", "/table/fct_events", "/build/b1"):
        text = client.get(path).text
        assert "1 waived" in text, path
        assert "1 failed" not in text, path
    for path in ("/table/fct_events", "/build/b1"):
        text = client.get(path).text
        for part in ("Waived by steward until 2026-03-03 12:00 UTC", "the rest comes tonight"):
            assert part in text, (path, part)
        assert '<span class="state bad">failed</span>' in text


def test_checks_that_fail_come_first(settings: Settings, client: TestClient) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "passed")
    with open_store(settings).begin() as session:
        certificate = session.get_one(Certificate, "c-fct_events")
        certificate.checks.extend(
            CertificateCheck(
                position=position,
                tool="dbt",
                name=f"check {position}",
                severity=severity,
                result=result,
                observed={},
            )
            for position, severity, result in (
                (1, "critical", "no_data"),
                (2, "warning", "failed"),
                (3, "critical", "could_not_check"),
                (4, "critical", "failed"),
            )
        )
    text = client.get("/table/fct_events").text
    order = [text.index(f"check {position}") for position in (3, 4, 2, 1)]
    assert order == sorted(order)
    assert text.index("check 2") < text.index("&lt;script") < text.index("check 1")


def test_hostile_text_is_shown_and_never_run(settings: Settings, client: TestClient) -> None:
    _build(settings)
    _certificate(settings, "fct_events", "failed", HOSTILE)
    asked = HOSTILE.replace("/", "")
    for path in ("/", "/build/b1", "/table/fct_events", f"/build/{asked}", f"/table/{asked}"):
        reply = client.get(path)
        assert "<script>alert" not in reply.text, path
        assert "<img src=x" not in reply.text, path
        assert "script-src 'self'" in reply.headers["Content-Security-Policy"], path
    assert "&lt;script&gt;alert(1)" in client.get("/table/fct_events").text


def test_data_docs_are_served_and_run_no_script(settings: Settings, client: TestClient) -> None:
    name = f"validations/fct_a/{'0' * 8}-0000-0000-0000-{'0' * 12}.html"
    assert client.get(f"/docs/{name}").status_code == 404
    write_whole(data_docs_folder(settings) / name, "<p>fine</p>")
    found = client.get(f"/docs/{name}")
    assert found.text == "<p>fine</p>"
    policy = found.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    (settings.home / "secret.html").write_text("secret", "utf-8")
    for wrong in ("../secret.html", "%2e%2e/secret.html", "validations/fct_a/../../../secret.html"):
        assert client.get(f"/docs/{wrong}").status_code == 404


def test_only_the_pages_own_files_are_served(client: TestClient) -> None:
    assert client.get("/static/gatehouse.css").status_code == 200
    assert client.get("/static/..%2Fapp.py").status_code == 404
    assert client.get("/static/app.py").status_code == 404
