"""What detections find of planted campaigns, on seeds that nobody looked at while writing them.

For each kind of campaign that a live detection is for: the share of its actors found within the
review budget, precision, days to the first finding, innocents hit; beside the best single signal
and the risk score alone, at the same number of actors. Settings: SEEDS, and those of `_worlds`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from _harness import Measurement
from _worlds import (
    World,
    asked_worlds,
    each_world,
    resampled_worlds,
    seeds_of,
    share_over_worlds,
)
from gatehouse.detection.compiled import load_detections
from gatehouse.detection.spec import DetectionSpec
from gatehouse.settings import Settings

# Kind of campaign: the detections that are for it. Where accounts are taken over, the accounts are
# what is to be found.
_FOR = {
    "ban_evasion": ("return_after_ban",),
    "credential_stuffing": ("takeover_from_new_place", "password_guessing"),
    "credit_farm": ("new_accounts_on_one_device", "new_accounts_on_one_card"),
    "distillation": ("systematic_model_queries",),
    "image_abuse": ("repeated_harmful_images",),
    "influence_operation": ("coordinated_sharing",),
    "jailbreak_template": ("repeated_jailbreaks",),
    "leaked_key": ("leaked_api_key",),
    "phishing": ("phishing_drafts",),
    "prompt_injection": ("planted_instructions", "obeyed_injection"),
    "report_brigade": ("report_brigading",),
    "scraping": ("bulk_page_fetching",),
    "spam_ring": ("repeated_links",),
    "stolen_cards": ("card_testing", "chargebacks_on_new_accounts"),
}
_SPECS: list[DetectionSpec] = []

# A finding counts for the phase in whose days its last event lies.
_FINDINGS = """
with ranked as (
    select
        *,
        row_number() over (
            partition by detection_id, cast(last_event_at as date)
            order by score desc, finding_key
        ) as place
    from fct_findings
)

select
    ranked.detection_id,
    ranked.subject_code,
    ranked.actor_id,
    cast(ranked.last_event_at as date) as found_date
from ranked
inner join (select unnest($detections) as detection_id, unnest($budgets) as budget) as budgets
    on ranked.detection_id = budgets.detection_id
