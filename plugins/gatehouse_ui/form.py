"""How values look on a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

# State -> what it means for the eye.
_TONES = {
    "good": ("success", "pass", "passed", "certified", "loaded", "succeeded", "no-op"),
    "bad": (
        "error",
        "fail",
        "failed",
        "runtime error",
        "held",
        "rejected",
        "expired",
        "critical",
        "open",
    ),
    "doubt": ("could_not_check", "warn", "skipped", "shadow", "withdrawn", "warning", "waived"),
    "busy": ("running", "started"),
}


def tone(state: object) -> str:
    """The CSS class of a state; unknown states and ``no_data`` are neutral."""
    word = str(state).lower()
    return next((name for name, words in _TONES.items() if word in words), "plain")


def number(value: Any) -> str:
    """An integer with thousands separated."""
    return "" if value is None else f"{int(value):,}"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def moment(value: datetime | None) -> str:
    """An instant, UTC, to the second."""
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M:%S")


def words(value: object) -> str:
    """A code as words."""
    return str(value).replace("_", " ")


FILTERS: dict[str, Callable[..., str]] = {
    "tone": tone,
    "number": number,
    "seconds": seconds,
    "moment": moment,
    "words": words,
}
