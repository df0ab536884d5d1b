"""Recording every change of a synced table in the transaction that makes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, UOWTransaction

from gatehouse.errors import GatehouseError
from gatehouse.store.models import Base, StoreChange


class StoreSession(Session):
    """A session of the operational store: what it changes is recorded in ``store_changes``."""


@event.listens_for(StoreSession, "after_flush")
def _record(session: Session, _context: UOWTransaction) -> None:
    changes = [
        *((item, "insert") for item in session.new),
        *((item, "update") for item in session.dirty if session.is_modified(item)),
        *((item, "delete") for item in session.deleted),
    ]
    now = datetime.now(UTC)
    rows = [
        _change(session, item, operation, now)
        for item, operation in changes
        if isinstance(item, Base) and item.is_synced
    ]
    if rows:
        session.connection().execute(StoreChange.__table__.insert(), rows)  # type: ignore[attr-defined]


@event.listens_for(StoreSession, "do_orm_execute")
def _refuse_bulk(state: ORMExecuteState) -> None:
    """A bulk statement passes the unit of work by, and its changes would never be recorded."""
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    mapper = state.bind_mapper
    if mapper is not None and getattr(mapper.class_, "is_synced", False):
        raise GatehouseError(
            f"A bulk statement on {mapper.class_.__tablename__} would not be recorded.",
            next_step="change its rows through the session (session.add, attributes, delete).",
        )


def _change(session: Session, item: Base, operation: str, now: datetime) -> dict[str, Any]:
    mapper: Mapper[Any] = inspect(item).mapper
    key = {str(column.key): getattr(item, str(column.key)) for column in mapper.primary_key}
    return {
        "table_name": mapper.local_table.description,
        "operation": operation,
        "row_key": json.dumps(list(key.values()), default=_plain),
        "row": _row(session, item, mapper, key),
        "changed_at": now,
    }


def _row(session: Session, item: Base, mapper: Mapper[Any], key: dict[str, Any]) -> dict[str, Any]:
    loaded = inspect(item).dict
    names = [attribute.key for attribute in mapper.column_attrs]
    if any(name not in loaded for name in names):
        # A partly loaded row: read the rest from the database rather than guess it.
        table = mapper.local_table
        where = [table.c[name] == value for name, value in key.items()]
        found = session.connection().execute(select(table).where(*where)).mappings().first()
        loaded = {**(found or {}), **loaded}
    return {name: _plain_value(loaded.get(name)) for name in names}


def _plain_value(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    raise TypeError(f"{type(value).__name__} has no JSON form")
