"""Which snapshot is to be checked, and what is known of the build that made it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun

_FAILED = ("error", "skipped", "fail", "runtime error", "running")


@dataclass(frozen=True)
class Subject:
    """A snapshot to check.

    Attributes:
        unbuilt: dbt ids of models whose newest run, up to that build, did not succeed: the
            snapshot holds an older state of them.
    """

    snapshot_id: int
    build_id: str | None = None
    interval_start_at: datetime | None = None
    interval_end_at: datetime | None = None
    unbuilt: frozenset[str] = frozenset()

    @property
    def first_open_day(self) -> date:
        """The day (UTC) that was not over when the last rows arrived; days before it were."""
        end = self.interval_end_at
        return date.max if end is None else end.astimezone(UTC).date()


def choose_subject(settings: Settings, snapshot_id: int | None, build_id: str | None) -> Subject:
    """The snapshot to check.

    By default that of the newest finished build, not the newest snapshot: in the middle of a
    build the newest snapshot is half of two states.

    Raises:
        GatehouseError: nothing has been built, or there is no such build.
    """
    with open_store(settings, read_only=True).begin() as session:
        build = _build(session, snapshot_id, build_id)
        if build is None:
            if snapshot_id is not None:
                _require_no_build(session, snapshot_id)
                return Subject(snapshot_id)
            raise GatehouseError("Nothing has been built yet.", next_step="gatehouse build")
        chosen = build.snapshot_id if snapshot_id is None else snapshot_id
        if chosen is None:
            raise GatehouseError(
                f"Build {build.build_id} left no snapshot.", next_step="gatehouse builds"
            )
        return Subject(
            snapshot_id=chosen,
            build_id=build.build_id,
            interval_start_at=build.interval_start_at,
            interval_end_at=_covered_to(session, build),
            unbuilt=_unbuilt(session, build) | _left_by_a_broken_increment(session, build),
        )


def _require_no_build(session: Session, snapshot_id: int) -> None:
    """Refuse a snapshot between builds: some of its tables may be built and others not yet."""
    if session.scalar(sa.select(sa.func.count()).select_from(BuildRun)):
        raise GatehouseError(
            f"No build ended with snapshot {snapshot_id}: it may be half of two states.",
            next_step="choose one that a build left: gatehouse builds",
        )


def _build(session: Session, snapshot_id: int | None, build_id: str | None) -> BuildRun | None:
    if build_id is not None:
        found = session.get(BuildRun, build_id)
        if found is None:
            raise GatehouseError(f"There is no build {build_id}.", next_step="gatehouse builds")
        return found
    query = sa.select(BuildRun).where(BuildRun.snapshot_id.is_not(None))
    if snapshot_id is not None:
        query = query.where(BuildRun.snapshot_id == snapshot_id)
    return session.scalars(query.order_by(BuildRun.started_at.desc()).limit(1)).first()


def _unbuilt(session: Session, build: BuildRun) -> frozenset[str]:
    """Models that failed in some build and were never built since for all of its interval.

    A partial build says nothing of the models it leaves out, and a backfill of an old day nothing
    of the days that it leaves out.
    """
    failed, mended = aliased(BuildNode), aliased(BuildNode)
    failing, mending = aliased(BuildRun), aliased(BuildRun)
    since = (
        sa.select(sa.literal(1))
        .select_from(mended)
        .join(mending, mending.build_id == mended.build_id)
        .where(
            mended.unique_id == failed.unique_id,
            mended.status == "success",
            mending.started_at > failing.started_at,
            mending.started_at <= build.started_at,
            _covers(mending, failing.interval_start_at, failing.interval_end_at),
        )
    )
    query = (
        sa.select(failed.unique_id)
        .join(failing, failing.build_id == failed.build_id)
        .where(
            failing.started_at <= build.started_at,
            failed.resource_type.in_(("model", "seed")),
            failed.status.in_(_FAILED),
            ~since.exists(),
        )
    )
    return frozenset(session.scalars(query))


def _covers(run: Any, start_at: Any, end_at: Any) -> sa.ColumnElement[bool]:
    return sa.and_(run.interval_start_at <= start_at, run.interval_end_at >= end_at)


def _newest_increment(session: Session, build: BuildRun, *, succeeded: bool) -> BuildRun | None:
    query = sa.select(BuildRun).where(
        BuildRun.is_increment, BuildRun.started_at <= build.started_at
    )
    if succeeded:
        query = query.where(BuildRun.status == "succeeded")
    return session.scalars(query.order_by(BuildRun.started_at.desc()).limit(1)).first()


def _covered_to(session: Session, build: BuildRun) -> datetime | None:
    """End of the arrivals that *all* tables of the snapshot cover.

    A build of a part, or of an old interval, covers nothing new: detections would take its end
    for theirs and never look at the rows between.
    """
    if build.is_increment and build.status == "succeeded":
        return build.interval_end_at
    increment = _newest_increment(session, build, succeeded=True)
    return increment.interval_end_at if increment else None


def _left_by_a_broken_increment(session: Session, build: BuildRun) -> frozenset[str]:
    """Models that the newest increment, killed or failed, did not come to; nor any build since."""
    increment = _newest_increment(session, build, succeeded=False)
    if increment is None or increment.status == "succeeded":
        return frozenset()
    known = (
        sa.select(BuildNode.unique_id)
        .join(BuildRun, BuildRun.build_id == BuildNode.build_id)
        .where(BuildRun.started_at <= build.started_at, BuildNode.resource_type == "model")
        .distinct()
    )
    built = (
        sa.select(BuildNode.unique_id)
        .join(BuildRun, BuildRun.build_id == BuildNode.build_id)
        .where(
            BuildRun.started_at >= increment.started_at,
            BuildRun.started_at <= build.started_at,
            BuildNode.status == "success",
            _covers(BuildRun, increment.interval_start_at, increment.interval_end_at),
        )
    )
    return frozenset(session.scalars(known)) - frozenset(session.scalars(built))
