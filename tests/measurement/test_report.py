"""The report on certified tables: whole, alone, and safe whatever the data says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb

from gatehouse.measurement.report import Part, _as_script, _campaigns, _render

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


def test_who_was_found_in_one_phase_was_not_therefore_found_in_the_next(tmp_path: Path) -> None:
    """Two members of both phases; one was found by what was done in the first."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table phases as select 'spam_ring' as kind, 'member' as role, phase, actor_id, "
            "timestamp '2026-01-01' + to_days(7 * n) as phase_start_at, "
            "timestamp '2026-01-08' + to_days(7 * n) as phase_end_at "
            "from (values ('first', 0), ('adapted', 1)) as p(phase, n), "
            "(values ('a'), ('b')) as m(actor_id)"
        )
        connection.execute(f"copy phases to '{tmp_path / 'campaign_actors.parquet'}'")
        connection.execute(
            "create table fct_findings as select 'a' as actor_id, "
            "'live' as mode_code, timestamp '2026-01-03' as first_event_at, "
            "timestamp '2026-01-04' as last_event_at"
        )
        (chart,) = _campaigns(connection, tmp_path).charts
    rows = chart["data"]["values"]
    assert {(row["phase"], row["became"]): row["actors"] for row in rows} == {
        ("first", "found"): 1,
        ("first", "missed"): 1,
        ("adapted", "missed"): 2,
    }
