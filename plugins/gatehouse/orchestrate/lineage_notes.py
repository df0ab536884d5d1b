"""A task notes what it read and wrote, for the OpenLineage event that Airflow sends at its end.

Noted in the task's own process, where the lake and the store are open to it: the provider makes
the event in a fork, which a connection of DuckDB would not survive.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from gatehouse.settings import Settings

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

log = logging.getLogger(__name__)

# By task id; a task has a process of its own, except where a whole DAG is tried out in one.
_noted: dict[str, Any] = {}


def note(
    settings: Settings, task_id: Literal["ingest", "build", "gate", "detect"], ids: Sequence[str]
) -> None:
    """Note what the runs with these ids did, if events are sent. Never fails the task.

    Args:
        settings: which home.
        task_id: the task that did it.
        ids: of its loads, builds, certificates or detection runs.
    """
    _noted.clear()
    try:
        from airflow.providers.openlineage import conf

        if not ids or conf.is_disabled():
            return
        from gatehouse.orchestrate.lineage_events import TOLD

        _noted[task_id] = TOLD[task_id](settings, ids)
    except Exception as error:
        # Its text may quote what was read.
        log.warning("OpenLineage is not told what this task did (%s)", type(error).__name__)


def noted(task_id: str) -> OperatorLineage | None:
    """What a task of this process has noted, if anything."""
    return _noted.get(task_id)
