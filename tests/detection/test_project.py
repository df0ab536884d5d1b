"""Every detection of the project: complete metadata, cases of both kinds, only core tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import yaml

from gatehouse.detection.cases import Case, Given
from gatehouse.detection.compiled import Detection, load_detections
from gatehouse.gate.products import product_columns
from gatehouse.proof.actors import find_case
from gatehouse.settings import Settings
from tests.conftest import PROJECT

FOLDER = PROJECT / "dbt_project" / "models" / "detections"
_OF_ONE_PRODUCT = ("product_code", "event_id")
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


def test_those_that_say_so_work_product_by_product(detections: dict[str, Detection]) -> None:
    """Each case beside itself on another product finds the same again, and nothing else."""
    checked = 0
    for each in detections.values():
        if not each.spec.by_product:
            continue
        for case in each.cases:
            alone = find_case(each, case)
            both = find_case(each, _beside_itself(case))
            again = [row for row in both if row["product_code"].startswith("again-")]
            assert [row for row in both if row not in again] == alone
            # Of the other product the same is found: thresholds of its own apart, it has none.
            if not each.spec.thresholds.keys() - {"default"}:
                assert [row["actor_id"] for row in again] == [row["actor_id"] for row in alone]
            checked += bool(case.expected)
    assert checked >= 6


def test_they_read_only_tables_that_can_be_cut(detections: dict[str, Detection]) -> None:
    """A table with a product that is read whole would stand beside half of its others."""
    columns = product_columns(Settings(project=PROJECT))
    for each in detections.values():
        if each.spec.by_product:
            read = {given.table: given.types for case in each.cases for given in case.given}
            uncut = [t for t, types in read.items() if "product_code" in types and t not in columns]
            assert not uncut, each.spec.id


def _beside_itself(case: Case) -> Case:
    """The case, and every row of it again on a product that nobody else has, of the same actors."""

    def doubled(given: Given) -> Given:
        if "product_code" not in given.types:
            return given
        if isinstance(given.rows, str):
            named = {*duckdb.sql(given.rows).columns} & {*_OF_ONE_PRODUCT}
            again = ", ".join(f"'again-' || {name} as {name}" for name in sorted(named))
            rows = f"from ({given.rows}) union all by name select * replace ({again}) "
            return replace(given, rows=f"{rows} from ({given.rows})")
        added = [
            {k: f"again-{v}" if k in _OF_ONE_PRODUCT else v for k, v in row.items()}
            for row in given.rows
        ]
        return replace(given, rows=(*given.rows, *added))

    return replace(case, given=tuple(doubled(given) for given in case.given))
