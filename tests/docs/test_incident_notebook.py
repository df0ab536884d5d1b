"""The guide to an incident tells what happens: each cell is run, on the real thing."""

from __future__ import annotations

import copy
import getpass
import re
import tempfile
from pathlib import Path

import nbformat
import pytest

from tests.conftest import PROJECT
from tests.docs.notebook import execute, read, steady

# By cell, what the story rests on.
_SAYS = {
    "world": ("17 tables certified, 0 held",),
    "breaks": ("9 tables certified, 8 held",),
    "alert": (
        "alert (opened, critical): fct_events:",
        "Tables held:",
        "Detections held:",
        "Detections that go on with the other products:",
    ),
    "held": (
        "systematic_model_queries: succeeded, 27 new findings; without chat_assistant",
        "takeover_from_new_place: held",
        "fct_events failed its gate",
        "stale",
    ),
    "readers": ("2026-03-15",),
    "closer": ("missing values", "hours of occurred_at"),
    "rows": ("'login'",),
    "waive": ("missing values of fct_events: waived by oncall", "hours of occurred_at"),
    "again": (
        "8 tables certified, 0 held",
        "Over: fct_events",
        "a waiver lets it pass",
        "takeover_from_new_place: succeeded",
    ),
    "rollback": ("Readers see", "Findings made on what was taken off", "systematic_model_queries"),
    "end": ("No waiver is in force.", "2026-03-15"),
    "mended": ("17 tables certified, 0 held", "Rolled back by oncall"),
    "lift": ("Readers see", "2026-03-16"),
    "over": ("No incident is open.", "resolved", "waived"),
}
_CHARTS = ("volume", "hours", "wrong", "timeline", "shown")
_IDENTIFIER = re.compile(r"\b[uok]_[0-9a-f]{16}\b|\b\d{1,3}(\.\d{1,3}){3}\b")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return steady(execute(read(), tmp_path_factory.mktemp("notebook")))


def _kinds(notebook: nbformat.NotebookNode) -> dict[str, list[str]]:
    """What each cell gives, by its id."""
    return {
        cell.id: [
            kind
            for output in cell.outputs
            # Sorted, as they are in the file.
            for kind in sorted(output.get("data") or [f"{output.output_type} {output.get('name')}"])
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def _texts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each cell says, charts left out."""
    return {
        cell.id: "\n".join(
            text
            for output in cell.outputs
            for text in (output.get("text", ""), output.get("data", {}).get("text/plain", ""))
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_story_happens(executed: nbformat.NotebookNode) -> None:
    texts = _texts(executed)
    missing = [
        (name, part) for name, parts in _SAYS.items() for part in parts if part not in texts[name]
    ]
    assert not missing, missing


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_committed_is_what_it_gives(executed: nbformat.NotebookNode) -> None:
    assert _kinds(executed) == _kinds(read()), "python -m tests.docs.notebook"


def test_what_is_committed_tells_the_story() -> None:
    texts = _texts(read())
    missing = [
        (name, part) for name, parts in _SAYS.items() for part in parts if part not in texts[name]
    ]
    assert not missing, missing


def test_each_chart_is_there() -> None:
    kinds = _kinds(read())
    assert {name for name, found in kinds.items() if "image/svg+xml" in found} == {*_CHARTS}


def test_nothing_of_a_machine_or_a_person_is_committed() -> None:
    text = nbformat.writes(read())
    said = "\n".join(_texts(read()).values())
    assert not _IDENTIFIER.search(said)
    for place in (PROJECT, Path.home(), Path(tempfile.gettempdir())):
        assert f"{place}/" not in text
    assert f"by {getpass.getuser()}" not in text


def test_outputs_of_another_run_are_written_the_same() -> None:
    """Ids, hashes, times and durations differ from run to run; their places stay."""
    notebook = read()
    once = steady(copy.deepcopy(notebook))
    assert steady(copy.deepcopy(once)) == once
