"""How values look."""

from __future__ import annotations

from gatehouse_ui.form import breakable, observed


def test_a_long_name_breaks_between_its_words_and_is_escaped() -> None:
    assert breakable("unique_key(day)") == "unique_<wbr>key(<wbr>day)"
    assert breakable("<b>_x") == "&lt;b&gt;_<wbr>x"


def test_what_a_check_saw_reads_as_words_and_numbers() -> None:
    seen = {"day": "2026-03-30", "limit_name": "hours", "expected": 14599.0, "distance": 1.51864}
    assert observed(seen) == "day 2026-03-30, limit name hours, expected 14,599, distance 1.519"
    assert observed({"products": ["api", "agents"], "since": None}) == (
        "products api, agents, since None"
    )
    assert observed({"share": float("nan"), "is_first": True}) == "share nan, is first True"
