"""Labelled actors with the evidence that was there when they were labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

Floats = NDArray[np.float64]

# One sample an actor and day on which its conduct as a whole was judged: a label of a single item
# says too little of its author. Of the two streams with recorded inclusion probabilities: appeals
# and golden items are no samples of anything. Evidence of the label's own day is left out: it may
# be the label's consequence.
SAMPLES = """
select
    actor_id || ' ' || cast(labelled_at as date) as sample_id,
    actor_id,
    cast(labelled_at as date) as as_of_date,
    count(*) as label_count,
    count(*) filter (where label_code = 'violating') as violating_count,
    1 / max(inclusion_probability) as weight
from fct_review_decisions
where
    item_id is null
    and stream_code in ('flagged', 'sample')
    and label_code in ('violating', 'not_violating')
    and inclusion_probability > 0
group by actor_id, cast(labelled_at as date)
"""

EVIDENCE = """
with samples as ({samples}),

days as (
    select
        samples.sample_id,
        abuse_signals.policy_code,
        abuse_signals.signal_kind_code,
        date_diff('day', abuse_signals.occurred_date, samples.as_of_date) as age_days,
        sum(abuse_signals.score) as total_score
    from samples
    inner join abuse_signals on samples.actor_id = abuse_signals.actor_id
    where
        abuse_signals.occurred_date < samples.as_of_date
        and abuse_signals.occurred_date >= samples.as_of_date - {lookback_days}
    group by all
)

select
    days.sample_id,
    days.policy_code,
    days.signal_kind_code,
    coalesce(any_value(policies.severity_weight), 1.0) as severity_weight,
    sum(
        (1 - exp(-total_score))
        * pow(2, -age_days / coalesce(kinds.half_life_days, policies.half_life_days, 30))
    ) as amount
from days
left join (
    select unnest($kinds) as signal_kind_code, unnest($half_lives) as half_life_days
) as kinds
    on days.signal_kind_code = kinds.signal_kind_code
left join (select * from dim_policies where is_current) as policies
    on days.policy_code = policies.policy_code
