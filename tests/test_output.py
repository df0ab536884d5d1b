"""What a report prints is data: no terminal obeys it."""

from __future__ import annotations

import pytest

from gatehouse.cli.output import print_json, print_rows

HOSTILE = "a\x1b]0;own\x07\x1b[2J\x9b31m\u202eb[bold]c"


def test_a_table_shows_control_characters_instead_of_sending_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows("t", ["name"], [{"name": HOSTILE}], empty="")
    printed = capsys.readouterr().out
    assert not set(printed) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "[bold]" in printed


def test_json_is_plain_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE})
    assert capsys.readouterr().out.isascii()