where ranked.place <= budgets.budget
"""
# By the policy that the campaign is against, so that each way looks for the same thing.
_RISK = """
select actor_id, coalesce(cast(json_extract(policy_scores, '$.' || $policy) as double), 0) as score
from user_risk where score > 0
"""
_SIGNAL = """
select actor_id, max(score) + count(*) * 1e-6
from abuse_signals where signal_kind_code = $kind and policy_code = $policy group by actor_id
"""
_KINDS = """
select distinct signal_kind_code, policy_code from abuse_signals where signal_kind_code <> 'finding'
"""
_ACTORS = """
select campaign_id, kind, actor_id, phase, phase_start_at, phase_end_at
from truth_of_world.truth.campaign_actors
where role = 'member' or (role = 'victim' and kind in ('credential_stuffing', 'leaked_key'))
"""


@dataclass
class Found:
    """What was found of one campaign in one world, by one way of looking.

    Attributes:
        actors: its actors, by phase.
        hit: of them found, by phase.
        flagged: actors flagged by what looks for this kind.
        right: of them, taking part in any abuse; or its victims, where it looks for victims.
        days: days from the campaign's start to its first finding; None if there was none.
    """

    actors: dict[str, int] = field(default_factory=dict)
    hit: dict[str, int] = field(default_factory=dict)
    flagged: int = 0
    right: int = 0
    days: float | None = None


def main() -> None:
    """Run the measurement."""
    measurement = Measurement("seeds", "Planted campaigns, found and missed", asked_worlds())
    worlds = [*each_world(seeds_of(), _look)]
    measurement.figure("worlds", len(worlds))
    rows: dict[str, list[Any]] = {"live": [], "shadow": []}
    baseline_rows = []
    for kind in _FOR:
        mine = [world[kind] for world in worlds if kind in world]
        if not mine:
            continue
        by = {way: [each[way] for each in mine] for way in ("detections", "signal", "risk")}
        detections = by["detections"]
        delays = np.array([each.days for each in detections if each.days is not None])
        innocents = np.array([each.flagged - each.right for each in detections])
        rows["live" if mine[0]["mode"] == "live" else "shadow"].append(
            (
                kind,
                len(mine),
                _share(detections, "initial"),
                _share(detections, "adapted"),
                _precision(detections),
                _statistic(innocents, np.mean),
                _statistic(delays, np.median) if len(delays) else None,
                len(mine) - len(delays),
            )
        )
        baseline_rows.append(
            (
                kind,
                *(_share(by[way], phase) for phase in ("initial", "adapted") for way in by),
                *(_precision(by[way]) for way in by),
            )
        )
    columns = (
        *("campaign", "worlds", "found, initial phase", "found, adapted phase", "precision"),
        *("innocents hit a world", "median days to first finding", "worlds without a finding"),
    )
    measurement.figure("campaigns with a live detection", len(rows["live"]), at_least=1)
    title = "detections within their budgets, share with 95 % interval"
    measurement.table(f"Live {title}", columns, rows["live"])
    measurement.table(f"In shadow, so far: {title}", columns, rows["shadow"])
    measurement.table(
        "Beside two baselines that flag as many: best single signal, risk of the policy alone",
        (
            *("campaign", "initial: detections", "initial: signal", "initial: risk"),
            *("adapted: detections", "adapted: signal", "adapted: risk"),
            *("precision: detections", "precision: signal", "precision: risk"),
        ),
        baseline_rows,
    )
    measurement.note(
        "Intervals, 95 %, resample worlds (percentile bootstrap); where all worlds agree on a "
        "share of 0 or 1, they are the exact ones of as many trials as there are worlds. An "
        "innocent is an actor that takes part in no campaign and does not misbehave alone; a "
        "victim is one, unless the detection looks for victims. Both baselines rank actors by the "
        "policy that the campaign is against; the signal is chosen with hindsight, world by world. "
        "Compute mining and refund abuse have no detection and no signal, on purpose. No threshold "
        "was set on these seeds."
    )
    measurement.finish()


def _look(world: World) -> dict[str, dict[str, Any]]:
    """By kind of campaign and way of looking, what was found."""
    tables = world.tables()
    specs = _shipped(world.settings)
    findings = tables.execute(
        _FINDINGS,
        {"detections": [*specs], "budgets": [each.review_budget for each in specs.values()]},
    ).fetchall()
    guilty = _actors(
        tables,
        "select actor_id from truth_of_world.truth.campaign_actors where role = 'member' "
        "union select actor_id from truth_of_world.truth.actors where abuse_kind = 'lone'",
    )
    victims = _actors(
        tables,
        "select actor_id from truth_of_world.truth.campaign_actors "
        "where role in ('member', 'victim')",
    )
    actors = defaultdict[str, list[Any]](list)
    for _, kind, *rest in tables.execute(_ACTORS).fetchall():
        actors[kind].append(rest)
    signals = defaultdict[str, list[list[str]]](list)
    for signal, policy in tables.execute(_KINDS).fetchall():
        ranked = _ranked(tables, _SIGNAL, {"kind": signal, "policy": policy})
        signals[policy].append(ranked)
    result = {}
    for kind in _FOR:
        if not actors[kind]:
            continue
        mine = _detections(kind, specs)
        days: dict[str, list[Any]] = defaultdict(list)
        right = set()
        for detection, subject, actor, day in findings:
            if detection in mine:
                days[actor].append(day)
                if actor in (victims if subject == "victim" else guilty):
                    right.add(actor)
        effort, looked_for = len(days), guilty | victims
        policies = {specs[name].policy for name in mine}
        lists = [ranked for policy in policies for ranked in signals[policy]] or [[]]
        options = [_of_list(actors[kind], each[:effort], looked_for) for each in lists]
        risks = [_ranked(tables, _RISK, {"policy": policy}) for policy in sorted(policies)]
        result[kind] = {
            "mode": min(specs[name].mode for name in mine),
            "detections": _of_days(actors[kind], days, right),
            "signal": max(options, key=lambda each: sum(each.hit.values())),
            "risk": max(
                (_of_list(actors[kind], each[:effort], looked_for) for each in risks),
                key=lambda each: sum(each.hit.values()),
            ),
        }
    tables.close()
    return result


def _actors(tables: Any, query: str) -> set[str]:
    return {actor for (actor,) in tables.execute(query).fetchall()}


def _shipped(settings: Settings) -> dict[str, DetectionSpec]:
    """Every detection, by its id."""
    if not _SPECS:  # dbt compiles them all: once is enough
        _SPECS.extend(each.spec for each in load_detections(settings))
    return {each.id: each for each in _SPECS}


def _detections(kind: str, specs: dict[str, DetectionSpec]) -> set[str]:
    """The live detections for a kind of campaign; those in shadow where none is live."""
    unknown = set(_FOR[kind]) - specs.keys()
    if unknown:
        raise SystemExit(f"no detection is called {', '.join(sorted(unknown))}")
    live = {name for name in _FOR[kind] if specs[name].mode == "live"}
    return live or set(_FOR[kind])


def _ranked(tables: Any, query: str, parameters: dict[str, str]) -> list[str]:
    rows = tables.execute(query, parameters).fetchall()
    return [actor for actor, _ in sorted(rows, key=lambda row: (-row[1], row[0]))]


def _of_days(actors: list[Any], days: dict[str, list[Any]], right: set[str]) -> Found:
    found = Found(flagged=len(days), right=len(right))
    first = min(start.date() for _, _, start, _ in actors)
    hits = []
    for actor, phase, start, end in actors:
        inside = [day for day in days.get(actor, ()) if start.date() <= day <= end.date()]
        found.actors[phase] = found.actors.get(phase, 0) + 1
        found.hit[phase] = found.hit.get(phase, 0) + bool(inside)
        # A day's rows are there when it is over.
        hits += [(min(inside) - first).days + 1] if inside else []
    found.days = float(min(hits)) if hits else None
    return found


def _of_list(actors: list[Any], flagged: list[str], abusive: set[str]) -> Found:
    chosen = set(flagged)
    found = Found(flagged=len(chosen), right=len(chosen & abusive))
    for actor, phase, _, _ in actors:
        found.actors[phase] = found.actors.get(phase, 0) + 1
        found.hit[phase] = found.hit.get(phase, 0) + (actor in chosen)
    return found


def _share(found: list[Found], phase: str) -> str:
    return share_over_worlds(
        np.array([each.hit.get(phase, 0) for each in found]),
        np.array([each.actors.get(phase, 0) for each in found]),
    )


def _precision(found: list[Found]) -> str:
    return share_over_worlds(
        np.array([each.right for each in found]), np.array([each.flagged for each in found])
    )


def _statistic(values: Any, statistic: Callable[..., Any]) -> str:
    """A figure of each world, put together, with its interval."""
    low, high = np.percentile(statistic(values[resampled_worlds(len(values))], axis=1), [2.5, 97.5])
    if not values.any():
        high = 1 - 0.025 ** (1 / len(values))
    return f"{float(statistic(values)):.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
