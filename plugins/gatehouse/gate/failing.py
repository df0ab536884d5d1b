"""Which rows a failed check is about: read when somebody asks, from the snapshot it failed on.

Nothing of it is kept: not in the certificate, not in a log. See `gatehouse.gate.masking` for what
is shown of a row.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError, telling
from gatehouse.gate.certificate import last_failed, read_certificate
from gatehouse.gate.failing_sql import of_expectation, of_monitor
from gatehouse.gate.lineage import CoreTable, core_tables
from gatehouse.gate.masking import Mask
from gatehouse.gate.suites import Suite, load_suite
from gatehouse.ingest.again import SHOW_QUARANTINED, SHOW_REJECTED
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store.access import record_access


@dataclass(frozen=True)
class FailingRows:
    """Rows that a failed check is about.

    Attributes:
        check: its name.
        snapshot_id: where it failed.
        query: SQL that gives all of them, for a connection to that snapshot; empty where the
            check is about no row of its own.
        columns: names, in order.
        rows: the first of them.
        is_cut: there are more.
        note: why there is no row to show; empty if there is.
    """

    check: str
    snapshot_id: int
    query: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    is_cut: bool = False
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: rows as dictionaries."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {**asdict(self), "columns": list(self.columns), "rows": rows}


def failing_rows(
    settings: Settings,
    table: str,
    check: str = "",
    *,
    limit: int = 20,
    unmasked: bool = False,
    reason: str = "",
    snapshot_id: int | None = None,
) -> list[FailingRows]:
    """The rows that the failed checks of a table's certificate are about.

    Args:
        settings: which home.
        table: core table.
        check: name of a failed check, or a part of it; default all that failed.
        limit: most rows of each.
        unmasked: show identifiers and content as they are; recorded in the access log.
        reason: why; required with ``unmasked``.
        snapshot_id: of which version; default the one that was checked last.

    Raises:
        GatehouseError: no such failed check, the snapshot is gone, or no reason was given.
    """
    certificate = read_certificate(settings, table, snapshot_id)
    failed = _failed(settings, certificate, check)
    snapshot_id = int(certificate["snapshot_id"])
    if unmasked:
        names = [each["check"] for each in failed]
        what = {"table": table, "snapshot_id": snapshot_id, "checks": names}
        record_access(settings, "failing rows", what, reason)
    known = core_tables(settings)[table]
    queries = _queries(settings, known, failed)
    mask = None if unmasked else Mask.of(settings)
    try:
        connection = Lake(settings).pinned(snapshot_id)
    except GatehouseError as error:
        raise GatehouseError(
            f"Snapshot {snapshot_id}, where {table} failed, can't be read any more.",
            next_step=f"gatehouse gate --table {table} checks what is there now.",
        ) from error
    try:
        return [
            _read(connection, each["check"], snapshot_id, query, note, limit, mask)
            for each, (query, note) in zip(failed, queries, strict=True)
        ]
    finally:
        connection.close()


def _failed(settings: Settings, certificate: Mapping[str, Any], check: str) -> list[dict[str, Any]]:
    table = certificate["table_name"]
    failed = [each for each in certificate["checks"] if each["result"] == "failed"]
    if not failed and certificate["held_by"]:
        root = certificate["held_by"][0]
        raise GatehouseError(
            f"{table} is held because of {root}: none of its own checks failed.",
            next_step=f"gatehouse certificate {root} --rows",
        )
    named = [each for each in failed if each["check"] == check]
    named = named or [each for each in failed if check in each["check"]]
    if not named:
        names = "; ".join(each["check"] for each in failed) or "none"
        at = certificate["snapshot_id"]
        before = last_failed(settings, table, check)
        command = f"gatehouse certificate {table}"
        if before not in (None, at):
            which = f" {shlex.quote(check)}" if check else ""
            command = f"where it did last: {command}{which} --rows --snapshot {before}"
        raise GatehouseError(
            f"No failed check of {table} is called {check!r} at snapshot {at}. Failed: {names}."
            if check
            else f"No check of {table} failed at snapshot {at}.",
            next_step=command,
        )
    return named


def _queries(
    settings: Settings, table: CoreTable, failed: list[dict[str, Any]]
) -> list[tuple[str, str]]:
    """For each check its query, or why there is none."""
    suite = load_suite(settings.core_suites, table.table, table.columns)
    return [_query(table, suite, each) for each in failed]


def _query(table: CoreTable, suite: Suite, check: Mapping[str, Any]) -> tuple[str, str]:
    if check["tool"] == "dbt":
        query = next((test.sql for test in table.tests if test.name == check["check"]), "")
        return query, "" if query else "the test is not in the dbt project any more"
    if check["tool"] == "gx":
        for expectation in suite.expectations:
            if expectation.title == check["check"]:
                query = of_expectation(expectation, table.table)
                return query, "" if query else "it is about the table as a whole"
        return "", "the expectation is not in the suite any more"
    if check["observed"].get("feed"):
        shown = SHOW_REJECTED if "failing_files" in check["observed"] else SHOW_QUARANTINED
        sources = [f"{shown} --source {each}" for each in check["observed"].get("sources", [])]
        return "", f"it is about what was not loaded: {'; '.join(sources)}"
    for drift in suite.drift:
        own = check["check"].rpartition(": ")[0] == drift.of
        if own and "limit_name" in check["observed"]:
            query = of_monitor(drift, table.table, check["observed"], check["column"])
            return query, "" if query else "the rows are not there: they are missing"
    return "", "it is about the table as a whole"


def _read(
    connection: duckdb.DuckDBPyConnection,
    check: str,
    snapshot_id: int,
    query: str,
    note: str,
    limit: int,
    mask: Mask | None,
) -> FailingRows:
    if not query:
        return FailingRows(check, snapshot_id, note=note)
    try:
        cursor = connection.execute(query)
        described = [(column[0], str(column[1])) for column in cursor.description or []]
        rows = cursor.fetchmany(limit + 1)
    except duckdb.Error as error:
        # Not as it is: a failed cast quotes what it could not cast.
        return FailingRows(check, snapshot_id, query, note=telling(str(error)))
    shown = rows[:limit]
    if mask is not None:
        shown = [
            tuple(mask.value(name, value) for (name, _), value in zip(described, row, strict=True))
            for row in shown
        ]
    return FailingRows(
        check=check,
        snapshot_id=snapshot_id,
        query=query,
        columns=tuple(name for name, _ in described),
        rows=tuple(shown),
        is_cut=len(rows) > limit,
        note="" if rows else "no row: it fails by what is not there",
    )
