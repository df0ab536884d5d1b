"""What earlier builds did, from the operational store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun


def has_built(settings: Settings, airflow_run_id: str | None = None) -> bool:
    """Whether a build came to its end: any, or one that this Airflow run started."""
    query = sa.select(BuildRun.build_id).where(BuildRun.snapshot_id.is_not(None))
    if airflow_run_id is not None:
        query = query.where(BuildRun.airflow_run_id == airflow_run_id)
    with open_store(settings)() as session:
        return session.scalar(query.limit(1)) is not None


def list_builds(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest builds, newest first, with how many models each ran."""
    count = (
        sa.select(sa.func.count())
        .where(BuildNode.build_id == BuildRun.build_id, BuildNode.resource_type == "model")
        .scalar_subquery()
    )
    query = sa.select(BuildRun, count).order_by(BuildRun.started_at.desc()).limit(limit)
    with open_store(settings)() as session:
        rows = session.execute(query).all()
    return [_build(row[0], row[1]) for row in rows]


def _build(run: BuildRun, models: int) -> dict[str, Any]:
    return {
        "build_id": run.build_id,
        "status": run.status,
        "started_at": run.started_at,
        "seconds": _seconds(run.started_at, run.finished_at),
        "models": models,
        "snapshot_id": run.snapshot_id,
        "interval_start_at": run.interval_start_at,
        "interval_end_at": run.interval_end_at,
        "is_increment": run.is_increment,
    }


def list_nodes(settings: Settings, build_id: str) -> list[dict[str, Any]]:
    """The models of one build, in the order they started.

    Raises:
        GatehouseError: there is no such build.
    """
    with open_store(settings)() as session:
        if session.get(BuildRun, build_id) is None:
            raise GatehouseError(f"There is no build {build_id}.", next_step="gatehouse builds")
        nodes = session.scalars(
            sa.select(BuildNode)
            .where(BuildNode.build_id == build_id)
            .order_by(BuildNode.started_at, BuildNode.unique_id)
        )
        return [
            {
                "name": node.name,
                "resource_type": node.resource_type,
                "status": node.status,
                "seconds": _seconds(node.started_at, node.finished_at),
                "message": node.message,
            }
            for node in nodes
        ]


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 2) if start and end else None
