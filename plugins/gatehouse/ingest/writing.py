"""A judged batch into the lake: new rows, quarantine and ledger in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gatehouse.ingest.batch import LEFT_OUT, OK, QUARANTINED, Source
from gatehouse.ingest.checks import Rule
from gatehouse.ingest.tables import LINEAGE
from gatehouse.lake.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

# Look-ups go by stretches of days; more of them would cost more than they save.
_MAX_RANGES = 16
_MAX_RUNS = 16
COUNTS = ("rows_in", "rows_loaded", "rows_quarantined", "rows_repeated", "rows_left_out")


@dataclass(frozen=True)
class Load:
    """What all rows of a load share.

    Attributes:
        load_id: id of the load.
        ingested_at: its one time, UTC without zone.
    """

    load_id: str
    ingested_at: datetime

    @property
    def stamp(self) -> str:
        """``ingested_at`` as SQL."""
        return f"timestamp {literal(self.ingested_at.isoformat(sep=' '))}"


def select_new(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make the temporary table ``fresh``: the judged rows that the lake does not have yet.

    With an identity, a row equal to one in the lake or earlier in the batch is repeated.
    Without one every row counts, and equal rows are numbered on from what the lake has, so
    that it does not matter how they were spread over files.
    """
    _find_present(connection, source)
    row = connection.execute(
        f"select count(*), count(distinct row_hash) from judged where outcome = {OK}"
    ).fetchone()
    has_equal = row is not None and row[0] != row[1]
    number = "row_number() over (partition by judged.row_hash order by ordinal, row_number)"
    rows = (
        f"select judged.*, coalesce(present.times, 0) as times, "
        f"{number if has_equal else '1'} as nth "
        "from judged left join present on judged.row_hash = present.row_hash "
        f"where judged.outcome = {OK}"
    )
    if source.mapping.identity != "none":
        text = f"select * from ({rows}) where nth = 1 and times = 0"
    else:
        key = f"md5(concat_ws(chr(31), {literal(source.id)}, row_hash, times + nth))"
        text = f"select * exclude (record_key), {key} as record_key from ({rows})"
    connection.execute(f"create or replace temp table fresh as {text}")


