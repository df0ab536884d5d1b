"""Review by an earlier team: labels come late, and now and then they are wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatehouse.simulate.classifier import FLAG_ABOVE
from gatehouse.simulate.columns import DAY_US, HOUR_US, Ints, make_ids
from gatehouse.simulate.items import Items
from gatehouse.simulate.policies import CONTENT_POLICIES
from gatehouse.simulate.population import NOBODY, USER, Population
from gatehouse.simulate.seeds import child

Row = dict[str, Any]

_SAMPLE_SHARE = 0.01
_ACCOUNTS_A_DAY = 0.02  # share of the accounts whose whole conduct is looked at
_DAYS_LATE = (0.7, 0.2, 0.1)  # shares of labels given one, two and three days after
_UNSURE = 0.02
# Share of labels that are wrong, by reviewer: 0.06 on average, one reviewer far above.
_WRONG = np.array([0.03, 0.04, 0.04, 0.05, 0.04, 0.05, 0.03, 0.06, 0.2])
_ITEMS_A_SHIFT = 12


@dataclass(frozen=True)
class Task:
    """An item, or an account as a whole, in review, and what it truly is."""

    item_id: str | None
    actor: int
    product: int
    policy_code: str
    violating: bool
    stream: str
    probability: float


class Reviews:
    """The team's queue. Its memory is a few days of open work."""

    def __init__(self, people: Population, start_us: int, seed: int) -> None:
        self._people = people
        self._start_us = start_us
        self._seed = seed
        # Of the campaigns by number, kind after kind: what an account's conduct is judged by.
        self.policies: tuple[str, ...] = CONTENT_POLICIES
        self._queue: dict[int, list[Task]] = defaultdict(list)
        self._batches: dict[int, int] = defaultdict(int)

    def receive(self, items: Items, day: int, reported: Ints | None = None) -> None:
        """Queue flagged and reported items, and a sample of the others, for the days after."""
        self._batches[day] += 1
        rng = child(self._seed, "review sample", day, self._batches[day])
        flagged = items.score > FLAG_ABOVE
        if reported is not None:
            flagged[reported] = True
        sampled = ~flagged & (rng.random(len(flagged)) < _SAMPLE_SHARE)
        for position in np.flatnonzero(flagged | sampled).tolist():
            is_flagged = bool(flagged[position])
            late = 1 + int(rng.choice(len(_DAYS_LATE), p=_DAYS_LATE))
            self._queue[day + late].append(
                Task(
                    item_id=items.ids[position].as_py(),
                    actor=int(items.actor[position]),
                    product=int(items.product[position]),
                    policy_code=CONTENT_POLICIES[int(items.policy[position])],
                    violating=bool(items.violating[position]),
                    stream="flagged" if is_flagged else "sample",
                    probability=1.0 if is_flagged else _SAMPLE_SHARE,
                )
            )

    def sample_accounts(self, day: int) -> list[Task]:
        """A day's random sample of accounts: what tells how common abuse is, whoever saw it."""
        people, rng = self._people, child(self._seed, "account sample", day)
        drawn = rng.random(len(people.joined)) < _ACCOUNTS_A_DAY
        here = (people.kind == USER) & (people.joined < day) & (people.left > day)
        tasks = []
        for actor in np.flatnonzero(drawn & here).tolist():
            campaign = int(people.abuse[actor])
            policy = self.policies[
                campaign % len(self.policies)
                if campaign >= 0
                else int(rng.integers(len(self.policies)))
            ]
            violating = campaign != NOBODY
            tasks.append(Task(None, actor, 0, policy, violating, "sample", _ACCOUNTS_A_DAY))
        return tasks

    def label(self, day: int) -> tuple[list[Row], list[Task]]:
        """A day's labels, and the tasks judged violating; what the truth is stays in the tasks.

        Returns:
            Rows with one key more than the contract has, ``is_right``; and the tasks.
        """
        self._batches.pop(day - 1, None)
        tasks, rng = self._queue.pop(day, []), child(self._seed, "labels", day)
        accounts = self.sample_accounts(day)
        # Two people read each account, so that one can tell how often they err.
        once, twice = len(tasks), len(tasks) + len(accounts)
        tasks = [*tasks, *accounts, *accounts]
        ids = make_ids("b_", "labels", len(tasks), seed=self._seed, day=day).to_pylist()
        rows: list[Row] = []
        judged: list[Task] = []
        convicted: set[int] = set()
        for number, (label_id, task) in enumerate(zip(ids, tasks, strict=True)):
            shift = (number - len(accounts) if number >= twice else number) // _ITEMS_A_SHIFT
            reviewer = (shift + (number >= twice)) % len(_WRONG)
            right, unsure = rng.random() >= _WRONG[reviewer], rng.random() < _UNSURE
            says_violating = task.violating == bool(right)
            if says_violating and not unsure:
                if number < once or task.actor in convicted:
                    judged.append(task)
                elif number < twice:
                    convicted.add(task.actor)
            code = "violating" if says_violating else "not_violating"
            rows.append(
                {
                    "label_id": label_id,
                    "labelled_at": office_hour(self._start_us, day, rng),
                    "actor_id": self._people.ids[task.actor].as_py(),
                    "item_id": task.item_id,
                    "policy_code": task.policy_code,
                    "label_code": "unsure" if unsure else code,
                    "reviewer_id": f"reviewer-{reviewer}",
                    "stream_code": task.stream,
                    "inclusion_probability": task.probability,
                    "is_right": bool(right) and not unsure,
                }
            )
        return rows, judged


def office_hour(start_us: int, day: int, rng: np.random.Generator) -> int:
    """An instant at which people work, microseconds since 1970."""
    return start_us + day * DAY_US + int(rng.integers(8 * HOUR_US, 20 * HOUR_US))
