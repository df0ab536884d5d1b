"""From the dbt project to SQL that the executor can run on certified versions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gatehouse.build.dbt import invoke_dbt
from gatehouse.detection.cases import Case, cases_of
from gatehouse.detection.spec import DetectionSpec
from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings

# Compiled in place of the window, so that the SQL and its hash are the same for every window.
WINDOW_START = "{window_start}"
WINDOW_END = "{window_end}"


@dataclass(frozen=True)
class Detection:
    """One detection, ready to run.

    Attributes:
        spec: its metadata.
        sql: compiled SQL with the window's bounds as the two placeholders above.
        code_hash: SHA-256 of ``sql``, 64 hex digits.
        reads: core tables it reads.
        cases: its unit-test cases; the first with a finding is its canary.
    """

    spec: DetectionSpec
    sql: str
    code_hash: str
    reads: tuple[str, ...]
    cases: tuple[Case, ...] = ()


def load_detections(
    settings: Settings, ids: list[str] | None = None, *, target: str = "lake"
) -> list[Detection]:
    """Compile detections, by id.

    Args:
        settings: where the project is.
        ids: which ones; default all that are not retired.
        target: whose SQL: of ``lake``, DuckDB, or of ``spark``, which needs a session.

    Raises:
        GatehouseError: an id is unknown, metadata is wrong, or SQL reads more than core.
    """
    result = invoke_dbt(
        settings,
        ["compile", "--select", "tag:detection"],
        target=target,
        variables={"window_start": WINDOW_START, "window_end": WINDOW_END},
    )
    bad = [node for node in result.nodes if not node.ok]
    if bad or not result.success:
        what = f"{bad[0].name}: {bad[0].message}" if bad else "dbt compile failed"
        raise GatehouseError(
            f"A detection does not compile: {what}",
            next_step="gatehouse dbt compile --select tag:detection",
        )
    nodes = [
        node
        for node in result.manifest.nodes.values()
        if str(node.resource_type) == "model" and "detection" in node.tags
    ]
    detections = [_detection(node, result.manifest) for node in nodes]
    return _chosen(sorted(detections, key=lambda each: each.spec.id), ids)


def _chosen(detections: list[Detection], ids: list[str] | None) -> list[Detection]:
    if ids is None:
        return [each for each in detections if each.spec.mode != "retired"]
    known = {each.spec.id: each for each in detections}
    unknown = sorted(set(ids) - set(known))
    if unknown:
        raise GatehouseError(
            f"There is no detection {', '.join(unknown)}.",
            next_step="gatehouse detections lists them.",
        )
    return [known[each] for each in sorted(set(ids))]


def _detection(node: Any, manifest: Any) -> Detection:
    path = node.original_file_path
    meta = node.config.meta.get("detection")
    if meta is None:
        raise GatehouseError(
            f"{path} has no metadata.",
            next_step="add config.meta.detection in the .yml beside it (docs/guides).",
        )
    try:
        spec = DetectionSpec.model_validate(meta)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GatehouseError(
            f"{Path(path).with_suffix('.yml')}: detection: "
            f"{where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}",
            next_step="mend it; docs/guides/write-a-detection.md says what goes where.",
        ) from error
    _check_place(path, node.name, spec)
    sql = node.compiled_code or ""
    if WINDOW_START not in sql or WINDOW_END not in sql:
        raise GatehouseError(
            f"{path} is not bounded by its window.",
            next_step="filter the driver with {{ in_window('<time column>') }}.",
        )
    digest = hashlib.sha256(sql.encode()).hexdigest()
    reads = _reads(path, node, manifest, spec)
    return Detection(spec, sql, digest, reads, cases_of(node.unique_id, manifest))


def _check_place(path: str, name: str, spec: DetectionSpec) -> None:
    if spec.id != name:
        raise GatehouseError(
            f"{path}: id {spec.id} is not the model's name {name}.",
            next_step="make them equal; an id never changes once it is live.",
        )
    if Path(path).parent.name != spec.abuse_type:
        raise GatehouseError(
            f"{path} does not lie in a folder named {spec.abuse_type}.",
            next_step="move it, or mend its abuse_type.",
        )


def _reads(path: str, node: Any, manifest: Any, spec: DetectionSpec) -> tuple[str, ...]:
    tables = []
    for unique_id in node.depends_on.nodes:
        parent = manifest.nodes.get(unique_id)
        if parent is None or str(parent.schema) != "core":
            raise GatehouseError(
                f"{path} reads {unique_id}, which no gate certifies.",
                next_step="read core tables only.",
            )
        tables.append(parent.name)
    if spec.driver not in tables:
        raise GatehouseError(
            f"{path}: the driver {spec.driver} is not a table it reads.",
            next_step="name the table whose new rows should make it look again.",
        )
    return tuple(sorted(tables))
