"""What a gate imports while it runs, imported at once by the process that is forked for it."""

from __future__ import annotations

import dbt.adapters.duckdb
import dbt.cli.main
import dbt.task.test  # noqa: F401
import great_expectations  # noqa: F401
