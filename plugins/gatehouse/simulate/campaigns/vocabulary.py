"""What campaigns do, in rows that look like everybody's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gatehouse.simulate.activity import who_and_where
from gatehouse.simulate.campaigns.cast import Cast
from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.classifier import draw_scores
from gatehouse.simulate.columns import HOUR_US, Columns, Ints, pick
from gatehouse.simulate.geography import COUNTRIES
from gatehouse.simulate.items import PROMPT, Items, content_rows, score_rows
from gatehouse.simulate.logins import attempts
from gatehouse.simulate.payments import payment_columns
from gatehouse.simulate.policies import REPORT_POLICIES, policy_index
from gatehouse.simulate.population import USER_AGENTS, Flags
from gatehouse.simulate.reports import MALICIOUS, comments, draw_reporters
from gatehouse.simulate.requests import PRODUCT_CODES, REQUEST, request_columns
from gatehouse.simulate.world import spread

_SESSION_US = 3 * HOUR_US
_REFUSED = 0.45


class Acting(Cast):
    """A campaign with the verbs of its kinds: request, say, log in, pay, report."""

    def request(
        self,
        traffic: Traffic,
        actor: Ints,
        at: Ints,
        rng: np.random.Generator,
        *,
        product: str = "chat_assistant",
        event_type: int = REQUEST,
        addresses: Ints | None = None,
        user_agents: Ints | None = None,
        refused: Flags | None = None,
        **columns: Any,
    ) -> None:
        """Events; ``columns`` replace what they would plainly have.

        Args:
            traffic: where to.
            actor: position of each event's actor.
            at: microseconds since 1970 of each.
            rng: random numbers.
            product: product surface, or the first there is.
            event_type: position in `EVENT_TYPES`.
            addresses: positions in the network pool, one an event; the actors' own if absent.
            user_agents: positions in `USER_AGENTS`, one an event; the actors' own if absent.
            refused: events that the product refuses.
            columns: other columns of the contract.
        """
        if not len(actor):
            return
        world, people, count = self.world, self.world.people, len(actor)
        _, session_of = np.unique(actor * 4096 + at // _SESSION_US % 4096, return_inverse=True)
        sessions = world.ids("s_", "campaign sessions", int(session_of.max()) + 1, self.now)
        asked = request_columns(
            np.full(count, world.product(product)),
            at,
            rng,
            outages=world.calendar.outages(self.now),
            refused=refused,
            event_type=np.full(count, event_type),
            pages=False,
        )
        rows: dict[str, Any] = {
            "event_id": world.ids("e_", "campaign events", count, self.now),
            "occurred_at": at,
            "session_id": sessions.take(pa.array(session_of)),
            **who_and_where(people, actor, session_of, rng),
            **asked,
            **columns,
        }
        if addresses is not None:
            rows["ip_address"] = pick(people.networks.pool, addresses)
        if user_agents is not None:
            rows["user_agent"] = pick(USER_AGENTS, user_agents)
        traffic.rows["events"].append(rows)

    def say(
        self,
        traffic: Traffic,
        actor: Ints,
        at: Ints,
        rng: np.random.Generator,
        bodies: Any,
        *,
        violating: bool = True,
        stealth: float | None = None,
        policy_code: str | None = None,
        content_type: int = PROMPT,
        product: str = "chat_assistant",
        **request: Any,
    ) -> Any:
        """Events that carry content, with the classifier's scores.

        Args:
            traffic: where to.
            actor: position of each event's actor.
            at: microseconds since 1970 of each.
            rng: random numbers.
            bodies: the texts.
            violating: the truth about them.
            stealth: how much they are worded to be missed; the campaign's own if absent.
            policy_code: the policy they are scored by; the campaign's own if absent.
            content_type: position in `CONTENT_TYPES`.
            product: product surface, or the first there is.
            request: as in `request`.

        Returns:
            Content ids.
        """
        world, count = self.world, len(actor)
        stealth = self.stealth if stealth is None else stealth
        ids = world.ids("c_", "campaign content", count, self.now)
        truth = np.full(count, violating)
        items = Items(
            ids=ids,
            actor=actor,
            product=np.full(count, world.product(product)),
            policy=np.full(count, policy_index(policy_code or self.policy_code)),
            content_type=np.full(count, content_type),
            at=at,
            violating=truth,
            score=draw_scores(truth, self.now, rng, stealth=stealth),
        )
        if count:
            refused = truth & (rng.random(count) < _REFUSED * (1 - stealth))
            extra = {"refused": refused, "content_id": ids, **request}
            self.request(traffic, actor, at, rng, product=product, **extra)
            traffic.items.append(items)
            traffic.rows["content"].append(content_rows(world.people, items, bodies, rng))
            traffic.rows["model_scores"].append(score_rows(world.people, items, self.now))
        return ids

    def log_in(
        self,
        traffic: Traffic,
        actor: Ints,
        at: Ints,
        outcome: Ints,
        addresses: Ints,
        *,
        countries: Ints,
        user_agents: Ints,
        product: str = "chat_assistant",
        **columns: Any,
    ) -> None:
        """Log-ins by somebody who is not the account's owner: by password, without its device."""
        if not len(actor):
            return
        world, people = self.world, self.world.people
        ids = world.ids("l_", "campaign logins", len(actor), self.now)
        products = np.full(len(actor), world.product(product))
        rows: Columns = {
            **attempts(people, ids, at, actor, outcome, products),
            "method_code": "password",
            "ip_address": pick(people.networks.pool, addresses),
            "device_id": None,
            "user_agent": pick(USER_AGENTS, user_agents),
            "country_code": pick(COUNTRIES, countries),
            **columns,
        }
        traffic.rows["logins"].append(rows)

    def pay(
        self, traffic: Traffic, payer: Ints, at: Ints, amount: Ints, outcome: Ints, cards: Any
    ) -> None:
        """Payments; amounts in cents, outcomes as positions in `PAYMENT_OUTCOMES`."""
        if len(payer):
            ids = self.world.ids("p_", "campaign payments", len(payer), self.now)
            rows = payment_columns(self.world.people, ids, at, payer, amount, outcome, cards)
            traffic.rows["payments"].append(rows)

    def cards(self, count: int) -> Any:
        """Payment fingerprints of the campaign's own."""
        made = self.world.ids("f_", "campaign cards", count, self.now)
        self.note("payment_fingerprint", made.to_pylist())
        return made

    def report(
        self,
        traffic: Traffic,
        reporter: Ints,
        reported: Ints,
        at: Ints,
        severity: Ints,
        rng: np.random.Generator,
        *,
        kind: int = MALICIOUS,
        item_ids: Any = None,
        product: str = "chat_assistant",
        policy_code: str | None = None,
    ) -> None:
        """Reports; ``kind`` is what they truly are, a position in `REPORT_KINDS`."""
        if not len(reporter):
            return
        world, people, count = self.world, self.world.people, len(reporter)
        named = rng.integers(0, len(REPORT_POLICIES), count)
        ids = world.ids("r_", "campaign reports", count, self.now)
        traffic.rows["user_reports"].append(
            {
                "report_id": ids,
                "reported_at": at,
                "reporter_actor_id": pick(people.ids, reporter),
                "reported_actor_id": pick(people.ids, reported),
                "item_id": item_ids,
                "product_code": pick(PRODUCT_CODES, np.full(count, world.product(product))),
                "policy_code": policy_code or pick(pa.array(REPORT_POLICIES), named),
                "severity": severity,
                "comment": comments(count, rng),
            }
        )
        traffic.reports.append((ids, np.full(count, kind)))

    def witnesses(self, count: int, rng: np.random.Generator) -> Ints:
        """Positions of ordinary users who report what they saw, some of them often."""
        return draw_reporters(self.world.people.settled(self.now), count, rng, right=True)

    def hours(
        self, rng: np.random.Generator, count: int, between: tuple[float, float] = (7, 23)
    ) -> Ints:
        """``count`` instants of today between two hours (UTC)."""
        return spread(rng, self.day_us, count, between)

    def some_objects(self, count: int, what: str | int) -> NDArray[np.str_]:
        """Names of shared objects, always the same for ``what``."""
        numbers = self.world.rng(self.campaign_id, what).integers(0, 1_000_000, count)
        return np.array([f"shared/{number:06d}" for number in numbers])

    def each(self, actors: Ints, times: float, rng: np.random.Generator) -> Ints:
        """Every actor a number of times around ``times``, shuffled."""
        repeated = np.repeat(actors, rng.poisson(times, len(actors)))
        rng.shuffle(repeated)
        return repeated

    def since_sign_up(self, actor: Ints, at: Ints) -> Ints:
        """Instants, moved behind the sign-up where they are before it."""
        joined = self.world.people.joined[actor]
        made = self.day_us + ((joined - self.now) * 24 * HOUR_US).astype(np.int64)
        day_end = self.day_us + 24 * HOUR_US - 1
        after = np.minimum(made + 60_000_000 + (at - self.day_us) % HOUR_US, day_end)
        return np.where(at < made, after, at)
