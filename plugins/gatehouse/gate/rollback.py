"""Rollback: a named person puts a table, and what is made from it, back to an older version."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
from gatehouse.gate.attach import write_attach_file
from gatehouse.gate.certificate import is_certified, newest_of
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.past import forget
from gatehouse.gate.publish import (
    alone,
    move,
    newest_good,
    newest_version,
    show_instead,
)
from gatehouse.gate.results import CERTIFYING
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.lake import Lake
from gatehouse.lake.sql import identifier
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.access import given_reason, person
from gatehouse.store.models import Certificate, PublishedVersion, Rollback


@dataclass(frozen=True)
class Moved:
    """A table whose readers were sent to another version.

    Attributes:
        from_snapshot_id: version that was on show; None if none was.
        to_snapshot_id: version on show now; None if there is none.
        note: of a newer version than that which would be on show, had it not expired.
    """

    table: str
    from_snapshot_id: int | None
    to_snapshot_id: int | None
    note: str = ""


@dataclass(frozen=True)
class RollbackReport:
    """What a rollback did.

    Attributes:
        tables: the table that was named first.
        findings: findings made on a version that was taken off, by detection and mode.
    """

    tables: tuple[Moved, ...]
    findings: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def roll_back(settings: Settings, table: str, *, to: int | None, reason: str) -> RollbackReport:
    """Send readers of a table, and of all core tables made from it, to older certified versions.

    Nothing newer is shown of them until the rollback is lifted, whatever the gate finds: it did not
    see what is wrong, or there would be nothing to roll back. Tables made from it go to their
    newest good version that is no newer than that of the table; one that is there already, or of
    which nothing was shown, stays so.

    Args:
        settings: which home.
        table: core table.
        to: snapshot of a certified version; default the good one before that on show.
        reason: why.

    Raises:
        GatehouseError: no reason, no such table, or no such version; or no version is named and
            readers have an older one already, by a rollback or because the newest is held: whoever
            means that one must not go back further.
    """
    reason = given_reason(reason, "A rollback", "scores doubled since noon")
    names = _with_downstream(settings, table)
    now = datetime.now(UTC)
    moved = []
    with _told_to_tools(settings), open_store(settings).begin() as session:
        alone(session)
        if to is None:
            _require_first(session, table, now)
        target = _target(session, table, to, now)
        for name in names:
            shown = session.get(PublishedVersion, name)
            from_snapshot = shown.snapshot_id if shown else None
            goes = shown is not None and (name == table or shown.snapshot_id > target)
            good = newest_good(session, name, target, now) if goes else None
            to_snapshot = (good.snapshot_id if good else None) if goes else from_snapshot
            if goes:
                note = _expired(session, name, to_snapshot, target, now)
                moved.append(Moved(name, from_snapshot, to_snapshot, note))
            _lift(session, [name], table, now)
            session.add(
                Rollback(
                    rollback_id=str(uuid.uuid4()),
                    table_name=name,
                    root_table_name=table,
                    from_snapshot_id=from_snapshot,
                    to_snapshot_id=to_snapshot,
                    person_name=person(),
                    reason=reason,
                    created_at=now,
                )
            )
            if shown is not None and goes:
                show_instead(session, shown, good, now)
                forget(session, name, to_snapshot)
    return RollbackReport(tuple(moved), tuple(findings_since(settings, moved)))


def lift(settings: Settings, table: str) -> RollbackReport:
    """End the rollback of a table: readers go to what was certified in the meantime.

    Raises:
        GatehouseError: the table is not rolled back.
    """
    now = datetime.now(UTC)
    moved = []
    with _told_to_tools(settings), open_store(settings).begin() as session:
        alone(session)
        names = session.scalars(
            sa.select(Rollback.table_name).where(
                Rollback.root_table_name == table, Rollback.lifted_at.is_(None)
            )
        ).all()
        if not names:
            root = session.scalar(
                sa.select(Rollback.root_table_name).where(
                    Rollback.table_name == table, Rollback.lifted_at.is_(None)
                )
            )
            if root is not None:
                raise GatehouseError(
                    f"{table} is rolled back because of {root}, from which it is made.",
                    next_step=f"gatehouse rollback {root} --lift",
                )
            raise GatehouseError(f"{table} is not rolled back.", next_step="gatehouse status")
        _lift(session, names, table, now)
        back = rolled_back(session)
        for name in sorted(names, key=lambda each: (each != table, each)):
            shown = session.get(PublishedVersion, name)
            before = shown.snapshot_id if shown else None
            if name in back:
                moved.append(Moved(name, before, before, f"{name} stays: {back[name]}".rstrip(".")))
                continue
            good = newest_good(session, name, None, now)
            if good is not None:
                move(session, good)
            after = good.snapshot_id if good else before
            moved.append(Moved(name, before, after, _expired(session, name, after, None, now)))
    return RollbackReport(tuple(moved))


def findings_since(settings: Settings, moved: list[Moved]) -> list[dict[str, Any]]:
    """Findings that rest on a version newer than the one on show, by detection and mode."""
    conditions, parameters = [], []
    for each in moved:
        if each.to_snapshot_id is None or each.to_snapshot_id != each.from_snapshot_id:
            conditions.append("cast(json_extract(snapshot_ids, ?) as bigint) > ?")
            parameters += [f"$.{identifier(each.table)}", each.to_snapshot_id or -1]
    lake = Lake(settings)
    if not conditions or not lake.exists():
        return []
    with lake.current() as connection:
        try:
            rows = connection.execute(
                "select detection_id, mode_code, count(*), min(found_at) from lake.raw.findings "
                f"where {' or '.join(conditions)} group by all order by all",
                parameters,
            ).fetchall()
        except duckdb.CatalogException:  # nothing was ever found
            return []
    names = ("detection", "mode", "findings", "first_found_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


@contextmanager
def _told_to_tools(settings: Settings) -> Iterator[None]:
    """Write the file of BI tools afterwards, also where there was nothing to do.

    Somebody who was killed between the store and the file says it again, and is refused.
    """
    try:
        yield
    finally:
        write_attach_file(settings)


def _require_first(session: Session, table: str, now: datetime) -> None:
    there = session.scalar(
        sa.select(Rollback).where(
            Rollback.table_name == table,
            Rollback.root_table_name == table,
            Rollback.lifted_at.is_(None),
        )
    )
    if there is not None:
        raise GatehouseError(
            f"{table} is rolled back to {there.to_snapshot_id} already, by {there.person_name}.",
            next_step=f"further back: gatehouse rollback {table} --to SNAPSHOT",
        )
    shown = session.get(PublishedVersion, table)
    newest = newest_of(session, table)
    is_held = newest is not None and not is_certified(newest)
    if shown and newest and is_held and newest.snapshot_id > shown.snapshot_id:
        older = newest_good(session, table, shown.snapshot_id - 1, now)
        further = "no older one is left"
        if older is not None:
            further = f"gatehouse rollback {table} --to {older.snapshot_id}"
        raise GatehouseError(
            f"{table} is held at snapshot {newest.snapshot_id}: readers have the version before "
            f"it, {shown.snapshot_id}, already.",
            next_step=f"if that one is wrong, too: {further}",
        )


def _with_downstream(settings: Settings, table: str) -> list[str]:
    known = core_tables(settings)
    if table not in known:
        raise GatehouseError(
            f"There is no core table {table}.", next_step=f"choose of: {', '.join(known)}"
        )
    return [table, *(name for name, each in known.items() if table in each.upstream)]


def _target(session: Session, table: str, to: int | None, now: datetime) -> int:
    shown = session.get(PublishedVersion, table)
    if shown is None:
        raise GatehouseError(f"Nothing of {table} is on show.", next_step="gatehouse status")
    good = newest_good(session, table, shown.snapshot_id - 1 if to is None else to, now)
    if (
        good is None
        or (to is not None and good.snapshot_id != to)
        or (good.snapshot_id >= shown.snapshot_id)
    ):
        versions = _older(session, table, shown.snapshot_id, now)
        raise GatehouseError(
            f"{table} has no certified version before {shown.snapshot_id}"
            f"{'' if to is None else f' at snapshot {to}'} that can still be shown.",
            next_step=f"choose of: {', '.join(map(str, versions))}"
            if versions
            else "mend and build; what is wrong and nobody must read: gatehouse gate with a "
            "stricter suite takes it off.",
        )
    return good.snapshot_id


def _expired(
    session: Session, table: str, shown: int | None, at_most: int | None, now: datetime
) -> str:
    """What is said of a certified version newer than ``shown`` that has expired, if any."""
    found = newest_version(
        session,
        table,
        at_most,
        Certificate.expires_at <= now,
        Certificate.snapshot_id > (shown or -1),
    )
    if found is None:
        return ""
    return (
        f"the certificate of {table} at snapshot {found.snapshot_id} has expired: "
        f"gatehouse gate --snapshot {found.snapshot_id} checks it again, if it is still there"
    )


def _older(session: Session, table: str, before: int, now: datetime) -> list[int]:
    query = (
        sa.select(Certificate.snapshot_id)
        .where(
            Certificate.table_name == table,
            Certificate.snapshot_id < before,
            Certificate.result.in_(CERTIFYING),
            Certificate.expires_at > now,
        )
        .order_by(Certificate.snapshot_id.desc())
        .distinct()
        .limit(10)
    )
    return list(session.scalars(query))


def _lift(session: Session, names: Any, root: str, now: datetime) -> None:
    """End the rollbacks of tables because of one; what stands because of another stays."""
    session.flush()
    for row in session.scalars(
        sa.select(Rollback).where(
            Rollback.table_name.in_(names),
            Rollback.root_table_name == root,
            Rollback.lifted_at.is_(None),
        )
    ):
        row.lifted_at, row.lifted_by_name = now, person()
