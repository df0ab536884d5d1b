"""What a task read and wrote, as OpenLineage datasets with facets.

Told from what the run recorded (certificates, build and detection runs, the ledger of files):
nothing is checked or counted again. Facets hold names, types, counts and ids, never a value of a
row.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
    tags_run,
)
from openlineage.client.generated.base import OutputDatasetFacet
from openlineage.client.generated.lineage import LineageDatasetFacet, LineageDatasetInput

from gatehouse.errors import GatehouseError
from gatehouse.gate.certificate import is_certified
from gatehouse.gate.lineage import CoreTable, core_tables
from gatehouse.lake import Lake
from gatehouse.lake.catalog import Catalog
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun, Certificate, CertificateCheck, DetectionRun

Assertion = data_quality_assertions_dataset.Assertion

# Of the facet: `error` holds the table, `warn` is told.
_SEVERITIES = {"critical": "error", "warning": "warn", "info": "info"}


def namespace(settings: Settings) -> str:
    """The lake's namespace: host, port and database of its catalog; no user, password or path.

    A catalog in a file is named by this machine and a digest of the file's path.
    """
    catalog = Catalog.parse(settings.catalog)
    if catalog.kind == "sqlite":
        digest = hashlib.sha256(str(Path(catalog.where).resolve()).encode()).hexdigest()[:8]
        return f"ducklake://{socket.gethostname()}/{digest}"
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(catalog.where)
    host = str(parts.get("host") or "").partition(",")[0]
    port = str(parts.get("port") or "5432").partition(",")[0]
    # Without a host, or with a folder in its place, it is a socket of this machine.
    host = socket.gethostname() if not host or host.startswith(("/", "@")) else host
    return f"ducklake://{host}:{port}/{parts.get('dbname') or ''}"


def loaded(settings: Settings, load_ids: Sequence[str]) -> OperatorLineage:
    """The landing folder and the raw tables that loads wrote, from the ledger of files."""
    from gatehouse.gate.arrivals import sources_by_contract

    datasets = _Datasets(settings)
    by_source = {row[0]: row[1:] for row in _ledger(settings, load_ids)}
    outputs = []
    for table, sources in sources_by_contract(settings).items():
        rows = [by_source[source] for source in sources if source in by_source]
        if rows:
            outputs.append(_loaded(datasets, table, rows, 1))
    if any(row[2] for row in by_source.values()):
        quarantined = [row for row in by_source.values() if row[2]]
        outputs.append(_loaded(datasets, "quarantine", quarantined, 2))
    if by_source:
        outputs.append(_loaded(datasets, "files", list(by_source.values()), 3))
    return OperatorLineage(inputs=[datasets.input("landing")] if outputs else [], outputs=outputs)


def built(settings: Settings, build_ids: Sequence[str]) -> OperatorLineage:
    """The raw tables that builds read and the core tables that they made, by dbt's lineage."""
    datasets = _Datasets(settings)
    made: dict[str, tuple[CoreTable, int | None]] = {}
    with open_store(settings, read_only=True).begin() as session:
        for run in session.scalars(sa.select(BuildRun).where(BuildRun.build_id.in_(build_ids))):
            nodes = {node.unique_id for node in run.nodes if node.status == "success"}
            for table in datasets.core.values():
                if table.unique_id in nodes:
                    made[table.table] = (table, run.snapshot_id)
    # The writer's place was held: raw stood still, and is in the snapshot that the build left.
    read = {source: snapshot for table, snapshot in made.values() for source in table.sources}
    return OperatorLineage(
        inputs=[
            datasets.input(f"raw.{source}", datasets.raw_facets(source, snapshot))
            for source, snapshot in sorted(read.items())
        ],
        outputs=[
            datasets.output(
                f"core.{name}",
                {**datasets.core_facets(name, snapshot), **datasets.made_from(table)},
            )
            for name, (table, snapshot) in made.items()
        ],
    )


