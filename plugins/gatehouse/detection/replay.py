"""Running a finding again on what it was made from, and saying whether it comes out the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gatehouse.detection.compiled import Detection
from gatehouse.detection.findings import run_sql
from gatehouse.detection.inputs import rows_stamped
from gatehouse.detection.spec import FINDING_COLUMNS
from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import DetectionCode

_STAMPS = (
    "detection_id",
    "code_hash",
    "window_start_at",
    "window_end_at",
    "snapshot_ids",
    "parameters",
)


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        finding_key: the finding.
        detection_id: what made it.
        same: whether every column of the finding came out equal.
        differences: per column that did not, its value then and now (None where the finding
            did not come out at all).
        snapshot_ids: versions it was run on, by table.
        code_hash: code it was run with.
    """

    finding_key: str
    detection_id: str
    same: bool
    differences: dict[str, tuple[Any, Any]]
    snapshot_ids: dict[str, int]
    code_hash: str

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data for JSON."""
        return asdict(self)


def remember_code(settings: Settings, detection: Detection) -> None:
    """Keep the SQL of a detection under its hash, once."""
    with open_store(settings).begin() as session:
        if session.get(DetectionCode, detection.code_hash) is None:
            session.add(
                DetectionCode(
                    code_hash=detection.code_hash,
                    detection_id=detection.spec.id,
                    detection_version=detection.spec.version,
                    sql=detection.sql,
                    first_run_at=datetime.now(UTC),
                )
            )


def replay(settings: Settings, finding_key: str) -> Replay:
    """Run the code of a finding on the versions and the window it was made from.

    Raises:
        GatehouseError: there is no such finding, its code was not kept, or retention has
            removed a version it was made on.
    """
    then, stamps = _read(settings, finding_key)
    versions: dict[str, int] = json.loads(stamps["snapshot_ids"])
    with open_store(settings)() as session:
        code = session.get(DetectionCode, stamps["code_hash"])
    if code is None:
        raise GatehouseError(
            f"The code {stamps['code_hash'][:12]} of this finding was not kept.",
            next_step="look for it in the project's history.",
        )
    now = _run(settings, code.sql, versions, stamps, then["dedup_key"])
    differences = {
        column: (then[column], now[column] if now else None)
        for column in FINDING_COLUMNS
        if now is None or then[column] != now[column]
    }
    return Replay(
        finding_key=finding_key,
        detection_id=stamps["detection_id"],
        same=not differences,
        differences=differences,
        snapshot_ids=versions,
        code_hash=stamps["code_hash"],
    )


def _read(settings: Settings, finding_key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    connection = Lake(settings).current()
    try:
        columns = (*FINDING_COLUMNS, *_STAMPS)
        row = connection.execute(
            f"select {', '.join(columns)} from lake.raw.findings where finding_key = $1",
            [finding_key],
        ).fetchone()
    finally:
        connection.close()
    if row is None:
        raise GatehouseError(
            f"There is no finding {finding_key}.",
            next_step="gatehouse findings --json shows the keys.",
        )
    values = dict(zip(columns, row, strict=True))
    return values, values


def _run(
    settings: Settings,
    sql: str,
    versions: dict[str, int],
    stamps: dict[str, Any],
    dedup_key: str,
) -> dict[str, Any] | None:
    import duckdb

    window = tuple(
        stamps[name].replace(tzinfo=UTC) for name in ("window_start_at", "window_end_at")
    )
    present = {table: version for table, version in versions.items() if version is not None}
    left_out = rows_stamped(json.loads(stamps["parameters"]))
    try:
        connection = Lake(settings).reader(present, left_out)
    except (duckdb.Error, GatehouseError) as error:
        raise GatehouseError(
            f"A version this finding was made on can't be read any more ({error}).",
            next_step="retention removed it; the finding's evidence is all that is left.",
        ) from error
    try:
        found = run_sql(connection, sql, (window[0], window[1]))
        rows = [row for row in found.to_arrow_table().to_pylist() if row["dedup_key"] == dedup_key]
    finally:
        connection.close()
    return rows[0] if rows else None
