"""dbt's own connection reaches the lake's files as every other does: a plugin of dbt-duckdb."""

from __future__ import annotations

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from gatehouse.lake.storage import Storage


class Plugin(BasePlugin):  # type: ignore[misc]
    """Prepares a connection; found by its module's name, in profiles.yml."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the place of the files: ``data_path``, empty where there is none."""
        where = str(plugin_config.get("data_path", ""))
        self._storage = Storage.parse(where) if where else None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Let the session reach the files, before it attaches the lake."""
        if self._storage is not None:
            self._storage.prepare(conn)
