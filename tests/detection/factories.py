"""A detection and a small certified lake for tests of the executor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gatehouse.detection.cases import Case, Given
from gatehouse.detection.compiled import WINDOW_END, WINDOW_START, Detection
from gatehouse.detection.spec import DetectionSpec
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck, PublishedVersion

NOW = datetime.now(UTC)

SQL = f"""
select
    actor_id, 'user' as actor_type, 'p' as product_code,
    md5(actor_id || cast(day as varchar)) as dedup_key,
    cast(0.5 as double) as score, count(*) as event_count,
    min(occurred_at) as first_event_at, max(occurred_at) as last_event_at, '{{}}' as evidence
from (select *, cast(occurred_at as date) as day from lake.core.fct_events)
where occurred_at >= cast('{WINDOW_START}' as timestamp)
    and occurred_at < cast('{WINDOW_END}' as timestamp)
group by actor_id, day
having count(*) >= 2
"""


def spec(**changes: Any) -> DetectionSpec:
    values: dict[str, Any] = {
        "id": "busy_actor",
        "version": 1,
        "title": "An actor does things twice",
        "policy": "p",
        "abuse_type": "test",
        "severity": "low",
        "actor_type": "user",
        "driver": "fct_events",
        "time_column": "occurred_at",
        "window_days": 1,
        "dedup": "actor and day",
        "owner": "tests",
        "review_budget": 1,
        "proposed_action": "none",
        "false_positives": ("anybody who is busy",),
        "known_gaps": ("nobody who is lazy",),
        "runbook": ("look at the actor", "do nothing to it"),
        "mode": "live",
    }
    return DetectionSpec.model_validate(values | changes)


def case(name: str, *events: tuple[str, str], found: tuple[str, ...] = ()) -> Case:
    """A unit-test case on (actor, time) events."""
    types = {"actor_id": "varchar", "occurred_at": "timestamp", "ingested_at": "timestamp"}
    rows = tuple({"actor_id": actor, "occurred_at": moment} for actor, moment in events)
    expected = tuple({"actor_id": actor} for actor in found)
    return Case(name, (Given("fct_events", types, rows),), expected)


CASES = (
    case(
        "finds", ("canary", "2026-01-05 10:00"), ("canary", "2026-01-05 11:00"), found=("canary",)
    ),
    case("ignores", ("canary", "2026-01-05 10:00")),
)


def detection(
    sql: str = SQL,
    reads: tuple[str, ...] = ("fct_events",),
    cases: tuple[Case, ...] = CASES,
    **changes: Any,
) -> Detection:
    return Detection(spec(**changes), sql, "0" * 64, reads, cases)


def load_events(settings: Settings, *events: tuple[str, str], arrived_at: datetime) -> int:
    """Append (actor, time) events to fct_events; returns the snapshot."""
    with Lake(settings).writer("a test") as connection:
        ensure_tables(connection)
        connection.execute(
            "create table if not exists lake.core.fct_events "
            "(actor_id varchar, occurred_at timestamp, ingested_at timestamp)"
        )
        stamp = arrived_at.astimezone(UTC).replace(tzinfo=None)
        for actor, moment in events:
            connection.execute(
                "insert into lake.core.fct_events values (?, ?, ?)", [actor, moment, stamp]
            )
    return Lake(settings).current_snapshot()


def load_days(settings: Settings, *events: tuple[str, str]) -> int:
    """Append (actor, time) events to a fct_events without arrival times; returns the snapshot."""
    with Lake(settings).writer("a test") as connection:
        ensure_tables(connection)
        connection.execute(
            "create table if not exists lake.core.fct_events "
            "(actor_id varchar, occurred_at timestamp)"
        )
        connection.executemany("insert into lake.core.fct_events values (?, ?)", events)
    return Lake(settings).current_snapshot()


def certify(
    settings: Settings,
    snapshot_id: int,
    *,
    table: str = "fct_events",
    result: str = "passed",
    covered_to: datetime = NOW,
    expires_at: datetime = NOW + timedelta(days=1),
    publish: bool = True,
    held_by: tuple[str, ...] = (),
    failed_products: tuple[str, ...] | None = None,
) -> str:
    """Write a certificate as the gate would, and publish it.

    With ``failed_products``, one check of it failed, of these products; of all, if there are none.
    """
    failed = [
        CertificateCheck(
            position=0,
            tool="gate",
            name="rows missing by day",
            severity="critical",
            result="failed",
            observed={"products": [*failed_products]} if failed_products else {},
        )
    ]
    certificate_id = f"{table}-{snapshot_id}-{result}"
    with open_store(settings).begin() as session:
        session.add(
            Certificate(
                certificate_id=certificate_id,
                table_name=table,
                snapshot_id=snapshot_id,
                interval_end_at=covered_to,
                suite_version="1",
                result=result,
                severities={},
                held_by=list(held_by),
                row_count=1,
                checked_at=NOW,
                expires_at=expires_at,
                checks=[] if failed_products is None else failed,
            )
        )
        session.flush()
        if publish:
            session.merge(
                PublishedVersion(
                    table_name=table,
                    certificate_id=certificate_id,
                    snapshot_id=snapshot_id,
                    published_at=NOW,
                )
            )
    return certificate_id
