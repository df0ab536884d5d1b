"""SQL that makes contract columns of raw fields, and says what is wrong with a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatehouse.ingest.contracts import Column, Contract
from gatehouse.ingest.expressions import fields_of, is_bare
from gatehouse.ingest.mapping import ROW_FIELDS, ColumnExpression, SourceMapping
from gatehouse.lake.sql import identifier, literal

_NAIVE = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE")
_INTEGERS = ("tinyint", "smallint", "integer", "bigint")
# What a text must look like to be local time; all else must carry its offset.
# Time mends it: such rows are read again by every replay.
AHEAD = "lies more than a day in the future"
_PLAIN_TIME = r"\s*\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*"
VERSION = "version_at"


@dataclass(frozen=True)
class Rule:
    """One thing that sends a row to quarantine.

    Attributes:
        column: contract column it is about, where it is about one.
        reason: what is wrong, without the value.
        broken: SQL that is true where it is broken.
    """

    column: str | None
    reason: str
    broken: str


class Checks:
    """The SQL of one mapping: results of expressions, typed values, rules.

    Values go through three layers, each a subquery of the next: ``r_`` (what an expression
    gives), ``l_`` (local time, where the column is a time in a zone with clock changes) and
    ``v_`` (the contract's type).
    """

    def __init__(self, mapping: SourceMapping, contract: Contract) -> None:
        self.mapping = mapping
        self.contract = contract
        self.expressions: dict[str, ColumnExpression] = dict(mapping.expressions(contract))
        self.columns: dict[str, Column] = {
            column.name: column for column in contract.columns if column.name in self.expressions
        }
        if mapping.version is not None:
            self.expressions[VERSION] = ColumnExpression(expr=mapping.version)
            self.columns[VERSION] = Column(VERSION, "timestamp", is_required=True)

    def results(self) -> list[str]:
        """Select items of the first layer, over the raw fields."""
        items = []
        for name in self.columns:
            expression = self.expressions[name]
            bare = is_bare(expression.expr)
            value = expression.expr if bare else f"try({expression.expr})"
            items.append(f"{value} as {identifier('r_' + name)}")
            if not bare:
                items.append(f"{self._missed(expression)} as {identifier('m_' + name)}")
        if self.mapping.filter is not None:
            keep = self.mapping.filter.keep
            items.append(f"try(cast(({keep}) as boolean)) as _kept")
            items.append(f"try(({keep}) is null) is null as _not_filtered")
        return items

    def _missed(self, expression: ColumnExpression) -> str:
        """SQL: a field that the expression reads has a value, but a null would be no answer."""
        if expression.nullable:
            return f"try(({expression.expr}) is null) is null"
        given = ROW_FIELDS | self.mapping.parameters.keys()
        names = sorted(fields_of(expression.expr) - given)
        return " or ".join(f"{identifier(name)} is not null" for name in names) or "false"

    def locals(self, types: Mapping[str, str]) -> list[str]:
        """Select items of the second layer: local times, where the zone has clock changes."""
        if self.mapping.timezone == "UTC":
            return []
        items = []
        for name, column in self.columns.items():
            if not column.is_time:
                continue
            value, kind = identifier("r_" + name), types[name]
            if kind == "VARCHAR":
                local = (
                    f"case when regexp_full_match({value}, {literal(_PLAIN_TIME)}) "
                    f"then try_cast({value} as timestamp) end"
                )
            elif kind in _NAIVE:
                local = f"try_cast({value} as timestamp)"
            else:
                local = "null::timestamp"
            items.append(f"{local} as {identifier('l_' + name)}")
        return items

    def values(self, types: Mapping[str, str]) -> list[str]:
        """Select items of the third layer: each column in its contract's type."""
        return [
            f"{self._value(column, types[name])} as {identifier('v_' + name)}"
            for name, column in self.columns.items()
        ]

    def _value(self, column: Column, kind: str) -> str:
        value = identifier("r_" + column.name)
        if not column.is_time:
            return f"try_cast({value} as {column.type})"
        instant = f"(try_cast({value} as timestamptz) at time zone 'UTC')"
        if self.mapping.timezone == "UTC":
            # A cast of text to `timestamp` would drop its offset, silently.
            return f"try_cast({value} as timestamp)" if kind in _NAIVE else instant
        local = identifier("l_" + column.name)
        zone, choice = literal(self.mapping.timezone), literal(self.mapping.ambiguous)
        return (
            f"case when {local} is null then {instant} else utc_of({local}, {zone}, {choice}) end"
        )

    def rules(self, types: Mapping[str, str]) -> list[Rule]:
        """Every rule, in the order in which they are asked."""
        rules = []
        if self.mapping.filter is not None:
            name = self.mapping.filter.name
            rules.append(Rule(None, f"the filter {name} cannot be evaluated", "_not_filtered"))
        for name, column in self.columns.items():
            rules += self._readable(name, column, types[name])
        for column in self.columns.values():
            rules += _contract_rules(column)
        rules += self._not_ahead()
        for name in self.identity:
            rules.append(
                Rule(name, "is part of the identity", f"{identifier('v_' + name)} is null")
            )
        return rules

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that identify a record; empty where nothing does."""
        if self.mapping.identity == "none":
            return ()
        return tuple(self.mapping.identity or self.contract.identity)

    def _readable(self, name: str, column: Column, kind: str) -> list[Rule]:
        result, value = identifier("r_" + name), identifier("v_" + name)
        unread = f"{result} is not null and {value} is null"
        if not is_bare(self.expressions[name].expr):
            unread = f"{value} is null and ({result} is not null or {identifier('m_' + name)})"
        rules = []
        if column.is_time and self.mapping.timezone != "UTC":
            rules += self._clock_changes(name)
        rules.append(Rule(name, f"cannot be read as {column.type}", unread))
        if loss := _loss(column, kind, result, value):
            rules.append(Rule(name, f"does not fit {column.type} without loss", loss))
        return rules

    def _not_ahead(self) -> list[Rule]:
        """A record that is ahead of the clock would be everybody's newest for years."""
        column = self.columns.get(self.contract.time_column)
        if column is None or not column.is_time:
            return []
        latest = "(now() at time zone 'UTC') + interval 1 day"
        ahead = f"{identifier('v_' + column.name)} > {latest}"
        return [Rule(column.name, AHEAD, ahead)]

    def _clock_changes(self, name: str) -> list[Rule]:
        local, zone = identifier("l_" + name), literal(self.mapping.timezone)
        rules = [
            Rule(
                name,
                "is a local time that a clock change skips",
                f"{local} is not null and len(instants_of({local}, {zone})) = 0",
            )
        ]
        if self.mapping.ambiguous == "quarantine":
            rules.append(
                Rule(
                    name,
                    "is a local time that a clock change repeats",
                    f"{local} is not null and len(instants_of({local}, {zone})) > 1",
                )
            )
        return rules


def _loss(column: Column, kind: str, result: str, value: str) -> str | None:
    """SQL: a number that the cast would have rounded."""
    if column.type not in _INTEGERS and not column.type.startswith("decimal"):
        return None
    differs = f"abs(try_cast({result} as double) - {value}::double) > 1e-6"
    if kind == "VARCHAR":
        return f"regexp_matches({result}, '[.eE]') and {differs}"
    return differs if kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL") else None


def _contract_rules(column: Column) -> list[Rule]:
    value = identifier("v_" + column.name)
    rules = []
    if column.is_required:
        missing = f"{value} is null or {value} = ''" if column.is_text else f"{value} is null"
        rules.append(Rule(column.name, "is required", missing))
    if column.is_text:
        rules.append(Rule(column.name, "contains a NUL byte", f"contains({value}, chr(0))"))
    if column.is_time:
        ends = "timestamp '1900-01-01' and timestamp '2199-12-31 23:59:59.999999'"
        reason = "is not between 1900 and 2199"
        rules.append(Rule(column.name, reason, f"{value} not between {ends}"))
    if column.type == "double":
        rules.append(Rule(column.name, "is not a finite number", f"not isfinite({value})"))
    if column.enum:
        listed = ", ".join(literal(item) for item in column.enum)
        reason = f"is not one of {', '.join(column.enum)}"
        rules.append(Rule(column.name, reason, f"{value} not in ({listed})"))
    if column.minimum is not None:
        rules.append(Rule(column.name, f"is below {column.minimum}", f"{value} < {column.minimum}"))
    if column.maximum is not None:
        rules.append(Rule(column.name, f"is above {column.maximum}", f"{value} > {column.maximum}"))
    if column.pattern is not None:
        broken = f"not regexp_full_match({value}, {literal(column.pattern)})"
        rules.append(Rule(column.name, f"does not match {column.pattern}", broken))
    if column.max_length is not None:
        reason = f"is longer than {column.max_length} characters"
        rules.append(Rule(column.name, reason, f"length({value}) > {column.max_length}"))
    return rules


MACROS = (
    # The instants that a zone's clocks show as this local time: none, one, or two at a change.
    """create or replace temp macro instants_of(local_time, zone) as
        case when ((local_time at time zone zone) - interval 6 hour) at time zone zone
                + interval 12 hour
            = ((local_time at time zone zone) + interval 6 hour) at time zone zone
        then [local_time at time zone zone]
        else list_sort(list_distinct(list_filter(list_transform(
            [-120, -60, -30, 0, 30, 60, 120],
            lambda minutes: (local_time at time zone zone) + to_minutes(minutes)),
            lambda instant: (instant at time zone zone) = local_time))) end""",
    """create or replace temp macro utc_of(local_time, zone, choice) as
        (case when choice = 'later' then list_last(instants_of(local_time, zone))
        else list_first(instants_of(local_time, zone)) end) at time zone 'UTC'""",
    # Nanoseconds beyond the microsecond, of a time written with up to nine decimals.
    """create or replace temp macro nanos_of(time_text) as
        coalesce(try_cast(rpad(nullif(regexp_extract(
            time_text, ':\\d{2}\\.\\d{6}(\\d{1,3})', 1), ''), 3, '0') as smallint), 0)""",
)
