"""Whether what arrived for a table was fit to load: the share of its rows that was quarantined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import duckdb

from gatehouse.gate.lineage import CoreTable
from gatehouse.gate.results import CheckResult, Outcome
from gatehouse.gate.subject import Subject
from gatehouse.gate.suites import Suite
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings

NAME = "rows quarantined of {}"
# Of a few rows any share may be wrong.
_LEAST_ROWS = 100
_AT_LEAST = timedelta(days=1)
_REASON = (
    "Rows that were kept out are missing in everything made from the others, and not at random: "
    "mend the mapping or the source, then gatehouse quarantine replay."
)


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
    """The check of a table's feeds where it is not known which sources fill them."""
    if not table.sources:
        return []
    return [_check(suite, "its feeds", "could_not_check", {"error": reason})]


def arrivals(
    connection: duckdb.DuckDBPyConnection,
    suite: Suite,
    feeds: Mapping[str, Collection[str]],
    subject: Subject,
    since: datetime | None,
) -> list[CheckResult]:
    """One check a feed: how many of the rows that arrived for the version were quarantined.

    Args:
        connection: with the lake pinned.
        suite: of the table.
        feeds: source ids by raw table.
        subject: what is checked; without a build nobody knows what arrived for it.
        since: end of the arrivals in the version on show; None where there is none.
    """
    if subject.interval_end_at is None:
        return []
    # Not from the start of the build: one that was held is not mended by the next.
    since = since or datetime(1970, 1, 1, tzinfo=UTC)
    found, end = [], subject.interval_end_at
    for feed, sources in sorted(feeds.items()):
        rows, quarantined = _counts(connection, sources, since, end)
        if rows < _LEAST_ROWS:  # a file every few minutes: none of them is much
            rows, quarantined = _counts(connection, sources, min(since, end - _AT_LEAST), end)
        if rows < _LEAST_ROWS:
            continue
        share = quarantined / rows
        result: Outcome = "failed" if share > suite.most_quarantined else "passed"
        observed = {
            "row_count": rows,
            "failing_rows": quarantined,
            "share": round(share, 4),
            "limit": suite.most_quarantined,
            "feed": feed,
            "sources": sorted(sources),
        }
        found.append(_check(suite, feed, result, observed))
    return found


def _check(suite: Suite, feed: str, result: Outcome, observed: Mapping[str, object]) -> CheckResult:
    return CheckResult(
        tool="gate",
        name=NAME.format(feed),
        severity="critical",
        result=result,
        reason=_REASON,
        owner=suite.owner,
        observed=observed,
    )


def _counts(
    connection: duckdb.DuckDBPyConnection, sources: Collection[str], since: datetime, end: datetime
) -> tuple[int, int]:
    """Rows that arrived, and those of them that were quarantined.

    A file counts no more once one that takes its place has brought its rows again: as many at
    the same path, of which what had been loaded was known. Where nothing had been loaded, nothing
    says that they are the same rows.
    """
    named = ", ".join(literal(source) for source in sorted(sources))
    row = connection.execute(
        "select coalesce(sum(rows_in), 0), coalesce(sum(rows_quarantined), 0) "
        f"from lake.raw.files as files where source_id in ({named}) "
        "and ingested_at >= $1 and ingested_at < $2 and not (files.rows_loaded > 0 and exists ("
        "select 1 from lake.raw.files as later where later.source_id = files.source_id "
        "and later.path = files.path and later.ingested_at > files.ingested_at "
        "and later.ingested_at < $2 and later.rows_in >= files.rows_in "
        "and later.rows_repeated >= files.rows_loaded))",
        [each.astimezone(UTC).replace(tzinfo=None) for each in (since, end)],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
