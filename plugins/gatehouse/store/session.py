"""Opening the operational store."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from gatehouse.settings import Settings
from gatehouse.store.models import Base


def open_store(settings: Settings) -> sessionmaker[Session]:
    """A session factory on a store that is at the newest schema.

    Use as ``with open_store(settings).begin() as session:``: one transaction, committed at the
    end or rolled back whole.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    engine = _engine(settings.store_url)
    Base.metadata.create_all(engine)
    return sessionmaker(engine, expire_on_commit=False)


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            for pragma in ("foreign_keys = on", "journal_mode = wal", "busy_timeout = 30000"):
                cursor.execute(f"pragma {pragma}")
            cursor.close()

    return engine
