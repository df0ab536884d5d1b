"""Text of content, made from templates: harmless by construction.

What would be harmful is a placeholder in angle brackets, so that a detection or a reviewer can
tell it apart and nobody can use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_OPENINGS = pa.array(
    [
        "Please help me",
        "I would like to",
        "Can you show me how to",
        "Give me three ways to",
        "Explain to a beginner how to",
        "What is a good way to",
        "In short, how do I",
        "For a school project I need to",
    ]
)
_TASKS = pa.array(
    [
        "plan a week of meals",
        "write a letter to my landlord",
        "sort a list of dates in a spreadsheet",
        "learn the names of trees",
        "draw a lighthouse at dusk",
        "prepare for a job interview",
        "fix a slow database query",
        "translate a menu",
        "summarise a long report",
        "name a small bakery",
        "pack for a mountain walk",
        "test a web form",
        "understand a phone contract",
        "write a poem about rain",
        "design a board game",
    ]
)
_CLOSINGS = pa.array(
    [
        "and keep it brief.",
        "step by step.",
        "with an example.",
        "for someone in a hurry.",
        "and say what you left out.",
        "in plain words.",
        "without jargon.",
    ]
)
_PLACEHOLDERS = pa.array(
    ["<harmful-topic-a>", "<harmful-topic-b>", "<harmful-topic-c>", "<harmful-topic-d>"]
)


def write_bodies(violating: NDArray[np.bool_], rng: np.random.Generator) -> Any:
    """One body per flag; a violating one asks for a placeholder instead of a task."""
    count = len(violating)
    parts = [_any(pool, count, rng) for pool in (_OPENINGS, _TASKS, _PLACEHOLDERS, _CLOSINGS)]
    opening, task, placeholder, closing = parts
    # A number makes most bodies differ from each other, as real ones do.
    number = pa.array(rng.integers(2, 2_000, count)).cast(pa.string())
    wish = pc.if_else(pa.array(violating), placeholder, task)
    return pc.binary_join_element_wise(opening, wish, "in", number, "words", closing, " ")


def _any(pool: Any, count: int, rng: np.random.Generator) -> Any:
    return pool.take(pa.array(rng.integers(0, len(pool), count)))
