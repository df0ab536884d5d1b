"""What is known about actors beside their events: content, scores, logins, payments, reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.activity import Block
from gatehouse.simulate.columns import DAY_US, MINUTE_US, Columns, Ints, make_ids, pick
from gatehouse.simulate.policies import CONTENT_POLICIES, REPORT_POLICIES
from gatehouse.simulate.population import (
    ACTOR_TYPES,
    API_KEY,
    COUNTRIES,
    PRODUCTS,
    USER_AGENTS,
    Flags,
    Floats,
    Population,
)
from gatehouse.simulate.seeds import child
from gatehouse.simulate.text import write_bodies

_CLASSIFIER_UPDATE_DAY = 10
CONTENT_TYPES = pa.array(["prompt", "image"])
_MAKES_IMAGES = PRODUCTS.index("image_generation")
LOGIN_OUTCOMES = pa.array(["success", "failure"])
PAYMENT_OUTCOMES = pa.array(["succeeded", "declined", "refunded", "chargeback"])
_PAYMENT_SHARES = np.array([0.952, 0.988, 0.997, 1.0])
_PRICES = np.array([0, 2_000, 6_000, 9_000, 40_000])  # cents a month, by plan


@dataclass(frozen=True)
class Items:
    """A block's content: what review and reports draw from.

    Attributes:
        ids: content ids.
        actor: position of each item's actor.
        product: position in `PRODUCTS`.
        policy: position in `CONTENT_POLICIES` of the policy it was scored by.
        at: microseconds since 1970.
        violating: the truth.
        score: the classifier's score.
    """

    ids: Any
    actor: Ints
    product: Ints
    policy: Ints
    at: Ints
    violating: Flags
    score: Floats


def make_items(people: Population, block: Block, seed: int) -> Items:
    """Content of a block, with its truth and its score."""
    rng = child(seed, "items", block.day, block.number)
    actor = block.actor[block.content_of]
    violating = rng.random(len(actor)) < people.malice[actor]
    return Items(
        ids=block.content_ids,
        actor=actor,
        product=block.product[block.content_of],
        policy=(actor + (rng.random(len(actor)) < 0.2)) % len(CONTENT_POLICIES),
        at=block.at[block.content_of],
        violating=violating,
        score=draw_scores(violating, block.day, rng),
    )


def draw_scores(violating: Flags, day: int, rng: np.random.Generator) -> Floats:
    """Classifier scores: the update of day 10 lifts those of clean items a little."""
    clean = rng.beta(1, 18 if day < _CLASSIFIER_UPDATE_DAY else 14, len(violating))
    scores: Floats = np.where(violating, rng.beta(7, 2, len(violating)), clean)
    return scores.round(6)


def model_version(day: int) -> str:
    """Version of the classifier on a day."""
    return "1.0" if day < _CLASSIFIER_UPDATE_DAY else "1.1"


def content_rows(people: Population, items: Items, block: Block, seed: int) -> Columns:
    """The content contract's columns of a block's items."""
    rng = child(seed, "text", block.day, block.number)
    return {
        "content_id": items.ids,
        "created_at": items.at,
        "actor_id": pick(people.ids, items.actor),
        "product_code": pick(pa.array(PRODUCTS), items.product),
        "content_type": pick(CONTENT_TYPES, items.product == _MAKES_IMAGES),
        "language_code": pick(pa.array(["en", "es", "de", "pt"]), rng.choice(4, len(items.actor))),
        "body": write_bodies(items.violating, rng),
    }


def score_rows(people: Population, items: Items, day: int) -> Columns:
    """The model_scores contract's columns of a block's items."""
    return {
        "scored_at": items.at + 400_000,
        "actor_id": pick(people.ids, items.actor),
        "item_id": items.ids,
        "product_code": pick(pa.array(PRODUCTS), items.product),
        "model_name": "safety-classifier",
        "model_version": model_version(day),
        "policy_code": pick(pa.array(CONTENT_POLICIES), items.policy),
        "score": items.score,
    }


def login_rows(people: Population, block: Block, seed: int) -> Columns | None:
    """Logins of people at the start of some sessions; a mistyped password is tried again."""
    rng = child(seed, "logins", block.day, block.number)
    person = people.kind[block.session_actor] != API_KEY
    session = np.flatnonzero(person & (rng.random(len(person)) < 0.3))
    mistakes = rng.poisson(0.06, len(session))
    tries = np.repeat(session, mistakes + 1)
    if not len(tries):
        return None
    last = np.cumsum(mistakes + 1) - 1
    failed = np.ones(len(tries), dtype=np.int64)
    failed[last] = 0
    from_last = np.repeat(last, mistakes + 1) - np.arange(len(tries))
    actor = block.session_actor[tries]
    product = (rng.random(len(actor))[:, None] > people.taste[actor]).sum(axis=1)
    at = block.session_at[tries] - 5_000_000 - from_last * 9_000_000
    return {
        "login_id": _block_ids("l_", "logins", len(tries), block, seed),
        "occurred_at": np.maximum(at, at // DAY_US * DAY_US),
        "actor_id": pick(people.ids, actor),
        "actor_type": pick(ACTOR_TYPES, people.kind[actor]),
        "product_code": pick(pa.array(PRODUCTS), np.minimum(product, len(PRODUCTS) - 1)),
        "outcome_code": pick(LOGIN_OUTCOMES, failed),
        "method_code": "password",
        "ip_address": pick(people.networks.pool, people.addresses[actor, 0]),
        "device_id": pick(people.device_pool, people.devices[actor, 0]),
        "user_agent": pick(USER_AGENTS, people.user_agent[actor]),
        "country_code": pick(COUNTRIES, people.country[actor]),
    }


def payment_rows(people: Population, day: int, day_start: int, seed: int) -> Columns | None:
    """Monthly fees, and top-ups of API keys' credit."""
    rng = child(seed, "payments", day)
    number = np.arange(len(people))
    exists = (people.joined < day) & (people.left > day)
    due = exists & (people.plan > 0) & (people.parent < 0) & (number % 30 == day % 30)
    top_up = exists & (people.kind == API_KEY) & (rng.random(len(people)) < 0.06)
    payer = np.flatnonzero(due | top_up)
    if not len(payer):
        return None
    credit = rng.integers(1, 40, len(payer)) * 500
    amount = np.where(people.kind[payer] == API_KEY, credit, _PRICES[people.plan[payer]])
    outcome = np.searchsorted(_PAYMENT_SHARES, rng.random(len(payer)))
    is_member = people.parent[payer] >= 0  # its organisation's or owner's card
    cards = make_ids("f_", "cards", len(people), seed=seed, day=0)
    return {
        "payment_id": make_ids("p_", "payments", len(payer), seed=seed, day=day),
        "occurred_at": day_start + rng.integers(0, DAY_US, len(payer)),
        "actor_id": pick(people.ids, payer),
        "product_code": pick(pa.array(PRODUCTS), people.taste[payer].argmax(axis=1)),
        "amount": amount,
        "currency_code": "USD",
        "outcome_code": pick(PAYMENT_OUTCOMES, outcome),
        "payment_fingerprint": pick(cards, np.where(is_member, people.parent[payer], payer)),
        "ip_address": pick(people.networks.pool, people.addresses[payer, 0]),
        "device_id": pick(people.device_pool, people.devices[payer, 0]),
    }


