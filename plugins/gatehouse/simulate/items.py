"""Content with its truth and its score: what review and reports draw from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.activity import Block
from gatehouse.simulate.classifier import MODEL_NAME, draw_scores, model_version
from gatehouse.simulate.columns import Columns, Ints, pick
from gatehouse.simulate.geography import LANGUAGE_OF, LANGUAGES
from gatehouse.simulate.policies import CONTENT_POLICIES, CONTENT_SHARES
from gatehouse.simulate.population import AGENTS, IMAGES, Flags, Floats, Population
from gatehouse.simulate.requests import PRODUCT_CODES
from gatehouse.simulate.seeds import child
from gatehouse.simulate.text import write_bodies

CONTENT_TYPES = pa.array(["prompt", "image", "file", "post", "completion"])
PROMPT, IMAGE, FILE, POST, COMPLETION = range(5)
SCORED_AFTER_US = 400_000
_POLICIES = pa.array(CONTENT_POLICIES)
_ENGLISH_SHARE = 0.4  # also of people whose country speaks something else


@dataclass(frozen=True)
class Items:
    """Content of one or more actors.

    Attributes:
        ids: content ids.
        actor: position of each item's actor.
        product: position in `PRODUCTS`.
        policy: position in `CONTENT_POLICIES` of the policy it was scored by.
        content_type: position in `CONTENT_TYPES`.
        at: microseconds since 1970.
        violating: the truth.
        score: the classifier's score.
    """

    ids: Any
    actor: Ints
    product: Ints
    policy: Ints
    content_type: Ints
    at: Ints
    violating: Flags
    score: Floats

    def __len__(self) -> int:
        return len(self.actor)


def make_items(block: Block, seed: int) -> Items:
    """Content of a block, with its score."""
    rng = child(seed, "items", block.day, block.number)
    product, count = block.product[block.content_of], len(block.content_of)
    kind = np.select([product == IMAGES, product == AGENTS], [IMAGE, FILE], PROMPT)
    kind = np.where(rng.random(count) < 0.08, POST, kind)
    return Items(
        ids=block.content_ids,
        actor=block.actor[block.content_of],
        product=product,
        policy=rng.choice(len(CONTENT_POLICIES), count, p=CONTENT_SHARES),
        content_type=kind,
        at=block.at[block.content_of],
        violating=block.violating,
        score=draw_scores(block.violating, block.day, rng),
    )


def content_rows(
    people: Population, items: Items, bodies: Any, rng: np.random.Generator
) -> Columns:
    """The content contract's columns of items."""
    english = rng.random(len(items)) < _ENGLISH_SHARE
    language = np.where(english, 0, LANGUAGE_OF[people.country[items.actor]])
    return {
        "content_id": items.ids,
        "created_at": items.at,
        "actor_id": pick(people.ids, items.actor),
        "product_code": pick(PRODUCT_CODES, items.product),
        "content_type": pick(CONTENT_TYPES, items.content_type),
        "language_code": pick(LANGUAGES, language),
        "body": bodies,
    }


def plain_bodies(items: Items, block: Block, seed: int) -> tuple[Any, np.random.Generator]:
    """Bodies of a block's items, and the random numbers that go on from there."""
    rng = child(seed, "text", block.day, block.number)
    return write_bodies(items.violating, rng), rng


def score_rows(people: Population, items: Items, day: int) -> Columns:
    """The model_scores contract's columns of items."""
    return {
        "scored_at": items.at + SCORED_AFTER_US,
        "actor_id": pick(people.ids, items.actor),
        "item_id": items.ids,
        "product_code": pick(PRODUCT_CODES, items.product),
        "model_name": MODEL_NAME,
        "model_version": model_version(day),
        "policy_code": pick(_POLICIES, items.policy),
        "score": items.score,
    }
