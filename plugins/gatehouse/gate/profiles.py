"""What a table looks like, day by day and product by product: counts, never values of a person.

Each actor has one vote: a number is first averaged per actor, an hour counts the actors active in
it, and of its rows no more count than a few times those of the day's others. So a crowd of accounts
that is not a fifth of all, however busy, moves no profile by much: an attack is news, not a broken
feed, and must not hold the detections that would find it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from gatehouse.lake.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

    from gatehouse.gate.suites import Drift

# Rows of a unit beyond so many times those of this quantile of the day's say more of it than of the
# feed. A number of rows would not do: of a feed that lost half, the busy would still have as many;
# nor a quantile nearer to 1: fewer accounts than are left above it could move it to their own.
_BUSY, _TIMES = 0.8, 3
_MOST_VALUES = 300
# Of a day and product with more rows than that, about so many of its units are looked at, with all
# that each of them did: what is to be seen in a day is to be seen in every n-th unit of it.
_MANY_ROWS, _SAMPLED_UNITS = 200_000, 20_000
OTHER_VALUES = "(others)"
_CODE = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_LONGEST_SURFACE = 250

Key = tuple[date, str]


@dataclass(frozen=True)
class Profile:
    """One day of one product in one table.

    Attributes:
        rows: all rows.
        sampled: of how many units one was looked at; all counts but ``rows`` are of those.
        counted: rows, of one unit not more than three times those of the 80th percentile of the
            day's units (as in a winsorised sum; Tukey, The Future of Data Analysis, 1962). None in
            a profile that was kept before it was counted like this.
        units: distinct units, mostly actors.
        nulls: by column, the mean over units of the share of their rows without a value.
        hours: (24,) units active in each hour (UTC); empty if the table has no time of day.
        numbers: by column, units by the bin of their mean; see `number_bin`.
        values: by column, units by value.
        shared: by column, units of the value that most of them have.
        repeated: mean over units of the share of their rows that repeat another; None in a profile
            that was kept before it was told so.
        replays: mean over units of the share of their rows that stand at the same microsecond of
            the day as one of the day before; None as above, and where the sample has no unit.
    """

    rows: int = 0
    sampled: int = 1
    counted: int | None = 0
    units: int = 0
    nulls: Mapping[str, float] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    numbers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    shared: Mapping[str, int] = field(default_factory=dict)
    repeated: float | None = 0.0
    replays: float | None = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The profile as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """The profile of `as_dict`; of an older one, what is still told in the same way."""
        known = {each.name for each in fields(cls)}
        same = {name: value for name, value in data.items() if name in known}
        since = dict.fromkeys(("counted", "repeated", "replays"))
        return cls(**{**since, **same, "hours": tuple(data["hours"])})


def number_bin(column: str) -> str:
    """SQL of a number's bin: half octaves of hundredths, so that a factor of two is two bins."""
    return f"cast(sign({column}) * floor(2 * log2(100 * abs({column}) + 1)) as integer)"


def read_profiles(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    drift: Drift,
    columns: Collection[str],
    days: Iterable[date] | None,
) -> dict[Key, Profile]:
    """The profiles of some days of a table, in a few scans of them.

    Args:
        connection: with the lake pinned.
        relation: table of the lake with its schema.
        drift: what of it is looked at.
        columns: columns for which is counted how many lack a value.
        days: which days; None for all.

    Returns:
        By day and product; a product that a row lacks is ``""``. Days without rows are absent.
    """
    wanted = None if days is None else sorted(days)
    if wanted == []:
        return {}
    source = _source(relation, drift, wanted)
    rows, every = _sizes(connection, source)
    source = _sample(source, every)
    found = _with_values(connection, source, drift, _by_unit(connection, source, drift, columns))
    if drift.looks_for_replays and found:
        before = {day - timedelta(days=1) for day in wanted or ()}
        both = _source(relation, drift, sorted({*before, *wanted}) if wanted else None)
        shares = _replays(connection, _sample_alike(both, every), drift)
        found = {key: replace(each, replays=shares.get(key)) for key, each in found.items()}
    # How many units there are is an estimate: of a few, the sample may have none.
    found = {key: Profile() for key in every} | found
    return {
        key: replace(each, rows=rows[key], sampled=every.get(key, 1)) for key, each in found.items()
    }


