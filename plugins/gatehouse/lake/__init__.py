"""The lake: one writer, readers of certified versions, readers pinned to given versions."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.lake.lake import CERTIFIED_SCHEMA, LAKE, SCHEMAS, Lake, LeftOut

__all__ = ["CERTIFIED_SCHEMA", "LAKE", "SCHEMAS", "Lake", "LeftOut"]

__getattr__ = lazy(
    __name__,
    {
        "CERTIFIED_SCHEMA": "gatehouse.lake.lake",
        "LAKE": "gatehouse.lake.lake",
        "Lake": "gatehouse.lake.lake",
        "LeftOut": "gatehouse.lake.lake",
        "SCHEMAS": "gatehouse.lake.lake",
    },
)
