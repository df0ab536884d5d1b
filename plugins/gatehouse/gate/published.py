"""What readers may see: per core table, the newest certified version."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.gate.certificate import is_certified, newest_certificates
from gatehouse.gate.lineage import upstream_of
from gatehouse.gate.needs import Needs, newest_without_warnings, read_warnings
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, PublishedVersion

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """The certified version of a table that is on show.

    Attributes:
        result: ``passed``, or ``no_data``: certified as empty, which is no all-clear.
        row_count: rows in that version.
        covered_to: end of the arrivals it covers, UTC; None where it is not known.
        expires_at: UTC.
    """

    table: str
    snapshot_id: int
    certificate_id: str
    result: str
    row_count: int
    checked_at: datetime
    expires_at: datetime
    covered_to: datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Whether nothing vouches for it any more."""
        return self.expires_at <= datetime.now(UTC)


def published_versions(settings: Settings, *, needs: Needs = "critical") -> dict[str, Published]:
    """All versions on show by table, expired ones too.

    Args:
        settings: which home.
        needs: ``warning``: instead of a version of which a warning failed, the newest older one
            of which none did, or the table is left out.
    """
    query = (
        sa.select(PublishedVersion, Certificate)
        .join(Certificate, Certificate.certificate_id == PublishedVersion.certificate_id)
        .order_by(PublishedVersion.table_name)
    )
    # Outside the transaction: the first call after a change of the project imports dbt.
    upstream = upstream_of(settings) if needs == "warning" else {}
    with open_store(settings, read_only=True).begin() as session:
        found = {shown.table_name: each for shown, each in session.execute(query)}
        if needs == "warning":
            now = datetime.now(UTC)
            warnings = read_warnings(session, upstream, now)
            older = {
                table: newest_without_warnings(session, warnings, table, each.snapshot_id, now)
                for table, each in found.items()
                if each.expires_at > now and warnings.of(table, each.snapshot_id)
            }
            found = {name: each for name, each in (found | older).items() if each is not None}
        return {table: _published(each) for table, each in found.items()}


def _published(certificate: Certificate) -> Published:
    return Published(
        table=certificate.table_name,
        snapshot_id=certificate.snapshot_id,
        certificate_id=certificate.certificate_id,
        result=certificate.result,
        row_count=certificate.row_count,
        checked_at=certificate.checked_at,
        expires_at=certificate.expires_at,
        covered_to=certificate.interval_end_at,
    )


def certified_versions(
    settings: Settings, *, allow_expired: bool = False, needs: Needs = "critical"
) -> dict[str, Published]:
    """The versions that may be read, by table.

    Args:
        settings: which home.
        allow_expired: also those whose certificate has expired.
        needs: see `published_versions`.
    """
    shown = published_versions(settings, needs=needs)
    return {name: each for name, each in shown.items() if allow_expired or not each.is_expired}


def held_now(
    settings: Settings, shown: Mapping[str, Published], tables: Collection[str]
) -> dict[str, str]:
    """Of the tables, those of which readers have an older version than there is, and why.

    Args:
        settings: which home.
        shown: what they read.
        tables: names; others are left out.
    """
    with open_store(settings, read_only=True).begin() as session:
        newest = newest_certificates(session)
        back = rolled_back(session)
    taken = {
        name: f"{back[name]} This is of snapshot {shown[name].snapshot_id}{_covered(shown[name])}."
        for name in tables
        if name in back and name in shown
    }
    held = {
        each.table_name: f"held at snapshot {each.snapshot_id}; this is of the certified version "
        f"before it, {at.snapshot_id}{_covered(at)}. Why: gatehouse certificate {each.table_name}"
        for each in newest
        if each.table_name in tables
        and (at := shown.get(each.table_name)) is not None
        and at.snapshot_id < each.snapshot_id
        and not is_certified(each)
    }
    return held | taken


def _covered(shown: Published) -> str:
    to = shown.covered_to
    return f", of what arrived until {to:%Y-%m-%d %H:%M} UTC" if to else ""


def open_certified(
    settings: Settings, *, allow_expired: bool = False, needs: Needs = "critical"
) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the certified version of each core table.

    A table that is left out, because it expired or because of a warning, is named in a warning of
    the log; querying it says so too, as there is no such table in the connection.

    Args:
        settings: which home.
        allow_expired: also those whose certificate has expired.
        needs: see `published_versions`.

    Raises:
        GatehouseError: no table may be read.
    """
    shown = published_versions(settings, needs=needs)
    expired = sorted(name for name, each in shown.items() if each.is_expired)
    versions = {
        name: each.snapshot_id
        for name, each in shown.items()
        if allow_expired or not each.is_expired
    }
    if not versions:
        raise _nothing(expired)
    if expired:
        effect = "are shown nevertheless" if allow_expired else "are not shown"
        log.warning("the certificates of %s have expired: they %s", ", ".join(expired), effect)
    if needs == "warning":
        _tell_of_warnings(settings, shown)
    return Lake(settings).reader(versions)


def _tell_of_warnings(settings: Settings, shown: dict[str, Published]) -> None:
    for name, each in published_versions(settings).items():
        if name not in shown:
            log.warning("%s is not shown: no version of it has all its warnings passed", name)
        elif shown[name].snapshot_id != each.snapshot_id:
            log.warning(
                "%s is shown at snapshot %d, not %d, of which a warning does not hold",
                name,
                shown[name].snapshot_id,
                each.snapshot_id,
            )


def _nothing(expired: list[str]) -> GatehouseError:
    if expired:
        return GatehouseError(
            f"Every certificate has expired ({len(expired)} tables).",
            next_step="run the gate again: gatehouse gate",
        )
    return GatehouseError(
        "No table is certified yet.",
        next_step="gatehouse ingest, then gatehouse build, then gatehouse gate",
    )
