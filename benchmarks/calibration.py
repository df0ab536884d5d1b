"""How far the probabilities of user_risk can be taken at their word, on worlds never seen.

The weights are fitted on the first days of other seeds (docs/reference/risk-model.md), and only
days after those are looked at: worlds and time are held out. Detections run once, after the last
day; a finding counts from the day after its last event, as if they had run every day. Settings:
SEEDS, and those of `_worlds`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import vl_convert
from numpy.typing import NDArray
from scipy.special import expit

from _harness import PROJECT, Measurement
from _worlds import DAYS, FIT_DAYS, World, asked_worlds, each_world, seeds_of
from gatehouse.measurement.calibration import (
    Bin,
    average_precision,
    expected_calibration_error,
    reliability,
)
from gatehouse.measurement.risk_card import read_weights
from gatehouse.settings import Settings

_ECE, _ECE_OF_GROUP = 0.03, 0.06
_NEWEST = "0-2 days"
_SMALLEST_GROUP = 500  # actor-days; fewer say nothing of a group

# Everybody with an active account at the start of the day, with the risk of that day. Whose account
# or key was taken is neither abusive nor clean: left out. Other victims are clean.
_ACTORS = """
with actors as (
    select
        actor_id,
        any_value(plan_code) as plan_code,
        any_value(country_code) as country_code,
        date_diff('day', cast(min(created_at) as date), $day) as age_days
    from dim_actors
    where
        actor_type = 'user'
        and created_at < $day
        and valid_from_at < $day
        and valid_to_at >= $day
        and status_code = 'active'
    group by actor_id
),

abusive as (
    select actor_id
    from truth_of_world.truth.campaign_actors
    where role = 'member' and phase_start_at < $day
    union
    select actor_id from truth_of_world.truth.actors where abuse_kind = 'lone'
),

victims as (
    select actor_id from truth_of_world.truth.campaign_actors
    where role = 'victim' and phase_start_at < $day
),

taken as (
    select actor_id from truth_of_world.truth.campaign_actors
    where role = 'victim' and kind in ('credential_stuffing', 'leaked_key')
)

select
    actors.*,
    risk.risk_probability,
    actors.actor_id in (select actor_id from abusive) as is_abusive,
    actors.actor_id in (select actor_id from victims) as is_victim
from actors
left join user_risk_history as risk
    on actors.actor_id = risk.actor_id
    and risk.valid_from_date <= $day and risk.valid_to_date > $day
