"""The gate's own checks on new days of a table, against its certified past."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from gatehouse.gate.drift import Reading, judge
from gatehouse.gate.due import missing_days
from gatehouse.gate.past import CertifiedPast, Judged, read_past
from gatehouse.gate.profiles import Key, Profile, changed_days, read_profiles
from gatehouse.gate.results import CheckResult, Severity
from gatehouse.gate.suites import CHECKS, Drift, Limits, Suite
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from gatehouse.gate.lineage import CoreTable
    from gatehouse.gate.subject import Subject

# A day has begun with so much of the rows of the day before.
_BEGUN = 0.02


@dataclass(frozen=True)
class Monitored:
    """What the monitors of a table found, and the days they looked at."""

    checks: list[CheckResult]
    judged: Judged


def monitor(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    table: CoreTable,
    suite: Suite,
    drift: Drift,
    subject: Subject,
    due: date | None = None,
) -> Monitored:
    """Judge the days of a relation that changed since it was certified, and those after.

    Args:
        settings: where the certified past is kept.
        connection: with the lake pinned at the snapshot of ``subject``.
        table: the table whose checks these are.
        suite: its suite.
        drift: what is looked at.
        subject: what is checked; a day that was not over when its last rows arrived is not judged.
        due: last day that the relation should have, rows or not; see `gatehouse.gate.due`.
    """
    relation = drift.relation(table.table)
    past = read_past(settings, table.table, relation, subject.snapshot_id)
    columns = drift.columns if drift.of else table.columns
    limits = suite.limits[relation]
    return compare(connection, relation, drift, limits, columns, past, subject, due)


def compare(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    drift: Drift,
    limits: Limits,
    columns: Collection[str],
    past: CertifiedPast,
    subject: Subject,
    due: date | None = None,
) -> Monitored:
    """As `monitor`, with the past and the limits given.

    Args:
        connection: with the lake pinned at the snapshot of ``subject``.
        relation: table of the lake with its schema.
        drift: what of it is looked at.
        limits: how far it may be off.
        columns: columns for which is counted how many lack a value.
        past: its certified days.
        subject: what is checked.
        due: last day that the relation should have.
    """
    days = _days(connection, relation, drift, past, subject.snapshot_id)
    profiles = read_profiles(connection, relation, drift, columns, days)
    return found_in(relation, drift, limits, profiles, days, past, subject, due)


def found_in(
    relation: str,
    drift: Drift,
    limits: Limits,
    profiles: Mapping[Key, Profile],
    days: Collection[date] | None,
    past: CertifiedPast,
    subject: Subject,
    due: date | None = None,
) -> Monitored:
    """As `compare`, of profiles that have been read: those of ``days``, None for all."""
    # A certified day that is gone altogether has no rows to tell of it.
    known = past.profiles if past.snapshot_id is not None else {}
    seen = {day for day, _ in [*profiles, *known]} if days is None else {*days}
    if drift.day and known:
        seen |= missing_days(max(day for day, _ in known), {day for day, _ in profiles}, due)
    over = {day for day in seen if day < subject.first_open_day} if drift.day else seen
    over -= _not_begun(drift, profiles, known, due)
    readings = judge(drift, limits, profiles, past.profiles, over)
    beyond = _beyond(drift, limits, readings)
    return Monitored(checks_of(drift, limits, readings), Judged(relation, over, profiles, beyond))


def _beyond(drift: Drift, limits: Limits, readings: Iterable[Reading]) -> dict[str, set[Key]]:
    """By name of the check, the days and products that failed it."""
    names = {monitor: name for name, monitor in CHECKS.items()}
    found: dict[str, set[Key]] = {}
    for each in readings:
        if each.is_beyond(limits):
            name = _prefix(drift) + names[each.monitor].format(each.column)
            found.setdefault(name, set()).add((each.day, each.surface))
    return found


def _not_begun(
    drift: Drift, profiles: Mapping[Key, Profile], known: Mapping[Key, Profile], due: date | None
) -> set[date]:
    """The newest day, where all that it has are a few rows of its first hour.

    What is scored or answered after midnight is of the day before: where days come as a whole, long
    after they were over, it would look like a day that is all but lost. If nothing more comes, it
    is missed when it is due.
    """
    if not drift.time or not profiles:
        return set()
    newest = max(day for day, _ in profiles)
    if due is not None and newest <= due:
        return set()
    of_newest = [each for (day, _), each in profiles.items() if day == newest]
    if any(sum(each.hours[1:]) for each in of_newest):
        return set()
    before = [
        sum(them[key].rows for key in them if key[0] == newest - timedelta(days=1))
        for them in (profiles, known)
    ]
    is_little = sum(each.rows for each in of_newest) < _BEGUN * max(before)
    return {newest} if is_little else set()


def checks_of(drift: Drift, limits: Limits, readings: Iterable[Reading]) -> list[CheckResult]:
    """One check for each kind of reading and column; its figures are those of the worst one."""
    by_monitor: dict[tuple[str, str], list[Reading]] = {}
    judged: dict[date, set[str]] = {}
    for each in readings:
        column = "" if each.monitor == "nulls" else each.column
        by_monitor.setdefault((each.monitor, column), []).append(each)
        judged.setdefault(each.day, set()).add(each.surface)
    return [
        _check(
            _prefix(drift) + name.format(column),
            column,
            drift,
            limits,
            by_monitor.get((monitor, column), []),
            judged,
        )
        for name, monitor in CHECKS.items()
        for column in _columns(monitor, drift)
    ]


def _prefix(drift: Drift) -> str:
    return f"{drift.of}: " if drift.of else ""


def _columns(monitor: str, drift: Drift) -> list[str]:
    """The columns that a monitor looks at, one check each; one without a name for the table."""
    by_day = [""] if drift.day else []
    by_monitor = {
        "rows_drop": by_day,
        "rows_rise": by_day,
        "restated_drop": by_day,
        "restated_rise": by_day,
        "units_drop": by_day if drift.unit else [],
        "units_rise": by_day if drift.unit else [],
        "new_value": drift.values if drift.day else [],
        "value_drop": drift.values,
        "value_rise": drift.values,
        "mix": drift.values,
        "shared": drift.shared,
        "numbers": drift.numbers,
        "hours": [drift.time] if drift.time and drift.day else [],
        "repeats": [""] if drift.repeats else [],
        "replayed": [drift.time] if drift.looks_for_replays else [],
    }
    return by_monitor.get(monitor, [""])


def _check(
    name: str,
    column: str,
    drift: Drift,
    limits: Limits,
    readings: list[Reading],
    judged: Mapping[date, set[str]],
) -> CheckResult:
    beyond = [each for each in readings if each.is_beyond(limits)]
    observed: dict[str, Any] = {"readings": len(readings)}
    if readings:
        worst = max(beyond or readings, key=lambda each: _excess(each, limits))
        observed |= {
            "day": worst.day.isoformat() if drift.day else None,
            "product": worst.surface or None,
            # Of a list that was certified; a new value may be anything.
            "value": worst.value if worst.monitor != "new_value" else None,
            "observed": round(worst.observed, 4),
            "expected": round(worst.expected, 4),
            "distance": round(worst.distance, 4),
            "limit": getattr(limits, worst.monitor),
            "limit_name": worst.monitor,
        }
        column = worst.column or column
    if beyond:
        observed |= {
            "since": min(each.day for each in beyond).isoformat() if drift.day else None,
            "until": max(each.day for each in beyond).isoformat() if drift.day else None,
            **_products(beyond, judged),
            "beyond": len(beyond),
        }
    return CheckResult(
        tool="gate",
        name=name,
        severity=_severity(drift, name, beyond),
        # Without a past there is nothing to compare with.
        result="failed" if beyond else "passed" if readings else "no_data",
        column=column or None,
        reason=drift.reason,
        owner=drift.owner,
        observed={key: value for key, value in observed.items() if value not in (None, "", [])},
    )


def _products(beyond: list[Reading], judged: Mapping[date, set[str]]) -> dict[str, list[str]]:
    """Products that are beyond a limit, and sound ones; nothing where the whole feed is beyond it.

    What is wrong with all products that could be judged on those days is no product's, and likely
    wrong with those too that had too few actors to be judged. Rows without a product are of any.
    """
    products = {each.surface for each in beyond}
    sound = set.intersection(*(judged[each.day] for each in beyond)) - products - {""}
    if "" in products or not sound:
        return {}
    return {"products": sorted(products), "sound": sorted(sound)}


def _severity(drift: Drift, name: str, beyond: list[Reading]) -> Severity:
    """Days of a first build that differ among themselves are told; they hold nothing."""
    is_told = name.removeprefix(_prefix(drift)) in drift.warnings or not any(
        each.is_grounded for each in beyond
    )
    if not is_told or not beyond:
        return drift.severity
    return "info" if drift.severity == "info" else "warning"


def _excess(reading: Reading, limits: Limits) -> float:
    return float(reading.distance / getattr(limits, reading.monitor))


def _days(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    drift: Drift,
    past: CertifiedPast,
    snapshot_id: int,
) -> set[date] | None:
    """Days that changed since the table was certified, and all from the last one on; None: all."""
    if past.snapshot_id is None or not drift.day:
        return None
    changed: set[date] | None = set()
    if past.snapshot_id < snapshot_id:
        changed = changed_days(connection, relation, drift, past.snapshot_id, snapshot_id)
    if changed is None:
        return None
    certified = {day for day, _ in past.profiles}
    if not certified:
        return None
    last = max(certified)
    if len(certified - changed) <= len(certified) / 2:
        # Most of it was written anew; a day that was not may be gone, which no change tells.
        changed |= certified
    changed |= {*past.waived}
    # Also days that were not over when they came: nobody has judged them.
    schema, _, name = relation.partition(".")
    column = identifier(drift.day)
    newest = connection.execute(
        f"select distinct cast({column} as date) from "
        f"lake.{identifier(schema)}.{identifier(name)} where {column} >= cast($1 as date)",
        [last],
    ).fetchall()
    return changed | {row[0] for row in newest} | {last}
