"""What the dbt manifest says of the core tables: columns, tests, and what each is made from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gatehouse.build.dbt import code_version, invoke_dbt
from gatehouse.files import write_whole
from gatehouse.gate.results import Severity
from gatehouse.lake import CERTIFIED_SCHEMA
from gatehouse.settings import Settings

# Of what is kept of a table: of another form it is read from the project again.
_FORM = 2
_OF_THE_MOMENT = re.compile(r"\b(run_started_at|invocation_id|env_var|modules)\b")


@dataclass(frozen=True)
class DbtTest:
    """A data test attached to a core table.

    Attributes:
        sql: compiled, gives the rows that break it; empty if dbt could not compile it, or if it
            would be another at another time: it is compiled once.
        question: what dbt asks of those rows: how many, whether that warns, whether it fails.
        kind: of a generic test, its name: ``unique``; empty for any other.
        arguments: of a generic test, its texts by name: ``key`` of ``no_overlap``, ``field`` of
            ``relationships``.
        fails_on_any: whether a single such row makes it fail, or warn.
    """

    unique_id: str
    name: str
    column: str | None
    severity: Severity
    reason: str
    owner: str
    # Of its code and arguments.
    digest: str
    sql: str = ""
    question: str = ""
    kind: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    fails_on_any: bool = False


@dataclass(frozen=True)
class CoreTable:
    """A core table as the dbt project defines it.

    Attributes:
        columns: type by column, in order, from the contract.
        descriptions: description by column.
        upstream: core tables it is made from, through any number of models, causes first.
        sources: raw tables it is made from.
        nodes: dbt ids of the table and of all it is made from.
    """

    table: str
    unique_id: str
    description: str
    columns: dict[str, str]
    descriptions: dict[str, str]
    upstream: tuple[str, ...]
    sources: tuple[str, ...]
    nodes: tuple[str, ...]
    tests: tuple[DbtTest, ...]


def core_tables(settings: Settings) -> dict[str, CoreTable]:
    """The core tables by name, causes before consequences.

    Kept by code version in the home, so that only the first call after a change imports dbt.
    """
    cache = kept_tables(settings)
    if not cache.is_file():
        tables = read_manifest(_compiled(settings))
        write_whole(cache, json.dumps([asdict(table) for table in tables]))
    found = json.loads(cache.read_text("utf-8"))
    return {each["table"]: _from_json(each) for each in found}


def kept_tables(settings: Settings) -> Path:
    """Where the core tables of this code version are kept."""
    return settings.home / "gate" / f"tables-{code_version(settings)}-{_FORM}.json"


def _compiled(settings: Settings) -> Any:
    """The manifest, with the SQL of its data tests."""
    only = ["--select", "resource_type:test", "--exclude", "resource_type:unit_test"]
    # It asks no database anything, so it needs no lake either.
    plain = ["compile", "--no-populate-cache", "--no-introspect", *only]
    with _going_on():
        return invoke_dbt(settings, plain, target="pinned").manifest


@contextmanager
def _going_on() -> Iterator[None]:
    """Let dbt compile the others where one cannot be compiled: it has no option for that."""
    from dbt.task.compile import CompileTask

    original = CompileTask.raise_on_first_error
    CompileTask.raise_on_first_error = lambda _: False
    try:
        yield
    finally:
        CompileTask.raise_on_first_error = original


def upstream_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The core tables each is made from."""
    return {name: each.upstream for name, each in core_tables(settings).items()}


