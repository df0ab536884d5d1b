"""What the pages show: read-only looks into the operational store and the ingest ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gatehouse.gate.certificate import newest_certificates
from gatehouse.gate.data_docs import page_of
from gatehouse.gate.rollbacks import rolled_back
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    AlertDelivery,
    BuildNode,
    BuildRun,
    Certificate,
    CertificateCheck,
    DetectionRun,
    Incident,
    PublishedVersion,
    Waiver,
)

_LEDGER_ROWS = 200
_ENDED_INCIDENTS = 50
_RUNNING = ("running", "started")

Content = dict[str, Any]


def overview(settings: Settings) -> Content:
    """Everything at a glance."""
    with open_store(settings, read_only=True)() as session:
        builds = session.scalars(
            sa.select(BuildRun).order_by(BuildRun.started_at.desc()).limit(8)
        ).all()
        return {
            "title": "Gatehouse",
            "incidents": [_incident(each) for each in _open_incidents(session)],
            "tables": _tables(session),
            "detections": _detections(session),
            "builds": [_build(each) for each in builds],
            "loads": _loads(settings),
            "live": any(each.status == "running" for each in builds),
        }


def airflow_run(settings: Settings, dag_id: str, run_id: str) -> Content:
    """The build of one Airflow run. A cleared and repeated run has several: the newest counts."""
    query = (
        sa.select(BuildRun.build_id)
        .where(BuildRun.airflow_run_id == run_id)
        .order_by(BuildRun.started_at.desc())
    )
    if dag_id:
        query = query.where(BuildRun.airflow_dag_id == dag_id)
    with open_store(settings, read_only=True)() as session:
        build_id = session.scalar(query.limit(1))
    if build_id is None:
        return {
            "title": "Models and checks",
            "missing": True,
            "message": "This run has not built anything (yet).",
            # A build run is looked at before its first model: keep looking.
            "live": dag_id == "build_core",
        }
    return build(settings, build_id)


def build(settings: Settings, build_id: str) -> Content:
    """Each model of one build, and each check of the tables it left."""
    with open_store(settings, read_only=True)() as session:
        run = session.get(BuildRun, build_id)
        if run is None:
            message = f"There is no build {build_id}."
            return {"title": "Models and checks", "missing": True, "message": message}
        nodes = session.scalars(
            sa.select(BuildNode)
            .where(BuildNode.build_id == build_id)
            .order_by(BuildNode.started_at, BuildNode.unique_id)
        ).all()
        certificates = session.scalars(
            sa.select(Certificate)
            .where(Certificate.build_id == build_id)
            .order_by(Certificate.checked_at.desc(), Certificate.table_name)
        ).all()
        newest = {each.table_name: each for each in reversed(certificates)}
        waivers = _waivers(session, newest.values())
        return {
            "title": "Models and checks",
            "build": _build(run),
            "nodes": [_node(each) for each in nodes],
            "node_counts": dict(Counter(each.status for each in nodes)),
            "tables": [
                {**_certificate(newest[name], waivers), "checks": _checks(newest[name], waivers)}
                for name in sorted(newest)
            ],
            # The gate follows the build: look on until there are certificates.
            "live": run.status == "running" or (run.status == "succeeded" and not certificates),
        }


def table(settings: Settings, name: str) -> Content:
    """One table: its newest checks, what to do about them, and its certificates so far."""
    from gatehouse.alerts.incidents import roots_of
    from gatehouse.alerts.message import compose

    with open_store(settings, read_only=True)() as session:
        certificates = session.scalars(
            sa.select(Certificate)
            .where(Certificate.table_name == name)
            .order_by(Certificate.snapshot_id.desc(), Certificate.checked_at.desc())
            .limit(30)
        ).all()
        if not certificates:
            return {"title": name, "missing": True, "message": f"No certificate of {name} yet."}
        published = session.get(PublishedVersion, name)
        waivers = _waivers(session, certificates)
        incidents = [
            each
            for each in _open_incidents(session)
            if each.kind == "data" and name in roots_of(each)
        ]
        return {
            "title": name,
            "newest": _certificate(certificates[0], waivers),
            "checks_made": _checks(certificates[0], waivers),
            "history": [_certificate(each, waivers) for each in certificates],
            "documented": {
                each.certificate_id
                for each in certificates
                if page_of(settings, name, each.certificate_id).exists()
            },
            "published": published.certificate_id if published else None,
            "shown": _shown(published),
            "rolled_back": rolled_back(session).get(name, ""),
            "commands": [
                command for each in incidents for command in compose(each, "opened").commands
            ],
        }


def alerts(settings: Settings) -> Content:
    """Incidents that are open, critical ones first, and those that ended last."""
    from gatehouse.alerts.message import compose

    with open_store(settings, read_only=True)() as session:
        still = _open_incidents(session)
        over = session.scalars(
            sa.select(Incident)
            .where(Incident.state == "resolved")
            .order_by(Incident.resolved_at.desc())
            .limit(_ENDED_INCIDENTS)
        ).all()
        sent = _sent(session, [each.incident_id for each in still])
        return {
            "title": "Incidents",
            "incidents": [
                {
                    **_incident(each),
                    "facts": compose(each, "opened").facts,
                    "commands": compose(each, "opened").commands,
                    "sent": sent.get(each.incident_id, ""),
                }
                for each in still
            ],
            "ended": [
                {**_incident(each), "how": dict(compose(each, "resolved").facts).get("How", "")}
                for each in over
            ],
            "live": bool(still),
        }


def _open_incidents(session: Session) -> list[Incident]:
    """Incidents that are not over, critical ones first, then the newest."""
    order = (Incident.severity, Incident.opened_at.desc())
    query = sa.select(Incident).where(Incident.state != "resolved").order_by(*order)
    return list(session.scalars(query))


def _incident(incident: Incident) -> Content:
    names = [column.key for column in sa.inspect(Incident).column_attrs]
    return {name: getattr(incident, name) for name in names}


def _sent(session: Session, incidents: list[str]) -> dict[str, str]:
    """By incident, which channel was told, and which could not be."""
    query = (
        sa.select(AlertDelivery)
        .where(AlertDelivery.incident_id.in_(incidents), AlertDelivery.outcome != "left_out")
        .order_by(AlertDelivery.created_at)
    )
    found: dict[str, dict[str, str]] = {}
    for each in session.scalars(query):
        found.setdefault(each.incident_id, {})[each.channel_name] = each.outcome
    return {
        incident: ", ".join(f"{channel} {outcome}" for channel, outcome in channels.items())
        for incident, channels in found.items()
    }


def ingest(settings: Settings) -> Content:
    """The newest files of the ledger. Paths and counts; content stays in the restricted schema."""
    query = (
        "select source_id, path, status_code, reason, rows_in, rows_loaded, rows_quarantined, "
        "rows_repeated, rows_left_out, ingested_at from lake.raw.files "
        f"order by ingested_at desc, path limit {_LEDGER_ROWS}"
    )
    return {"title": "Ingest ledger", "files": _lake_rows(settings, query), "most": _LEDGER_ROWS}


def _loads(settings: Settings) -> list[Content]:
    return _lake_rows(
        settings,
        "select source_id, count(*) filter (status_code = 'loaded') as files, "
        "count(*) filter (status_code = 'rejected') as rejected, "
        "coalesce(sum(rows_loaded), 0) as rows_loaded, "
        "coalesce(sum(rows_quarantined), 0) as rows_quarantined, "
        "coalesce(sum(rows_repeated), 0) as rows_repeated, "
        "coalesce(sum(rows_left_out), 0) as rows_left_out, max(ingested_at) as ingested_at "
        "from lake.raw.files group by source_id order by source_id",
    )


def _lake_rows(settings: Settings, query: str) -> list[Content]:
    import duckdb  # the store's pages do not need it

    from gatehouse.lake import Lake

    lake = Lake(settings)
    if not lake.exists():
        return []
    connection = lake.current()
    try:
        cursor = connection.execute(query)
        columns = [each[0] for each in cursor.description or []]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.CatalogException:  # a lake that nothing was ever loaded into
        return []
    finally:
        connection.close()


def _tables(session: Session) -> list[Content]:
    published = {each.table_name: each for each in session.scalars(sa.select(PublishedVersion))}
    newest = newest_certificates(session)
    waivers, back = _waivers(session, newest), rolled_back(session)
    rows = []
    for certificate in newest:
        row = _certificate(certificate, waivers)
        row["shown"] = _shown(published.get(certificate.table_name))
        if certificate.table_name in back:
            row["state"] = "rolled_back"
            row["message"] = " ".join(filter(None, (back[certificate.table_name], row["message"])))
        elif row["shown"]["is_expired"]:
            row["state"] = "expired"
        rows.append(row)
    return rows


def _shown(version: PublishedVersion | None) -> Content:
    """What readers see of a table; all None if nothing was ever certified."""
    if version is None:
        return dict.fromkeys(("snapshot_id", "rows", "expires_at", "is_expired"))
    return {
        "snapshot_id": version.snapshot_id,
        "rows": version.certificate.row_count,
        "expires_at": version.certificate.expires_at,
        "is_expired": version.certificate.expires_at < datetime.now(UTC),
    }


# By certificate and position of the check, whoever let it pass.
_Waivers = dict[str, dict[int, Waiver]]


def _waivers(session: Session, certificates: Iterable[Certificate]) -> _Waivers:
    query = (
        sa.select(CertificateCheck.certificate_id, CertificateCheck.position, Waiver)
        .join(Waiver, Waiver.waiver_id == CertificateCheck.waiver_id)
        .where(CertificateCheck.certificate_id.in_([each.certificate_id for each in certificates]))
    )
    found: _Waivers = {}
    for certificate_id, position, waiver in session.execute(query):
        found.setdefault(certificate_id, {})[position] = waiver
    return found


def _certificate(certificate: Certificate, waivers: _Waivers) -> Content:
    return {
        "table": certificate.table_name,
        "certificate_id": certificate.certificate_id,
        "result": certificate.result,
        "state": _state(certificate),
        "held_by": list(certificate.held_by),
        "message": certificate.message,
        "snapshot_id": certificate.snapshot_id,
        "build_id": certificate.build_id,
        "rows": certificate.row_count,
        "seconds": certificate.duration_seconds,
        "checked_at": certificate.checked_at,
        "counts": _counts(certificate, waivers.get(certificate.certificate_id, {})),
    }


def _checks(certificate: Certificate, waivers: _Waivers) -> list[Content]:
    """Checks of a certificate: what holds it first, then what was waived, warnings, the rest."""
    waived = waivers.get(certificate.certificate_id, {})
    checks = [
        {
            "tool": check.tool,
            "name": check.name,
            "severity": check.severity,
            "result": check.result,
            "reason": check.reason,
            "owner": check.owner,
            "observed": check.observed,
            "waiver": waived.get(check.position),
        }
        for check in certificate.checks
    ]
    return sorted(checks, key=_urgency)


def _urgency(check: Content) -> tuple[bool, bool, bool]:
    is_fine = check["result"] in ("passed", "no_data")
    return is_fine, check["severity"] != "critical", check["waiver"] is not None


def _state(certificate: Certificate) -> str:
    if certificate.held_by or certificate.result in ("failed", "could_not_check"):
        return "held"
    # Empty tables are on show, but nothing in them was checked: no all-clear.
    return "certified" if certificate.result == "passed" else certificate.result


def _counts(certificate: Certificate, waived: Mapping[int, Waiver]) -> dict[str, int]:
    """Checks by outcome; a failure that does not hold the table is a warning, or waived."""
    counts: Counter[str] = Counter()
    for severity, outcomes in certificate.severities.items():
        for outcome, count in outcomes.items():
            is_warning = outcome == "failed" and severity != "critical"
            counts["warn" if is_warning else outcome] += count
    if waived:
        for check in certificate.checks:
            if check.position in waived:
                counts["failed" if check.severity == "critical" else "warn"] -= 1
                counts["waived"] += 1
    return {name: count for name, count in counts.items() if count}


def _detections(session: Session) -> list[Content]:
    rank = sa.func.row_number().over(
        partition_by=DetectionRun.detection_id, order_by=DetectionRun.started_at.desc()
    )
    ranked = sa.select(DetectionRun.detection_run_id, rank.label("rank")).subquery()
    newest = session.scalars(
        sa.select(DetectionRun)
        .join(ranked, ranked.c.detection_run_id == DetectionRun.detection_run_id)
        .where(ranked.c.rank == 1)
        .order_by(DetectionRun.detection_id)
    ).all()
    sums = sa.select(DetectionRun.detection_id, sa.func.sum(DetectionRun.new_count)).group_by(
        DetectionRun.detection_id
    )
    totals = {name: int(total or 0) for name, total in session.execute(sums)}
    return [
        {
            "detection_id": each.detection_id,
            "version": each.detection_version,
            "mode": each.mode,
            "status": each.status,
            "message": each.message,
            "new": each.new_count,
            "ever": totals.get(each.detection_id, 0),
            "window": (each.window_start_at, each.window_end_at),
            "finished_at": each.finished_at,
        }
        for each in newest
    ]


def _build(run: BuildRun) -> Content:
    return {
        "build_id": run.build_id,
        "status": run.status,
        "is_increment": run.is_increment,
        "interval": (run.interval_start_at, run.interval_end_at),
        "snapshot_id": run.snapshot_id,
        "started_at": run.started_at,
        "seconds": _seconds(run.started_at, run.finished_at or datetime.now(UTC)),
        "run_id": run.airflow_run_id,
    }


def _node(node: BuildNode) -> Content:
    running = node.status in _RUNNING
    end = datetime.now(UTC) if running else node.finished_at
    return {
        "name": node.name,
        "type": node.resource_type,
        "status": node.status,
        "message": node.message,
        "started_at": node.started_at,
        "seconds": _seconds(node.started_at, end),
    }


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
