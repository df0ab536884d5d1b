"""The report on certified tables: whole, alone, and safe whatever the data says."""

from __future__ import annotations

import json
import re

from gatehouse.measurement.report import Part, _as_script, _render

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def _without_scripts(page: str) -> str:
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_hostile_text_stays_text() -> None:
    chart = {"data": {"values": [{"kind": HOSTILE}]}, "title": HOSTILE}
    page = _render([(HOSTILE, "1")], [Part(HOSTILE, HOSTILE, [chart])])
    assert HOSTILE not in page
    assert "<img" not in _without_scripts(page)
    # Its own two scripts and no more.
    assert len(re.findall(r"<script", page)) == 2
    assert len(re.findall(r"</script", page)) == 2


def test_charts_come_through_as_they_are() -> None:
    chart = {"title": "a < b & c \u2028 d", "n": 1}
    assert json.loads(_as_script([chart])) == [chart]
    assert "\u2028" not in _as_script([chart])


def test_the_file_needs_no_network() -> None:
    page = _render([], [])
    assert not re.findall(r"<[^>]+(?:src|href)=", _without_scripts(page))
    assert not re.findall(r"<script[^>]+src", page)
    assert "window.vegaEmbed" in page
