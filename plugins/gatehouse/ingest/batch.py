"""One batch: files of one source and one layout, judged row by row in sets of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.ingest.checks import MACROS, VERSION, Checks, Rule
from gatehouse.ingest.contracts import Contract
from gatehouse.ingest.fields import fields_sql, packed_types, struct_type
from gatehouse.ingest.layout import Layout
from gatehouse.ingest.mapping import SourceMapping
from gatehouse.lake.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

OK, QUARANTINED, LEFT_OUT = 0, 1, 2


@dataclass(frozen=True)
class BatchFile:
    """One file of a batch.

    Attributes:
        path: where it is.
        shown: its path below the landing folder.
        file_id: hash of its bytes.
        size: bytes.
        header_lines: lines before the first row.
    """

    path: Path
    shown: str
    file_id: str
    size: int
    header_lines: int = 0


@dataclass(frozen=True)
class Source:
    """A mapping with its contract."""

    mapping: SourceMapping
    contract: Contract

    @property
    def id(self) -> str:
        """Id of the source."""
        return self.mapping.source

    @property
    def hash(self) -> str:
        """Hash of all that decides what becomes of a row."""
        return self.mapping.mapping_hash(self.contract)


def prepare_session(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the macros that mappings may use.

    An expression that fails makes its own row fail, and no other: DuckDB would lift a cast that is
    written twice out of the `try` around it.
    """
    connection.execute("set disabled_optimizers = 'common_subexpressions'")
    for macro in MACROS:
        connection.execute(macro)


def register_batch(connection: duckdb.DuckDBPyConnection, files: list[BatchFile]) -> None:
    """Make the temporary table ``batch``: one row per file, by ordinal."""
    import pyarrow as pa

    table = pa.table(
        {
            "ordinal": pa.array(range(len(files)), pa.int32()),
            "file_id": [file.file_id for file in files],
            "path": [file.shown for file in files],
            "size_bytes": pa.array([file.size for file in files], pa.int64()),
        }
    )
    connection.register("_batch", table)
    # The first date in the path that is one: 2024-02-27, 2024/02/27, 20240227.
    connection.execute(
        "create or replace temp table batch as select *, try_cast("
        r"regexp_replace(regexp_extract(path, '(?:^|[^0-9])((?:19|20)\d{2}[-/_]?\d{2}[-/_]?\d{2})"
        r"(?:[^0-9]|$)', 1), '^(\d{4})[-/_]?(\d{2})[-/_]?(\d{2})$', '\1-\2-\3') as date)"
        " as path_date from _batch"
    )
    connection.unregister("_batch")


def judge(connection: duckdb.DuckDBPyConnection, source: Source, layout: Layout) -> list[Rule]:
    """Judge every row of ``lines`` (or ``parquet_rows``) into the temporary table ``judged``.

    ``judged`` has ``ordinal, row_number, outcome, defect, problem`` (index of the returned
    rule), ``original`` (text of a quarantined row), the contract's columns, ``version_at``,
    ``row_hash`` and, where records have an identity, ``record_key``.

    Returns:
        The rules that ``problem`` counts in.
    """
    checks = Checks(source.mapping, source.contract)
    fields = fields_sql(source.mapping, source.contract, layout)
    results = _select(["ordinal", "row_number", "_line", "defect", *checks.results()], fields)
    types = _result_types(connection, results, checks)
    middle = _select(["*", *checks.locals(types)], results)
    typed = _select(["*", *checks.values(types)], middle)
    rules = checks.rules(types)
    problems = _select(["*", f"{_problem(rules)} as problem"], typed)
    outcome = f"case when {_quarantined(checks)} then {QUARANTINED}"
    if source.mapping.filter is not None:
        outcome += f" when _kept is not true then {LEFT_OUT}"
    outcomes = _select(["*", f"{outcome} else {OK} end as outcome"], problems)
    judged = _select(_judged_items(source, checks, _original(connection, layout)), outcomes)
    connection.execute(f"create or replace temp table judged as {judged}")
    return rules


def _select(items: list[str], inner: str) -> str:
    return f"select {', '.join(items)} from ({inner})"


def _result_types(
    connection: duckdb.DuckDBPyConnection, results: str, checks: Checks
) -> dict[str, str]:
    rows = connection.execute(f"describe {results}").fetchall()
    types = {row[0]: str(row[1]) for row in rows}
    return {name: types["r_" + name] for name in checks.columns}


def _problem(rules: list[Rule]) -> str:
    cases = " ".join(f"when {rule.broken} then {index}" for index, rule in enumerate(rules))
    return f"(case when defect is not null then null {cases} end)::smallint"


def _quarantined(checks: Checks) -> str:
    if checks.mapping.filter is None:
        return "defect is not null or problem is not null"
    # A row that the filter leaves out is not asked for its values.
    return "defect is not null or _not_filtered or (_kept and problem is not null)"


def _original(connection: duckdb.DuckDBPyConnection, layout: Layout) -> str:
    """SQL: a row's text, from which a replay can read it again."""
    if layout.kind != "parquet":
        return "_line"
    return f"to_json(_line::{struct_type(packed_types(connection, layout))})::varchar"


def _judged_items(source: Source, checks: Checks, original: str) -> list[str]:
    contract = source.contract
    items = ["ordinal", "row_number", "outcome", "defect", "problem"]
    items.append(f"case when outcome = {QUARANTINED} then {original} end as original")
    for column in contract.columns:
        value = f"v_{column.name}" if column.name in checks.columns else None
        text = f"{identifier(value)}" if value else f"null::{column.type}"
        items.append(f"{text} as {identifier(column.name)}")
    version = "v_" + (VERSION if source.mapping.version else contract.time_column)
    items.append(f"{identifier(version)} as version_at")
    hashed = [(identifier("v_" + n), c.is_text) for n, c in checks.columns.items()]
    items.append(f"case when outcome = {OK} then {_md5(hashed)} end as row_hash")
    key = [(literal(source.id), True)]
    key += [(identifier("v_" + n), checks.columns[n].is_text) for n in checks.identity]
    if contract.has_dated_key:
        key.append((f"cast({identifier('v_' + contract.time_column)} as date)", False))
    record_key = _md5(key) if checks.identity else "null::varchar"
    items.append(f"case when outcome = {OK} then {record_key} end as record_key")
    return items


def _md5(values: list[tuple[str, bool]]) -> str:
    """SQL: hash of values that no two different rows share, whatever their texts hold.

    The texts' lengths come last, so that no text can pass for the end of itself and the start
    of the next.
    """
    parts = [f"coalesce({value}::varchar, '')" for value, _ in values]
    parts += [f"coalesce(strlen({value}), -1)" for value, is_text in values if is_text]
    return f"md5(concat_ws(chr(31), {', '.join(parts)}))"
