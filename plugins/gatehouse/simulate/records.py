"""What goes into the ground truth, and in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns import PHASES, ROW_IDS, Campaign, Traffic
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.items import Items
from gatehouse.simulate.policies import CONTENT_POLICIES
from gatehouse.simulate.population import ACTOR_TYPES, LONE, NOBODY, Population
from gatehouse.simulate.reports import REPORT_KINDS
from gatehouse.simulate.reviews import Row
from gatehouse.simulate.truth import Truth
from gatehouse.simulate.world import World

_POLICIES = pa.array(CONTENT_POLICIES)


class Records:
    """Puts what a run knows of itself into `Truth`."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def add_traffic(self, campaign: Campaign, traffic: Traffic) -> None:
        """Records, items and reports of a campaign's day."""
        told = {"campaign_id": campaign.campaign_id, "phase": PHASES[campaign.phase]}
        for contract, column in ROW_IDS.items():
            for rows in traffic.rows.get(contract, []):
                ids = rows[column]
                columns = {**told, "contract_name": contract, "record_id": ids}
                self._truth.add("campaign_records", columns, len(ids))
        for items in traffic.items:
            self.add_items(campaign.world.people, items, campaign.campaign_id)
        for ids, kinds in traffic.reports:
            self.add_reports(ids, kinds, campaign.campaign_id)

    def add_items(self, people: Population, items: Items, campaign_id: str | None = None) -> None:
        """Those of the items that break a policy."""
        bad = np.flatnonzero(items.violating)
        columns = {
            "item_id": items.ids.take(pa.array(bad)),
            "actor_id": people.ids.take(pa.array(items.actor[bad])),
            "policy_code": _POLICIES.take(pa.array(items.policy[bad])),
            "campaign_id": campaign_id,
        }
        self._truth.add("violating_items", columns, len(bad))

    def add_reports(self, ids: Any, kinds: Ints, campaign_id: str | None = None) -> None:
        """What reports truly are."""
        columns = {
            "report_id": ids,
            "report_kind": REPORT_KINDS.take(pa.array(kinds)),
            "campaign_id": campaign_id,
        }
        self._truth.add("reports", columns, len(ids))

    def add_decisions(self, decisions: list[Row]) -> None:
        """Whether the team's labels and actions were right."""
        self._truth.add_rows("decisions", decisions)

    def finish(self, world: World, campaigns: list[Campaign], days: int) -> None:
        """What is only known at the end: actors, campaigns and the calendar."""
        self._truth.add_rows("campaigns", [_campaign_row(each) for each in campaigns])
        for campaign in campaigns:
            self._truth.add_rows("campaign_actors", _actor_rows(campaign))
            resources = [
                {
                    "campaign_id": campaign.campaign_id,
                    "phase": PHASES[phase],
                    "resource_type": resource_type,
                    "resource": resource,
                }
                for phase, resource_type, resource in campaign.resources
            ]
            self._truth.add_rows("campaign_resources", resources)
        self._add_actors(world.people, campaigns)
        happened = [vars(each) for each in world.calendar.happenings(days)]
        self._truth.add_rows("happenings", happened)

    def _add_actors(self, people: Population, campaigns: list[Campaign]) -> None:
        kinds: dict[int, tuple[str | None, str | None]] = {
            each.number: (each.kind, each.campaign_id) for each in campaigns
        }
        kinds |= {LONE: ("lone", None), NOBODY: (None, None)}
        known = [kinds[number] for number in people.abuse.tolist()]
        columns = {
            "actor_id": people.ids,
            "actor_type": ACTOR_TYPES.take(pa.array(people.kind)),
            "is_abusive": people.abuse != NOBODY,
            "abuse_kind": pa.array([kind for kind, _ in known], pa.string()),
            "campaign_id": pa.array([campaign for _, campaign in known], pa.string()),
        }
        self._truth.add("actors", columns, len(people))


def _campaign_row(campaign: Campaign) -> Row:
    adapted, world = campaign.adapted_on, campaign.world
    members = [each.actors for each in campaign.memberships if each.role == "member"]
    return {
        "campaign_id": campaign.campaign_id,
        "kind": campaign.kind,
        "policy_code": campaign.policy_code,
        "size": len(np.unique(np.concatenate(members))) if members else 0,
        "stealth": campaign.stealth,
        "starts_at": world.day_us(campaign.starts),
        "ends_at": world.day_us(campaign.ends),
        "phase_count": 1 if adapted is None else 2,
        "adapted_at": None if adapted is None else world.day_us(adapted),
        "adapted_because": campaign.adapted_because,
    }


def _actor_rows(campaign: Campaign) -> list[Row]:
    world, rows = campaign.world, []
    for phase in range(campaign.phase + 1):
        first, last = campaign.phase_bounds(phase)
        for each in campaign.memberships:
            if not each.since <= phase <= each.until:
                continue
            actors = each.actors[_there(world, each.actors, first, last)]
            ids = world.people.ids.take(pa.array(actors)).to_pylist()
            types = ACTOR_TYPES.take(pa.array(world.people.kind[actors])).to_pylist()
            rows += [
                {
                    "campaign_id": campaign.campaign_id,
                    "kind": campaign.kind,
                    "actor_id": actor_id,
                    "actor_type": actor_type,
                    "role": each.role,
                    "phase": PHASES[phase],
                    "phase_start_at": world.day_us(first),
                    "phase_end_at": world.day_us(last),
                }
                for actor_id, actor_type in zip(ids, types, strict=True)
            ]
    return rows


def _there(world: World, actors: Ints, first: int, last: int) -> Any:
    """Which of them had signed up and not been suspended at some time of a phase."""
    people = world.people
    return (people.joined[actors] < last) & (people.left[actors] > first)
