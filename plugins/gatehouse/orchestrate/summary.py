"""What a run of the pipeline came to: loaded, built, certified, held, found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.errors import GatehouseError
from gatehouse.gate.certificate import newest_certificates
from gatehouse.ingest.again import rejected_files
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode, BuildRun, Certificate, DetectionRun, PublishedVersion

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_FILES = 10
_ROWS = ("rows_in", "rows_loaded", "rows_quarantined", "rows_repeated", "rows_left_out")


@dataclass(frozen=True)
class Loaded:
    """Files and rows; ``rows_in`` is the sum of the other row counts."""

    files_loaded: int = 0
    files_rejected: int = 0
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_repeated: int = 0
    rows_left_out: int = 0


@dataclass(frozen=True)
class Landing:
    """The files a load found in the landing folder.

    Attributes:
        files: those that a source reads.
        waiting: of them, those that are still being written.
        rejected: of them, those that cannot be read.
        unmatched: paths that no source reads; not all if there are many.
        unmatched_count: how many there are.
    """

    files: int
    waiting: int
    rejected: int
    unmatched: list[str]
    unmatched_count: int

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Landing | None:
        """From what the task returned; None if it did not come so far."""
        totals = result.get("totals")
        if not totals:
            return None
        return cls(
            files=sum(count for name, count in totals.items() if name.startswith("files_")),
            waiting=totals["files_waiting"],
            rejected=totals["files_rejected"],
            unmatched=list(result.get("unmatched", ())),
            unmatched_count=int(result.get("unmatched_count", 0)),
        )


@dataclass(frozen=True)
class Summary:
    """What happened since one moment, and how things stand.

    Attributes:
        loaded: what ingest took in since then.
        loaded_ever: what it took in at all.
        models_built: dbt models built since then, over all builds.
        builds: builds that built them.
        rejected: files that cannot be read and are still there; source, path and reason, not all
            if there are many.
        certified: tables that readers see, with the rows of their certified version.
        held: tables whose newest check did not pass, each with why.
        found: new findings since then, by detection.
        held_detections: detections that waited for a held table, each with why.
    """

    loaded: Loaded
    loaded_ever: Loaded
    models_built: int
    certified: dict[str, int]
    held: dict[str, str]
    found: dict[str, int]
    held_detections: dict[str, str]
    builds: int = 0
    rejected: list[dict[str, str]] = field(default_factory=list)

    @property
    def nothing_new(self) -> bool:
        """Whether nothing was loaded and nothing built."""
        return not (self.loaded.files_loaded or self.loaded.files_rejected or self.models_built)

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain data for JSON."""
        return {**asdict(self), "nothing_new": self.nothing_new}


def summarise(settings: Settings, since: datetime) -> Summary:
    """Read the summary from the lake's ledger and the operational store.

    Args:
        settings: where they are.
        since: start of what counts as this run.
    """
    with open_store(settings, read_only=True)() as session:
        held = _held(session)
        models, builds = _built(session, since)
        return Summary(
            loaded=_loaded(settings, since),
            loaded_ever=_loaded(settings, _EVER),
            models_built=models,
            builds=builds,
            certified=_certified(session),
            held=held,
            found=_found(session, since),
            held_detections=_held_detections(session, since),
            rejected=_rejected(settings),
        )


def knows_files(settings: Settings) -> bool:
    """Whether a file was ever loaded or rejected."""
    try:
        ever = _loaded(settings, _EVER)
    except (GatehouseError, duckdb.Error):  # no lake in the catalog yet, or no ledger in it
        return False
    return bool(ever.files_loaded or ever.files_rejected)


def _loaded(settings: Settings, since: datetime) -> Loaded:
    lake = Lake(settings)
    if not lake.exists():
        return Loaded()
    sums = ", ".join(f"coalesce(sum({name}) filter (status_code = 'loaded'), 0)" for name in _ROWS)
    connection = lake.current()
    try:
        row = connection.execute(
            "select count(*) filter (status_code = 'loaded'), "
            f"count(*) filter (status_code = 'rejected'), {sums} "
            "from lake.raw.files where ingested_at >= $1",
            [since.astimezone(UTC).replace(tzinfo=None)],
        ).fetchone()
    finally:
        connection.close()
    return Loaded(*(int(value) for value in row or ()))


def _rejected(settings: Settings) -> list[dict[str, str]]:
    lake = Lake(settings)
    if not lake.exists():
        return []
    with lake.current() as connection:
        return rejected_files(connection, _MOST_FILES)


def _built(session: Session, since: datetime) -> tuple[int, int]:
    """Models built, and in how many builds."""
    query = (
        sa.select(sa.func.count(), sa.func.count(BuildRun.build_id.distinct()))
        .select_from(BuildNode)
        .join(BuildRun, BuildRun.build_id == BuildNode.build_id)
        .where(
            BuildRun.started_at >= since,
            BuildNode.resource_type == "model",
            BuildNode.status == "success",
        )
    )
    models, builds = session.execute(query).one()
    return models, builds


def _certified(session: Session) -> dict[str, int]:
    query = (
        sa.select(PublishedVersion.table_name, Certificate.row_count)
        .join(Certificate, Certificate.certificate_id == PublishedVersion.certificate_id)
        .order_by(PublishedVersion.table_name)
    )
    return {table: int(rows) for table, rows in session.execute(query)}


def _held(session: Session) -> dict[str, str]:
    newest = newest_certificates(session)
    return {
        each.table_name: each.message or each.result
        for each in newest
        if each.held_by or each.result in ("failed", "could_not_check")
    }


def _found(session: Session, since: datetime) -> dict[str, int]:
    query = (
        sa.select(DetectionRun.detection_id, sa.func.sum(DetectionRun.new_count))
        .where(DetectionRun.started_at >= since)
        .group_by(DetectionRun.detection_id)
        .order_by(DetectionRun.detection_id)
    )
    return {detection: int(count or 0) for detection, count in session.execute(query)}


def _held_detections(session: Session, since: datetime) -> dict[str, str]:
    query = (
        sa.select(DetectionRun.detection_id, DetectionRun.message)
        .where(DetectionRun.started_at >= since, DetectionRun.status == "held")
        .order_by(DetectionRun.started_at)
    )
    return {detection: str(message) for detection, message in session.execute(query)}