def report_rows(people: Population, block: Block, items: Items, seed: int) -> Columns | None:
    """Reports by users: some true, some mistaken, a few without an item."""
    rng = child(seed, "reports", block.day, block.number)
    reporters = np.unique(block.actor[people.kind[block.actor] != API_KEY])
    bad = np.flatnonzero(items.violating)
    seen = bad[rng.random(len(bad)) < 0.3]
    mistaken = np.flatnonzero(rng.random(len(items.actor)) < 0.004)
    about = np.concatenate([seen, mistaken])
    if not len(about) or not len(reporters):
        return None
    has_item = rng.random(len(about)) < 0.85
    at = np.minimum(items.at[about] + rng.exponential(90, len(about)) * MINUTE_US, _day_end(block))
    grave = rng.integers(3, 6, len(about))
    return {
        "report_id": _block_ids("r_", "reports", len(about), block, seed),
        "reported_at": at.astype(np.int64),
        "reporter_actor_id": pick(people.ids, rng.choice(reporters, len(about))),
        "reported_actor_id": pick(people.ids, items.actor[about]),
        "item_id": items.ids.take(pa.array(about, mask=~has_item)),
        "product_code": pick(pa.array(PRODUCTS), items.product[about]),
        "policy_code": pick(pa.array(REPORT_POLICIES), rng.integers(0, 3, len(about))),
        "severity": np.where(items.violating[about], grave, rng.integers(1, 5, len(about))),
        "comment": "Simulated report.",
    }


def _block_ids(prefix: str, stream: str, count: int, block: Block, seed: int) -> Any:
    return make_ids(prefix, stream, count, seed=seed, day=block.day, block=block.number)


def _day_end(block: Block) -> int:
    return int(block.at[0]) // DAY_US * DAY_US + DAY_US - 1
