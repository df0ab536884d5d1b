"""Report brigade: many accounts report one innocent user together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gatehouse.simulate.campaigns.traffic import Traffic
from gatehouse.simulate.campaigns.vocabulary import Acting
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.reports import MISTAKEN

_LEAST = 14  # fewer are no brigade
_STRIKES_ON = 2
_GROUP_SHARE = 0.45  # of the members, on a day of the second phase


@dataclass
class ReportBrigade(Acting):
    """First all within an hour and a half; then by parts over days, against another."""

    kind: ClassVar[str] = "report_brigade"
    policy_code: ClassVar[str] = "report_abuse"
    first_day: ClassVar[int] = 6
    days: ClassVar[int] = 7
    plain_size: ClassVar[int] = 16
    adapts_after: ClassVar[int] = 4

    def recruit(self, rng: np.random.Generator) -> None:
        """Make the accounts over two days, and choose the target."""
        count = max(_LEAST, self.size)
        self.enlist(count, rng, within=(0, 1.8), addresses=self.rent("carrier", 4, rng))
        self.join(self.bystanders(1, rng), "target")
        self.overlap(3, rng)

    def adapt(self, rng: np.random.Generator) -> None:
        """Choose another target; some who are angry without being asked join in."""
        for each in self.memberships:
            if each.role == "target":
                each.until = 0
        self.join(self.bystanders(1, rng), "target")
        self.turn(max(4, self.size // 3), rng)

    def act(self, traffic: Traffic, rng: np.random.Generator) -> None:
        """Two days of sign-ups, then reports."""
        members = self.able()
        if self.phase == 0:
            if self.own_day == _STRIKES_ON:
                self._strike(traffic, members, (18, 19.5), (4, 6), rng)
                # Innocents see the quarrel and report too.
                near = self.able("bystander")
                at, severity = self.hours(rng, len(near)), rng.integers(1, 4, len(near))
                self.report(
                    traffic, near, self._target(len(near)), at, severity, rng, kind=MISTAKEN
                )
            return
        part = members[rng.random(len(members)) < _GROUP_SHARE]
        self._strike(traffic, part, (8, 22), (3, 6), rng)

    def _strike(
        self,
        traffic: Traffic,
        members: Ints,
        hours: tuple[float, float],
        severity: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        at = self.hours(rng, len(members), hours)
        said = rng.integers(*severity, len(members))
        self.report(traffic, members, self._target(len(members)), at, said, rng)

    def _target(self, count: int) -> Ints:
        return np.full(count, self.of_role("target")[0])
