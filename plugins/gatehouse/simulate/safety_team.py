"""An earlier safety team: it acts on what review judged, raids campaigns, and hears appeals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from gatehouse.simulate.accounts import account_row
from gatehouse.simulate.columns import DAY_US, Columns, Ints, columns_of, make_ids
from gatehouse.simulate.items import Items
from gatehouse.simulate.population import PRODUCTS, Population
from gatehouse.simulate.reviews import Reviews, Row, office_hour
from gatehouse.simulate.seeds import child

_ACTIONS = ("warn", "rate_limit", "restrict", "suspend")
_ACTION_SHARES = (0.4, 0.2, 0.2, 0.2)
_ACTION_DAYS = {"rate_limit": 3, "restrict": 7}
_APPEALED, _APPEALED_WRONG = 0.25, 0.75  # share of right and of wrong actions
_OVERTURNED, _OVERTURNED_WRONG = 0.05, 0.7  # share of their appeals
_DAYS_TO_ACT = (0.75, 0.15, 0.1)  # shares of actions one, two and three days after a label
_REASONS = {"human": "Reviewed content broke the policy.", "hybrid": "Flagged and reviewed."}
_RAID_REASON = "Acts together with others who broke the policy."


@dataclass(frozen=True)
class _Case:
    actor: int
    product: int
    policy_code: str
    is_right: bool
    action_code: str = ""
    reason: str = ""


class SafetyTeam:
    """What the team did, day by day. Its memory is a few days of open work.

    Attributes:
        decisions: contract, record id and whether it was right, of the day's labels and actions.
    """

    def __init__(self, people: Population, start_us: int, seed: int) -> None:
        self.decisions: list[Row] = []
        self._people = people
        self._start_us = start_us
        self._seed = seed
        self._reviews = Reviews(people, start_us, seed)
        self._to_act: dict[int, list[_Case]] = defaultdict(list)
        self._due: dict[int, list[tuple[str, Row]]] = defaultdict(list)
        self._returns: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self._acted: set[int] = set()

    def judge_by(self, policies: tuple[str, ...]) -> None:
        """The policies that campaigns break, by their number, kind after kind."""
        self._reviews.policies = policies

    def receive(self, items: Items, day: int, reported: Ints | None = None) -> None:
        """Take items in for review; ``reported`` are the positions of those users reported."""
        self._reviews.receive(items, day, reported)

    def raid(
        self, actors: list[int], policy_code: str, day: int, *, right: bool, product: int = 0
    ) -> None:
        """Suspend actors on a day, not for an item but for the company they keep."""
        cases = [
            _Case(actor, product, policy_code, right, "suspend", _RAID_REASON) for actor in actors
        ]
        self._to_act[day] += cases

    def work(self, day: int) -> dict[str, Columns]:
        """The rows of a day by contract; contracts without any are absent."""
        self.decisions = []
        for actor, left in self._returns.pop(day, []):
            self._people.left[actor] = left
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
        labels, judged = self._reviews.label(day)
        rng = child(self._seed, "after labels", day)
        for task in judged:
            if task.actor not in self._acted:
                self._acted.add(task.actor)
                late = 1 + int(rng.choice(len(_DAYS_TO_ACT), p=_DAYS_TO_ACT))
                case = _Case(task.actor, task.product, task.policy_code, task.violating)
                self._to_act[day + late].append(case)
        return [self._noted("review_labels", "label_id", row) for row in labels]

    def _act(self, day: int) -> list[Row]:
        cases = self._to_act.pop(day, [])
        rng = child(self._seed, "actions", day)
        ids = make_ids("x_", "actions", len(cases), seed=self._seed, day=day).to_pylist()
        rows = []
        for action_id, case in zip(ids, cases, strict=True):
            code = case.action_code or str(rng.choice(_ACTIONS, p=_ACTION_SHARES))
            at = office_hour(self._start_us, day, rng)
            ends = _ACTION_DAYS.get(code)
            source = "human" if rng.random() < 0.8 else "hybrid"
            row = {
                "action_id": action_id,
                "updated_at": at,
                "decided_at": at,
                "actor_id": self._people.ids[case.actor].as_py(),
                "product_code": PRODUCTS[case.product] if code == "rate_limit" else None,
                "policy_code": case.policy_code,
                "action_code": code,
                "state_code": "active",
                "valid_from_at": at,
                "valid_to_at": at + ends * DAY_US if ends else None,
                "decision_source_code": source,
                "detection_id": None,
                "reason": case.reason or _REASONS[source],
            }
            self._follow_up(day, case, row, rng)
            rows.append(
                self._noted("enforcement_actions", "action_id", row | {"is_right": case.is_right})
            )
        return rows

    def _noted(self, contract: str, key: str, row: Row) -> Row:
        is_right = row.pop("is_right")
        self.decisions.append(
            {"contract_name": contract, "record_id": row[key], "is_right": is_right}
        )
        return row

    def _follow_up(self, day: int, case: _Case, row: Row, rng: np.random.Generator) -> None:
        """What follows from an action: its end, a suspension's effect, an appeal."""
        overturned = False
        if rng.random() < (_APPEALED if case.is_right else _APPEALED_WRONG):
            chance = _OVERTURNED if case.is_right else _OVERTURNED_WRONG
            overturned = bool(rng.random() < chance)
            self._appeal(day, row, overturned, rng)
        if row["action_code"] == "suspend":
            self._suspend(day, case.actor, row, overturned)
        if row["valid_to_at"] is not None and not overturned:
            ended = {**row, "state_code": "expired", "updated_at": row["valid_to_at"]}
            self._later(day + _ACTION_DAYS[row["action_code"]], "enforcement_actions", ended)

    def _suspend(self, day: int, actor: int, row: Row, overturned: bool) -> None:
        account = account_row(self._people, actor, self._start_us)
        change = {"status_code": "suspended", "updated_at": row["decided_at"]}
        self._later(day, "actors", {**account, **change})
        if overturned:
            self._returns[day + 4].append((actor, float(self._people.left[actor])))
            again = {"status_code": "active", "updated_at": row["decided_at"] + 4 * DAY_US}
            self._later(day + 4, "actors", {**account, **again})
        self._people.left[actor] = min(self._people.left[actor], day + 1)

    def _appeal(self, day: int, row: Row, overturned: bool, rng: np.random.Generator) -> None:
        made = office_hour(self._start_us, day + 1, rng)
        decided = office_hour(self._start_us, day + 3, rng)
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

    def _later(self, day: int, contract: str, row: Row) -> None:
        self._due[day].append((contract, row))
