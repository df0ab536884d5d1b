"""Payments: monthly fees, top-ups, refunds, and chargebacks that come days later."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.columns import DAY_US, Columns, Ints, make_ids, pick
from gatehouse.simulate.population import API_KEY, FREE, Population
from gatehouse.simulate.requests import PRODUCT_CODES
from gatehouse.simulate.seeds import child

PAYMENT_OUTCOMES = pa.array(["succeeded", "declined", "refunded", "chargeback"])
SUCCEEDED, DECLINED, REFUNDED, CHARGEBACK = range(4)
PRICES = np.array([0, 2_000, 6_000, 9_000, 40_000])  # cents a month, by plan
_DECLINED_SHARE, _REFUNDED_SHARE, _CHARGEBACK_SHARE = 0.036, 0.007, 0.003
_FIRST_LATER, _LAST_LATER = 2, 11  # days until money is asked back


class Payments:
    """Payments of the population. It remembers what will be asked back."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._due: dict[int, list[tuple[Ints, Ints, Ints, Any]]] = defaultdict(list)

    def rows(self, people: Population, day: int, day_start: int) -> list[Columns]:
        """Payments of a day; money asked back is a payment of its own with the same card."""
        rng = child(self._seed, "payments", day)
        made = self._fees(people, day, day_start, rng)
        for number, (payer, amount, outcome, cards) in enumerate(self._due.pop(day, [])):
            ids = make_ids(
                "p_", "asked back", len(payer), seed=self._seed, day=day, block=number % 1024
            )
            at = day_start + rng.integers(0, DAY_US, len(payer))
            made.append(payment_columns(people, ids, at, payer, amount, outcome, cards))
        return made

    def later(self, day: int, payer: Ints, amount: Ints, outcome: int, cards: Any) -> None:
        """Have money asked back on a day.

        Args:
            day: simulated day.
            payer: positions.
            amount: cents.
            outcome: `REFUNDED` or `CHARGEBACK`.
            cards: payment fingerprints.
        """
        self._due[day].append((payer, amount, np.full(len(payer), outcome), cards))

    def _fees(
        self, people: Population, day: int, day_start: int, rng: np.random.Generator
    ) -> list[Columns]:
        number = np.arange(len(people))
        exists = (people.joined < day) & (people.left > day)
        due = exists & (people.plan > FREE) & (people.parent < 0) & (number % 30 == day % 30)
        top_up = exists & (people.kind == API_KEY) & (rng.random(len(people)) < 0.06)
        payer = np.flatnonzero(due | top_up)
        if not len(payer):
            return []
        credit = rng.integers(1, 40, len(payer)) * 500
        amount = np.where(people.kind[payer] == API_KEY, credit, PRICES[people.plan[payer]])
        declined = rng.random(len(payer)) < _DECLINED_SHARE
        outcome = np.where(declined, DECLINED, SUCCEEDED)
        cards = card_names(people, payer, self._seed)
        self._ask_back(day, payer, amount, declined, cards, rng)
        ids = make_ids("p_", "payments", len(payer), seed=self._seed, day=day)
        at = day_start + rng.integers(0, DAY_US, len(payer))
        return [payment_columns(people, ids, at, payer, amount, outcome, cards)]

    def _ask_back(
        self,
        day: int,
        payer: Ints,
        amount: Ints,
        declined: Any,
        cards: Any,
        rng: np.random.Generator,
    ) -> None:
        chance = np.where(declined, 1.0, rng.random(len(payer)))
        back = np.flatnonzero(chance < _REFUNDED_SHARE + _CHARGEBACK_SHARE)
        for each in back.tolist():
            outcome = REFUNDED if chance[each] < _REFUNDED_SHARE else CHARGEBACK
            when = day + int(rng.integers(_FIRST_LATER, _LAST_LATER))
            one = slice(each, each + 1)
            self.later(when, payer[one], amount[one], outcome, cards.slice(each, 1))


def card_names(people: Population, payer: Ints, seed: int) -> Any:
    """Payment fingerprint of each payer: its own, its organisation's or its owner's."""
    cards = make_ids("f_", "cards", len(people), seed=seed, day=0)
    return cards.take(pa.array(people.card[payer]))


def payment_columns(
    people: Population, ids: Any, at: Ints, payer: Ints, amount: Ints, outcome: Ints, cards: Any
) -> Columns:
    """The payments contract's columns.

    Args:
        people: the population.
        ids: payment ids.
        at: microseconds since 1970.
        payer: positions.
        amount: cents.
        outcome: positions in `PAYMENT_OUTCOMES`.
        cards: payment fingerprints.
    """
    shares = np.diff(people.taste[payer], axis=1, prepend=0.0)
    return {
        "payment_id": ids,
        "occurred_at": at,
        "actor_id": pick(people.ids, payer),
        "product_code": pick(PRODUCT_CODES, shares.argmax(axis=1)),
        "amount": amount,
        "currency_code": "USD",
        "outcome_code": pick(PAYMENT_OUTCOMES, outcome),
        "payment_fingerprint": cards,
        "ip_address": pick(people.networks.pool, people.addresses[payer, 0]),
        "device_id": pick(people.device_pool, people.devices[payer, 0]),
    }
