"""An earlier safety team: it labels late and now and then wrongly, acts, and hears appeals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatehouse.simulate.accounts import account_row
from gatehouse.simulate.columns import DAY_US, Columns, columns_of, make_ids
from gatehouse.simulate.policies import CONTENT_POLICIES
from gatehouse.simulate.population import PRODUCTS, Population
from gatehouse.simulate.seeds import child
from gatehouse.simulate.signals import Items

Row = dict[str, Any]

_FLAG_ABOVE = 0.7
_SAMPLE_SHARE = 0.01
_RIGHT = 0.94  # share of labels that say what is true
_ACTIONS = ("warn", "rate_limit", "restrict", "suspend")
_ACTION_SHARES = (0.4, 0.2, 0.2, 0.2)
_ACTION_DAYS = {"rate_limit": 3, "restrict": 7}
_APPEALED = 0.25
_ITEMS_A_REVIEWER = 12


@dataclass(frozen=True)
class _Task:
    item_id: str
    actor: int
    product: int
    policy: int
    violating: bool
    stream: str
    probability: float


class SafetyTeam:
    """What the team did, day by day. Its memory is a few days of open work."""

    def __init__(self, people: Population, start_us: int, seed: int) -> None:
        self._people = people
        self._start_us = start_us
        self._seed = seed
        self._tasks: dict[int, list[_Task]] = defaultdict(list)
        self._to_act: dict[int, list[_Task]] = defaultdict(list)
        self._due: dict[int, list[tuple[str, Row]]] = defaultdict(list)
        self._acted: set[int] = set()

    def receive(self, items: Items, day: int, block: int) -> None:
        """Queue a block's flagged items, and a sample of the others, for tomorrow."""
        rng = child(self._seed, "review sample", day, block)
        flagged = items.score > _FLAG_ABOVE
        sampled = ~flagged & (rng.random(len(flagged)) < _SAMPLE_SHARE)
        for position in np.flatnonzero(flagged | sampled).tolist():
            is_flagged = bool(flagged[position])
            self._tasks[day + 1].append(
                _Task(
                    item_id=items.ids[position].as_py(),
                    actor=int(items.actor[position]),
                    product=int(items.product[position]),
                    policy=int(items.policy[position]),
                    violating=bool(items.violating[position]),
                    stream="flagged" if is_flagged else "sample",
                    probability=1.0 if is_flagged else _SAMPLE_SHARE,
                )
            )

    def work(self, day: int) -> dict[str, Columns]:
        """The rows of a day by contract; contracts without any are absent."""
        rows: dict[str, list[Row]] = {
            "review_labels": self._label(day),
            "enforcement_actions": self._act(day),
            "appeals": [],
            "actors": [],
        }
        for contract, row in self._due.pop(day, []):
            rows[contract].append(row)
        return {contract: columns_of(made) for contract, made in rows.items() if made}

    def _label(self, day: int) -> list[Row]:
        tasks = self._tasks.pop(day, [])
        rng = child(self._seed, "labels", day)
        ids = make_ids("b_", "labels", len(tasks), seed=self._seed, day=day).to_pylist()
        rows: list[Row] = []
        for label_id, task in zip(ids, tasks, strict=True):
            says_violating = task.violating == bool(rng.random() < _RIGHT)
            if says_violating and task.actor not in self._acted:
                self._acted.add(task.actor)
                self._to_act[day + 1].append(task)
            rows.append(
                {
                    "label_id": label_id,
                    "labelled_at": self._during(day, rng),
                    "actor_id": self._people.ids[task.actor].as_py(),
                    "item_id": task.item_id,
                    "policy_code": CONTENT_POLICIES[task.policy],
                    "label_code": "violating" if says_violating else "not_violating",
                    "reviewer_id": f"reviewer-{len(rows) // _ITEMS_A_REVIEWER % 9}",
                    "stream_code": task.stream,
                    "inclusion_probability": task.probability,
                }
            )
        return rows

    def _act(self, day: int) -> list[Row]:
        tasks = self._to_act.pop(day, [])
        rng = child(self._seed, "actions", day)
        ids = make_ids("x_", "actions", len(tasks), seed=self._seed, day=day).to_pylist()
        rows = []
        for action_id, task in zip(ids, tasks, strict=True):
            code = str(rng.choice(_ACTIONS, p=_ACTION_SHARES))
            at = self._during(day, rng)
            ends = _ACTION_DAYS.get(code)
            row = {
                "action_id": action_id,
                "updated_at": at,
                "decided_at": at,
                "actor_id": self._people.ids[task.actor].as_py(),
                "product_code": PRODUCTS[task.product] if code == "rate_limit" else None,
                "policy_code": CONTENT_POLICIES[task.policy],
                "action_code": code,
                "state_code": "active",
                "valid_from_at": at,
                "valid_to_at": at + ends * DAY_US if ends else None,
                "decision_source_code": "human" if rng.random() < 0.8 else "hybrid",
                "detection_id": None,
                "reason": "Reviewed content broke the policy.",
            }
            rows.append(row)
            self._follow_up(day, task, row, rng)
        return rows

    def _follow_up(self, day: int, task: _Task, row: Row, rng: np.random.Generator) -> None:
        """What follows from an action: its end, a suspension's effect, an appeal."""
        if row["action_code"] == "suspend":
            self._people.left[task.actor] = day + 1
            account = account_row(self._people, task.actor, self._start_us)
            change = {"status_code": "suspended", "updated_at": row["decided_at"]}
            self._later(day, "actors", {**account, **change})
        overturned = False
        # The wrongly punished appeal more often, and win more often.
        if rng.random() < _APPEALED * (1 if task.violating else 3):
            overturned = bool(rng.random() < (0.05 if task.violating else 0.7))
            self._appeal(day, row, overturned, rng)
        if row["valid_to_at"] is not None and not overturned:
            ended = {**row, "state_code": "expired", "updated_at": row["valid_to_at"]}
            self._later(day + _ACTION_DAYS[row["action_code"]], "enforcement_actions", ended)

    def _appeal(self, day: int, row: Row, overturned: bool, rng: np.random.Generator) -> None:
        made, decided = self._during(day + 1, rng), self._during(day + 3, rng)
        appeal = {
            "appeal_id": "y" + row["action_id"][1:],
            "updated_at": made,
            "action_id": row["action_id"],
            "submitted_at": made,
            "decided_at": None,
            "outcome_code": "pending",
        }
        outcome = "overturned" if overturned else "upheld"
        self._later(day + 1, "appeals", appeal)
        answer = {"updated_at": decided, "decided_at": decided, "outcome_code": outcome}
        self._later(day + 3, "appeals", {**appeal, **answer})
        if overturned:
            reversal = {**row, "state_code": "reversed", "updated_at": decided}
            self._later(day + 3, "enforcement_actions", reversal)

    def _during(self, day: int, rng: np.random.Generator) -> int:
        return self._start_us + day * DAY_US + int(rng.integers(8, 20) * 3_600_000_000)

    def _later(self, day: int, contract: str, row: Row) -> None:
        self._due[day].append((contract, row))
