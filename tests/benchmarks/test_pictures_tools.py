"""The browser of the pictures is found, or it is said what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

sys.path.insert(0, str(PROJECT / "benchmarks"))
from _browser import chromium


@pytest.mark.parametrize("asked", ["", "/nowhere/chromium"])
def test_without_a_browser_it_says_what_to_do(
    asked: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", asked)
    with pytest.raises(SystemExit) as ended:
        chromium()
    assert ended.value.code == 2
    assert "Next: install Chromium" in capsys.readouterr().err


def test_the_browser_is_the_one_asked_for_or_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("chromium", "other"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert chromium() == str(tmp_path / "chromium")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "other"))
    assert chromium() == str(tmp_path / "other")