def _find_present(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make ``present``: how often each judged row is in the lake.

    A row's hash covers its time, so only the days of the new rows are looked at.
    """
    table = f"lake.raw.{identifier(source.contract.name)}"
    time = identifier(source.contract.time_column)
    wanted = f"select row_hash from judged where outcome = {OK}"
    parts = [
        f"select row_hash, count(*) as times from {table} "
        f"where source_id = {literal(source.id)} "
        f"and {time} >= {literal(start)}::date and {time} < {literal(end)}::date + interval 1 day "
        f"and row_hash in ({wanted}) group by row_hash"
        for start, end in _day_ranges(connection, time)
    ]
    nothing = "select null::varchar as row_hash, 0::bigint as times where false"
    connection.execute(
        f"create or replace temp table present as {' union all '.join(parts) or nothing}"
    )


def _day_ranges(connection: duckdb.DuckDBPyConnection, time: str) -> list[tuple[str, str]]:
    """The days of the new rows as at most `_MAX_RANGES` stretches, over the widest gaps."""
    rows = connection.execute(
        f"select min(day), max(day) from (select day, sum(is_wide) over (order by day) as stretch "
        f"from (select day, (gap > 1 and rank() over (order by gap desc) < {_MAX_RANGES})::int "
        "as is_wide from (select day, coalesce(day - lag(day) over (order by day), 0) as gap "
        f"from (select distinct {time}::date as day from judged where outcome = {OK}))))"
        "group by stretch order by 1"
    ).fetchall()
    return [(str(start), str(end)) for start, end in rows if start is not None]


def count_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table ``counted``: what became of the rows of each file."""
    connection.execute(
        f"""create or replace temp table counted as
        select batch.ordinal, coalesce(any_value(judged.rows_in), 0) as rows_in,
            coalesce(any_value(fresh.rows_loaded), 0) as rows_loaded,
            coalesce(any_value(judged.rows_quarantined), 0) as rows_quarantined,
            coalesce(any_value(judged.rows_ok), 0)
                - coalesce(any_value(fresh.rows_loaded), 0) as rows_repeated,
            coalesce(any_value(judged.rows_left_out), 0) as rows_left_out
        from batch
        left join (select ordinal, count(*) as rows_in,
                count(*) filter (outcome = {OK}) as rows_ok,
                count(*) filter (outcome = {QUARANTINED}) as rows_quarantined,
                count(*) filter (outcome = {LEFT_OUT}) as rows_left_out
            from judged group by ordinal) as judged on batch.ordinal = judged.ordinal
        left join (select ordinal, count(*) as rows_loaded from fresh group by ordinal) as fresh
            on batch.ordinal = fresh.ordinal
        group by batch.ordinal order by batch.ordinal"""
    )


def write_rows(connection: duckdb.DuckDBPyConnection, source: Source, load: Load) -> None:
    """Insert ``fresh`` into its raw table, sorted by time so that files prune."""
    contract = source.contract
    columns = [column.name for column in contract.columns]
    # Where the product issues no id, the record's key is one.
    made = contract.identity[0] if source.mapping.identity == "none" else None
    mapped = source.mapping.expressions(contract)
    values = [
        "record_key" if name == made and name not in mapped else identifier(name)
        for name in columns
    ]
    lineage = {
        "source_id": literal(source.id),
        "ingested_at": load.stamp,
        "file_id": "batch.file_id",
        "row_number": "fresh.row_number",
    }
    values += [lineage.get(name, identifier(name)) for name in LINEAGE]
    names = ", ".join(identifier(name) for name in [*columns, *LINEAGE])
    time = identifier(contract.time_column)
    row = connection.execute(
        f"select count(*) from (select {time} < lag({time}) over () as is_back from fresh) "
        "where is_back"
    ).fetchone()
    # Logs mostly come sorted; sorting wide rows again would cost a third of the insert, and a
    # few sorted runs prune as well as one.
    order = f" order by {time}" if row and row[0] > _MAX_RUNS else ""
    connection.execute(
        f"insert into lake.raw.{identifier(contract.name)} ({names}) "
        f"select {', '.join(values)} from fresh "
        f"inner join batch on fresh.ordinal = batch.ordinal{order}"
    )


def write_quarantine(
    connection: duckdb.DuckDBPyConnection, source: Source, load: Load, rules: list[Rule]
) -> None:
    """Insert the judged rows that broke a rule into ``raw.quarantine``."""
    listed = ", ".join(
        f"({index}, {literal(rule.column) if rule.column else 'null'}, {literal(rule.reason)})"
        for index, rule in enumerate(rules)
    )
    # PostgreSQL, where small commits live in the catalog, has no NUL in text.
    original = "replace(original, chr(0), '␀')"
    connection.execute(
        f"""insert into lake.raw.quarantine by name
        select md5(concat_ws(chr(31), {literal(source.id)}, file_id, row_number))
                as quarantine_key,
            file_id, {literal(source.id)} as source_id,
            {literal(source.contract.name)} as contract_name, path, row_number,
            rules.column_name, coalesce(defect, rules.reason) as reason,
            {original} as original_text, {literal(source.hash)} as mapping_hash,
            {load.stamp} as ingested_at
        from judged inner join batch on judged.ordinal = batch.ordinal
        left join (values {listed}) as rules (problem, column_name, reason)
            on judged.problem = rules.problem and judged.defect is null
        where judged.outcome = {QUARANTINED}
        order by file_id, row_number"""
    )


def write_files(
    connection: duckdb.DuckDBPyConnection, source: Source, load: Load, layout: str
) -> None:
    """Insert the batch's files with their counts, in place of an earlier rejection."""
    connection.execute(
        f"delete from lake.raw.files where source_id = {literal(source.id)} "
        "and status_code = 'rejected' and file_id in (select file_id from batch)"
    )
    connection.execute(
        f"""insert into lake.raw.files by name
        select file_id, {literal(source.id)} as source_id, path, size_bytes,
            {literal(source.hash)} as mapping_hash, 'loaded' as status_code,
            null as reason, {", ".join(COUNTS)}, {literal(load.load_id)} as load_id,
            {load.stamp} as ingested_at, {literal(layout)} as layout
        from batch inner join counted on batch.ordinal = counted.ordinal
        order by path"""
    )