def gated(settings: Settings, certificate_ids: Sequence[str]) -> OperatorLineage:
    """The core tables that a gate checked, each with what its certificate says."""
    datasets = _Datasets(settings)
    query = sa.select(Certificate).where(Certificate.certificate_id.in_(certificate_ids))
    with open_store(settings, read_only=True).begin() as session:
        found = session.scalars(query.order_by(Certificate.table_name)).all()
        inputs = [
            datasets.input(
                f"core.{each.table_name}",
                {**datasets.core_facets(each.table_name, each.snapshot_id), **_owned(each.checks)},
                _quality(each),
            )
            for each in found
        ]
        tags = {(_of_certificate(each.table_name), each.certificate_id) for each in found}
    return OperatorLineage(inputs=inputs, run_facets=_tags(tags))


def detected(settings: Settings, run_ids: Sequence[str]) -> OperatorLineage:
    """The versions that detections read, what was left out of them, and the findings."""
    datasets = _Datasets(settings)
    query = sa.select(DetectionRun).where(
        DetectionRun.detection_run_id.in_(run_ids), DetectionRun.status == "succeeded"
    )
    with open_store(settings, read_only=True).begin() as session:
        runs = session.scalars(query).all()
        # Of a table of which one product failed some read the version before, and some the new one
        # without that product; a table that may be empty has none.
        read: dict[tuple[str, int], str] = {
            (table, each["snapshot_id"]): each["certificate_id"]
            for run in runs
            for table, each in run.inputs.items()
            if _is_version(each)
        }
        left_out = {
            (f"left_out/core.{table}", ", ".join(rows["values"]))
            for run in runs
            for table, rows in run.parameters.get("left_out", {}).items()
        }
        new = {run.detection_run_id: run.new_count for run in runs}
    outputs = []
    if runs:
        facets = datasets.raw_facets("findings", _findings_version(settings, new))
        outputs = [datasets.output("raw.findings", facets, _written(sum(new.values())))]
    return OperatorLineage(
        inputs=[
            datasets.input(f"core.{table}", datasets.core_facets(table, snapshot_id))
            for table, snapshot_id in sorted(read)
        ],
        outputs=outputs,
        run_facets=_tags(
            {(_of_certificate(table), read[table, snapshot]) for table, snapshot in read} | left_out
        ),
    )


# What tells it, by task id.
TOLD: dict[str, Callable[[Settings, Sequence[str]], OperatorLineage]] = {
    "ingest": loaded,
    "build": built,
    "gate": gated,
    "detect": detected,
}


def assertions(certificate: Certificate) -> list[Assertion]:
    """One assertion a check, after one for the certificate itself.

    ``success`` only where it passed: what could not be checked, or had no row to look at, is no
    all-clear. ``error`` only where it decides: so a table is held if and only if an ``error`` has
    failed.
    """
    return [
        Assertion(
            assertion="certified",
            success=is_certified(certificate),
            severity="error",
            actual=certificate.result,
            params={
                "certificate_id": certificate.certificate_id,
                "held_by": list(certificate.held_by),
            },
        ),
        *(_assertion(check) for check in certificate.checks),
    ]


def _assertion(check: CertificateCheck) -> Assertion:
    severity = _SEVERITIES[check.severity]
    if severity == "error" and (check.waiver_id or check.result == "no_data"):
        severity = "warn"
    params = {"tool": check.tool, **({"waiver_id": check.waiver_id} if check.waiver_id else {})}
    return Assertion(
        assertion=check.name,
        success=check.result == "passed",
        column=check.column_name,
        severity=severity,
        actual=check.result,
        params=params,
    )


def _quality(certificate: Certificate) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=assertions(certificate)
        )
    }
    # A table that could not be counted has 0 rows in its certificate, which says nothing.
    if any(check.tool == "gate" for check in certificate.checks):
        facets["dataQualityMetrics"] = (
            data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
                rowCount=certificate.row_count, columnMetrics={}
            )
        )
    return facets


def _owned(checks: Iterable[CertificateCheck]) -> dict[str, DatasetFacet]:
    """Who mends the table, by its checks."""
    owners = sorted({check.owner for check in checks if check.owner})
    if not owners:
        return {}
    return {
        "ownership": ownership_dataset.OwnershipDatasetFacet(
            owners=[ownership_dataset.Owner(name=name) for name in owners]
        )
    }


def _of_certificate(table: str) -> str:
    """The key of the tag of a certificate that a run made, or rests on."""
    return f"certificate/core.{table}"


