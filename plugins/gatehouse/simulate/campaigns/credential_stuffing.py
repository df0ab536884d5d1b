"""Credential stuffing: leaked passwords are tried on many accounts, and some are taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Columns, Ints, pick
from gatehouse.simulate.logins import FAILURE, SUCCESS, UNKNOWN
from gatehouse.simulate.population import FIRST_SDK, USER_AGENTS

_TRIES = (9, 2)  # an account and day, by phase
_TAKEN_SHARE = 0.1
_FIRST_TAKEN_ON = 1
_USES = 20  # requests a taken account and day


@dataclass
class CredentialStuffing(Acting):
    """First from a few hosted addresses all night; then twice an account, from homes."""

    kind: ClassVar[str] = "credential_stuffing"
    policy_code: ClassVar[str] = "account_takeover"
    first_day: ClassVar[int] = 4
    days: ClassVar[int] = 7
    plain_size: ClassVar[int] = 40
    adapts_after: ClassVar[int] = 4

    sources: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def recruit(self, rng: np.random.Generator) -> None:
        """Choose accounts to try, some to be taken, and the addresses to try from."""
        self.sources = self.rent("datacenter", 4, rng)
        self._choose_accounts(rng)

    def adapt(self, rng: np.random.Generator) -> None:
        """Go on with other accounts, few tries each, from many homes."""
        for each in self.memberships:
            each.until = 0
        self.sources = self.proxies(self.size, rng)
        self._choose_accounts(rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Guess; log in where a guess was right; use what is open."""
        victims = self.able("victim")
        known = np.concatenate([victims, self.able("target")])
        tried = np.repeat(known, _TRIES[self.phase])
        rng.shuffle(tried)
        hours = (1.0, 5.0) if self.phase == 0 else (6.0, 22.0)
        night = self.hours(rng, len(tried), hours)
        self._log_in(traffic, tried, night, FAILURE, rng)
        misspelt = self.world.ids("u_", "misspelt", max(1, len(known) // 2), self.now)
        guesses = self.hours(rng, len(misspelt), hours)
        nobody = np.full(len(misspelt), known[0])
        self._log_in(traffic, nobody, guesses, UNKNOWN, rng, actor_id=misspelt)
        first = self.phase_bounds(self.phase)[0] + (_FIRST_TAKEN_ON if self.phase == 0 else 0)
        if self.now == first:
            taken = self.hours(rng, len(victims), (hours[1] - 0.5, hours[1]))
            self._log_in(traffic, victims, taken, SUCCESS, rng)
        if self.now >= first:
            self._use(traffic, self.each(victims, _USES, rng), hours[1], rng)

    def _choose_accounts(self, rng: np.random.Generator) -> None:
        tried = self.bystanders(self.size, rng)
        taken = max(2, round(len(tried) * _TAKEN_SHARE))
        self.join(tried[:taken], "victim")
        self.join(tried[taken:], "target")

    def _log_in(
        self,
        traffic: Traffic,
        actor: Ints,
        at: Ints,
        outcome: int,
        rng: np.random.Generator,
        **columns: Any,
    ) -> None:
        # An account is always tried from the same address, as a worker has its own list.
        self.log_in(
            traffic,
            actor,
            at,
            np.full(len(actor), outcome),
            self._source_of(actor),
            countries=rng.integers(0, 6, len(actor)),
            user_agents=self._clients(len(actor), rng),
            **columns,
        )

    def _use(self, traffic: Traffic, actor: Ints, hour: float, rng: np.random.Generator) -> None:
        at = self.hours(rng, len(actor), (hour, min(hour + 4, 24)))
        devices = pick(self.world.people.device_pool, np.full(len(actor), -1))
        columns: Columns = {"device_id": devices}
        self.request(
            traffic,
            actor,
            at,
            rng,
            addresses=self._source_of(actor),
            user_agents=self._clients(len(actor), rng),
            **columns,
        )

    def _clients(self, count: int, rng: np.random.Generator) -> Ints:
        program = np.full(count, FIRST_SDK + 2)
        browser = rng.integers(0, FIRST_SDK, count)
        chosen: Ints = program if self.phase == 0 else browser
        return np.minimum(chosen, len(USER_AGENTS) - 1)

    def _source_of(self, actor: Ints) -> Ints:
        sources: Ints = self.sources[actor % len(self.sources)]
        return sources
