"""Whether what arrived for a table was fit to load: files rejected, rows quarantined."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from gatehouse.gate.lineage import CoreTable
from gatehouse.gate.results import CheckResult, Outcome, Severity
from gatehouse.gate.subject import Subject
from gatehouse.gate.suites import Suite
from gatehouse.ingest.again import came_again
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings

QUARANTINED = "rows quarantined of {}"
REJECTED = "files rejected of {}"
# Of a few rows any share may be wrong.
_LEAST_ROWS = 100
_AT_LEAST = timedelta(days=1)
_REASONS = {
    QUARANTINED: (
        "Rows that were kept out are missing in everything made from the others, and not at "
        "random: mend the mapping or the source, then gatehouse quarantine replay."
    ),
    REJECTED: (
        "Nothing of a file that was rejected is in the lake: put one that can be read at its path, "
        "or mend the mapping; then gatehouse ingest. Take one that nobody wants out of the folder."
    ),
}


def feeds_of(table: CoreTable, known: Mapping[str, CoreTable]) -> tuple[str, ...]:
    """The raw tables that reach a table by no other core table."""
    through = {source for name in table.upstream if name in known for source in known[name].sources}
    return tuple(source for source in table.sources if source not in through)


def sources_by_contract(settings: Settings) -> dict[str, list[str]]:
    """Source ids of the mappings, by the raw table that they fill.

    Raises:
        GatehouseError: a mapping is wrong: nobody knows what it fills.
    """
    from gatehouse.ingest.contracts import load_contracts
    from gatehouse.ingest.mapping import load_mappings

    if not settings.sources.is_dir() or not settings.input_contracts.is_dir():
        return {}
    found: dict[str, list[str]] = {}
    for name, mapping in load_mappings(
        settings.sources, load_contracts(settings.input_contracts)
    ).items():
        found.setdefault(mapping.contract, []).append(name)
    return found


def not_counted(table: CoreTable, suite: Suite, reason: str) -> list[CheckResult]:
    """The checks of a table's feeds where it is not known which sources fill them."""
    if not table.sources:
        return []
    return [
        _check(suite, name, "its feeds", "could_not_check", {"error": reason}) for name in _REASONS
    ]


def arrivals(
    connection: duckdb.DuckDBPyConnection,
    suite: Suite,
    feeds: Mapping[str, Collection[str]],
    subject: Subject,
    since: datetime | None,
    answers: dict[Hashable, list[tuple[Any, ...]]] | None = None,
) -> list[CheckResult]:
    """Two checks a feed: rows quarantined, and files rejected, of what arrived for the version.

    Args:
        connection: with the lake pinned.
        suite: of the table.
        feeds: source ids by raw table.
        subject: what is checked; without a build nobody knows what arrived for it.
        since: end of the arrivals in the version on show; None where there is none.
        answers: of the snapshot's ledger, kept for the next table that is made of the same feed.
    """
    if subject.interval_end_at is None:
        return []
    # Not from the start of the build: one that was held is not mended by the next.
    since = since or datetime(1970, 1, 1, tzinfo=UTC)
    known = {} if answers is None else answers
    found: list[CheckResult] = []
    for feed, sources in sorted(feeds.items()):
        own = sorted(sources)
        arrived = _Arrived(connection, feed, own, since, subject.interval_end_at, known)
        found += [check for check in (arrived.rejected(suite), arrived.quarantined(suite)) if check]
    return found


