"""What each kind of signal is worth, on the ground truth of simulated worlds.

For each kind: how many of the actors that have it are abusive, how much of the abuse it sees, how
soon, and at what cost. Settings: SEEDS, and those of `_worlds`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from _harness import PROJECT, Measurement
from _worlds import World, asked_worlds, each_world, seeds_of, share_over_worlds

# Whoever takes part in abuse, from when on, and in what. Taken accounts and keys count: what they
# do is abuse, whoever sits at it. Other victims, targets and bystanders are innocent.
_ABUSIVE = """
create temp table abusive as
select actor_id, kind, min(phase_start_at) as abusive_from_at
from truth_of_world.truth.campaign_actors
where role = 'member' or (role = 'victim' and kind in ('credential_stuffing', 'leaked_key'))
group by actor_id, kind
union all
select actor_id, 'lone' as kind, timestamp '1970-01-01'
from truth_of_world.truth.actors
where abuse_kind = 'lone'
"""
_POPULATION = """
select
    count(distinct daily.actor_id),
    count(distinct daily.actor_id) filter (where abusive.actor_id is not null),
    count(distinct (daily.actor_id, daily.activity_date))
from fct_actor_daily as daily
left join abusive on daily.actor_id = abusive.actor_id
"""
# Each active actor with signals of a kind: how many rows, whether abusive, days to the first of
# them since its abuse began.
_FLAGGED = """
select
    signals.signal_kind_code,
    signals.actor_id,
    count(distinct signals.signal_key),
    list(distinct abusive.kind) filter (where abusive.kind is not null),
    min(date_diff('day', abusive.abusive_from_at, signals.occurred_at)) filter (
        where signals.occurred_at >= abusive.abusive_from_at and abusive.kind <> 'lone'
    )
from abuse_signals as signals
left join abusive on signals.actor_id = abusive.actor_id
-- An account that never did anything is no actor that could have been seen.
where signals.actor_id in (select actor_id from fct_actor_daily)
group by signals.signal_kind_code, signals.actor_id
"""


@dataclass
class Kind:
    """One kind of signal in one or more worlds.

    Attributes:
        rows: signals.
        flagged: actors that have one.
        right: of them, abusive.
        campaigns: abusive actors that have one, by kind of abuse.
        delays: days from an actor's first abuse to its first signal after it.
    """

    rows: int = 0
    flagged: int = 0
    right: int = 0
    campaigns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    delays: list[int] = field(default_factory=list)


@dataclass
class Seen:
    """One world: its population, and what each kind of signal saw."""

    actors: int
    abusive: int
    actor_days: int
    by_campaign: dict[str, int]
    kinds: dict[str, Kind]


def main() -> None:
    """Run the measurement."""
    measurement = Measurement("signals", "What each kind of signal is worth", asked_worlds())
    worlds = [*each_world(seeds_of(), _look)]
    actors, abusive = sum(w.actors for w in worlds), sum(w.abusive for w in worlds)
    days = sum(w.actor_days for w in worlds)
    measurement.figure("worlds", len(worlds))
    measurement.figure("active actors", actors)
    measurement.figure("abusive share of them", round(abusive / actors, 4))
    kinds: dict[str, Kind] = defaultdict(Kind)
    in_campaign: dict[str, int] = defaultdict(int)
    for world in worlds:
        for name, count in world.by_campaign.items():
            in_campaign[name] += count
        for name, kind in world.kinds.items():
            _add(kinds[name], kind)
    rows = []
    for name, kind in kinds.items():
        mine = [world.kinds.get(name, Kind()) for world in worlds]
        precision = kind.right / kind.flagged
        best = sorted(
            ((count / in_campaign[c], c) for c, count in kind.campaigns.items()), reverse=True
        )[:3]
        rows.append(
            (
                name,
                share_over_worlds(
                    np.array([each.right for each in mine]),
                    np.array([each.flagged for each in mine]),
                ),
                round(kind.right / abusive, 3),
                round(precision / (abusive / actors), 1),
                float(np.median(kind.delays)) if kind.delays else None,
                round(1_000 * kind.rows / days, 2),
                round(1_000 * (kind.flagged - kind.right) / (actors - abusive), 2),
                ", ".join(f"{c} {share:.0%}" for share, c in best if share >= 0.01),
            )
        )
    rows.sort(key=lambda row: -float(row[3]))
    columns = (
        *("kind", "precision (95 % interval)", "recall", "lift", "median days to the first"),
        *("signals per 1,000 actor-days", "innocents flagged of 1,000", "seen most of"),
    )
    measurement.table("Kinds of signal", columns, rows)
    missing = sorted(_shipped() - kinds.keys())
    measurement.figure(
        "shipped kinds that none of these worlds shows", ", ".join(missing) or "none"
    )
    measurement.note(
        "Precision: share of the actors with a signal that take part in abuse. Recall: share of "
        "abusive actors with one. Lift: precision over the abusive share of all active actors. "
        "Delay: from an actor's first abuse in a campaign to its first signal after that. Cost: "
        "rows to keep, and innocents that carry one. Seen most of: share of the actors of a kind "
        "of campaign that have it."
    )
    measurement.note(
        "A weak signal is no verdict: user_risk weighs it as labels say it deserves; a kind that "
        "no labelled actor has keeps a weight set by hand (risk-model.md says which). Intervals "
        "resample worlds."
    )
    measurement.finish()


def _shipped() -> set[str]:
    seed = PROJECT / "dbt_project" / "seeds" / "signal_kinds.csv"
    return {line.split(",")[0] for line in seed.read_text("utf-8").splitlines()[1:] if line}


def _add(total: Kind, part: Kind) -> None:
    total.rows += part.rows
    total.flagged += part.flagged
    total.right += part.right
    total.delays += part.delays
    for name, count in part.campaigns.items():
        total.campaigns[name] += count


def _look(world: World) -> Seen:
    tables = world.tables()
    try:
        tables.execute(_ABUSIVE)
        ((actors, abusive, days),) = tables.execute(_POPULATION).fetchall()
        by_campaign = dict(
            tables.execute(
                "select kind, count(distinct actor_id) from abusive group by kind"
            ).fetchall()
        )
        kinds: dict[str, Kind] = defaultdict(Kind)
        for name, _, rows, campaigns, delay in tables.execute(_FLAGGED).fetchall():
            kind = kinds[name]
            kind.rows += rows
            kind.flagged += 1
            kind.right += bool(campaigns)
            kind.delays += [delay] if delay is not None else []
            for campaign in campaigns or ():
                kind.campaigns[campaign] += 1
    finally:
        tables.close()
    return Seen(actors, abusive, days, by_campaign, kinds)


if __name__ == "__main__":
    main()
