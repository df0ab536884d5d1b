"""The profiles of certified days: what new days are compared with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.gate.profiles import Key, Profile
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, TableProfile, Waiver


@dataclass(frozen=True)
class CertifiedPast:
    """What is known of a table's certified days.

    Attributes:
        snapshot_id: version up to which the profiles are kept; None if there are none.
        profiles: by day and product.
        waived: days that were certified because somebody let a check of them pass: no past, and
            judged again each time.
    """

    snapshot_id: int | None
    profiles: Mapping[Key, Profile]
    waived: Collection[date] = ()


class _Kept(Mapping[Key, Profile]):
    """Profiles as they are kept, each read when it is asked for: of a year, few are."""

    def __init__(self, texts: Mapping[Key, str]) -> None:
        self._texts = texts
        self._read: dict[Key, Profile] = {}

    def __getitem__(self, key: Key) -> Profile:
        if key not in self._read:
            self._read[key] = Profile.from_dict(json.loads(self._texts[key]))
        return self._read[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def read_past(
    settings: Settings, table: str, relation: str, up_to: int | None = None
) -> CertifiedPast:
    """The certified profiles of a table, or of what it is made from.

    Args:
        settings: which store.
        table: core table.
        relation: what was looked at.
        up_to: snapshot; what newer versions look like is no past of it.
    """
    query = (
        sa.select(
            TableProfile.snapshot_id,
            TableProfile.day,
            TableProfile.surface,
            TableProfile.profile["rows"].as_integer().label("rows"),
            sa.cast(TableProfile.profile, sa.Text).label("text"),
            _is_no_past().label("is_no_past"),
        )
        .outerjoin(Waiver, Waiver.waiver_id == TableProfile.waiver_id)
        .where(TableProfile.table_name == table, TableProfile.relation_name == relation)
        .order_by(TableProfile.snapshot_id)
    )
    if up_to is not None:
        query = query.where(TableProfile.snapshot_id <= up_to)
    newest, texts = None, {}
    waived: set[Key] = set()
    with open_store(settings, read_only=True).begin() as session:
        for row in session.execute(query):
            newest = row.snapshot_id
            if row.is_no_past:
                waived.add((row.day, row.surface))
                continue
            texts[row.day, row.surface] = row.text if row.rows else ""
            waived.discard((row.day, row.surface))
    return CertifiedPast(
        newest,
        _Kept({key: text for key, text in texts.items() if text}),
        {day for day, _ in waived},
    )


def _is_no_past() -> sa.ColumnElement[bool]:
    """Whether a check of the day failed and was let pass, but not as the level from now on."""
    is_level = sa.and_(Waiver.is_new_level, Waiver.ended_at.is_(None))
    return sa.and_(TableProfile.waiver_id.is_not(None), sa.not_(is_level))


@dataclass(frozen=True)
class Judged:
    """The days of a relation that one run of the gate judged for a table, as it saw them.

    Attributes:
        beyond: by check, the days and products that failed it.
    """

    relation: str
    days: Collection[date]
    profiles: Mapping[Key, Profile]
    beyond: Mapping[str, Collection[Key]] = field(default_factory=dict)


def keep(
    session: Session, certificate: Certificate, judged: Judged, waivers: Mapping[str, str]
) -> None:
    """Let the days of a version that was just certified be what later ones are compared with.

    Those of versions before stay: a version may turn out to be wrong. A product that a day has
    lost is kept as one without rows.

    Args:
        session: of the store.
        certificate: of the version.
        judged: what was seen.
        waivers: by check that was let pass, the waiver.
    """
    by_waiver = {
        key: waiver_id
        for check, waiver_id in waivers.items()
        for key in judged.beyond.get(check, ())
    }
    profiles = {key: each for key, each in judged.profiles.items() if key[0] in judged.days}
    for days in _some(sorted(judged.days)):
        own = (
            TableProfile.table_name == certificate.table_name,
            TableProfile.relation_name == judged.relation,
            TableProfile.day.in_(days),
        )
        for day, surface in session.execute(
            sa.select(TableProfile.day, TableProfile.surface).where(*own).distinct()
        ):
            profiles.setdefault((day, surface), Profile())
        for key in by_waiver:
            profiles.setdefault(key, Profile())
        session.execute(
            sa.delete(TableProfile).where(*own, TableProfile.snapshot_id == certificate.snapshot_id)
        )
    session.add_all(
        TableProfile(
            table_name=certificate.table_name,
            relation_name=judged.relation,
            day=day,
            surface=surface,
            profile=profile.as_dict(),
            certificate_id=certificate.certificate_id,
            snapshot_id=certificate.snapshot_id,
            waiver_id=by_waiver.get((day, surface)),
        )
        for (day, surface), profile in profiles.items()
    )


def forget(session: Session, table: str, after: int | None) -> None:
    """Forget what versions after a snapshot looked like: they turned out to be wrong."""
    gone = sa.delete(TableProfile).where(TableProfile.table_name == table)
    if after is not None:
        gone = gone.where(TableProfile.snapshot_id > after)
    session.execute(gone)


def _some(days: list[date]) -> Iterable[list[Any]]:
    """Parts that are no longer than a statement of any database may have parameters."""
    return (days[start : start + 500] for start in range(0, len(days), 500))