@dataclass(frozen=True)
class _Arrived:
    """What arrived for one feed until the end of a build."""

    connection: duckdb.DuckDBPyConnection
    feed: str
    sources: list[str]
    since: datetime
    end: datetime
    known: dict[Hashable, list[tuple[Any, ...]]]

    def quarantined(self, suite: Suite) -> CheckResult | None:
        """The check of rows; None where too few arrived to tell."""
        counts = self._rows(self.since)
        if sum(rows for _, rows, _ in counts) < _LEAST_ROWS:  # a file every few minutes
            counts = self._rows(self._a_day)
        total = sum(rows for _, rows, _ in counts)
        if total < _LEAST_ROWS:
            return None
        failing = sum(quarantined for _, _, quarantined in counts)
        observed = {
            "row_count": total,
            "failing_rows": failing,
            **self._told(suite, failing / total, [name for name, _, each in counts if each]),
        }
        result: Outcome = "failed" if failing / total > suite.most_quarantined else "passed"
        return _check(suite, QUARANTINED, self.feed, result, observed)

    def rejected(self, suite: Suite) -> CheckResult | None:
        """The check of files that are still there: much of what came holds the table, others warn.

        How many rows a rejected file has nobody knows; how large it is, and how many files came in
        the day up to it, which no later file changes. What was rejected before the version on show
        was certified is a warning until it is mended or taken away.
        """
        moments = self._ask(
            "with own as (select * from lake.raw.files where source_id in ({sources}) "
            "and status_code in ('loaded', 'rejected') and ingested_at < $2), "
            "moments as (select distinct ingested_at as at from own "
            "where status_code = 'rejected' and ingested_at >= $1) "
            "select count(*), count(*) filter (status_code = 'rejected'), sum(size_bytes), "
            "sum(size_bytes) filter (status_code = 'rejected') from moments inner join own "
            "on own.ingested_at > moments.at - interval 1 day and own.ingested_at <= moments.at "
            "group by moments.at",
            self.since,
        )
        ((files, count, names),) = self._ask(
            "select count(*) filter (status_code = 'loaded' and ingested_at >= $1), "
            "count(*) filter (status_code = 'rejected'), "
            "list(distinct source_id) filter (status_code = 'rejected') "
            "from lake.raw.files where source_id in ({sources}) and ingested_at < $2",
            self._a_day,
        )
        if not files + count:
            return None
        shares = [
            max(rejected / number, float(rejected_size) / float(size or 1))
            for number, rejected, size, rejected_size in moments
        ]
        share = max(shares, default=0.0)
        observed = {
            "file_count": files + count,
            "failing_files": count,
            **self._told(suite, share, names or []),
        }
        is_little = count and share <= suite.most_quarantined
        return _check(
            suite,
            REJECTED,
            self.feed,
            "failed" if count else "passed",
            observed,
            "warning" if is_little else "critical",
        )

    @property
    def _a_day(self) -> datetime:
        return min(self.since, self.end - _AT_LEAST)

    def _told(self, suite: Suite, share: float, failing: Collection[str]) -> dict[str, object]:
        return {
            "share": round(share, 4),
            "limit": suite.most_quarantined,
            "feed": self.feed,
            # Who has nothing to mend is not named.
            "sources": sorted(failing) or self.sources,
        }

    def _rows(self, since: datetime) -> list[tuple[str, int, int]]:
        """Rows that arrived by source, and those of them that were quarantined."""
        return self._ask(
            "select source_id, sum(rows_in)::bigint, sum(rows_quarantined)::bigint "
            "from lake.raw.files as files where source_id in ({sources}) and ingested_at >= $1 "
            f"and ingested_at < $2 and not {came_again('$2')} group by source_id",
            since,
        )

    def _ask(self, query: str, since: datetime) -> list[tuple[Any, ...]]:
        """Rows of a query on the feed's ``{sources}``, from ``$1`` to ``$2``."""
        question = (query, *self.sources, since, self.end)
        if question not in self.known:
            named = ", ".join(literal(source) for source in self.sources)
            self.known[question] = self.connection.execute(
                query.format(sources=named),
                [each.astimezone(UTC).replace(tzinfo=None) for each in (since, self.end)],
            ).fetchall()
        return self.known[question]


def _check(
    suite: Suite,
    name: str,
    feed: str,
    result: Outcome,
    observed: Mapping[str, object],
    severity: Severity = "critical",
) -> CheckResult:
    return CheckResult(
        tool="gate",
        name=name.format(feed),
        severity=severity,
        result=result,
        reason=_REASONS[name],
        owner=suite.owner,
        observed=observed,
    )
