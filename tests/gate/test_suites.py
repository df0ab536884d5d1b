from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT
from tests.gate.conftest import suite

from gatehouse.errors import GatehouseError
from gatehouse.gate.suites import load_suite

_COLUMNS = {"key": "varchar", "score": "double", "day": "date"}
_META = {"reason": "it is a test", "owner": "data"}
_FINE = {
    "type": "expect_column_mean_to_be_between",
    "kwargs": {"column": "score"},
    "severity": "critical",
    "meta": _META,
}

_WRONG = {
    "an unknown type": ({"expectations": [_FINE | {"type": "hope_for_the_best"}]}, "hope_for"),
    "no reason": ({"expectations": [_FINE | {"meta": {"owner": "data"}}]}, "reason"),
    "no owner": ({"expectations": [_FINE | {"meta": {"reason": "it is a test"}}]}, "owner"),
    "no severity": (
        {"expectations": [{k: v for k, v in _FINE.items() if k != "severity"}]},
        "severity",
    ),
    "another severity": ({"expectations": [_FINE | {"severity": "fatal"}]}, "severity"),
    "a column that is not there": (
        {"expectations": [_FINE | {"kwargs": {"column": "skore"}}]},
        "'skore'",
    ),
    "the same twice": ({"expectations": [_FINE, _FINE]}, "stands twice"),
    "the name of another table": ({"table": "fct_b"}, "fct_b"),
    "an unknown key": ({"expectationss": []}, "expectationss"),
    "no word on emptiness": ({"empty": None}, "empty"),
    "inputs without names": (
        {"empty": {"when": "inputs_empty", "reason": "may be empty"}},
        "no raw table",
    ),
}


@pytest.mark.parametrize(("changes", "named"), _WRONG.values(), ids=_WRONG)
def test_a_wrong_suite_is_refused_by_name(
    tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    (tmp_path / "fct_a.yml").write_text(yaml.safe_dump(suite("fct_a", **changes)), "utf-8")
    with pytest.raises(GatehouseError) as caught:
        load_suite(tmp_path, "fct_a", _COLUMNS)
    assert "fct_a.yml" in caught.value.message
    assert named in caught.value.message


@pytest.mark.parametrize("text", ["", "- 1", "table: ["], ids=["empty", "list", "no YAML"])
def test_a_file_that_is_no_suite_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "fct_a.yml").write_text(text, "utf-8")
    with pytest.raises(GatehouseError, match=r"fct_a\.yml"):
        load_suite(tmp_path, "fct_a", _COLUMNS)


def test_a_table_without_a_suite_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(GatehouseError, match="no suite"):
        load_suite(tmp_path, "fct_a", _COLUMNS)


def _core_columns() -> dict[str, dict[str, str]]:
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for path in (PROJECT / "dbt_project" / "models" / "core").rglob("_*__models.yml")
        for model in yaml.safe_load(path.read_text("utf-8"))["models"]
    }


def test_every_core_table_has_a_suite_that_fits_its_contract() -> None:
    folder = PROJECT / "expectations" / "core"
    columns = _core_columns()
    assert {path.stem for path in folder.glob("*.yml")} == columns.keys()
    for table, own in columns.items():
        assert load_suite(folder, table, own).expectations
