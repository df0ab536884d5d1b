"""Canary actors: a detection that does not find its own case has failed, and that is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatehouse.detection import execute
from gatehouse.detection.compiled import Detection, load_detections
from gatehouse.detection.inputs import read_inputs
from gatehouse.detection.report import DetectionResult
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.proof import actors
from gatehouse.proof.actors import canary_problem
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import DetectionRun, Incident
from tests.conftest import PROJECT
from tests.detection.factories import CASES, NOW, SQL, certify, detection, load_events

MONDAY = ("a", "2026-01-05 10:00:00"), ("a", "2026-01-05 11:00:00")

_DEAD = {
    "finds nothing": (SQL.replace(">= 2", ">= 2 and false"), "was not found"),
    "finds somebody else": (SQL.replace("select\n    actor_id", "select\n    'x' as actor_id"), ""),
    "finds everybody": (SQL.replace(">= 2", ">= 1"), "found something in ignores"),
    "raises": (SQL.replace("having", "having error('dead')::boolean and"), "could not be looked"),
}


def run(settings: Settings, subject: Detection) -> DetectionResult:
    store = open_store(settings)
    with store() as session:
        inputs = read_inputs(session, set(subject.reads))
    return execute._run_one(settings, store, subject, inputs, None)


def incidents(settings: Settings) -> list[tuple[str, str]]:
    with open_store(settings, read_only=True).begin() as session:
        return [(each.cause_key, each.state) for each in session.query(Incident)]


def recorded(settings: Settings) -> list[tuple[object, ...]]:
    connection = Lake(settings).current()
    return connection.execute("select actor_id from lake.raw.findings").fetchall()


@pytest.mark.parametrize(("sql", "words"), _DEAD.values(), ids=_DEAD.keys())
def test_a_dead_detection_has_failed_and_is_told_and_records_nothing(
    settings: Settings, sql: str, words: str
) -> None:
    certify(settings, load_events(settings, *MONDAY, arrived_at=NOW))
    result = run(settings, detection(sql))
    assert result.status == "failed"
    assert "canary" in result.message or "found something" in result.message
    assert words in result.message
    assert incidents(settings) == [("silence:canary:busy_actor", "open")]
    assert recorded(settings) == []
    with open_store(settings).begin() as session:
        assert [each.status for each in session.query(DetectionRun)] == ["failed"]


def test_it_is_over_when_the_canary_is_found(settings: Settings) -> None:
    certify(settings, load_events(settings, *MONDAY, arrived_at=NOW))
    run(settings, detection(SQL.replace(">= 2", ">= 2 and false")))
    assert run(settings, detection()).status == "succeeded"
    assert incidents(settings) == [("silence:canary:busy_actor", "resolved")]


def test_a_canary_is_never_recorded(settings: Settings) -> None:
    certify(settings, load_events(settings, *MONDAY, arrived_at=NOW))
    assert run(settings, detection()).status == "succeeded"
    assert recorded(settings) == [("a",)]


def test_a_detection_that_died_with_nothing_new_to_see_is_told(settings: Settings) -> None:
    certify(settings, load_events(settings, *MONDAY, arrived_at=NOW))
    run(settings, detection())
    assert run(settings, detection(SQL.replace(">= 2", ">= 3"))).status == "failed"


def test_a_detection_without_a_canary_says_why_or_fails(settings: Settings) -> None:
    assert "no canary" in canary_problem(detection(cases=CASES[1:]))
    said = detection(cases=(), without_canary="its case needs a macro of dbt")
    assert canary_problem(said) == ""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[Detection]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = Settings(project=PROJECT, home=home, memory_limit="2GB")
    with Lake(settings).writer("a test") as connection:
        ensure_tables(connection)
    return load_detections(settings)


def test_every_shipped_detection_finds_its_canary(shipped: list[Detection]) -> None:
    assert {each.spec.id: canary_problem(each) for each in shipped} == {
        each.spec.id: "" for each in shipped
    }
    assert [each.spec.id for each in shipped if each.spec.without_canary] == []


@pytest.mark.parametrize("says", [lambda _: None, lambda _: actors.Sought(), lambda _: 1 / 0])
def test_a_canary_that_nobody_looks_for_proves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, says: Callable[[Detection], object]
) -> None:
    certify(settings, load_events(settings, *MONDAY, arrived_at=NOW))
    monkeypatch.setattr(actors, "seek_canary", says)
    result = run(settings, detection())
    assert result.status == "failed"
    assert "looked for" in result.message
    assert incidents(settings) == [("silence:canary:busy_actor", "open")]
    assert recorded(settings) == []
