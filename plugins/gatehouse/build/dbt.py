"""dbt in this process: one way to call it, with a manifest that is parsed once per code version."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gatehouse.build.report import NodeResult
from gatehouse.environment import environment_variables
from gatehouse.errors import GatehouseError, telling
from gatehouse.files import write_whole
from gatehouse.lake import Lake
from gatehouse.lake.extensions import extension_directory
from gatehouse.lake.storage import Storage
from gatehouse.settings import Settings

log = logging.getLogger(__name__)

_IGNORED = ("target", "logs", "dbt_packages")


@dataclass(frozen=True)
class DbtEvent:
    """A node that starts (``status`` is ``running``) or has ended."""

    unique_id: str
    name: str
    resource_type: str
    status: str


@dataclass(frozen=True)
class DbtResult:
    """What one dbt call did."""

    success: bool
    nodes: list[NodeResult] = field(default_factory=list)
    manifest: Any = None


def code_version(settings: Settings) -> str:
    """Hash of all that decides what a build makes: the dbt project's files and dbt itself."""
    from importlib.metadata import version

    packages = ["dbt-core", "dbt-duckdb", *(["dbt-spark"] if settings.engine == "spark" else [])]
    digest = hashlib.sha256(" ".join(map(version, packages)).encode())
    for path in sorted(settings.dbt_project.rglob("*")):
        relative = path.relative_to(settings.dbt_project)
        if path.is_file() and relative.parts[0] not in _IGNORED:
            digest.update(str(relative).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def load_manifest(settings: Settings, target: str = "lake") -> Any:
    """The project's manifest, parsed at most once per code version, engine and home.

    Parsing costs seconds, and dbt parses again whenever a variable differs; every build has
    its own interval, so the parsed form is kept here instead.

    Raises:
        GatehouseError: the project does not parse.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

    folder = settings.home / "dbt" / "manifests"
    cache = folder / f"{code_version(settings)}{'.spark' if target == 'spark' else ''}.msgpack"
    if not cache.is_file():
        target = "spark" if target == "spark" else "lake"
        manifest = _invoke(settings, ["parse", "--no-partial-parse"], target=target).manifest
        write_whole(cache, manifest.to_msgpack(extended_mashumaro_encoder))
    # dbt's own codec: the rows of a unit test may hold dates.
    return Manifest.from_msgpack(cache.read_bytes(), decoder=extended_mashumuro_decoder)


def invoke_dbt(
    settings: Settings,
    args: Sequence[str],
    *,
    target: str = "lake",
    variables: Mapping[str, str] | None = None,
    snapshot_id: int | None = None,
    on_event: Callable[[DbtEvent], None] | None = None,
) -> DbtResult:
    """Run one dbt command in this process.

    Args:
        settings: where the project and the lake are.
        args: the command and its own options, e.g. ``["run", "--select", "core"]``.
        target: profile target: ``lake`` writes, ``spark`` too, ``pinned`` reads one snapshot.
        variables: dbt variables.
        snapshot_id: what the target ``pinned`` sees.
        on_event: called when a node starts and when it ends, from dbt's threads.

    Raises:
        GatehouseError: dbt could not run at all (a failed node is a result, not an error).
    """
    extra = ["--vars", json.dumps(dict(variables))] if variables else []
    return _invoke(
        settings,
        [*args, *extra],
        target=target,
        snapshot_id=snapshot_id,
        manifest=load_manifest(settings, target),
        on_event=on_event,
    )


def _invoke(
    settings: Settings,
    args: Sequence[str],
    *,
    target: str,
    snapshot_id: int | None = None,
    manifest: Any = None,
    on_event: Callable[[DbtEvent], None] | None = None,
) -> DbtResult:
    from dbt.cli.main import dbtRunner

    folder = settings.home / "dbt"
    if target == "pinned" and settings.engine == "spark":
        target = "pinned_iceberg"
    common = [
        *("--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)),
        *("--target", target, "--target-path", str(folder / "target")),
    ]
    # No log: a failed cast quotes what it could not cast.
    quiet = ["--log-level", "none", "--log-level-file", "none", "--log-path", str(folder / "logs")]
    callbacks = [_listener(on_event)] if on_event is not None else []
    with environment(settings, snapshot_id):
        try:
            outcome = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(
                [*quiet, "--no-use-colors", *args, *common]
            )
        finally:
            _close_connections()
    written = folder / "target" / "run_results.json"
    if not outcome.success and written.is_file():
        written.unlink()  # it quotes, too
    if outcome.exception is not None:
        said = str(outcome.exception)
        # Pages of Java, which may quote rows.
        said = telling(said) if target == "spark" and "Java" in said else said
        raise GatehouseError(
            f"dbt {args[0]} could not run: {said}", next_step="gatehouse dbt parse"
        ) from (None if target == "spark" else outcome.exception)
    if args[0] == "parse":
        return DbtResult(outcome.success, manifest=outcome.result)
    results = getattr(outcome.result, "results", [])
    return DbtResult(outcome.success, [_node(result) for result in results], manifest)


def _node(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=result.node.unique_id,
        name=result.node.name,
        resource_type=str(result.node.resource_type),
        status=str(result.status),
        seconds=round(result.execution_time, 3),
        message=result.message or "",
        failures=result.failures,
    )


def _listener(on_event: Callable[[DbtEvent], None]) -> Callable[[Any], None]:
    def listen(message: Any) -> None:
        if message.info.name not in ("NodeStart", "NodeFinished"):
            return
        node = message.data.node_info
        status = "running"
        if message.info.name == "NodeFinished":
            status = message.data.run_result.status
        on_event(DbtEvent(node.unique_id, node.node_name, node.resource_type, status))

    return listen


@contextmanager
def environment(settings: Settings, snapshot_id: int | None = None) -> Iterator[None]:
    """What profiles.yml reads, for the time of one call."""
    lake, storage = Lake(settings), Storage.of(settings)
    values = {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GATEHOUSE_DBT_LAKE_URI": lake.uri,
        "GATEHOUSE_DBT_CATALOG_SCHEMA": lake.catalog_schema,
        "GATEHOUSE_DBT_DATA_PATH": storage.root,
        "GATEHOUSE_DBT_SHARED_FILES": storage.shared,
        "GATEHOUSE_DBT_EXTENSIONS": str(extension_directory(settings.home)),
        "GATEHOUSE_DBT_SNAPSHOT": str(snapshot_id or 0),
        "GATEHOUSE_DBT_SESSION": json.dumps(
            [] if snapshot_id is None else lake.pinned_statements(snapshot_id)
        ),
        "GATEHOUSE_DBT_MEMORY_LIMIT": settings.memory_limit,
        "GATEHOUSE_DBT_THREADS": str(settings.threads),
        "GATEHOUSE_DBT_SPILL": str(settings.home / "spill"),
        # The password of a PostgreSQL catalog; the address above holds none.
        **lake.environment,
    }
    with environment_variables(values):
        yield


def _close_connections() -> None:
    """Let go of the lake: dbt-duckdb keeps its connection for the life of the process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
        DuckDBConnectionManager.close_all_connections()