def _tags(tags: Collection[tuple[str, str]]) -> dict[str, RunFacet]:
    if not tags:
        return {}
    fields = [tags_run.TagsRunFacetFields(key, text, "GATEHOUSE") for key, text in sorted(tags)]
    return {"tags": tags_run.TagsRunFacet(tags=fields)}


@dataclass(frozen=True)
class _Datasets:
    """Datasets of one lake, by their names in it."""

    settings: Settings

    @cached_property
    def namespace(self) -> str:
        return namespace(self.settings)

    @cached_property
    def core(self) -> dict[str, CoreTable]:
        """Core tables by name. Only where they are told of: after a change, this imports dbt."""
        return core_tables(self.settings)

    @cached_property
    def raw(self) -> dict[str, dict[str, str]]:
        """Columns by raw table; only of those without a contract if contracts cannot be read."""
        from gatehouse.ingest.contracts import load_contracts
        from gatehouse.ingest.tables import raw_tables

        try:
            return raw_tables(load_contracts(self.settings.input_contracts))
        except GatehouseError:
            return raw_tables({})

    def input(
        self,
        name: str,
        facets: dict[str, DatasetFacet] | None = None,
        input_facets: dict[str, Any] | None = None,
    ) -> InputDataset:
        return InputDataset(
            self.namespace, name, facets=facets or {}, inputFacets=input_facets or {}
        )

    def output(
        self,
        name: str,
        facets: dict[str, DatasetFacet],
        output_facets: dict[str, OutputDatasetFacet] | None = None,
    ) -> OutputDataset:
        return OutputDataset(self.namespace, name, facets=facets, outputFacets=output_facets or {})

    def raw_facets(self, table: str, snapshot_id: int | None) -> dict[str, DatasetFacet]:
        return _facets(self.raw.get(table, {}), snapshot_id)

    def core_facets(self, table: str, snapshot_id: int | None) -> dict[str, DatasetFacet]:
        known = self.core.get(table)
        return _facets(known.columns if known else {}, snapshot_id)

    def made_from(self, table: CoreTable) -> dict[str, DatasetFacet]:
        """The raw tables that one output is made from: the event as a whole names those of all."""
        inputs = [
            LineageDatasetInput(self.namespace, f"raw.{source}", "DATASET")
            for source in table.sources
        ]
        return {"lineage": LineageDatasetFacet(inputs=list(inputs))}


def _facets(columns: Mapping[str, str], snapshot_id: int | None) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {}
    if columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
                for name, kind in columns.items()
            ]
        )
    if snapshot_id is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(snapshot_id))
    return facets


def _written(rows: int) -> dict[str, OutputDatasetFacet]:
    return {
        "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=rows
        )
    }


def _loaded(
    datasets: _Datasets, table: str, rows: Sequence[tuple[int, ...]], counted: int
) -> OutputDataset:
    facets = datasets.raw_facets(table, max(row[0] for row in rows))
    return datasets.output(f"raw.{table}", facets, _written(sum(row[counted] for row in rows)))


def _ledger(settings: Settings, load_ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """By source: newest snapshot, rows loaded, rows quarantined, files.

    Rows and their place in the ledger are one transaction, so they have the same snapshot.
    """
    return _query(
        settings,
        "select source_id, max(snapshot_id), sum(rows_loaded)::bigint, "
        "sum(rows_quarantined)::bigint, count(*) from lake.raw.files "
        "where status_code = 'loaded' and list_contains($1, load_id) group by source_id",
        list(load_ids),
    )


def _findings_version(settings: Settings, new: Mapping[str, int]) -> int | None:
    """The snapshot with the last of the new findings; None where there are none."""
    if not any(new.values()):
        return None
    rows = _query(
        settings,
        "select max(snapshot_id) from lake.raw.findings where list_contains($1, detection_run_id)",
        list(new),
    )
    return rows[0][0] if rows else None


def _query(settings: Settings, sql: str, ids: list[str]) -> list[tuple[Any, ...]]:
    connection = Lake(settings).current()
    try:
        return connection.execute(sql, [ids]).fetchall()
    finally:
        connection.close()


def _is_version(each: Mapping[str, Any]) -> bool:
    return each.get("snapshot_id") is not None and bool(each.get("certificate_id"))
