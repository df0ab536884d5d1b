"""The operational store: small transactions with constraints, in SQLite or PostgreSQL."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.store.session import open_store

__all__ = ["open_store"]

__getattr__ = lazy(
    __name__,
    {
        "open_store": "gatehouse.store.session",
    },
)
