"""How values look on a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

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
    "doubt": (
        "could_not_check",
        "warn",
        "skipped",
        "shadow",
        "withdrawn",
        "warning",
        "waived",
        "rolled_back",
    ),
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


def minute(value: datetime | None) -> str:
    """An instant, UTC, to the minute."""
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M")


def words(value: object) -> str:
    """A code as words."""
    return str(value).replace("_", " ")


def breakable(name: object) -> Markup:
    """A long name that may go on in the next line between its words, and nowhere else."""
    parts = re.split(r"(?<=[_(])", str(name))
    return Markup("<wbr>").join(parts)  # escapes each part


def observed(values: Mapping[str, Any]) -> str:
    """What a check saw, by name."""
    return ", ".join(f"{words(name)} {_observation(value)}" for name, value in values.items())


def _observation(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_observation, value)) or "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


FILTERS: dict[str, Callable[..., str]] = {
    "tone": tone,
    "number": number,
    "seconds": seconds,
    "moment": moment,
    "minute": minute,
    "words": words,
    "breakable": breakable,
    "observed": observed,
}
