"""Tables of the operational store. Times are UTC; status words are checked by the database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """A UTC instant, timezone-aware in Python on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time in the operational store")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite forgets the zone: it is always UTC here."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all store tables.

    Attributes:
        is_synced: whether changes of the table are recorded in ``store_changes`` for the lake.
    """

    # Named constraints, so that a later migration can name what it alters, also on SQLite.
    metadata = MetaData(
        naming_convention={
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }
    is_synced: ClassVar[bool] = True


class BuildRun(Base):
    """One build: which inputs it covered and what it made."""

    __tablename__ = "build_runs"
    __table_args__ = (
        CheckConstraint("status in ('running', 'succeeded', 'failed')", name="status"),
    )

    build_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    # Half-open interval of ingested_at; a run depends on nothing else but code and raw versions.
    interval_start_at: Mapped[datetime]
    interval_end_at: Mapped[datetime]
    # True: the interval moves the watermark on. False: a backfill or a partial selection.
    is_increment: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    code_version: Mapped[str] = mapped_column(String(64))
    snapshot_id: Mapped[int | None] = mapped_column(BigInteger)
    airflow_dag_id: Mapped[str | None] = mapped_column(String(250))
    airflow_run_id: Mapped[str | None] = mapped_column(String(250))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    nodes: Mapped[list[BuildNode]] = relationship(back_populates="build", cascade="all")


class BuildNode(Base):
    """State of one dbt model or test within a build, written while it runs."""

    __tablename__ = "build_nodes"
    # Progress for the page of a run: several writes a node, of no use to measurement.
    is_synced = False

    build_id: Mapped[str] = mapped_column(ForeignKey("build_runs.build_id"), primary_key=True)
    unique_id: Mapped[str] = mapped_column(String(500), primary_key=True)
    name: Mapped[str] = mapped_column(String(250))
    resource_type: Mapped[str] = mapped_column(String(32))
    table_name: Mapped[str | None] = mapped_column(String(250))
    status: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    build: Mapped[BuildRun] = relationship(back_populates="nodes")


class Certificate(Base):
    """What the gate found of one table in one snapshot."""

    __tablename__ = "certificates"
    __table_args__ = (
        CheckConstraint(
            "result in ('passed', 'failed', 'could_not_check', 'no_data')", name="result"
        ),
        Index("ix_certificates_table", "table_name", "snapshot_id"),
    )

    certificate_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(250))
    snapshot_id: Mapped[int] = mapped_column(BigInteger)
    build_id: Mapped[str | None] = mapped_column(ForeignKey("build_runs.build_id"))
    interval_start_at: Mapped[datetime | None]
    interval_end_at: Mapped[datetime | None]
    suite_version: Mapped[str] = mapped_column(String(64))
    result: Mapped[str] = mapped_column(String(16))
    # {"critical": {"passed": 7, "failed": 0, "could_not_check": 0}, "warning": {...}, ...}
    severities: Mapped[dict[str, Any]]
    # Upstream core tables whose failure fails this one; the root cause is named first.
    held_by: Mapped[list[Any]]
    row_count: Mapped[int] = mapped_column(BigInteger)
    # Why the table could not be checked, or is not published; no data values.
    message: Mapped[str] = mapped_column(Text, default="")
    duration_seconds: Mapped[float] = mapped_column(default=0.0)
    checked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    checks: Mapped[list[CertificateCheck]] = relationship(
        back_populates="certificate", cascade="all", order_by="CertificateCheck.position"
    )


class CertificateCheck(Base):
    """One check behind a certificate: an expectation, a dbt test, or the gate's own."""

    __tablename__ = "certificate_checks"
    __table_args__ = (
        CheckConstraint(
            "result in ('passed', 'failed', 'could_not_check', 'no_data')", name="result"
        ),
        CheckConstraint("severity in ('critical', 'warning', 'info')", name="severity"),
        CheckConstraint("tool in ('gx', 'dbt', 'gate')", name="tool"),
    )

    certificate_id: Mapped[str] = mapped_column(
        ForeignKey("certificates.certificate_id"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    tool: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(500))
    column_name: Mapped[str | None] = mapped_column(String(250))
    severity: Mapped[str] = mapped_column(String(16))
    result: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[str] = mapped_column(String(250), default="")
    # Counts and bounds only: identifiers and content never reach the store's log-like columns.
    observed: Mapped[dict[str, Any]]
    # It failed, and somebody took responsibility: it did not decide.
    waiver_id: Mapped[str | None] = mapped_column(ForeignKey("waivers.waiver_id"))
    certificate: Mapped[Certificate] = relationship(back_populates="checks")


class TableProfile(Base):
    """What one day of one product looked like in a version of a table that was certified.

    Attributes:
        relation_name: what was looked at: the table itself or one that it is made from.
    """

    __tablename__ = "table_profiles"
    # Of days, products and tables; what follows from them is in the certificates.
    is_synced = False

    table_name: Mapped[str] = mapped_column(String(250), primary_key=True)
    relation_name: Mapped[str] = mapped_column(String(250), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    surface: Mapped[str] = mapped_column(String(250), primary_key=True)
    profile: Mapped[dict[str, Any]]
    snapshot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    certificate_id: Mapped[str] = mapped_column(ForeignKey("certificates.certificate_id"))
    # A check of this day failed, and somebody let it pass.
    waiver_id: Mapped[str | None] = mapped_column(ForeignKey("waivers.waiver_id"))


class Waiver(Base):
    """A named person lets one check of one table fail for a while, and says why.

    Attributes:
        covers: how far the check may fail: ``products``, ``first_day``, ``last_day``, ``rows``;
            what is not named is not bounded.
        is_new_level: what it lets pass is how it is from now on: days to come are covered, too,
            and new days are compared with it.
    """

    __tablename__ = "waivers"
    __table_args__ = (Index("ix_waivers_table", "table_name"),)

    waiver_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(250))
    check_name: Mapped[str] = mapped_column(String(500))
    column_name: Mapped[str | None] = mapped_column(String(250))
    person_name: Mapped[str] = mapped_column(String(250))
    reason: Mapped[str] = mapped_column(Text)
    covers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_new_level: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # Of one that was ended before it expired.
    ended_by_name: Mapped[str | None] = mapped_column(String(250))
    ended_at: Mapped[datetime | None]


class Rollback(Base):
    """A named person put a table back to an older version; until lifted, nothing newer is shown."""

    __tablename__ = "rollbacks"
    __table_args__ = (Index("ix_rollbacks_table", "table_name"),)

    rollback_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(250))
    # The table that was named; the others are made from it.
    root_table_name: Mapped[str] = mapped_column(String(250))
    # None: nothing of it was on show.
    from_snapshot_id: Mapped[int | None] = mapped_column(BigInteger)
    # None: there was no good version as old as that of the root.
    to_snapshot_id: Mapped[int | None] = mapped_column(BigInteger)
    person_name: Mapped[str] = mapped_column(String(250))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    lifted_by_name: Mapped[str | None] = mapped_column(String(250))
    lifted_at: Mapped[datetime | None]


