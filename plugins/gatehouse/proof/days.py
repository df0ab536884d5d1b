"""Days made up for the monitors of a table: an ordinary past, and a day broken in each way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import duckdb

from gatehouse.gate.monitors import found_in
from gatehouse.gate.past import CertifiedPast
from gatehouse.gate.profiles import Key, Profile, read_profiles
from gatehouse.gate.results import CheckResult
from gatehouse.gate.subject import Subject
from gatehouse.gate.suites import Drift, Limits
from gatehouse.lake.sql import identifier

_FIRST = date(2001, 1, 1)
# Excess is judged from a product's fourth week on.
_PAST_DAYS = 24
_UNDATED = date(1970, 1, 1)
_SUBJECT = Subject(snapshot_id=0)
_FILLERS = {
    "varchar": "'x'",
    "boolean": "true",
    "date": "date '2001-01-01'",
    "double": "1",
    "float": "1",
}


@dataclass(frozen=True)
class _Fault:
    """A way in which a day is broken.

    Attributes:
        units: how many times the ordinary number of units.
        times: rows of each unit.
        hour: all rows at this hour; -1 for spread over the day.
        value: all units have this value; empty for the ordinary two.
        number: of all rows, by their ordinary one.
        is_void: no value in any column that may lack one.
        is_shared: one value of an identifier stands for all.
        restated: rows of the day when it was certified, as a multiple; 0: it was not.
        is_replayed: at the moments of the day before.
    """

    units: float = 1
    times: int = 1
    hour: int = -1
    value: str = ""
    number: int = 1
    is_void: bool = False
    is_shared: bool = False
    restated: float = 0
    is_replayed: bool = False


def uncaught(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    types: Mapping[str, str],
    drift: Drift,
    limits: Limits,
) -> list[str]:
    """Checks of a monitor that hold on the day that is broken for them, or fail on a good one.

    Args:
        connection: of a copy in memory, where tables may be made.
        table: core table that has the monitor.
        types: type by column of what is looked at.
        drift: what is looked at.
        limits: how far a day may be off.
    """
    days = _Days(connection, table, types, drift, limits)
    on_a_good_day = days.judge(_Fault())
    bad = [f"{each.name} (on a good day)" for each in on_a_good_day if each.result == "failed"]
    left = {each.name for each in on_a_good_day if not days.is_idle(each)}
    for fault in days.faults():
        left -= {each.name for each in days.judge(fault) if each.result == "failed"}
    return bad + [each.name for each in on_a_good_day if each.name in left]


def _is_of(check: CheckResult, name: str) -> bool:
    plain = check.name.rpartition(": ")[2]
    start, _, end = name.partition("{}")
    return plain.startswith(start) and plain.endswith(end)


@dataclass(frozen=True)
class _Days:
    connection: duckdb.DuckDBPyConnection
    table: str
    types: Mapping[str, str]
    drift: Drift
    limits: Limits
    past: dict[Key, Profile] = field(default_factory=dict)
    broken: dict[_Fault, dict[Key, Profile]] = field(default_factory=dict)

    def faults(self) -> Iterator[_Fault]:
        """Ways that between them break each kind of check."""
        limits, drift = self.limits, self.drift
        if drift.looks_for_replays:
            # First: what is read as the day before it is the good one.
            yield _Fault(is_replayed=True)
        if drift.day:
            yield _Fault(units=min(1 - limits.rows_drop, 1 - limits.units_drop) / 3)
            yield _Fault(units=max(limits.rows_rise, limits.units_rise) * 1.5 + 2)
            yield _Fault(hour=3)
        yield _Fault(restated=1 / (1 - limits.restated_drop) * 3)
        yield _Fault(restated=1 / (1 + limits.restated_rise) / 3)
        yield _Fault(value="b")
        yield _Fault(value="c")
        yield _Fault(number=100)
        yield _Fault(is_void=True)
        yield _Fault(is_shared=True)
        yield _Fault(times=2)

    def is_idle(self, check: CheckResult) -> bool:
        """Whether a check has nothing to look at in this table."""
        if _is_of(check, "missing values"):
            return not self._may_be_void()
        return _is_of(check, "repeated rows") and not self.drift.unit

    def judge(self, fault: _Fault) -> list[CheckResult]:
        """What the monitors say of a day with a fault, after an ordinary past."""
        if not self.past:
            self._read()
        day = self._day
        known = dict(self.past)
        if fault.restated:
            ordinary = next(iter(known.values()))
            rows = max(round(ordinary.rows * fault.restated), self.limits.least)
            known[day, next(iter(known))[1]] = replace(ordinary, rows=rows)
        past, profiles = CertifiedPast(None, known), self.broken[fault]
        relation = self.drift.relation(self.table)
        return found_in(relation, self.drift, self.limits, profiles, None, past, _SUBJECT).checks

    @property
    def _day(self) -> date:
        """The day that is judged."""
        return _FIRST + timedelta(days=_PAST_DAYS) if self.drift.day else _UNDATED

    def _read(self) -> None:
        """Profiles of the past, and of the day in each way it is broken.

        They are read at once, each way as a day of its own; of a table without days one by one.
        """
        ways = list(dict.fromkeys([_Fault(), *self.faults()]))
        if not self.drift.day:
            self.past.update(self._profiles([(_UNDATED, _Fault())]))
            self.broken.update({way: self._profiles([(_UNDATED, way)]) for way in ways})
            return
        ordinary = [(_FIRST + timedelta(days=number), _Fault()) for number in range(_PAST_DAYS)]
        own = {way: self._day + timedelta(days=number) for number, way in enumerate(ways)}
        read = self._profiles([*ordinary, *((day, way) for way, day in own.items())])
        self.past.update({key: each for key, each in read.items() if key[0] < self._day})
        for way, day in own.items():
            mine = {key[1]: each for key, each in read.items() if key[0] == day}
            self.broken[way] = {(self._day, surface): each for surface, each in mine.items()}

    def _profiles(self, days: list[tuple[date, _Fault]]) -> dict[Key, Profile]:
        relation = self._make(" union all ".join(f"({self._rows(*each)})" for each in days))
        columns = self.drift.columns if self.drift.of else list(self.types)
        return read_profiles(self.connection, relation, self.drift, columns, None)

    def _make(self, query: str) -> str:
        schema, _, name = self.drift.relation(self.table).partition(".")
        name = f"{name}__days"
        self.connection.execute(
            f"create or replace table lake.{identifier(schema)}.{identifier(name)} as {query}"
        )
        return f"{schema}.{name}"

    def _units(self) -> int:
        """So many that the rarer of the two values is judged, when it is there and when not."""
        return math.ceil(4 * self.limits.least / self._rare())

    def _rare(self) -> float:
        return 0.7 / (1 + self.limits.value_rise)

    def _rows(self, day: date, fault: _Fault) -> str:
        columns = ", ".join(
            f"cast({self._value(name, kind, day, fault)} as {kind}) as {identifier(name)}"
            for name, kind in self.types.items()
        )
        units = max(round(self._units() * fault.units), 1)
        return f"select {columns} from range({units}) as units (n), range({fault.times}) as times"

    def _value(self, name: str, kind: str, day: date, fault: _Fault) -> str:
        drift = self.drift
        midnight = f"timestamp '{day.isoformat()}'"
        if name == drift.unit:
            return "'canary-' || n" if kind.lower() == "varchar" else "n"
        if name in (drift.day, drift.time):
            hour = "8 + n % 12" if fault.hour < 0 else str(fault.hour)
            second = (day - _FIRST).days - fault.is_replayed
            return f"{midnight} + to_hours(cast({hour} as bigint)) + to_seconds({second})"
        if name == drift.surface:
            return "'p'"
        if name == drift.only:
            return "true"
        if fault.is_void:
            return "null"
        if name in drift.values:
            return f"'{fault.value}'" if fault.value else self._ordinary_value()
        if name in drift.shared:
            return "'one'" if fault.is_shared else "'canary-' || n"
        if name in drift.numbers:
            return f"(1 + n % 2) * {fault.number}"
        return _filler(kind)

    def _ordinary_value(self) -> str:
        return f"case when n % 100 < {math.ceil(100 * self._rare())} then 'b' else 'a' end"

    def _may_be_void(self) -> bool:
        drift = self.drift
        kept = {drift.only, drift.unit, drift.day, drift.time, drift.surface}
        columns = drift.columns if drift.of else list(self.types)
        return any(
            name not in kept and (name in drift.values + drift.numbers or _filler(kind) != "null")
            for name, kind in self.types.items()
            if name in columns
        )


def _filler(kind: str) -> str:
    base = kind.lower().partition("(")[0]
    if base.startswith("timestamp"):
        return "timestamp '2001-01-01'"
    if base.endswith("int") or base in ("integer", "decimal"):
        return "1"
    return _FILLERS.get(base, "null")
