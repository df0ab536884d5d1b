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
    assert sum(not rows for rows in expected) >= 2, "fewer than two cases without one"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_detection_does_not_look_at_the_user_agent(path: Path) -> None:
    assert "user_agent" not in path.read_text("utf-8")


def test_every_threshold_is_used_and_part_of_the_code(detections: dict[str, Detection]) -> None:
    macros = (PROJECT / "dbt_project" / "macros" / "detections.sql").read_text("utf-8")
    for path in FILES:
        each = detections[path.stem]
        written = path.read_text("utf-8") + macros
        for product, numbers in each.spec.thresholds.items():
            for name, number in numbers.items():
                assert f'threshold("{name}"' in written, f"{path.stem} does not use {name}"
                assert str(number) in each.sql, f"{path.stem}: {product}.{name}"
                if product != "default":
                    assert f"when '{product}' then {number}" in each.sql


def test_thresholds_by_product_name_products_that_there_are(
    detections: dict[str, Detection],
) -> None:
    seed = PROJECT / "dbt_project" / "seeds" / "products.csv"
    known = {line.split(",")[0] for line in seed.read_text("utf-8").splitlines()[1:]}
    named = {name for each in detections.values() for name in each.spec.thresholds}
    assert named - {"default"} <= known


def test_policies_are_those_that_there_are(detections: dict[str, Detection]) -> None:
    seed = PROJECT / "dbt_project" / "seeds" / "policies.csv"
    known = {line.split(",")[0] for line in seed.read_text("utf-8").splitlines()[1:]}
    assert {each.spec.policy for each in detections.values()} <= known


def test_the_hash_does_not_depend_on_the_window(detections: dict[str, Detection]) -> None:
    assert all("{window_start}" in each.sql for each in detections.values())
