"""The rows of a batch's files into a temporary table: ``lines``, or ``parquet_rows``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.ingest.batch import BatchFile, Source
from gatehouse.ingest.fields import json_defect_sql, record_pattern
from gatehouse.ingest.layout import Layout
from gatehouse.lake.sql import literal

if TYPE_CHECKING:
    import duckdb


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    layout: Layout,
    files: list[BatchFile],
    staging: Path,
) -> dict[int, str]:
    """Read the files of a batch, all of one layout.

    Returns:
        Why a file cannot be read to its end, by ordinal; empty when all were read.
    """
    if layout.kind == "parquet":
        _view_parquet(connection, files, staging)
        return {}
    broken = _read_lines(connection, source, files)
    if layout.kind == "csv" and not broken:
        _join_quoted_lines(connection, source.mapping.format.delimiter)
    if layout.kind == "jsonl" and not broken:
        mark_json(connection, source)
    return broken


def mark_json(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Mark lines that are no JSON object, or whose keys are refused.

    A key twice has no one meaning; where names must be equal, one more is a misspelt one. A
    file has few different lists of keys, so the lists are judged, not the lines.
    """
    defect = json_defect_sql(source.mapping, source.contract)
    parsed = (
        "select *, case when defect is null and json_valid(line) then json_keys(line) end as keys, "
        "starts_with(ltrim(line), '{') as is_object from lines where line <> ''"
    )
    row = connection.execute(
        "select count(*) from (select any_value(keys) as keys, is_object "
        f"from ({parsed}) where defect is null group by hash(keys), is_object) "
        f"where {defect} is not null"
    ).fetchone()
    if row and row[0]:
        connection.execute(
            "create or replace temp table lines as select ordinal, row_number, line, "
            f"coalesce(defect, {defect}) as defect from ({parsed})"
        )


def _read_lines(
    connection: duckdb.DuckDBPyConnection, source: Source, files: list[BatchFile]
) -> dict[int, str]:
    from gatehouse.ingest.lines import LineReader

    reader = LineReader(
        files={index: file.path for index, file in enumerate(files)},
        encoding=source.mapping.format.encoding,
        max_line_bytes=source.mapping.format.max_line_bytes,
        skip={index: file.header_lines for index, file in enumerate(files)},
    )
    connection.register("_lines", reader.reader())
    try:
        connection.execute("create or replace temp table lines as select * from _lines")
    finally:
        connection.unregister("_lines")
    return reader.broken


def _view_parquet(
    connection: duckdb.DuckDBPyConnection, files: list[BatchFile], staging: Path
) -> None:
    # Links with plain names: a name on disk may hold characters that DuckDB reads as a pattern.
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for index, file in enumerate(files):
        (staging / f"{index:06}.parquet").symlink_to(file.path)
    paths = ", ".join(literal(str(staging / f"{index:06}.parquet")) for index in range(len(files)))
    connection.execute(
        "create or replace temp view parquet_rows as select *, "
        "parse_filename(filename, true)::integer as _ordinal, "
        "file_row_number + 1 as _row_number, null::varchar as defect "
        f"from read_parquet([{paths}], filename = true, file_row_number = true, "
        "hive_partitioning = false)"
    )


def _join_quoted_lines(connection: duckdb.DuckDBPyConnection, delimiter: str) -> None:
    """Join lines that a quoted field holds together, file by file.

    A record begins where the quotes before it are even. A file in which that leaves an odd
    quote, or makes a record of several lines that is none, is taken a line a record instead:
    one stray quote must not swallow what follows it.
    """
    record = literal(record_pattern(delimiter))
    row = connection.execute(
        "select count(*) from lines where contains(line, '\"') "
        f"and not regexp_full_match(line, {record}, 's')"
    ).fetchone()
    if not row or not row[0]:
        return
    connection.execute(
        f"""create or replace temp table joined as
        with counted as (
            select *, (length(line) - length(replace(line, '"', ''))) % 2 as odd from lines
        ),
        begun as (
            select *, sum(odd) over (partition by ordinal order by row_number) - odd as before
            from counted
        ),
        numbered as (
            select *, sum((before % 2 = 0)::int)
                over (partition by ordinal order by row_number) as record
            from begun
        ),
        records as (
            select ordinal, min(row_number) as row_number,
                string_agg(line, chr(10) order by row_number) as line,
                min(defect) as defect, count(*) as line_count, sum(odd) % 2 as is_open
            from numbered group by ordinal, record
        ),
        unsound as (
            select distinct ordinal from records
            where is_open = 1
                or (line_count > 1 and not regexp_full_match(line, {record}, 's'))
        )
        select ordinal, row_number, line, defect from records
        where ordinal not in (select ordinal from unsound)
        union all
        select ordinal, row_number, line, defect from lines
        where ordinal in (select ordinal from unsound)"""
    )
    connection.execute("create or replace temp table lines as select * from joined")
