from __future__ import annotations

from functools import partial
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

_DRIFT = {"day": "day", "values": ["key"], "reason": "days are alike", "owner": "data"}


def _bound(bound: dict[str, object]) -> dict[str, object]:
    kwargs = {"min_value": bound}
    return {
        "expectations": [_FINE | {"type": "expect_table_row_count_to_be_between", "kwargs": kwargs}]
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
    "a figure of the version before that is not kept": (
        _bound({"previous": "rowcount"}),
        "row_count",
    ),
    "a misspelt factor": (_bound({"previous": "row_count", "tims": 0.5}), "times: a number"),
    "a factor that is no number": (_bound({"previous": "row_count", "times": "9"}), "a number"),
    "a factor without a figure": (_bound({"times": 0.5}), "previous"),
    "a warning that is none of the checks": (
        {"drift": [_DRIFT | {"warnings": ["mix of outcome"]}]},
        "'mix of outcome'",
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


def test_a_list_that_stands_twice_does_not_replace_the_first(tmp_path: Path) -> None:
    text = yaml.safe_dump(suite("fct_a")) + "expectations: []\n"
    (tmp_path / "fct_a.yml").write_text(text, "utf-8")
    with pytest.raises(GatehouseError, match="'expectations' stands twice"):
        load_suite(tmp_path, "fct_a", _COLUMNS)


def test_a_warning_of_a_column_is_one_of_the_checks(tmp_path: Path) -> None:
    drift = _DRIFT | {"warnings": ["mix of key", "rows missing by day"]}
    (tmp_path / "fct_a.yml").write_text(yaml.safe_dump(suite("fct_a", drift=[drift])), "utf-8")
    assert load_suite(tmp_path, "fct_a", _COLUMNS).drift[0].warnings == drift["warnings"]


@pytest.mark.parametrize(
    ("relation", "is_right"),
    [("core.fct_a", True), ("core.fct_z", False), ("core.dim_c", False), ("raw.ivents", False)],
)
def test_limits_of_what_no_suite_compares_are_refused(
    tmp_path: Path, relation: str, is_right: bool
) -> None:
    folder = tmp_path / "core"
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "events.yml").touch()
    folder.mkdir()
    for table, drift in (("fct_a", [_DRIFT]), ("dim_c", [])):
        (folder / f"{table}.yml").write_text(yaml.safe_dump(suite(table, drift=drift)), "utf-8")
    (tmp_path / "limits.yml").write_text(f"{relation}: {{rows_drop: 0.3}}\n", "utf-8")
    load = partial(load_suite, folder, "dim_c", _COLUMNS)
    if is_right:
        load()
    else:
        with pytest.raises(GatehouseError, match=f"limits.yml: no suite compares {relation}"):
            load()


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
