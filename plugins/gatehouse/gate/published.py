"""What readers may see: per core table, the newest certified version."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import sqlalchemy as sa

from gatehouse.errors import GatehouseError
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


def published_versions(settings: Settings) -> dict[str, Published]:
    """All versions on show by table, expired ones too."""
    query = (
        sa.select(PublishedVersion, Certificate)
        .join(Certificate, Certificate.certificate_id == PublishedVersion.certificate_id)
        .order_by(PublishedVersion.table_name)
    )
    with open_store(settings, read_only=True).begin() as session:
        return {
            shown.table_name: Published(
                table=shown.table_name,
                snapshot_id=shown.snapshot_id,
                certificate_id=shown.certificate_id,
                result=certificate.result,
                row_count=certificate.row_count,
                checked_at=certificate.checked_at,
                expires_at=certificate.expires_at,
                covered_to=certificate.interval_end_at,
            )
            for shown, certificate in session.execute(query)
        }


def certified_versions(settings: Settings, *, allow_expired: bool = False) -> dict[str, Published]:
    """The versions that may be read, by table.

    Args:
        settings: which home.
        allow_expired: also those whose certificate has expired.
    """
    shown = published_versions(settings)
    return {name: each for name, each in shown.items() if allow_expired or not each.is_expired}


def open_certified(settings: Settings, *, allow_expired: bool = False) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the certified version of each core table.

    A table that is left out because it expired is named in a warning; querying it says so too,
    as there is no such table in the connection.

    Raises:
        GatehouseError: no table may be read.
    """
    shown = published_versions(settings)
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
    return Lake(settings).reader(versions)


def _nothing(expired: list[str]) -> GatehouseError:
    if expired:
        return GatehouseError(
            f"Every certificate has expired ({len(expired)} tables).",
            next_step="run the gate again: gatehouse gate",
        )
    return GatehouseError(
        "No table is certified yet.", next_step="gatehouse build, then gatehouse gate"
    )