class PublishedVersion(Base):
    """The pointer that readers follow: per table, the certified version on show."""

    __tablename__ = "published_versions"

    table_name: Mapped[str] = mapped_column(String(250), primary_key=True)
    certificate_id: Mapped[str] = mapped_column(ForeignKey("certificates.certificate_id"))
    snapshot_id: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime]
    certificate: Mapped[Certificate] = relationship()


class DetectionRun(Base):
    """One run of one detection over one window, on pinned certified versions."""

    __tablename__ = "detection_runs"
    __table_args__ = (
        CheckConstraint("status in ('succeeded', 'failed', 'held')", name="status"),
        Index("ix_detection_runs_detection", "detection_id", "window_end_at"),
    )

    detection_run_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    detection_id: Mapped[str] = mapped_column(String(250))
    detection_version: Mapped[int] = mapped_column(Integer)
    code_hash: Mapped[str] = mapped_column(String(64))
    mode: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    # False: a window given by hand, which moves no mark.
    is_increment: Mapped[bool]
    window_start_at: Mapped[datetime | None]
    window_end_at: Mapped[datetime | None]
    # {"fct_events": {"certificate_id": "...", "snapshot_id": 12}, ...}
    inputs: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    message: Mapped[str] = mapped_column(Text, default="")
    found_count: Mapped[int] = mapped_column(Integer, default=0)
    new_count: Mapped[int] = mapped_column(Integer, default=0)
    over_budget_count: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]


class DetectionCode(Base):
    """The SQL behind a code hash, kept so that a finding can be replayed when code has moved on."""

    __tablename__ = "detection_code"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    detection_id: Mapped[str] = mapped_column(String(250))
    detection_version: Mapped[int] = mapped_column(Integer)
    sql: Mapped[str] = mapped_column(Text)
    first_run_at: Mapped[datetime]


