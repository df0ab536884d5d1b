"""Ban evasion: who is suspended comes back under another name, on the same device and card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.payments import SUCCEEDED, card_names
from gatehouse.simulate.population import PLUS
from gatehouse.simulate.text import paraphrase

_INSULTS_A_DAY = 5
_BANNED_ON, _BANNED_SHARE = (1, 5, 8), 0.8
_TEMPLATE = (
    ("Write to <private-person>", "Tell <private-person>", "Make a text for <private-person>"),
    ("that <insult-a>", "why <insult-b>", "how <insult-c>"),
    ("and that everybody agrees.", "in front of all.", "again."),
)


@dataclass
class BanEvasion(Acting):
    """First with the old device; then with a new one and a VPN, but the same card."""

    kind: ClassVar[str] = "ban_evasion"
    policy_code: ClassVar[str] = "harassment"
    first_day: ClassVar[int] = 1
    days: ClassVar[int] = 11
    plain_size: ClassVar[int] = 6
    adapts_after: ClassVar[int] = 7
    is_watched: ClassVar[bool] = False  # it has days of its own

    earlier: dict[int, int] = field(default_factory=dict)  # account to the one before it

    def recruit(self, rng: np.random.Generator) -> None:
        """Ordinary accounts that begin to harass."""
        members = self.turn(self.size, rng)
        self.world.people.plan[members] = PLUS

    def adapt(self, rng: np.random.Generator) -> None:
        """Hide behind a VPN from now on."""
        self.rent("vpn", 3, rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Insults; the suspended come back the day after."""
        if self.own_day in _BANNED_ON:
            self.be_caught(_BANNED_SHARE, rng)
        if self.own_day == _BANNED_ON[0]:
            self._caught_on = None  # it begins with a ban; only the next one tells it to adapt
        people = self.world.people
        banned = [
            actor
            for actor in self.of_role().tolist()
            if people.left[actor] <= self.now and actor not in self.earlier.values()
        ]
        self._come_back(traffic, np.array(banned, dtype=np.int64), rng)
        actor = self.each(self.able(), _INSULTS_A_DAY, rng)
        at = self.since_sign_up(actor, self.hours(rng, len(actor)))
        self.say(traffic, actor, at, rng, paraphrase(_TEMPLATE, len(actor), rng, 0.5))

    def _come_back(self, traffic: Traffic, old: Ints, rng: np.random.Generator) -> None:
        if not len(old):
            return
        new = self.enlist(len(old), rng, within=(0, 0.4))
        people = self.world.people
        people.plan[new], people.card[new] = PLUS, people.card[old]
        people.country[new] = people.country[old]
        if self.phase == 0:
            people.devices[new], people.addresses[new] = people.devices[old], people.addresses[old]
            people.user_agent[new] = people.user_agent[old]
            self.note_devices(new)
        else:
            people.addresses[new, 0] = rng.choice(self.rented, len(new))
        self.earlier |= dict(zip(new.tolist(), old.tolist(), strict=True))
        at = self.since_sign_up(new, np.full(len(new), self.day_us))
        cards = card_names(people, new, self.world.seed)
        self.note("payment_fingerprint", cards.to_pylist())
        outcome = np.full(len(new), SUCCEEDED)
        self.pay(traffic, new, at, np.full(len(new), 2_000), outcome, cards)
