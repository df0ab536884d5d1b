"""Limits of the monitors, proposed from what certified days were like; reviewed in git."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from gatehouse.errors import GatehouseError
from gatehouse.gate.drift import judge
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.past import read_past
from gatehouse.gate.suites import CHECKS, LIMITS_FILE, Drift, Limits, load_limits, load_suite
from gatehouse.settings import Settings

_LEAST_DAYS = 28
_MARGIN = 1.5
# A quiet month does not make a monitor stricter than this share of its default.
_STRICTEST = 0.5
# No limit is proposed beyond which a monitor would see nothing any more.
_MOST = {
    **dict.fromkeys(("rows_drop", "units_drop", "restated_drop", "value_drop"), 0.9),
    **dict.fromkeys(("nulls", "new_value", "mix", "shared"), 0.8),
    **{"repeats": 0.4, "replayed": 0.5, "numbers": 6.0, "hours": 6.0},
}


@dataclass(frozen=True)
class Proposal:
    """One limit, as it is and as certified history would have it.

    Attributes:
        relation: what is looked at.
        limit: field of `Limits`.
        days: certified days that were compared.
        readings: comparisons.
        furthest: the largest distance among them.
        present: the limit in force.
        proposed: the limit proposed.
    """

    relation: str
    limit: str
    days: int
    readings: int
    furthest: float
    present: float
    proposed: float

    def as_dict(self) -> dict[str, Any]:
        """The proposal as plain data for JSON."""
        return asdict(self)


def propose_limits(settings: Settings, tables: Collection[str] | None = None) -> list[Proposal]:
    """Compare each certified day with those before it, and propose limits.

    Raises:
        GatehouseError: there is no such table.
    """
    known = core_tables(settings)
    for name in tables or ():
        if name not in known:
            raise GatehouseError(
                f"There is no core table {name}.", next_step=f"choose of: {', '.join(known)}"
            )
    proposals: list[Proposal] = []
    for name in tables or known:
        suite = load_suite(settings.core_suites, name, known[name].columns)
        for drift in suite.drift:
            if drift.day:
                limits = suite.limits[drift.relation(name)]
                proposals += _of_relation(settings, name, drift, limits)
    return proposals


def _of_relation(
    settings: Settings, table: str, drift: Drift, limits: Limits
) -> Iterable[Proposal]:
    relation = drift.relation(table)
    past = read_past(settings, table, relation).profiles
    days = sorted({day for day, _ in past})
    if len(days) < _LEAST_DAYS:
        return
    distances: dict[str, list[float]] = defaultdict(list)
    for day in days:
        # Alone, and its own past: what it was judged by when it was new.
        before = {key: profile for key, profile in past.items() if key[0] < day}
        now = {key: profile for key, profile in past.items() if key[0] == day}
        for reading in judge(drift, limits, now, before, [day]):
            distances[reading.monitor].append(reading.distance)
    for monitor in CHECKS.values():
        found = distances.get(monitor, [])
        if not found and not distances.get(_other_side(monitor)):
            continue
        yield Proposal(
            relation=relation,
            limit=monitor,
            days=len(days),
            readings=len(found),
            furthest=round(max(found, default=0.0), 4),
            present=getattr(limits, monitor),
            proposed=_proposed(monitor, max(found, default=0.0)),
        )


def _other_side(monitor: str) -> str:
    """Of a pair of limits: a day that is above its forecast says of both how far it was off."""
    name, _, side = monitor.rpartition("_")
    sides = {"drop": "rise", "rise": "drop"}
    return f"{name}_{sides.get(side, side)}"


def _proposed(monitor: str, furthest: float) -> float:
    strictest = _STRICTEST * float(getattr(Limits(), monitor))
    wanted = max(_MARGIN * furthest, strictest)
    wanted = min(wanted, _MOST.get(monitor, wanted))
    # Two digits, rounded up: a reviewer reads them.
    digits = 1 - math.floor(math.log10(wanted))
    return float(math.ceil(wanted * 10**digits) / 10**digits)


def write_limits(settings: Settings, proposals: Iterable[Proposal]) -> Path:
    """Write proposed limits into the file, beside those of other relations that it has.

    Returns:
        The file. Its comments are lost: what they said belongs into the commit.
    """
    path = settings.core_suites.parent / LIMITS_FILE
    limits = {name: each.model_dump(exclude_unset=True) for name, each in load_limits(path).items()}
    for each in proposals:
        limits.setdefault(each.relation, {})[each.limit] = each.proposed
    head = (
        "# How far a day may be from its certified past, where the defaults do not fit.\n"
        "# Proposed by `gatehouse gate calibrate --write`, reviewed here.\n"
    )
    path.write_text(head + yaml.safe_dump(limits, sort_keys=True), "utf-8")
    return path