group by days.sample_id, days.policy_code, days.signal_kind_code
"""


@dataclass(frozen=True)
class RiskSamples:
    """Samples, and their evidence by policy and kind of signal.

    Attributes:
        actor: (samples,) who it is about.
        label_count: (samples,) how many reviewers judged.
        violating_count: (samples,) how many of them said violating.
        weight: (samples,) inverse inclusion probability, mean 1.
        sample: (entries,) index of the sample an entry is about.
        group: (entries,) index of the entry's sample and policy together.
        kind: (entries,) index into ``kinds``.
        amount: (entries,) faded evidence before its weight, unitless.
        group_sample: (groups,) index of the sample of a group.
        group_severity: (groups,) severity weight of the group's policy.
        kinds: names of the kinds of signal.
    """

    actor: NDArray[np.str_]
    label_count: Floats
    violating_count: Floats
    weight: Floats
    sample: NDArray[np.int64]
    group: NDArray[np.int64]
    kind: NDArray[np.int64]
    amount: Floats
    group_sample: NDArray[np.int64]
    group_severity: Floats
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label_count)

    @property
    def is_violating(self) -> Floats:
        """(samples,) 1 where most reviewers said so, else 0."""
        return (2 * self.violating_count > self.label_count).astype(float)

    @property
    def is_agreed(self) -> NDArray[np.bool_]:
        """(samples,) whether two or more judged, and all said the same."""
        none, everybody = self.violating_count == 0, self.violating_count == self.label_count
        return np.asarray((self.label_count > 1) & (none | everybody))

    def part(self, chosen: NDArray[np.bool_]) -> RiskSamples:
        """The samples where ``chosen`` (samples,) is true, with their evidence."""
        number = np.cumsum(chosen) - 1
        keep = chosen[self.sample]
        groups = chosen[self.group_sample]
        group_number = np.cumsum(groups) - 1
        weight = self.weight[chosen]
        return RiskSamples(
            actor=self.actor[chosen],
            label_count=self.label_count[chosen],
            violating_count=self.violating_count[chosen],
            weight=weight / weight.mean(),
            sample=number[self.sample[keep]],
            group=group_number[self.group[keep]],
            kind=self.kind[keep],
            amount=self.amount[keep],
            group_sample=number[self.group_sample[groups]],
            group_severity=self.group_severity[groups],
            kinds=self.kinds,
        )


@dataclass(frozen=True)
class Fading:
    """How evidence grows old.

    Attributes:
        lookback_days: evidence older than this carries no risk.
        half_lives: days, of the kinds of signal that do not fade as their policy does.
    """

    lookback_days: int
    half_lives: dict[str, int]


def read_samples(connection: duckdb.DuckDBPyConnection, fading: Fading) -> RiskSamples:
    """Labelled actors of the certified tables, with what was known before their label.

    Args:
        connection: a certified reader.
        fading: how evidence grows old.
    """
    labels = connection.execute(f"{SAMPLES} order by sample_id").fetchnumpy()
    evidence = read_evidence(connection, fading, SAMPLES)
    return as_samples(
        names=np.asarray(labels["sample_id"], dtype=str),
        actor=np.asarray(labels["actor_id"], dtype=str),
        label_count=np.asarray(labels["label_count"], dtype=float),
        violating_count=np.asarray(labels["violating_count"], dtype=float),
        weight=np.asarray(labels["weight"], dtype=float),
        evidence=evidence,
    )


def read_evidence(
    connection: duckdb.DuckDBPyConnection, fading: Fading, samples: str
) -> dict[str, Any]:
    """The columns of `EVIDENCE` for samples, a query of ``sample_id, actor_id, as_of_date``."""
    query = EVIDENCE.format(samples=samples, lookback_days=int(fading.lookback_days))
    half_lives = {"kinds": [*fading.half_lives], "half_lives": [*fading.half_lives.values()]}
    return connection.execute(f"{query} order by all", half_lives).fetchnumpy()


def as_samples(
    names: NDArray[np.str_],
    actor: NDArray[np.str_],
    label_count: Floats,
    violating_count: Floats,
    weight: Floats,
    evidence: dict[str, Any],
) -> RiskSamples:
    """Samples from one row per sample and evidence as `EVIDENCE` gives it."""
    weight = weight / weight.mean() if len(weight) else weight
    index = {name: number for number, name in enumerate(names)}
    sample = np.array([index[name] for name in evidence["sample_id"]], dtype=np.int64)
    kinds, kind = np.unique(np.asarray(evidence["signal_kind_code"], str), return_inverse=True)
    pairs = np.array(
        [f"{s} {p}" for s, p in zip(sample, evidence["policy_code"], strict=True)], dtype=str
    )
    _, first, group = np.unique(pairs, return_index=True, return_inverse=True)
    severity = np.asarray(evidence["severity_weight"], dtype=float)
    return RiskSamples(
        actor=actor,
        label_count=label_count,
        violating_count=violating_count,
        weight=weight,
        sample=sample,
        group=group,
        kind=kind,
        amount=np.asarray(evidence["amount"], dtype=float),
        group_sample=sample[first],
        group_severity=severity[first],
        kinds=tuple(map(str, kinds)),
    )


def join_samples(parts: list[RiskSamples]) -> RiskSamples:
    """The samples of several populations that share no actors, as one."""
    kinds = sorted({kind for part in parts for kind in part.kinds})
    at = [np.array([kinds.index(kind) for kind in part.kinds], dtype=np.int64) for part in parts]
    samples = np.cumsum([0, *(len(part) for part in parts)])
    groups = np.cumsum([0, *(len(part.group_sample) for part in parts)])
    numbered = [*zip(parts, at, samples, groups, strict=False)]
    return RiskSamples(
        actor=np.concatenate([part.actor for part in parts]),
        label_count=np.concatenate([part.label_count for part in parts]),
        violating_count=np.concatenate([part.violating_count for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        sample=np.concatenate([part.sample + first for part, _, first, _ in numbered]),
        group=np.concatenate([part.group + first for part, _, _, first in numbered]),
        kind=np.concatenate([own[part.kind] for part, own, _, _ in numbered]),
        amount=np.concatenate([part.amount for part in parts]),
        group_sample=np.concatenate([part.group_sample + first for part, _, first, _ in numbered]),
        group_severity=np.concatenate([part.group_severity for part in parts]),
        kinds=tuple(kinds),
    )
