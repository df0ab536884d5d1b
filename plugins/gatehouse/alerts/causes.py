"""From what the gate found to causes: what is wrong at its root, and how far it reaches."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from gatehouse.gate.products import failed_products
from gatehouse.gate.results import CERTIFYING

Kind = Literal["data", "infrastructure", "pipeline", "channel", "silence"]
Severity = Literal["critical", "warning"]

# What of a check's observations is a number of rows or days, never a value of a row.
_COUNTS = (
    "failing_rows",
    "failing_files",
    "file_count",
    "unexpected_count",
    "unexpected_percent",
    "missing_count",
    "element_count",
    "row_count",
    "observed",
    "expected",
    "beyond",
)
_MOST_CHECKS = 5


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, as seen now.

    Attributes:
        key: what makes two sightings the same cause, e.g. ``data:fct_events``, ``data:raw.events``.
        subject: root table, task, detection, monitor or channel.
        title: what is wrong, in a line.
        seen_at: when this was found; a sighting that is not newer counts as the same.
        details: what the alert says besides: names, days and counts, never values of rows.
    """

    key: str
    kind: Kind
    severity: Severity
    subject: str
    title: str
    seen_at: datetime
    owner: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A check of `Checked`, as its certificate keeps it."""

    name: str
    severity: str
    result: str
    column: str | None = None
    reason: str = ""
    owner: str = ""
    observed: Mapping[str, Any] = field(default_factory=dict)
    is_waived: bool = False

    @property
    def feed(self) -> str:
        """The raw table of which it looks at what arrived; empty for any other check."""
        return str(self.observed.get("feed") or "")


@dataclass(frozen=True)
class Checked:
    """The newest certificate of a table: of its newest snapshot, the newest check."""

    table: str
    snapshot_id: int
    result: str
    checked_at: datetime
    held_by: tuple[str, ...] = ()
    message: str = ""
    row_count: int = 0
    checks: tuple[Check, ...] = ()

    @property
    def is_certified(self) -> bool:
        """Whether readers may be shown this version."""
        return self.result in CERTIFYING and not self.held_by

    @property
    def is_waived(self) -> bool:
        """Whether a waiver let it pass."""
        return any(check.is_waived for check in self.checks)

    def found(self, result: str, *severities: str) -> list[Check]:
        """Checks with a result that nobody waived."""
        return [
            each
            for each in self.checks
            if each.result == result and each.severity in severities and not each.is_waived
        ]

    def lacking(self, severity: str) -> set[str]:
        """Feeds of which rows were quarantined or files rejected."""
        return {feed for each in self.found("failed", severity) if (feed := each.feed)}

    def is_held_by(self, feed: str) -> bool:
        """Whether what a feed lacks is all that holds it."""
        wrong = [*self.found("failed", "critical"), *self.found("could_not_check", "critical")]
        return {each.feed for each in wrong} == {feed} and not self.held_by

    def has_arrived(self, feed: str) -> bool:
        """Whether a feed was counted and is not missing here, or may be by a waiver."""
        own = [each for each in self.checks if each.feed == feed]
        return bool(own) and all(each.is_waived or each.result == "passed" for each in own)

    @property
    def unchecked(self) -> list[Check]:
        """Checks that hold nothing and could not be carried out, of a table that was certified."""
        return self.found("could_not_check", "critical", "warning") if self.is_certified else []


@dataclass(frozen=True)
class Reader:
    """A detection, as far as it matters who waits.

    Attributes:
        by_product: of the tables it reads, those without some products of which it goes on.
    """

    detection_id: str
    owner: str
    reads: tuple[str, ...]
    by_product: tuple[str, ...] = ()


def causes_of(tables: Iterable[Checked], readers: Sequence[Reader] | None = ()) -> list[Cause]:
    """What is wrong, one cause each, whatever number of tables it holds.

    The root is a table that fails by itself and is held by none; or the feed of which rows were
    quarantined or files rejected, for all tables that are made of it. What could not be checked
    says nothing about the data, so it is a cause of its own kind: one for one error.

    Args:
        tables: newest certificates, causes before consequences.
        readers: the detections; None if they are not known.

    Returns:
        Feeds first, then tables in their order: what is named first is to be looked at first.
    """
    known = [*tables]
    roots = [each for each in known if not each.is_certified and not each.held_by]
    failed = [each for each in roots if each.result == "failed"]
    warned = [each for each in known if each.is_certified and each.found("failed", "warning")]
    feeds: dict[str, Severity] = {}
    for each in [*warned, *failed]:
        severity: Severity = "warning" if each.is_certified else "critical"
        feeds |= dict.fromkeys(each.lacking(severity), severity)
    return [
        *(_feed(feed, severity, known, readers) for feed, severity in sorted(feeds.items())),
        *(
            _data(each, "critical", known, readers)
            for each in failed
            if not each.lacking("critical")
        ),
        # What a feed lacks a little of explains no other warning.
        *(
            _data(each, "warning", known, readers)
            for each in warned
            if any(not check.feed for check in each.found("failed", "warning"))
        ),
        *_infrastructure([each for each in roots if each not in failed], known, readers),
        *_infrastructure([each for each in known if each.unchecked], known, readers),
    ]


def data_key(table: str) -> str:
    """The key of what is wrong with the data of a table."""
    return f"data:{table}"


def fault(table: Checked) -> str:
    """Why a table could not be checked: the same words for the same error.

    Numbers are left out, as they differ from run to run.
    """
    errors = [
        str(each.observed["error"])
        for each in table.checks
        if each.result == "could_not_check" and each.observed.get("error")
    ]
    text = table.message if not errors or "not built" in table.message else errors[0]
    return re.sub(r"\d+", "#", without_addresses(text))[:200] or "could not be checked"


def without_addresses(text: str) -> str:
    """``text`` without paths, addresses, settings and longer quotes: it may leave the log."""
    text = re.sub(r"\w+://\S+", "(address)", text)
    text = re.sub(r"(?<!\w)[~.]{0,2}/[^\s'\",;)]+", "(path)", text)
    text = re.sub(r"""(['"])[^'"]*[=@ ][^'"]*\1""", "(...)", text)
    return re.sub(r"\w+=\S+", "(...)", text).strip()


def _data(
    root: Checked, severity: Severity, known: list[Checked], readers: Sequence[Reader] | None
) -> Cause:
    checks = [check for check in root.found("failed", severity) if not check.feed]
    words = checks[0].name if checks else root.message
    more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
    how = "do not hold" if more else "does not hold"
    how += ", holding nothing up" if severity == "warning" else ""
    return Cause(
        key=data_key(root.table),
        kind="data",
        severity=severity,
        subject=root.table,
        title=f"{root.table}: {words}{more} {how}",
        seen_at=root.checked_at,
        owner=next((each.owner for each in checks if each.owner), ""),
        details={
            **_reach([root], known if severity == "critical" else [], readers),
            **_told(checks),
            # Of rows that are missing they may be why.
            "sources_rejected": _sources(_of_files(root.found("failed", "critical", "warning"))),
            "row_count": root.row_count,
            "snapshot_id": root.snapshot_id,
            "is_waived": root.is_waived,
            "excused": [check.name for check in root.checks if check.is_waived],
        },
    )


def _feed(
    feed: str, severity: Severity, known: list[Checked], readers: Sequence[Reader] | None
) -> Cause:
    """What is missing in one feed, and whatever does not hold in the tables that lack it.

    Also in those that another table holds besides: until they have it, it is missing.
    """
    lacking = [
        each
        for each in known
        if feed in each.lacking(severity) and each.is_certified == (severity == "warning")
    ]
    roots = sorted(lacking, key=lambda each: bool(each.held_by))
    pairs = [(root, check) for root in roots for check in root.found("failed", severity)]
    # Tables differ in what they have of it; the first one's are told.
    each_own = [check for _, check in pairs if check.feed == feed]
    own = list({check.name: check for check in reversed(each_own)}.values())
    others = [
        replace(check, name=f"{root.table}: {check.name}")
        for root, check in pairs
        if not check.feed and severity == "critical"
    ]
    rejected = _of_files(each_own)
    quarantined = [check for check in each_own if check not in rejected]
    most = max((int(check.observed["failing_files"]) for check in rejected), default=0)
    what = [f"{most} files were rejected" if most > 1 else "a file was rejected"] * bool(most)
    what += ["too many of its rows are in quarantine"] * bool(quarantined)
    return Cause(
        key=data_key(f"raw.{feed}"),
        kind="data",
        severity=severity,
        subject=roots[0].table,
        title=f"raw.{feed}: {' and '.join(what)}, and missing in {_named(roots)}",
        seen_at=max(each.checked_at for each in roots),
        owner=own[0].owner,
        details={
            **_reach(roots, known if severity == "critical" else [], readers),
            **_told([*own, *others]),
            "snapshot_id": max(each.snapshot_id for each in roots),
            "roots": [each.table for each in roots],
            # Of the others, something else would hold them still.
            "by_this_alone": [each.table for each in roots if each.is_held_by(feed)],
            "lacking": sorted(check.name for check in own),
            "feed": feed,
            "sources": _sources(quarantined),
            "sources_rejected": _sources(rejected),
        },
    )


def _of_files(checks: list[Check]) -> list[Check]:
    return [each for each in checks if each.observed.get("failing_files")]


def _sources(checks: list[Check]) -> list[str]:
    return sorted({str(name) for each in checks for name in each.observed.get("sources", [])})


def _infrastructure(
    roots: list[Checked], known: list[Checked], readers: Sequence[Reader] | None
) -> list[Cause]:
    by_fault: dict[str, list[Checked]] = {}
    for each in roots:
        by_fault.setdefault(fault(each), []).append(each)
    return [
        _not_checked(words, tables, known, readers) for words, tables in sorted(by_fault.items())
    ]


def _not_checked(
    words: str, tables: list[Checked], known: list[Checked], readers: Sequence[Reader] | None
) -> Cause:
    certified = all(each.is_certified for each in tables)
    names = _named(tables)
    severity: Severity = "warning" if certified else "critical"
    digest = hashlib.sha256(words.encode()).hexdigest()[:16]
    return Cause(
        key=f"infrastructure:{severity}:{digest}",
        kind="infrastructure",
        severity=severity,
        subject=tables[0].table,
        title=f"{names} could not be checked"
        + (" in part" if certified else "")
        + ", which says nothing about the data",
        seen_at=max(each.checked_at for each in tables),
        details={
            **_reach(tables, [] if certified else known, readers),
            "fault": words,
            "roots": [each.table for each in tables],
            "snapshot_id": max(each.snapshot_id for each in tables),
        },
    )


def _reach(
    roots: list[Checked], known: list[Checked], readers: Sequence[Reader] | None
) -> dict[str, Any]:
    """Tables and detections that wait for ``roots``, and whose they are."""
    names = {each.table for each in roots}
    held = [each for each in known if each.table in names or names & {*each.held_by}]
    tables = {each.table for each in held}
    readers_of = [each for each in readers or () if tables & {*each.reads}]
    going_on = [each for each in readers_of if _goes_on(each, known)]
    waiting = [each for each in readers_of if each not in going_on]
    owners = {check.owner for each in held or roots for check in each.checks if check.owner}
    return {
        "tables": [each.table for each in held],
        "detections": None if readers is None else sorted(each.detection_id for each in waiting),
        "going_on": sorted(each.detection_id for each in going_on),
        "owners": sorted(owners | {each.owner for each in readers_of if each.owner}),
    }


def waiting(readers: Iterable[Reader], known: list[Checked]) -> dict[str, list[str]]:
    """The detections that would be held now, each with the tables that hold it."""
    broken = {each.table for each in known if not each.is_certified}
    return {
        each.detection_id: sorted(broken & {*each.reads})
        for each in readers
        if broken & {*each.reads} and not _goes_on(each, known)
    }


def _goes_on(reader: Reader, known: list[Checked]) -> bool:
    """Whether a detection can do without some products of whatever it reads that failed."""
    broken = [each for each in known if each.table in reader.reads and not each.is_certified]
    return all(
        each.table in reader.by_product
        and failed_products(
            each.result,
            each.held_by,
            [
                (check.result, check.observed)
                for check in each.checks
                if check.severity == "critical" and not check.is_waived
            ],
        )
        for each in broken
    )


def _named(tables: list[Checked]) -> str:
    return tables[0].table + (f" and {len(tables) - 1} more" if len(tables) > 1 else "")


def _told(checks: list[Check]) -> dict[str, Any]:
    """The first of the checks; first failing day and products, where any of them knows them."""
    days = [day for each in checks if (day := _day(each.observed.get("since")))]
    products = {
        str(name)
        for each in checks
        if isinstance(each.observed.get("products"), list)
        for name in each.observed["products"]
    }
    return {
        "since": min(days) if days else None,
        "products": sorted(products),
        "checks": [_check(each) for each in checks[:_MOST_CHECKS]],
        "more_checks": max(0, len(checks) - _MOST_CHECKS),
        # All: a table is held until the last of them passes.
        "failing": [each.name for each in checks],
    }


def _day(text: object) -> str | None:
    try:
        return date.fromisoformat(str(text)[:10]).isoformat() if text else None
    except ValueError:
        return None


def _where(observed: Mapping[str, Any]) -> list[str]:
    """The day and product of a monitor's worst reading, and of values that were certified which."""
    names = {"day", "product"} if "limit_name" in observed else set()
    if observed.get("limit_name") in ("value_drop", "value_rise"):
        names |= {"value"}
    return [f"{name} {observed[name]}" for name in sorted(names & {*observed}, reverse=True)]


def _check(check: Check) -> dict[str, Any]:
    counts = {
        name: value
        for name in _COUNTS
        if isinstance(value := check.observed.get(name), int | float) and value is not True
    }
    return {
        "check": check.name,
        "column": check.column,
        "reason": check.reason,
        "owner": check.owner,
        "counts": counts,
        "where": _where(check.observed),
        "beyond_waiver": str(check.observed.get("beyond_waiver", "")),
    }
