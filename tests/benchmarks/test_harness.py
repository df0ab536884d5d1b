"""The measurement harness: bounds, files, and a section of the docs that is replaced."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_harness", PROGRAMS / "_harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "_harness", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module, "DOCUMENT", tmp_path / "measurements.md")
    return module


@pytest.mark.parametrize(
    ("value", "bound", "code"),
    [
        (5, {"equals": 5}, 0),
        (5, {"equals": 6}, 1),
        (0.5, {"at_least": 0.5}, 0),
        (0.4, {"at_least": 0.5}, 1),
        (3, {"at_most": 3}, 0),
        (4, {"at_most": 3}, 1),
        (4, {}, 0),
    ],
)
def test_exits_non_zero_where_a_bound_is_missed(
    harness: ModuleType, value: float, bound: dict[str, float], code: int
) -> None:
    measurement = harness.Measurement("one", "One")
    measurement.figure("rows", value, **bound)
    with pytest.raises(SystemExit) as end:
        measurement.finish()
    assert end.value.code == code
    result = json.loads((harness.RESULTS / "one.json").read_text())
    assert result["ok"] is (code == 0)


def test_result_says_how_it_was_made_and_not_where(harness: ModuleType) -> None:
    measurement = harness.Measurement("one", "One", settings={"EVENTS": "10"})
    measurement.note(f"{harness.PROJECT}/docs says so")
    with pytest.raises(SystemExit):
        measurement.finish()
    text = (harness.RESULTS / "one.json").read_text()
    assert json.loads(text)["command"] == "make measure NAME=one EVENTS=10"
    assert str(harness.PROJECT) not in text
    assert str(harness.PROJECT) not in harness.DOCUMENT.read_text()


def test_sections_are_replaced_and_kept_in_order(harness: ModuleType) -> None:
    for name, text in (("b", "old b"), ("c", "text c"), ("a", "text a"), ("b", "new b")):
        harness.write_section(harness.DOCUMENT, name, text)
    content = harness.DOCUMENT.read_text()
    assert "old b" not in content
    order = [content.index(text) for text in ("# Measurements", "text a", "new b", "text c")]
    assert order == sorted(order)


def test_docs_show_the_first_rows_and_the_file_has_all(harness: ModuleType) -> None:
    measurement = harness.Measurement("one", "One")
    measurement.table("Many", ("n",), [(number,) for number in range(1_000, 1_010)], in_docs=2)
    with pytest.raises(SystemExit):
        measurement.finish()
    content = harness.DOCUMENT.read_text()
    assert "1,001" in content
    assert "1,002" not in content
    assert len(json.loads((harness.RESULTS / "one.json").read_text())["tables"][0]["rows"]) == 10
