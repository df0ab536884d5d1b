"""What is rare for any one actor on a product surface, proposed from certified history.

A spike is measured against the actor's own past; one without a past against everybody on the
product. That second yardstick is reviewed in git: this proposes it and tunes nothing.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.gate.published import open_certified
from gatehouse.settings import Settings

# A quantile rests on at least so many actor-days beyond it.
_LEAST_BEYOND = 10
# Failed log-ins are somebody's at the actor's door. Accounts that were acted on are left out: abuse
# must not set what counts as usual. Risk does not say who is left out: it rests on spikes itself,
# and each proposal would be lower than the one before.
_DAYS = """
with acted_on as (
    select actor_id from enforcement_history
)
select
    product_code,
    count(*) as actor_days,
    quantile_disc(event_count - login_failure_count, $quantile) as events_per_day,
    quantile_disc(
        least(max_events_per_minute, event_count - login_failure_count), $quantile
    ) as events_per_minute
from (
    select *, max(activity_date) over (partition by product_code) as last_date
    from fct_actor_daily
)
where
    activity_date > last_date - $days::integer
    and event_count > login_failure_count
    and actor_id not in (select actor_id from acted_on)
group by product_code
order by product_code
"""


@dataclass(frozen=True)
class Baseline:
    """What is rare on one product surface.

    Attributes:
        product: its code.
        actor_days: active days of accounts in good standing that were looked at.
        day: present and proposed events per day; no proposal where there are too few days.
        minute: present and proposed events in the busiest minute of a day.
    """

    product: str
    actor_days: int
    day: tuple[int | None, int | None]
    minute: tuple[int | None, int | None]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json`` and tables."""
        return {
            "product": self.product,
            "actor_days": self.actor_days,
            "events_per_day": self.day[0],
            "proposed_per_day": self.day[1],
            "events_per_minute": self.minute[0],
            "proposed_per_minute": self.minute[1],
        }


def propose_baselines(settings: Settings, *, days: int, share: float) -> list[Baseline]:
    """What all but a share of active actor-days stay below, by product, rounded up.

    Args:
        settings: whose certified history.
        days: how many of each product's last days.
        share: of actor-days that may be beyond it, above 0 and below 1.

    Returns:
        Products with activity or a present value, by code.

    Raises:
        GatehouseError: the share is none, or nothing is certified.
    """
    if not 0 < share < 1:
        raise GatehouseError(
            f"{share} is no share of actor-days.", next_step="give one between 0 and 1, e.g. 0.001"
        )
    connection = open_certified(settings)
    try:
        found = measure(connection, days=days, share=share)
    finally:
        connection.close()
    rows = {row["product_code"]: row for row in _rows(baselines_file(settings))}
    proposals = []
    for product in sorted({*rows, *found}):
        actor_days, per_day, per_minute = found.get(product, (0, None, None))
        present = rows.get(product, {})
        day = (_number(present.get("rare_events_per_day")), per_day)
        minute = (_number(present.get("rare_events_per_minute")), per_minute)
        proposals.append(Baseline(product, actor_days, day, minute))
    return proposals


def measure(
    connection: duckdb.DuckDBPyConnection, *, days: int, share: float
) -> dict[str, tuple[int, int | None, int | None]]:
    """By product: active actor-days, and the events per day and minute that are rare, if enough."""
    found = connection.execute(_DAYS, {"quantile": 1 - share, "days": days}).fetchall()
    return {
        product: (actor_days, _round_up(per_day), _round_up(per_minute))
        if actor_days * share >= _LEAST_BEYOND
        else (actor_days, None, None)
        for product, actor_days, per_day, per_minute in found
    }


def write_baselines(settings: Settings, proposals: list[Baseline]) -> Path:
    """Write what is proposed into the seed, for review in git; all else in it stays.

    A product that the seed does not describe is left out: it lacks a name and a type.
    """
    path = baselines_file(settings)
    rows = _rows(path)
    by_product = {each.product: each for each in proposals}
    for row in rows:
        proposal = by_product.pop(row["product_code"], None)
        if proposal and proposal.day[1] is not None and proposal.minute[1] is not None:
            row["rare_events_per_day"] = str(proposal.day[1])
            row["rare_events_per_minute"] = str(proposal.minute[1])
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), "utf-8")
    return path


def baselines_file(settings: Settings) -> Path:
    """The seed that describes products."""
    return settings.dbt_project / "seeds" / "products.csv"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _round_up(value: int) -> int:
    """To two significant digits: more would claim more than a quantile knows."""
    step: int = 10 ** max(0, math.floor(math.log10(max(value, 1))) - 1)
    return -(-value // step) * step
