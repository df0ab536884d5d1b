"""What the gate last said of each table, from its certificates; and who reads the tables."""

from __future__ import annotations

import json
import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gatehouse.alerts.causes import Check, Checked, Reader
from gatehouse.build.dbt import code_version, load_manifest
from gatehouse.files import write_whole
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.products import product_columns
from gatehouse.lake import CERTIFIED_SCHEMA
from gatehouse.settings import Settings
from gatehouse.store.models import Certificate

log = logging.getLogger(__name__)


def newest_checked(session: Session) -> dict[str, Checked]:
    """By table, what was found of its newest snapshot, and of that the newest.

    A gate that ends late, on an older snapshot, changes nothing.
    """
    rank = (
        sa.func.row_number()
        .over(
            partition_by=Certificate.table_name,
            order_by=(Certificate.snapshot_id.desc(), Certificate.checked_at.desc()),
        )
        .label("rank")
    )
    ranked = sa.select(Certificate.certificate_id, rank).subquery()
    query = (
        sa.select(Certificate)
        .join(
            ranked,
            sa.and_(ranked.c.certificate_id == Certificate.certificate_id, ranked.c.rank == 1),
        )
        .options(selectinload(Certificate.checks))
    )
    return {each.table_name: _checked(each) for each in session.scalars(query)}


def _checked(certificate: Certificate) -> Checked:
    return Checked(
        table=certificate.table_name,
        snapshot_id=certificate.snapshot_id,
        result=certificate.result,
        checked_at=certificate.checked_at,
        held_by=tuple(certificate.held_by),
        message=certificate.message,
        row_count=certificate.row_count,
        checks=tuple(
            Check(
                name=each.name,
                severity=each.severity,
                result=each.result,
                column=each.column_name,
                reason=each.reason,
                owner=each.owner,
                observed=each.observed,
                is_waived=each.waiver_id is not None,
            )
            for each in certificate.checks
        ),
    )


def known_tables(settings: Settings) -> list[str] | None:
    """The core tables, causes before consequences; None where the project does not say."""
    try:
        return list(core_tables(settings))
    except Exception as error:  # dbt raises anything; an alert does not wait for a model
        log.warning("The core tables are not known (%s)", type(error).__name__)
        return None


def read_readers(settings: Settings) -> list[Reader] | None:
    """The detections that are not retired, with what they read; None where nobody knows.

    Kept by code version in the home, so that only the first call after a change imports dbt.
    """
    try:
        cache = settings.home / "gate" / f"readers-{code_version(settings)}.json"
        if not cache.is_file():
            write_whole(cache, json.dumps(_from_manifest(load_manifest(settings))))
        rows = json.loads(cache.read_text("utf-8"))
        columns = product_columns(settings)
    except Exception as error:  # an alert goes out without its detections rather than not at all
        log.warning("The detections are not known (%s)", type(error).__name__)
        return None
    return [
        Reader(
            row["detection_id"],
            row["owner"],
            tuple(row["reads"]),
            tuple(columns.keys() & {*row["reads"]}) if row.get("by_product") else (),
        )
        for row in rows
    ]


def _from_manifest(manifest: Any) -> list[dict[str, Any]]:
    rows = []
    for node in manifest.nodes.values():
        meta = node.config.meta.get("detection") if "detection" in node.tags else None
        if str(node.resource_type) != "model" or not meta or meta.get("mode") == "retired":
            continue
        parents = (manifest.nodes.get(each) for each in node.depends_on.nodes)
        rows.append(
            {
                "detection_id": node.name,
                "owner": str(meta.get("owner", "")),
                "by_product": bool(meta.get("by_product")),
                "reads": sorted(
                    each.name
                    for each in parents
                    if each is not None and str(each.schema) == CERTIFIED_SCHEMA
                ),
            }
        )
    return sorted(rows, key=lambda row: row["detection_id"])
