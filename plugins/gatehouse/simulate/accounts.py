"""Accounts as the system of record states them: sign-ups, and the state before day 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gatehouse.simulate.columns import DAY_US, Columns, Ints, pick
from gatehouse.simulate.geography import COUNTRIES
from gatehouse.simulate.population import ACTOR_TYPES, PLANS, Population


def sign_ups(people: Population, day: int, start_us: int) -> Columns | None:
    """Accounts made on a day; on day 0 also all that were there before."""
    since = -np.inf if day == 0 else day
    new = np.flatnonzero((people.joined >= since) & (people.joined < day + 1))
    return _accounts(people, new, start_us) if len(new) else None


def account_row(people: Population, actor: int, start_us: int) -> dict[str, Any]:
    """One account, as it was made."""
    columns = _accounts(people, np.array([actor]), start_us)
    return {
        name: value if isinstance(value, str) else _plain(value[0])
        for name, value in columns.items()
    }


def _accounts(people: Population, chosen: Ints, start_us: int) -> Columns:
    made = start_us + (people.joined[chosen] * DAY_US).astype(np.int64)
    domains = pa.array([people.email_domain[actor] for actor in chosen.tolist()])
    ids = people.ids.take(pa.array(chosen))
    return {
        "actor_id": ids,
        "actor_type": pick(ACTOR_TYPES, people.kind[chosen]),
        "updated_at": made,
        "created_at": made,
        "parent_actor_id": pick(people.ids, people.parent[chosen]),
        "plan_code": pick(PLANS, people.plan[chosen]),
        "country_code": pick(COUNTRIES, people.country[chosen]),
        "status_code": "active",
        "email": pc.binary_join_element_wise(ids, domains, "@"),
        "is_protected": people.is_protected[chosen],
    }


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value.item()
