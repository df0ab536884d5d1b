"""SQL that turns lines, or Parquet, into rows of raw fields: one relation per layout.

Every relation has the columns ``ordinal, row_number, _line, defect`` and the mapping's raw
fields. ``defect`` says why a row could not be cut into fields; such a row has no fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatehouse.ingest.contracts import Contract
from gatehouse.ingest.layout import Layout
from gatehouse.ingest.mapping import SourceMapping
from gatehouse.lake.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

# Decimals of so many digits pass through a double unharmed.
_DOUBLE_DIGITS = 15
# RFC 4180: quotes matter at the start of a field; inside, a quote is doubled.
_FIELD = '"(?:[^"]|"")*"|[^{d}]*'
_RECORD = '(?:"(?:[^"]|"")*"|[^"{d}][^{d}]*|)(?:{d}(?:"(?:[^"]|"")*"|[^"{d}][^{d}]*|))*'


def fields_sql(mapping: SourceMapping, contract: Contract, layout: Layout) -> str:
    """The relation of a batch's raw fields, over the temporary table ``lines``.

    Also over ``batch`` (``ordinal, path, path_date``), for the fields every row has.
    """
    names = mapping.raw_fields(contract)
    build = {"jsonl": _json, "csv": _csv, "text": _text, "parquet": _parquet}[layout.kind]
    values = build(mapping, layout, list(names))
    nulls = mapping.null_values
    if nulls is None:
        nulls = [""] if layout.kind in {"csv", "text"} else []
    texts = _text_fields(layout, list(names))
    columns = [
        f"{_nulled(field, nulls) if name in texts else field} as {identifier(name)}"
        # Qualified: a log's own field may be called as one of the batch.
        for name, field in ((name, f"cut.{identifier(name)}") for name in names)
    ]
    columns += [f"{_constant(value)} as {identifier(n)}" for n, value in mapping.parameters.items()]
    columns += ["row_number as _row", "batch.path as _path", "batch.path_date as _path_date"]
    return (
        "select cut.ordinal, row_number, _line, defect, "
        + ", ".join(columns)
        + f" from ({values}) as cut inner join batch on cut.ordinal = batch.ordinal"
    )


def _text_fields(layout: Layout, names: list[str]) -> set[str]:
    if layout.kind != "parquet":
        return set(names)
    types = dict(zip(layout.names, layout.types, strict=True))
    return {name for name in names if types.get(name) == "VARCHAR"}


def _nulled(field: str, nulls: list[str]) -> str:
    if not nulls:
        return field
    listed = ", ".join(literal(value) for value in nulls)
    return f"case when {field} in ({listed}) then null else {field} end"


def _constant(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return literal(value) if isinstance(value, str) else repr(value)


def _text(mapping: SourceMapping, layout: Layout, names: list[str]) -> str:
    pattern = literal(mapping.format.pattern or "")
    groups = ", ".join(literal(group) for group in mapping.format.groups)
    # An unmatched line and one whose groups are all empty look alike: only then look again.
    some = " or ".join(f"g.{identifier(group)} <> ''" for group in mapping.format.groups)
    fields = "".join(f", g.{identifier(name)} as {identifier(name)}" for name in names)
    return f"""
        select ordinal, row_number, line as _line{fields},
            case when defect is not null then defect
                when {some} or regexp_matches(line, {pattern}) then null
                else 'does not match the pattern' end as defect
        from (select *, case when defect is null
            then regexp_extract(line, {pattern}, [{groups}]) end as g
            from lines where line <> '')"""


def _json(mapping: SourceMapping, layout: Layout, names: list[str]) -> str:
    paths = mapping.format.fields
    nested = [name for name in names if name in paths]
    plain = [name for name in names if name not in paths]
    structure = literal(json.dumps(dict.fromkeys(plain, "VARCHAR")))
    listed = ", ".join(literal(paths[name]) for name in nested)
    fields = [f"top.{identifier(name)} as {identifier(name)}" for name in plain]
    fields += [f"deep[{index}] as {identifier(name)}" for index, name in enumerate(nested, 1)]
    top = f"json_transform(line, {structure})" if plain else "null"
    deep = f"json_extract_string(line, [{listed}])" if nested else "null"
    # What is not a JSON object was marked before (see reading.mark_json), so nothing throws.
    return f"""
        select ordinal, row_number, line as _line, defect, {", ".join(fields)}
        from (select *,
            case when defect is null then {top} end as top,
            case when defect is null then {deep} end as deep
            from lines where line <> '')"""


def json_defect_sql(mapping: SourceMapping, contract: Contract) -> str:
    """Why a line of JSON is refused: SQL over ``is_object`` and ``keys``, null where it is not.

    ``keys`` is null where the line is not JSON.
    """
    known = ", ".join(literal(name) for name in mapping.raw_fields(contract))
    extra = (
        f"when not list_has_all([{known}], keys) then 'has a key that the contract does not'"
        if mapping.columns == "same"
        else ""
    )
    return (
        "case when keys is null then 'not valid JSON' "
        "when not is_object then 'not a JSON object' "
        "when len(keys) <> len(list_distinct(keys)) then 'has the same JSON key twice' "
        f"{extra} end"
    )


def _csv(mapping: SourceMapping, layout: Layout, names: list[str]) -> str:
    d = _regex_character(mapping.format.delimiter)
    delimiter = literal(mapping.format.delimiter)
    record = literal(record_pattern(mapping.format.delimiter))
    field = literal(f"{d}({_FIELD.replace('{d}', d)})")
    position = {name: index for index, name in enumerate(layout.names, 1)}
    fields = "".join(
        f", {_unquoted(position[name]) if name in position else 'null::varchar'}"
        f" as {identifier(name)}"
        for name in names
    )
    header = literal(mapping.format.delimiter.join(layout.names))
    return f"""
        select ordinal, row_number, line as _line, _defect as defect{fields}
        from (select *, case when defect is not null then defect
                when parts is null then 'quotes are not balanced'
                when len(parts) <> {len(layout.names)} then
                    'has ' || len(parts) || ' fields, the header {len(layout.names)}'
                when line = {header} then 'repeats the header' end as _defect
            from (select *, case when defect is not null then null
                when not contains(line, '"') then string_split(line, {delimiter})
                when regexp_full_match(line, {record}, 's')
                    then regexp_extract_all({delimiter} || line, {field}, 1, 's')
                end as parts from lines where line <> ''))"""


def record_pattern(delimiter: str) -> str:
    """Regular expression of one whole CSV record."""
    return _RECORD.replace("{d}", _regex_character(delimiter))


def _unquoted(position: int) -> str:
    part = f"parts[{position}]"
    return (
        f"case when _defect is not null then null when starts_with({part}, '\"') "
        f"then replace({part}[2:-2], '\"\"', '\"') else {part} end"
    )


def _regex_character(character: str) -> str:
    return "\\t" if character == "\t" else f"\\x{{{ord(character):x}}}"


def _parquet(mapping: SourceMapping, layout: Layout, names: list[str]) -> str:
    fields = "".join(
        f", {identifier(name) if name in layout.names else 'null::varchar'} as {identifier(name)}"
        for name in names
    )
    # `parquet_rows` is read_parquet over the batch's files, with ordinal and row number.
    packed = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in layout.names)
    return f"""
        select _ordinal as ordinal, _row_number as row_number, defect{fields},
            struct_pack({packed}) as _line
        from parquet_rows"""


def packed_types(connection: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, str]:
    """The types by name in which quarantine keeps a Parquet row, as JSON.

    Bytes, long decimals and JSON are kept as text, which a cast gives back as it was: read from
    JSON, bytes would be the text of their escapes, and decimals doubles.
    """
    return {
        name: _packed_type(connection.sqltype(kind))
        for name, kind in zip(layout.names, layout.types, strict=True)
    }


def _packed_type(kind: Any) -> str:
    if kind.id == "blob" or str(kind) == "JSON":
        return "VARCHAR"
    if kind.id == "decimal":
        return str(kind) if dict(kind.children)["precision"] <= _DOUBLE_DIGITS else "VARCHAR"
    if kind.id == "struct":
        return struct_type({name: _packed_type(child) for name, child in kind.children})
    if kind.id == "map":
        return f"MAP({', '.join(_packed_type(child) for _, child in kind.children)})"
    if kind.id == "list":
        return f"{_packed_type(kind.children[0][1])}[]"
    return str(kind)


def struct_type(types: Mapping[str, str]) -> str:
    """SQL: the type of a struct of these fields."""
    return f"STRUCT({', '.join(f'{identifier(name)} {kind}' for name, kind in types.items())})"