def _sizes(
    connection: duckdb.DuckDBPyConnection, source: str
) -> tuple[dict[Key, int], dict[Key, int]]:
    """Rows by day and product, and where those are many, of how many units one is looked at."""
    counts = connection.execute(
        "select _day, _surface, count(*), approx_count_distinct(_unit) "
        f"from {source} group by _day, _surface"
    ).fetchall()
    every = {
        (day, surface): 1 + units // _SAMPLED_UNITS
        for day, surface, rows, units in counts
        if day and rows > _MANY_ROWS
    }
    return (
        {(day, surface): rows for day, surface, rows, _ in counts if day},
        {key: number for key, number in every.items() if number > 1},
    )


def _sample(source: str, every: Mapping[Key, int]) -> str:
    """SQL of a source with every n-th unit of the days and products that have many rows."""
    if not every:
        return source
    known = ", ".join(
        f"(date {literal(day.isoformat())}, {literal(surface)}, {number})"
        for (day, surface), number in sorted(every.items())
    )
    return (
        f"(select own.* from {source} as own left join "
        f"(values {known}) as large (_day, _surface, _every) "
        "on own._day = large._day and own._surface = large._surface "
        "where large._every is null or hash(own._unit) % large._every = 0)"
    )


def _sample_alike(source: str, every: Mapping[Key, int]) -> str:
    """SQL of a source with every n-th unit of the products that have many, the same on all days."""
    by_surface: dict[str, int] = {}
    for (_, surface), number in every.items():
        by_surface[surface] = max(number, by_surface.get(surface, 1))
    if not by_surface:
        return source
    known = ", ".join(f"({literal(surface)}, {n})" for surface, n in sorted(by_surface.items()))
    return (
        f"(select own.* from {source} as own left join (values {known}) as large "
        "(_surface, _every) on own._surface = large._surface "
        "where large._every is null or hash(own._unit) % large._every = 0)"
    )


def changed_days(
    connection: duckdb.DuckDBPyConnection, relation: str, drift: Drift, since: int, until: int
) -> set[date] | None:
    """Days of the rows that a table gained or lost between two snapshots; None if unknown."""
    import duckdb

    schema, _, table = relation.partition(".")
    found: set[date] = set()
    for change in ("insertions", "deletions"):
        try:
            rows = connection.execute(
                f"select distinct {_day(drift)} from ducklake_table_{change}("
                "'lake', $1, $2, cast($3 as bigint), cast($4 as bigint))",
                [schema, table, since + 1, until],
            ).fetchall()
        except duckdb.Error:
            # The older snapshot has been expired: nobody knows any more.
            return None
        found |= {row[0] for row in rows if row[0] is not None}
    return found


def _day(drift: Drift) -> str:
    return f"cast({identifier(drift.day)} as date)" if drift.day else "date '1970-01-01'"


def _source(relation: str, drift: Drift, days: list[date] | None) -> str:
    schema, _, table = relation.partition(".")
    chosen = [identifier(drift.only)] if drift.only else []
    if days is not None and drift.day:
        # Also as bounds: they are what prunes files.
        named = ", ".join(f"date {literal(day.isoformat())}" for day in days)
        column = identifier(drift.day)
        chosen += [
            f"{column} >= date {literal(days[0].isoformat())}",
            f"{column} < date {literal(days[-1].isoformat())} + interval 1 day",
            f"{_day(drift)} in ({named})",
        ]
    where = f" where {' and '.join(chosen)}" if chosen else ""
    surface = (
        f"coalesce(left(cast({identifier(drift.surface)} as varchar), {_LONGEST_SURFACE}), '')"
        if drift.surface
        else "''"
    )
    unit = identifier(drift.unit) if drift.unit else "rowid"
    return (
        f"(select *, {_day(drift)} as _day, {surface} as _surface, {unit} as _unit "
        f"from lake.{identifier(schema)}.{identifier(table)}{where})"
    )


