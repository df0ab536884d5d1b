"""What a report prints is data: no terminal obeys it, and no name in it is broken."""

from __future__ import annotations

import pytest
from rich.console import Console

from gatehouse.cli import output
from gatehouse.cli.output import print_json, print_rows, printable_lines

HOSTILE = "a\x1b]0;own\x07\x1b[2J\x9b31m\u202eb[bold]c"
KEY = "0123456789abcdef" * 2
REASON = "cannot be read as a time, " * 8
ROWS = [{"finding_key": KEY, "actor_id": "u_" + KEY, "reason": REASON, "rows": 3}]


def _printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> str:
    """What a terminal of that width gets."""
    monkeypatch.setattr(
        output, "Console", lambda **_: Console(width=width, force_terminal=True, no_color=True)
    )
    print_rows("Findings", list(ROWS[0]), ROWS, empty="")
    return capsys.readouterr().out


def test_a_table_shows_control_characters_instead_of_sending_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows("t", ["name"], [{"name": HOSTILE + "\nx"}], empty="")
    printed = capsys.readouterr().out
    assert not set(printed) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "[bold]" in printed
    assert "\\nx" in printed


def test_json_is_plain_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE})
    assert capsys.readouterr().out.isascii()


def test_a_message_keeps_its_lines_and_no_control_character() -> None:
    assert printable_lines("a\n  b\x1b[2J\r") == "a\n  b\\x1b[2J\\r"


def test_nothing_is_broken_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("Findings", list(ROWS[0]), ROWS, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert any(KEY in line and REASON.strip() in line for line in lines)
    assert not any(line.endswith(" ") for line in lines)


def test_a_terminal_folds_reasons_and_no_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = _printed(capsys, monkeypatch, width=140)
    assert f"{KEY}   u_{KEY}" in printed
    assert REASON.strip() not in printed


def test_a_terminal_too_narrow_for_the_keys_gets_a_line_a_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = _printed(capsys, monkeypatch, width=80)
    assert f"finding key  {KEY}" in printed
    assert f"actor id     u_{KEY}" in printed
    assert REASON.strip() in printed