where actors.actor_id not in (select actor_id from taken)
order by actors.actor_id
"""
_SIGNALS = """
select actor_id, signal_kind_code, max(score) as score, count(*) as signal_count
from abuse_signals where occurred_at < $day group by all
"""


def main() -> None:
    """Run the measurement."""
    seeds = seeds_of()
    measurement = Measurement("calibration", "User risk taken at its word", asked_worlds())
    _, model = read_weights(Settings())
    unknown = float(expit(model.intercept))
    parts = [each for world in each_world(seeds, lambda w: _read(w, unknown)) for each in world]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    probability, abusive = joined["probability"], joined["is_abusive"]
    found = reliability(probability, abusive)
    measurement.figure("actor-days", len(abusive))
    measurement.figure("abusive share", round(float(abusive.mean()), 4))
    measurement.figure("mean probability", round(float(probability.mean()), 4))
    measurement.figure(
        "expected calibration error", expected_calibration_error(found), at_most=_ECE
    )
    _by_group(measurement, joined)
    _spared(measurement, joined)
    _ranking(measurement, joined)
    measurement.table(
        "Reliability, 15 bins",
        ("share of actor-days", "mean probability", "abusive share"),
        [(round(b.weight, 4), round(b.predicted, 3), round(b.observed, 3)) for b in found],
    )
    _tiers(measurement, probability, abusive)
    measurement.note(
        f"Each active user at the start of three days a world, after day {FIT_DAYS}; as-of reads "
        "of user_risk_history. An actor without evidence has the intercept's probability. Abusive "
        "is who was a member of a campaign by then, or misbehaves alone; owners of taken accounts "
        "and keys are left out."
    )
    _draw(found)
    measurement.note("![Reliability](images/reliability.svg)")
    measurement.finish()


def _read(world: World, unknown: float) -> list[dict[str, NDArray[Any]]]:
    tables = world.tables()
    row = tables.execute("select min(activity_date), max(activity_date) from fct_actor_daily")
    _, last = row.fetchall()[0]
    parts = []
    for back in _looks():
        day = tables.execute("select cast($1 as date) - $2", [last, back]).fetchall()[0][0]
        actors = tables.execute(_ACTORS, {"day": day}).fetchnumpy()
        signals = tables.execute(_SIGNALS, {"day": day}).fetchall()
        parts.append(_part(actors, signals, unknown))
    tables.close()
    return parts


def _looks() -> list[int]:
    """Days before the last on which is looked: the last, the first after the fit, one between."""
    later = DAYS - FIT_DAYS
    if later < 3:
        raise SystemExit(
            f"DAYS={DAYS}: weights are fitted on {FIT_DAYS} days; look 3 or more later"
        )
    return [0, later // 2, later - 1]


def _part(
    actors: dict[str, Any], signals: list[tuple[Any, ...]], unknown: float
) -> dict[str, NDArray[Any]]:
    probability = np.ma.filled(np.ma.asarray(actors["risk_probability"], dtype=float), unknown)
    index = {actor: number for number, actor in enumerate(actors["actor_id"])}
    count = np.zeros(len(index))
    scores: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(index)))
    for actor, kind, score, times in signals:
        if (number := index.get(actor)) is not None:
            scores[kind][number] = score
            count[number] += times
    age = np.asarray(actors["age_days"], dtype=float)
    part = {
        "probability": np.where(np.isnan(probability), unknown, probability),
        "is_abusive": np.asarray(actors["is_abusive"], dtype=float),
        "is_victim": np.asarray(actors["is_victim"], dtype=bool),
        "plan": np.asarray(np.ma.filled(actors["plan_code"], "?"), dtype=str),
        "country": np.asarray(np.ma.filled(actors["country_code"], "?"), dtype=str),
        "account age": np.select(
            [age < 3, age < 7, age < 30], [_NEWEST, "3-6 days", "7-29 days"], "30 days and more"
        ),
        "signal_count": count,
    }
    return part | {f"signal {kind}": scores[kind] for kind in _KINDS}


_KINDS = (
    *(
        "classifier_score",
        "injected_instructions",
        "user_report",
        "tor_ip",
        "vpn_ip",
        "datacenter_ip",
        "blocklist_ip",
    ),
    *("disposable_email", "new_account", "volume_spike", "velocity_spike", "login_failures"),
    *("payment_failures", "chargeback", "finding"),
)


def _by_group(measurement: Measurement, joined: dict[str, NDArray[Any]]) -> None:
    rows, small = [], []
    for name in ("plan", "country", "account age"):
        worst = 0.0
        for group in np.unique(joined[name]):
            here = joined[name] == group
            if here.sum() < _SMALLEST_GROUP:
                small.append(f"{group} ({here.sum()})")
                continue
            probability, abusive = joined["probability"][here], joined["is_abusive"][here]
            error = expected_calibration_error(reliability(probability, abusive))
            shares = round(float(probability.mean()), 4), round(float(abusive.mean()), 4)
            rows.append((name, str(group), int(here.sum()), *shares, round(error, 4)))
            worst = max(worst, error)
        measurement.figure(
            f"worst calibration error by {name}", round(worst, 4), at_most=_ECE_OF_GROUP
        )
    measurement.table(
        f"By group of at least {_SMALLEST_GROUP} actor-days",
        ("group", "", "actor-days", "mean probability", "abusive share", "calibration error"),
        rows,
    )
    if small:
        measurement.note(f"Groups with fewer, left out: {', '.join(small)}.")


def _spared(measurement: Measurement, joined: dict[str, NDArray[Any]]) -> None:
    """How high those stand who did nothing."""
    clean = joined["is_abusive"] == 0
    rows = []
    for name, group in (
        ("innocents", clean),
        ("of them, with an account of up to 2 days", clean & (joined["account age"] == _NEWEST)),
        ("of them, whom a campaign was aimed at", clean & joined["is_victim"]),
    ):
        probability = joined["probability"][group]
        shares = [round(float((probability >= bound).mean()), 4) for bound in (0.1, 0.3, 0.7)]
        rows.append((name, int(group.sum()), *shares))
    measurement.table(
        "Innocents, by tier",
        ("", "actor-days", "medium or higher", "high or higher", "critical"),
        rows,
    )


def _ranking(measurement: Measurement, joined: dict[str, NDArray[Any]]) -> None:
    abusive = joined["is_abusive"]
    rows = [("user_risk", average_precision(joined["probability"], abusive))]
    rows.append(("number of signals", average_precision(joined["signal_count"], abusive)))
    alone = [(kind, average_precision(joined[f"signal {kind}"], abusive)) for kind in _KINDS]
    rows += sorted(((f"{k} alone", p) for k, p in alone), key=lambda each: -(each[1] or 0))
    rows.append(("chance", float(abusive.mean())))
    measurement.table(
        "Ranking: area under the precision-recall curve",
        ("score", "average precision"),
        [(name, round(value, 4) if value is not None else None) for name, value in rows],
    )


def _draw(bins: Sequence[Bin]) -> None:
    """The reliability plot of the docs: predicted against observed, a dot's size its share."""
    dots = [
        {"predicted": each.predicted, "observed": each.observed, "share": each.weight}
        for each in bins
    ]
    axis = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    chart = {
        "width": 320,
        "height": 320,
        "background": "white",
        "layer": [
            {
                "data": {"values": [{"p": 0}, {"p": 1}]},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": "#888"},
                "encoding": {"x": {"field": "p", **axis}, "y": {"field": "p", **axis}},
            },
            {
                "data": {"values": dots},
                "mark": {"type": "point", "filled": True, "color": "#08519c"},
                "encoding": {
                    "x": {"field": "predicted", "title": "mean probability", **axis},
                    "y": {"field": "observed", "title": "abusive share", **axis},
                    "size": {
                        "field": "share",
                        "type": "quantitative",
                        "title": "share of actor-days",
                        "scale": {"type": "sqrt", "range": [20, 600]},
                    },
                },
            },
        ],
    }
    path = PROJECT / "docs" / "images" / "reliability.svg"
    path.write_text(vl_convert.vegalite_to_svg(chart), "utf-8")


def _tiers(
    measurement: Measurement, probability: NDArray[np.float64], abusive: NDArray[np.float64]
) -> None:
    bounds = [("minimal", 0.0), ("low", 0.02), ("medium", 0.1), ("high", 0.3), ("critical", 0.7)]
    rows = []
    for (tier, start), end in zip(bounds, [b for _, b in bounds[1:]] + [1.1], strict=True):
        here = (probability >= start) & (probability < end)
        share = round(float(abusive[here].mean()), 4) if here.any() else None
        rows.append((tier, start, int(here.sum()), share))
    measurement.table("Tiers", ("tier", "from", "actor-days", "abusive share"), rows)


if __name__ == "__main__":
    main()
