"""Vega-Lite specifications of the report's charts. Each takes plain rows."""

from __future__ import annotations

from typing import Any

Rows = list[dict[str, Any]]
Chart = dict[str, Any]

_TIERS = ["minimal", "low", "medium", "high", "critical"]
_TIER_COLOURS = ["#9ecae1", "#6baed6", "#fdae6b", "#f16913", "#a63603"]
_RESULTS = ["passed", "failed", "could_not_check", "no_data"]
_RESULT_COLOURS = ["#4c9f70", "#c0392b", "#e0a800", "#9aa5b1"]
_WIDTH = "container"


def _chart(title: str, rows: Rows, mark: Any, encoding: dict[str, Any], **more: Any) -> Chart:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {"text": title, "anchor": "start"},
        "data": {"values": rows},
        "mark": mark,
        "encoding": encoding,
        "width": _WIDTH,
        "height": 240,
        "config": {
            "view": {"stroke": None},
            "axis": {"grid": True, "gridColor": "#eee", "domain": False, "labelLimit": 260},
            "font": "system-ui, sans-serif",
        },
        **more,
    }


def _text(field: str, title: str | None = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "nominal", "title": title, **more}


def _number(field: str, title: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _day() -> dict[str, Any]:
    return {"field": "day", "type": "temporal", "title": None, "timeUnit": "utcyearmonthdate"}


def _tier() -> dict[str, Any]:
    return _text("tier_code", "tier", sort=_TIERS, scale={"domain": _TIERS, "range": _TIER_COLOURS})


def risk_spread(rows: Rows) -> Chart:
    """Actors by probability and tier. Rows: ``tier_code, probability, probability_to, actors``."""
    return _chart(
        "Actors by probability",
        rows,
        {"type": "bar", "tooltip": {"content": "data"}},
        {
            "x": _number("probability", "risk probability", bin={"binned": True, "step": 0.05}),
            "x2": {"field": "probability_to"},
            "y": _number("actors", "actors (square-root scale)", scale={"type": "sqrt"}),
            "color": _tier(),
        },
    )


def risk_reasons(rows: Rows) -> Chart:
    """Actors by policy and tier. Rows: ``policy_code, tier_code, actors, mean_score``."""
    return _chart(
        "What their evidence speaks of",
        rows,
        {"type": "bar", "tooltip": {"content": "data"}},
        {
            "y": _text("policy_code", sort="-x"),
            "x": _number("actors", "actors with evidence of the policy"),
            "color": _tier(),
            "order": {"field": "tier_code", "sort": "descending"},
        },
        height={"step": 20},
    )


def by_day(rows: Rows, kind: str, count: str, title: str) -> Chart:
    """Small multiples by day. Rows: ``day``, and those named."""
    return _chart(
        title,
        rows,
        {"type": "area", "tooltip": {"content": "data"}, "line": True, "opacity": 0.5},
        {
            "x": _day(),
            "y": _number(count, "", axis={"tickCount": 2}),
            "row": _text(kind, header={"labelAngle": 0, "labelAlign": "left", "title": None}),
            "color": _text(kind, legend=None),
        },
        height=46,
        width=560,
        resolve={"scale": {"y": "independent"}},
        spacing=6,
    )


def heat(rows: Rows, kind: str, count: str, title: str) -> Chart:
    """A square per kind and day. Rows: ``day``, and those named."""
    return _chart(
        title,
        rows,
        {"type": "rect", "tooltip": {"content": "data"}},
        {
            "x": _day() | {"type": "ordinal", "axis": {"format": "%d %b", "labelAngle": -60}},
            "y": _text(kind),
            "color": _number(count, count, scale={"scheme": "orangered", "type": "symlog"}),
        },
        height={"step": 22},
    )


def campaigns(rows: Rows) -> Chart:
    """Found beside missed by kind and phase. Rows: ``kind, phase, became, actors``."""
    return _chart(
        "Actors of each kind of campaign",
        rows,
        {"type": "bar", "tooltip": {"content": "data"}},
        {
            "y": _text("kind"),
            "x": _number("actors", "actors", stack="normalize", axis={"format": "%"}),
            "color": _text(
                "became",
                "",
                scale={"domain": ["found", "missed"], "range": ["#4c9f70", "#d9d9d9"]},
            ),
            "column": _text("phase", None, sort=["initial", "adapted"]),
            "order": {"field": "became"},
        },
        height={"step": 20},
        width=300,
    )


def lines(rows: Rows, kind: str, count: str, title: str) -> Chart:
    """A line per kind. Rows: ``day``, and those named."""
    return _chart(
        title,
        rows,
        {"type": "line", "point": True, "tooltip": {"content": "data"}},
        {"x": _day(), "y": _number(count, count), "color": _text(kind)},
    )


def gate(rows: Rows) -> Chart:
    """A mark per table and check. Rows: ``table, checked, result``."""
    return _chart(
        "Checks by table",
        rows,
        {"type": "tick", "thickness": 5, "height": 14, "tooltip": {"content": "data"}},
        {
            "x": {"field": "checked", "type": "temporal", "title": None},
            "y": _text("table"),
            "color": _text("result", "", scale={"domain": _RESULTS, "range": _RESULT_COLOURS}),
        },
        height={"step": 20},
    )
