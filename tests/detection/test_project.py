"""Every detection of the project: complete metadata, cases of both kinds, only core tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gatehouse.detection.compiled import Detection, load_detections
from gatehouse.settings import Settings
from tests.conftest import PROJECT

FOLDER = PROJECT / "dbt_project" / "models" / "detections"
FILES = sorted(FOLDER.glob("*/*.sql"))


@pytest.fixture(scope="module")
def detections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Detection]:
    from gatehouse.ingest import ensure_tables
    from gatehouse.lake import Lake

    settings = Settings(project=PROJECT, home=tmp_path_factory.mktemp("home"))
    with Lake(settings).writer("a test") as connection:
        ensure_tables(connection)
    return {each.spec.id: each for each in load_detections(settings)}


def test_every_file_is_a_detection(detections: dict[str, Detection]) -> None:
    assert sorted(detections) == sorted(path.stem for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_cases_show_what_is_found_and_what_is_not(path: Path) -> None:
    document = yaml.safe_load(path.with_suffix(".yml").read_text("utf-8"))
    expected = [case["expect"]["rows"] for case in document["unit_tests"]]
    assert any(expected), "no case with a finding"
    assert not all(expected), "no case without one"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_detection_does_not_look_at_the_user_agent(path: Path) -> None:
    assert "user_agent" not in path.read_text("utf-8")


def test_the_hash_does_not_depend_on_the_window(detections: dict[str, Detection]) -> None:
    assert all("{window_start}" in each.sql for each in detections.values())
