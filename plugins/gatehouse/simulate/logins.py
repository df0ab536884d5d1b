"""Logins: at the start of some sessions; a mistyped password is tried again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.activity import Block, choose_products
from gatehouse.simulate.columns import DAY_US, Columns, Ints, make_ids, pick
from gatehouse.simulate.geography import COUNTRIES
from gatehouse.simulate.population import ACTOR_TYPES, API_KEY, USER_AGENTS, Population
from gatehouse.simulate.requests import PRODUCT_CODES
from gatehouse.simulate.seeds import child

LOGIN_OUTCOMES = pa.array(["success", "failure", "unknown_account"])
SUCCESS, FAILURE, UNKNOWN = range(3)
METHODS = pa.array(["password", "sso", "token"])
_LOGIN_SHARE = 0.3  # of sessions
_MISTAKES = 0.06  # mean mistyped passwords before one that is right
_AWAY_SHARE = 0.04  # of logins come from another country's address


def login_rows(people: Population, block: Block, seed: int) -> Columns | None:
    """Logins of people in a block."""
    rng = child(seed, "logins", block.day, block.number)
    person = people.kind[block.session_actor] != API_KEY
    session = np.flatnonzero(person & (rng.random(len(person)) < _LOGIN_SHARE))
    mistakes = rng.poisson(_MISTAKES, len(session))
    tries = np.repeat(session, mistakes + 1)
    if not len(tries):
        return None
    last = np.cumsum(mistakes + 1) - 1
    failed = np.full(len(tries), FAILURE)
    failed[last] = SUCCESS
    from_last = np.repeat(last, mistakes + 1) - np.arange(len(tries))
    actor = block.session_actor[tries]
    at = block.session_at[tries] - 5_000_000 - from_last * 9_000_000
    at = np.maximum(at, at // DAY_US * DAY_US)
    where = (rng.random(len(session)) > 0.72).astype(np.int64)[np.searchsorted(session, tries)]
    away = rng.random(len(tries)) < _AWAY_SHARE
    ids = make_ids("l_", "logins", len(tries), seed=seed, day=block.day, block=block.number)
    return {
        **attempts(people, ids, at, actor, failed, choose_products(people, actor, rng)),
        "ip_address": pick(people.networks.pool, people.addresses[actor, where]),
        "country_code": pick(
            COUNTRIES,
            np.where(away, rng.integers(0, len(COUNTRIES), len(tries)), people.country[actor]),
        ),
    }


def attempts(
    people: Population, ids: Any, at: Ints, actor: Ints, outcome: Ints, product: Ints
) -> Columns:
    """Attempts as the accounts' own people make them; organisations' members use their SSO."""
    works = people.parent[actor] >= 0
    return {
        "login_id": ids,
        "occurred_at": at,
        "actor_id": pick(people.ids, actor),
        "actor_type": pick(ACTOR_TYPES, people.kind[actor]),
        "product_code": pick(PRODUCT_CODES, product),
        "outcome_code": pick(LOGIN_OUTCOMES, outcome),
        "method_code": pick(METHODS, works.astype(np.int64)),
        "ip_address": pick(people.networks.pool, people.addresses[actor, 0]),
        "device_id": pick(people.device_pool, people.devices[actor, 0]),
        "user_agent": pick(USER_AGENTS, people.user_agent[actor]),
        "country_code": pick(COUNTRIES, people.country[actor]),
    }
