"""Text of content, made from templates with paraphrase noise: harmless by construction.

What would be harmful is a placeholder in angle brackets, so that a detection or a reviewer can
tell it apart and nobody can use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gatehouse.simulate.population import Flags

_OPENINGS = (
    "Please help me",
    "I would like to",
    "Can you show me how to",
    "Give me three ways to",
    "Explain to a beginner how to",
    "What is a good way to",
    "In short, how do I",
    "For a school project I need to",
)
_TASKS = (
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
)
_CLOSINGS = (
    "and keep it brief.",
    "step by step.",
    "with an example.",
    "for someone in a hurry.",
    "and say what you left out.",
    "in plain words.",
    "without jargon.",
)
_PLACEHOLDERS = tuple(f"<harmful-topic-{letter}>" for letter in "abcd")
_FILLERS = ("", "", "", "Well, ", "So, ", "Hi. ", "Look: ", "Just asking: ")
_TAILS = ("", "", "", " Thanks.", " Please.", " Go on.", " OK?", " ...", "!")

Slots = Sequence[Sequence[str]]


def write_bodies(violating: Flags, rng: np.random.Generator) -> Any:
    """One body per flag; a violating one asks for a placeholder instead of a task."""
    count = len(violating)
    opening, task, placeholder, closing = (
        _any(pool, count, rng) for pool in (_OPENINGS, _TASKS, _PLACEHOLDERS, _CLOSINGS)
    )
    # A number makes most bodies differ from each other, as real ones do.
    number = pa.array(rng.integers(2, 2_000, count)).cast(pa.string())
    wish = pc.if_else(pa.array(violating), placeholder, task)
    return pc.binary_join_element_wise(opening, wish, "in", number, "words", closing, " ")


def paraphrase(slots: Slots, count: int, rng: np.random.Generator, noise: float) -> Any:
    """``count`` versions of one text.

    Args:
        slots: the text in pieces, each with its ways of being said, the usual one first.
        count: how many.
        rng: random numbers.
        noise: 0 to 1; how often a piece is said in another than the usual way, and the
            probability of a filler, a tail and changed case.
    """
    pieces = [_reworded(slot, count, rng, noise) for slot in slots]
    text = pc.binary_join_element_wise(*pieces, " ")
    some = pa.array(rng.random(count) < noise)
    head = pc.if_else(some, _any(_FILLERS, count, rng), "")
    tail = pc.if_else(pa.array(rng.random(count) < noise), _any(_TAILS, count, rng), "")
    text = pc.binary_join_element_wise(head, text, tail, "")
    return pc.if_else(pa.array(rng.random(count) < 0.3 * noise), pc.utf8_lower(text), text)


def _reworded(slot: Sequence[str], count: int, rng: np.random.Generator, noise: float) -> Any:
    other = rng.integers(0, len(slot), count)
    return pa.array(slot).take(pa.array(np.where(rng.random(count) < noise, other, 0)))


def _any(pool: Sequence[str], count: int, rng: np.random.Generator) -> Any:
    return pa.array(pool).take(pa.array(rng.integers(0, len(pool), count)))
