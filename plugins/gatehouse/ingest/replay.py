"""Quarantined rows read again, after their mapping was mended."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatehouse.errors import GatehouseError
from gatehouse.ingest.batch import BatchFile, Source, judge, prepare_session, register_batch
from gatehouse.ingest.checks import AHEAD
from gatehouse.ingest.contracts import load_contracts
from gatehouse.ingest.fields import packed_types
from gatehouse.ingest.layout import Layout
from gatehouse.ingest.lines import NOT_UTF8, NUL, TOO_LONG
from gatehouse.ingest.loader import transaction
from gatehouse.ingest.mapping import load_mappings
from gatehouse.ingest.reading import mark_json
from gatehouse.ingest.tables import ensure_tables_of
from gatehouse.ingest.writing import Load, count_rows, select_new, write_quarantine, write_rows
from gatehouse.lake import Lake
from gatehouse.lake.arrivals import next_arrival
from gatehouse.lake.sql import identifier, literal
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb

_FILES_AT_ONCE = 500


@dataclass
class ReplayReport:
    """What a replay did to the quarantined rows of one source.

    Attributes:
        source_id: the source.
        rows_tried: rows that were read again.
        rows_loaded: of those, now loaded.
        rows_repeated: now found to be in the lake already.
        rows_left_out: now left out by the filter.
        rows_quarantined: still quarantined.
        rows_unchanged: not tried: neither mapping nor contract has changed since.
    """

    source_id: str
    rows_tried: int = 0
    rows_loaded: int = 0
    rows_repeated: int = 0
    rows_left_out: int = 0
    rows_quarantined: int = 0
    rows_unchanged: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def replay_quarantine(
    settings: Settings,
    *,
    source: str | None = None,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[ReplayReport]:
    """Read quarantined rows again and move those that pass, with their files' counts.

    Rows whose mapping and contract are as they were are not tried, but for those that lay in the
    future. The tables end up as if the
    mapping had been right from the start.

    Args:
        settings: which lake.
        source: this source only.
        force: try all rows, also those whose mapping has not changed.
        progress: called with a line of text after each step.

    Raises:
        GatehouseError: a mapping is wrong, there is no such source, or the lake cannot be
            written.
    """
    contracts = load_contracts(settings.input_contracts)
    mappings = load_mappings(settings.sources, contracts)
    if source is not None and source not in mappings:
        raise GatehouseError(
            f"There is no source {source}.", next_step="see what there is: gatehouse sources"
        )
    reports = []
    with Lake(settings).writer("gatehouse quarantine replay") as connection:
        prepare_session(connection)
        ensure_tables_of(connection, contracts)
        arrived_at = next_arrival(connection).astimezone(UTC).replace(tzinfo=None)
        load = Load(uuid.uuid4().hex, arrived_at)
        for source_id in _quarantined_sources(connection):
            if source_id in mappings and source in {None, source_id}:
                mapping = mappings[source_id]
                replayed = Source(mapping, contracts[mapping.contract])
                report = _Replay(connection, replayed, load, force=force).run()
                reports.append(report)
                if progress:
                    progress(f"{source_id}: {report.rows_loaded:,} of {report.rows_tried:,} loaded")
    return reports


def _quarantined_sources(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select distinct source_id from lake.raw.quarantine order by 1"
    ).fetchall()
    return [row[0] for row in rows]


class _Replay:
    """The replay of one source."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: Source, load: Load, *, force: bool
    ) -> None:
        self._connection = connection
        self._source = source
        self._load = load
        self._force = force
        self._report = ReplayReport(source.id)

    def run(self) -> ReplayReport:
        """Replay layout by layout, some files at a time, each time in one transaction."""
        row = self._connection.execute(
            f"select count(*) filter (not ({self._is_tried('quarantine')})) "
            "from lake.raw.quarantine as quarantine "
            f"where source_id = {literal(self._source.id)}"
        ).fetchone()
        self._report.rows_unchanged = row[0] if row else 0
        for layout_text, files in self._groups().items():
            for start in range(0, len(files), _FILES_AT_ONCE):
                self._replay(Layout.from_text(layout_text), files[start : start + _FILES_AT_ONCE])
        return self._report

    def _groups(self) -> dict[str, list[BatchFile]]:
        rows = self._connection.execute(
            "select distinct files.layout, files.file_id, files.path, files.size_bytes "
            "from lake.raw.files as files inner join lake.raw.quarantine as quarantine "
            "on files.file_id = quarantine.file_id and files.source_id = quarantine.source_id "
            f"where files.source_id = {literal(self._source.id)} "
            f"and files.status_code = 'loaded' and ({self._is_tried('quarantine')}) "
            "order by files.path, files.file_id"
        ).fetchall()
        groups: dict[str, list[BatchFile]] = {}
        for layout, file_id, path, size in rows:
            # The file itself is not needed any more.
            groups.setdefault(layout, []).append(BatchFile(Path(path), path, file_id, size))
        return groups

    def _is_tried(self, table: str) -> str:
        if self._force:
            return "true"
        changed = f"{table}.mapping_hash <> {literal(self._source.hash)}"
        return f"{changed} or {table}.reason = {literal(AHEAD)}"

    def _replay(self, layout: Layout, files: list[BatchFile]) -> None:
        register_batch(self._connection, files)
        self._connection.execute(
            "create or replace temp table again as select quarantine.*, batch.ordinal "
            "from lake.raw.quarantine as quarantine inner join batch "
            "on quarantine.file_id = batch.file_id "
            f"where source_id = {literal(self._source.id)} and ({self._is_tried('quarantine')})"
        )
        if layout.kind == "parquet":
            self._view_parquet(layout)
        else:
            self._make_lines()
            if layout.kind == "jsonl":
                mark_json(self._connection, self._source)
        rules = judge(self._connection, self._source, layout)
        select_new(self._connection, self._source)
        count_rows(self._connection)
        self._plan_files()
        with transaction(self._connection):
            write_rows(self._connection, self._source, self._load)
            self._connection.execute(
                "delete from lake.raw.quarantine where quarantine_key in "
                "(select quarantine_key from again)"
            )
            write_quarantine(self._connection, self._source, self._load, rules)
            self._connection.execute(
                f"delete from lake.raw.files where source_id = {literal(self._source.id)} "
                "and file_id in (select file_id from files_after)"
            )
            self._connection.execute("insert into lake.raw.files by name select * from files_after")
        self._add_counts()

    def _make_lines(self) -> None:
        """``lines`` from the original texts; what no mapping can mend keeps its defect."""
        sticky = ", ".join(literal(text) for text in (NUL, TOO_LONG, NOT_UTF8))
        self._connection.execute(
            "create or replace temp table lines as select ordinal, row_number, "
            "original_text as line, "
            # A column's rule may give the same reason, and that a mapping can mend.
            f"case when column_name is null and reason in ({sticky}) then reason end as defect "
            "from again"
        )
        encoding = self._source.mapping.format.encoding
        if encoding.lower().replace("_", "-") not in {"utf-8", "utf8", "ascii"}:
            self._decode(encoding)

    def _decode(self, encoding: str) -> None:
        """Give lines that were kept as Latin-1 the encoding that the mapping now states."""
        import pyarrow as pa

        rows = self._connection.execute(
            f"select ordinal, row_number, line from lines where defect = {literal(NOT_UTF8)}"
        ).fetchall()
        decoded = []
        for ordinal, number, line in rows:
            try:
                decoded.append((ordinal, number, line.encode("latin-1").decode(encoding)))
            except UnicodeError:
                continue
        if not decoded:
            return
        names = ("ordinal", "row_number", "text")
        columns = dict(zip(names, map(list, zip(*decoded, strict=True)), strict=True))
        self._connection.register("_decoded", pa.table(columns))
        self._connection.execute(
            "create or replace temp table lines as "
            "select ordinal, row_number, coalesce(text, line) as line, "
            "case when text is null then defect end as defect "
            "from lines left join _decoded using (ordinal, row_number)"
        )
        self._connection.unregister("_decoded")

    def _view_parquet(self, layout: Layout) -> None:
        types = dict(zip(layout.names, layout.types, strict=True))
        structure = literal(json.dumps(packed_types(self._connection, layout)))
        columns = ", ".join(
            f"cast(_packed.{identifier(name)} as {kind}) as {identifier(name)}"
            for name, kind in types.items()
        )
        self._connection.execute(
            f"create or replace temp view parquet_rows as select {columns}, "
            "ordinal as _ordinal, row_number as _row_number, null::varchar as defect "
            f"from (select *, from_json(original_text, {structure}) as _packed from again)"
        )

    def _plan_files(self) -> None:
        """Make ``files_after``: the ledger rows of the batch with their new counts."""
        self._connection.execute(
            f"""create or replace temp table files_after as
            select files.* replace (
                files.rows_loaded + counted.rows_loaded as rows_loaded,
                files.rows_repeated + counted.rows_repeated as rows_repeated,
                files.rows_left_out + counted.rows_left_out as rows_left_out,
                files.rows_quarantined - counted.rows_in + counted.rows_quarantined
                    as rows_quarantined,
                {self._load.stamp} as ingested_at
            )
            from lake.raw.files as files
            inner join batch on files.file_id = batch.file_id
            inner join counted on batch.ordinal = counted.ordinal
            where files.source_id = {literal(self._source.id)}"""
        )

    def _add_counts(self) -> None:
        row = self._connection.execute(
            "select sum(rows_in), sum(rows_loaded), sum(rows_repeated), sum(rows_left_out), "
            "sum(rows_quarantined) from counted"
        ).fetchone()
        tried, loaded, repeated, left_out, still = (int(value) for value in row or (0,) * 5)
        self._report.rows_tried += tried
        self._report.rows_loaded += loaded
        self._report.rows_repeated += repeated
        self._report.rows_left_out += left_out
        self._report.rows_quarantined += still
