"""dbt's own connection reaches the lake's files as every other does: a plugin of dbt-duckdb."""

from __future__ import annotations

import json
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from gatehouse.lake.storage import Storage


class Plugin(BasePlugin):  # type: ignore[misc]
    """Prepares a connection; found by its module's name, in profiles.yml."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the place of the files: ``data_path`` and ``shared_files``, as the settings.

        ``session``: statements as a JSON list, for a lake that one ``attach`` does not give.
        """
        where, shared = (str(plugin_config.get(n, "")) for n in ("data_path", "shared_files"))
        self._storage = Storage.parse(where, shared) if where else None
        self._session: list[str] = json.loads(plugin_config.get("session") or "[]")

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Let the session reach the files, before it attaches the lake."""
        if self._storage is not None:
            self._storage.prepare(conn)
        for statement in self._session:
            conn.execute(statement)
