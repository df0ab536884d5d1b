"""Ways in which a feed or a build breaks, as SQL on a copy of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gatehouse.errors import GatehouseError

_EVENTS = "core.fct_events"
_THAT_DAY = "occurred_date = date '{day}'"
# A part of the rows that depends on the seed, not on their order.
_ONE_IN_TEN = "hash(event_id || '{seed}') % 10 = 0"
_HALF = "hash(event_id || '{seed}') % 2 = 0"


@dataclass(frozen=True)
class Fault:
    """One way to break a table.

    Attributes:
        name: how it is called for.
        relation: what it breaks, with its schema.
        says: what it looks like, in a line.
        sql: statements; ``{day}`` is the day that is broken, ``{seed}`` a number.
    """

    name: str
    relation: str
    says: str
    sql: tuple[str, ...]

    def statements(self, day: date, seed: int) -> list[str]:
        """The SQL for one day."""
        return [each.format(day=day.isoformat(), seed=int(seed)) for each in self.sql]


def _of_events(name: str, says: str, *sql: str) -> Fault:
    return Fault(name, _EVENTS, says, tuple(sql))


def _update(change: str, where: str = _THAT_DAY) -> str:
    return f"update lake.{_EVENTS} set {change} where {where}"


FAULTS: tuple[Fault, ...] = (
    _of_events(
        "duplicated_rows",
        "a join repeats the rows of a day",
        f"insert into lake.{_EVENTS} select * from lake.{_EVENTS} where {_THAT_DAY}",
    ),
    _of_events("dropped_day", "a day is gone", f"delete from lake.{_EVENTS} where {_THAT_DAY}"),
    _of_events(
        "half_volume",
        "half of a day did not arrive",
        f"delete from lake.{_EVENTS} where {_THAT_DAY} and {_HALF}",
    ),
    Fault(
        "constant_score",
        "raw.model_scores",
        "a classifier says the same of everybody",
        (
            "update lake.raw.model_scores set score = 0.5 "
            "where cast(scored_at as date) = date '{day}'",
        ),
    ),
    _of_events(
        "null_flood",
        "a column is empty for a day",
        _update("country_code = null", f"{_THAT_DAY} and country_code is not null"),
    ),
    _of_events(
        "new_enum_value",
        "a product logs a kind of event that nobody knows",
        _update("event_type = 'drill'", f"{_THAT_DAY} and {_ONE_IN_TEN}"),
    ),
    _of_events(
        "orphan_keys",
        "events of actors that there are not",
        _update("actor_id = 'drill-' || actor_id", f"{_THAT_DAY} and {_ONE_IN_TEN}"),
    ),
    _of_events(
        "future_timestamps",
        "times that have not come yet",
        _update(
            "occurred_at = occurred_at + interval 400 day, occurred_date = occurred_date + 400",
            f"{_THAT_DAY} and {_ONE_IN_TEN}",
        ),
    ),
    _of_events(
        "unit_change",
        "thousands are written as ones",
        _update(
            "input_tokens = input_tokens * 1000, output_tokens = output_tokens * 1000",
            f"{_THAT_DAY} and coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0",
        ),
    ),
    _of_events(
        "time_zone_shift",
        "a day's times are told in another zone",
        _update(
            "occurred_at = occurred_at + interval 8 hour, "
            "occurred_date = cast(occurred_at + interval 8 hour as date)"
        ),
    ),
    _of_events(
        "swapped_columns",
        "two numbers change places",
        _update(
            "input_tokens = output_tokens, output_tokens = input_tokens",
            f"{_THAT_DAY} and input_tokens is distinct from output_tokens",
        ),
    ),
    _of_events(
        "silent_product",
        "one product logs nothing",
        f"delete from lake.{_EVENTS} where {_THAT_DAY} and product_code = "
        f"(select mode(product_code) from lake.{_EVENTS} where {_THAT_DAY})",
    ),
    _of_events(
        "truncated_ids", "ids are cut, and collide", _update("actor_id = left(actor_id, 2)")
    ),
    _of_events(
        "replayed_day",
        "a day comes again under new keys",
        f"insert into lake.{_EVENTS} select * replace ('drill-' || event_id as event_id) "
        f"from lake.{_EVENTS} where {_THAT_DAY}",
    ),
    Fault(
        "emptied_table",
        "core.dim_actors",
        "a table is empty",
        ("delete from lake.core.dim_actors",),
    ),
    Fault(
        "doubled_risk",
        "core.user_risk",
        "everybody is twice as suspicious",
        ("update lake.core.user_risk set risk_probability = least(1, 2 * risk_probability)",),
    ),
)


def fault_named(name: str) -> Fault:
    """The fault of a name.

    Raises:
        GatehouseError: there is none.
    """
    for each in FAULTS:
        if each.name == name:
            return each
    raise GatehouseError(f"There is no fault {name}.", next_step="gatehouse drill --list")


def fault_of(day: date) -> int:
    """Place in `FAULTS` of a day's fault: each has its turn."""
    return day.toordinal() % len(FAULTS)
