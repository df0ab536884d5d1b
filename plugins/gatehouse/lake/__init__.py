"""The lake: one writer, readers of certified versions, readers pinned to given versions."""

from gatehouse.lake.lake import CERTIFIED_SCHEMA, LAKE, SCHEMAS, Lake

__all__ = ["CERTIFIED_SCHEMA", "LAKE", "SCHEMAS", "Lake"]
