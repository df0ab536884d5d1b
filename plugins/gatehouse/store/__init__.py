"""The operational store: small transactions with constraints, in SQLite or PostgreSQL."""

from gatehouse.store.session import open_store

__all__ = ["open_store"]