class Incident(Base):
    """One cause of trouble, from when it was first seen until it is over."""

    __tablename__ = "incidents"
    __table_args__ = (
        CheckConstraint(
            "kind in ('data', 'infrastructure', 'pipeline', 'channel', 'silence')", name="kind"
        ),
        CheckConstraint("severity in ('critical', 'warning')", name="severity"),
        CheckConstraint("state in ('open', 'acknowledged', 'resolved')", name="state"),
        # One at a time for one cause, whoever looks at once.
        Index(
            "uq_incidents_open",
            "cause_key",
            unique=True,
            sqlite_where=text("state <> 'resolved'"),
            postgresql_where=text("state <> 'resolved'"),
        ),
    )

    incident_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    # What makes two sightings the same cause, e.g. "data:fct_events".
    cause_key: Mapped[str] = mapped_column(String(500))
    kind: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    # Root table, task, detection, monitor or channel.
    subject_name: Mapped[str] = mapped_column(String(500))
    title: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(String(250), default="")
    state: Mapped[str] = mapped_column(String(16), default="open")
    # Names, days and counts: never values of rows.
    details: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    seen_count: Mapped[int] = mapped_column(Integer, default=1)
    # People were last told; escalation counts from here.
    alerted_at: Mapped[datetime]
    acknowledged_by_name: Mapped[str | None] = mapped_column(String(250))
    acknowledged_at: Mapped[datetime | None]
    snoozed_by_name: Mapped[str | None] = mapped_column(String(250))
    snoozed_until_at: Mapped[datetime | None]
    snooze_reason: Mapped[str | None] = mapped_column(Text)
    escalated_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    # How: "passed", "waived", "checked", "succeeded", "gone", ...
    resolution: Mapped[str | None] = mapped_column(String(64))


class AlertDelivery(Base):
    """One message about an incident to one channel: waiting, sent or failed. Holds no address."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        CheckConstraint("event in ('opened', 'repeated', 'escalated', 'resolved')", name="event"),
        CheckConstraint("outcome in ('waiting', 'sent', 'failed', 'left_out')", name="outcome"),
        Index("ix_alert_deliveries_outcome", "outcome"),
        Index("ix_alert_deliveries_incident", "incident_id"),
    )
    # Written at every attempt; what was told to whom is of no use to measurement.
    is_synced = False

    delivery_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.incident_id"))
    channel_name: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16), default="waiting")
    # Kind of the last failure, e.g. "timeout", "http_503"; never a text or an address.
    error_kind: Mapped[str | None] = mapped_column(String(64))
    attempt_count: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    # Somebody is sending it until then: nobody else does.
    claimed_until_at: Mapped[datetime | None]


class Heartbeat(Base):
    """When a monitor last did its work, whatever came of it."""

    __tablename__ = "heartbeats"
    # Written every five minutes.
    is_synced = False

    monitor_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_at: Mapped[datetime]
    beat_at: Mapped[datetime]


class Drill(Base):
    """One fault planted in a copy of the lake, and whether the gate caught it."""

    __tablename__ = "drills"
    __table_args__ = (
        CheckConstraint("outcome in ('caught', 'missed', 'could_not_run')", name="outcome"),
        Index("ix_drills_started", "started_at"),
    )
    # Of copies; nothing that is measured follows from it.
    is_synced = False

    drill_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fault_name: Mapped[str] = mapped_column(String(64))
    # What was broken, with its schema.
    relation_name: Mapped[str] = mapped_column(String(250))
    seed: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(16))
    # The root of what was held, and the first of its checks that failed.
    caught_by_table: Mapped[str | None] = mapped_column(String(250))
    caught_by_check: Mapped[str | None] = mapped_column(String(500))
    # Snapshot of the lake that was copied.
    snapshot_id: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[str] = mapped_column(Text, default="")
    duration_seconds: Mapped[float] = mapped_column(default=0.0)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]


class AccessRecord(Base):
    """One time that somebody read raw content or direct identifiers, and why."""

    __tablename__ = "access_log"
    # SQLite: an id is never used twice, also not after old rows are removed.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012
    is_synced = False

    access_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    reader_name: Mapped[str] = mapped_column(String(250))
    action: Mapped[str] = mapped_column(String(64))
    # What was asked for, e.g. {"source": "web_access"}; never what was read.
    subject: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    accessed_at: Mapped[datetime]


class StoreChange(Base):
    """Every change of a synced table, in the same transaction, for the sync to the lake."""

    __tablename__ = "store_changes"
    # SQLite: an id is never used twice, also not after old rows are removed.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012
    is_synced = False

    change_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    table_name: Mapped[str] = mapped_column(String(250))
    operation: Mapped[str] = mapped_column(String(8))
    row_key: Mapped[str] = mapped_column(String(500))
    row: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