def read_manifest(manifest: Any) -> list[CoreTable]:
    """The core tables of a dbt manifest, causes before consequences."""
    core = {
        unique_id: node
        for unique_id, node in manifest.nodes.items()
        if node.resource_type in ("model", "seed") and node.schema == CERTIFIED_SCHEMA
    }
    above = {unique_id: _ancestors(manifest, unique_id) for unique_id in core}
    order = sorted(core, key=lambda each: (len(above[each] & core.keys()), core[each].name))
    tests = _tests(manifest, core, above)
    return [
        CoreTable(
            table=core[each].name,
            unique_id=each,
            description=core[each].description,
            columns={c.name: c.data_type or "" for c in core[each].columns.values()},
            descriptions={c.name: c.description for c in core[each].columns.values()},
            upstream=tuple(core[up].name for up in order if up in above[each]),
            sources=tuple(
                sorted(manifest.sources[up].name for up in above[each] if up in manifest.sources)
            ),
            nodes=(each, *sorted(above[each])),
            tests=tuple(tests.get(each, [])),
        )
        for each in order
    ]


def _ancestors(manifest: Any, unique_id: str) -> set[str]:
    found: set[str] = set()
    waiting = [unique_id]
    while waiting:
        node = manifest.nodes.get(waiting.pop())
        if node is None:
            continue
        parents = set(node.depends_on_nodes) - found
        found |= parents
        waiting += parents
    return found


def _tests(
    manifest: Any, core: dict[str, Any], above: dict[str, set[str]]
) -> dict[str, list[DbtTest]]:
    tests: dict[str, list[DbtTest]] = {}
    for unique_id, node in sorted(manifest.nodes.items()):
        if node.resource_type == "test":
            for owner in _tested(node, core, above):
                tests.setdefault(owner, []).append(_test(unique_id, node, core[owner]))
    return tests


def _tested(node: Any, core: dict[str, Any], above: dict[str, set[str]]) -> list[str]:
    """The core tables a test speaks of: the one it is attached to; else the most derived ones."""
    attached = getattr(node, "attached_node", None)
    if attached is not None:
        return [attached] if attached in core else []
    read = [each for each in node.depends_on_nodes if each in core]
    return [each for each in read if not any(each in above[other] for other in read)]


def _test(unique_id: str, node: Any, model: Any) -> DbtTest:
    meta = {**getattr(model.config, "meta", {}), **node.config.meta}
    metadata = getattr(node, "test_metadata", None)
    arguments = metadata.to_dict() if metadata is not None else {}
    question = _question(node.config)
    # Compiled: what a macro means may change while the test that calls it stays.
    text = json.dumps(
        [
            node.raw_code,
            _compiled_code(node),
            arguments,
            str(node.config.severity),
            question,
            node.config.where,
        ],
        default=str,
    )
    return DbtTest(
        unique_id=unique_id,
        name=node.name,
        column=getattr(node, "column_name", None),
        severity="critical" if str(node.config.severity).lower() == "error" else "warning",
        reason=node.description or meta.get("reason", ""),
        owner=str(meta.get("owner", "")),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        sql="" if _OF_THE_MOMENT.search(node.raw_code) else _compiled_code(node),
        question=question,
        kind=arguments.get("name", ""),
        arguments={
            name: value
            for name, value in arguments.get("kwargs", {}).items()
            if name in ("key", "field") and isinstance(value, str)
        },
        fails_on_any=_fails_on_any(node.config),
    )


def _fails_on_any(config: Any) -> bool:
    thresholds = {config.warn_if, config.error_if}
    return config.fail_calc == "count(*)" and thresholds == {"!= 0"} and not config.limit


def _compiled_code(node: Any) -> str:
    return (getattr(node, "compiled_code", None) or "").strip()


def _question(config: Any) -> str:
    """As dbt's own macro ``get_test_sql``, with ``{rows}`` for the rows that break a test."""
    count, limit = config.fail_calc, f" limit {config.limit}" if config.limit else ""
    return (
        f"select {count}, {count} {config.warn_if}, {count} {config.error_if} "
        # On lines of their own: the rows' SQL may end in a comment.
        f"from (\n{{rows}}\n{limit}) as dbt_internal_test"
    )


def _from_json(data: dict[str, Any]) -> CoreTable:
    tests = tuple(DbtTest(**test) for test in data["tests"])
    lists = {name: tuple(data[name]) for name in ("upstream", "sources", "nodes")}
    return CoreTable(**{**data, **lists, "tests": tests})