def _by_unit(
    connection: duckdb.DuckDBPyConnection, source: str, drift: Drift, columns: Collection[str]
) -> dict[Key, Profile]:
    watched = [name for name in columns if name not in (drift.day, drift.unit)]
    repeats = ", ".join(identifier(name) for name in drift.repeats)
    first = [
        "count(*) as _rows",
        *(f"count({identifier(name)}) as _n{i}" for i, name in enumerate(watched)),
        *(f"avg({identifier(name)}) as _m{i}" for i, name in enumerate(drift.numbers)),
    ]
    if drift.time:
        first.append(f"bit_or(1 << hour({identifier(drift.time)})) as _hours")
    if repeats:
        first.append(f"count(distinct hash({repeats})) as _distinct")
    second = [
        "cast(sum(_rows) as bigint)",
        f"cast(sum(least(_rows, {_TIMES} * _busy)) as bigint)",
        "count(*)",
        *(f"avg(1 - _n{i} / _rows)" for i in range(len(watched))),
        *(
            f"histogram({number_bin(f'_m{i}')}) filter (where _m{i} is not null)"
            for i in range(len(drift.numbers))
        ),
        *(
            f"cast(coalesce(sum((_hours >> {h}) & 1), 0) as bigint)"
            for h in range(24)
            if drift.time
        ),
        *(["avg(1 - _distinct / _rows)"] if repeats else []),
    ]
    rows = connection.execute(
        f"select _day, _surface, {', '.join(second)} from ("
        f"select *, quantile_disc(_rows, {_BUSY}) over (partition by _day, _surface) as _busy "
        f"from (select _day, _surface, _unit, {', '.join(first)} from {source} "
        "group by _day, _surface, _unit)) group by _day, _surface"
    ).fetchall()
    return {(row[0], row[1]): _profile(row[2:], watched, drift) for row in rows if row[0]}


def _profile(row: tuple[Any, ...], watched: list[str], drift: Drift) -> Profile:
    after_nulls = 3 + len(watched)
    after_numbers = after_nulls + len(drift.numbers)
    after_hours = after_numbers + (24 if drift.time else 0)
    numbers = zip(drift.numbers, row[after_nulls:after_numbers], strict=True)
    return Profile(
        rows=row[0],
        counted=row[1],
        units=row[2],
        nulls=dict(zip(watched, (round(share, 6) for share in row[3:after_nulls]), strict=True)),
        hours=tuple(int(count) for count in row[after_numbers:after_hours]),
        numbers={name: {str(k): v for k, v in (bins or {}).items()} for name, bins in numbers},
        repeated=round(row[after_hours], 6) if drift.repeats else 0.0,
    )


def _replays(connection: duckdb.DuckDBPyConnection, source: str, drift: Drift) -> dict[Key, float]:
    """By day and product, the mean over units of the share of rows at a moment of the day before.

    Args:
        connection: with the lake pinned.
        source: with the same units of a product on both days.
        drift: what is looked at.
    """
    rows = connection.execute(
        f"with own as (select _day, _surface, _unit, epoch_us({identifier(drift.time)}) "
        "% 86400000000 as _moment, count(*) as _rows "
        f"from {source} where {identifier(drift.time)} is not null group by all), "
        "before as (select distinct _day + 1 as _day, _surface, _unit, _moment from own), "
        "units as (select own._day, own._surface, own._unit, "
        "coalesce(sum(_rows) filter (before._unit is not null), 0) / sum(_rows) as _share "
        "from own left join before using (_day, _surface, _unit, _moment) group by 1, 2, 3) "
        "select _day, _surface, avg(_share) from units group by 1, 2"
    ).fetchall()
    return {(day, surface): round(float(share), 6) for day, surface, share in rows}


def _with_values(
    connection: duckdb.DuckDBPyConnection, source: str, drift: Drift, found: dict[Key, Profile]
) -> dict[Key, Profile]:
    values: dict[Key, dict[str, dict[str, int]]] = {}
    shared: dict[Key, dict[str, int]] = {}
    for column in drift.values:
        for day, surface, value, units in _by_value(connection, source, column, _MOST_VALUES):
            counts = values.setdefault((day, surface), {}).setdefault(column, {})
            # What has more values than that is no short list; the rest counts as one.
            name = _code(value) if len(counts) < _MOST_VALUES else OTHER_VALUES
            counts[name] = counts.get(name, 0) + units
    for column in drift.shared:
        for day, surface, _, units in _by_value(connection, source, column, 0):
            shared.setdefault((day, surface), {})[column] = units
    return {
        key: replace(profile, values=values.get(key, {}), shared=shared.get(key, {}))
        for key, profile in found.items()
    }


def _code(value: str) -> str:
    """A short code as it is; of anything else a hash: what was mapped wrongly may be anything."""
    if _CODE.fullmatch(value) or value in ("true", "false"):
        return value
    return "#" + hashlib.sha256(value.encode()).hexdigest()[:12]


def _by_value(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, most: int
) -> list[tuple[Any, ...]]:
    """Day, product, value and its units, the most common first; ``most`` and one more a day."""
    name = identifier(column)
    return connection.execute(
        f"select _day, _surface, cast({name} as varchar) as value, count(distinct _unit) as units "
        f"from {source} where {name} is not null group by 1, 2, 3 "
        "qualify row_number() over (partition by _day, _surface order by units desc, value) <= $1 "
        "order by units desc, value",
        [most + 1],
    ).fetchall()
