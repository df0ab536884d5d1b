"""Reports by users: true, mistaken, and those out of spite. What each is stays in the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.activity import Block
from gatehouse.simulate.columns import DAY_US, MINUTE_US, Columns, Ints, make_ids, pick
from gatehouse.simulate.items import Items
from gatehouse.simulate.policies import CONTENT_POLICIES, REPORT_POLICIES
from gatehouse.simulate.population import API_KEY, Population
from gatehouse.simulate.requests import PRODUCT_CODES
from gatehouse.simulate.seeds import child
from gatehouse.simulate.text import paraphrase

REPORT_KINDS = pa.array(["true", "mistaken", "malicious"])
TRUE, MISTAKEN, MALICIOUS = range(3)
_SEEN_SHARE = 0.3  # of violating items are reported
_MISTAKEN_SHARE = 0.004  # of all items
_SPITE_SHARE = 0.1  # of reports that are not true
_NAMED_RIGHT = 0.7  # of reports state the policy that the item is scored by
_GOLDEN = (5**0.5 - 1) / 2
_TAIL = 1.2  # of the Pareto distribution of how often somebody reports
_CODES = tuple(dict.fromkeys([*CONTENT_POLICIES, *REPORT_POLICIES]))  # the former come first
_POLICIES = pa.array(_CODES)
_GUESSES = [_CODES.index(code) for code in REPORT_POLICIES]
_COMMENTS = (
    ("This breaks the rules.", "Please look at this.", "Not okay.", "I do not want to see this."),
    ("", "It was shown to me.", "It is about <policy-topic>.", "Again and again."),
)


@dataclass(frozen=True)
class Reports:
    """Reports about a block's items.

    Attributes:
        rows: the columns of the contract user_reports.
        kind: position in `REPORT_KINDS` of each.
        about: position of the item of each, whether the report names it or not.
    """

    rows: Columns
    kind: Ints
    about: Ints


def make_reports(people: Population, block: Block, items: Items, seed: int) -> Reports | None:
    """What a block's users report of it."""
    rng = child(seed, "reports", block.day, block.number)
    reporters = np.unique(block.actor[people.kind[block.actor] != API_KEY])
    bad = np.flatnonzero(items.violating)
    seen = bad[rng.random(len(bad)) < _SEEN_SHARE]
    wrong = np.flatnonzero(~items.violating & (rng.random(len(items)) < _MISTAKEN_SHARE))
    about = np.concatenate([seen, wrong])
    if not len(about) or not len(reporters):
        return None
    spite = rng.random(len(wrong)) < _SPITE_SHARE
    kind = np.concatenate([np.full(len(seen), TRUE), np.where(spite, MALICIOUS, MISTAKEN)])
    has_item = rng.random(len(about)) < 0.85
    delay = rng.exponential(90, len(about)) * MINUTE_US
    at = np.minimum(items.at[about] + delay, _day_end(block)).astype(np.int64)
    grave = rng.integers(3, 6, len(about))
    guess = rng.choice(_GUESSES, len(about))
    policy = np.where(rng.random(len(about)) < _NAMED_RIGHT, items.policy[about], guess)
    rows = {
        "report_id": make_ids(
            "r_", "reports", len(about), seed=seed, day=block.day, block=block.number
        ),
        "reported_at": at,
        "reporter_actor_id": pick(
            people.ids,
            np.concatenate(
                [
                    draw_reporters(reporters, len(seen), rng, right=True),
                    draw_reporters(reporters, len(wrong), rng, right=False),
                ]
            ),
        ),
        "reported_actor_id": pick(people.ids, items.actor[about]),
        "item_id": items.ids.take(pa.array(about, mask=~has_item)),
        "product_code": pick(PRODUCT_CODES, items.product[about]),
        "policy_code": pick(_POLICIES, policy),
        "severity": np.where(kind == MISTAKEN, rng.integers(1, 5, len(about)), grave),
        "comment": comments(len(about), rng),
    }
    return Reports(rows, kind, about)


def comments(count: int, rng: np.random.Generator) -> Any:
    """What reporters say."""
    return paraphrase(_COMMENTS, count, rng, noise=0.7)


def draw_reporters(actors: Ints, count: int, rng: np.random.Generator, *, right: bool) -> Ints:
    """Who of ``actors`` makes reports that are right, or wrong.

    Few report often, and some take more care than others; each is the same on every day.
    """
    # Multiples of irrational numbers scatter evenly between 0 and 1.
    eager = (1 - actors * _GOLDEN % 1) ** (-1 / _TAIL)
    care = actors * 2**0.5 % 1
    often = eager * (care if right else 1 - care)
    drawn: Ints = rng.choice(actors, count, p=often / often.sum())
    return drawn


def _day_end(block: Block) -> int:
    return int(block.at[0]) // DAY_US * DAY_US + DAY_US - 1
