"""``%gatehouse`` in a notebook does what the command does in a shell, and ends no cell."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from gatehouse.settings import Settings
from gatehouse.store import open_store


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("GATEHOUSE_HOME", str(settings.home))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    open_store(settings)
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "gatehouse.cli.notebook")
    yield shell
    shell.history_manager.enabled = False


def test_a_command_prints_what_it_prints_in_a_shell(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(sys.argv)
    shell.run_cell("%gatehouse waivers", store_history=False)
    assert capsys.readouterr().out == "No waiver is in force.\n"
    assert sys.argv == before


def test_a_command_that_fails_says_why_and_ends_no_cell(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = '%gatehouse waive fct_events "row count" --reason "one word"\nprint("goes on")'
    assert shell.run_cell(cell, store_history=False).success
    printed = capsys.readouterr()
    assert "error: fct_events has no certificate." in printed.err
    assert printed.out == "exit code 1\ngoes on\n"


def test_a_table_is_as_wide_as_its_rows_and_without_colours(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a kernel sets it.
    monkeypatch.setenv("FORCE_COLOR", "1")
    shell.run_cell("%gatehouse sources", store_history=False)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert ["source", "contract", "format", "path"] in map(str.split, printed.splitlines())
    assert os.environ["FORCE_COLOR"] == "1"
