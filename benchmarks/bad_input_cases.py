"""The cases of bad_input.py: how each file is made, and what must become of it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Make = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One kind of bad input, in one file.

    Attributes:
        name: what is bad about it.
        path: path of its file below the landing folder.
        make: writes the file.
        status: what the file must become.
        reason: what the ledger or quarantine must say.
        column: the contract column that must be blamed.
        row: number of the row that must be blamed.
        loaded: rows that must load.
        quarantined: rows that must be quarantined.
        repeated: rows that must be found repeated.
        left_out: rows that the filter must leave out.
        printed: the path as text, where its name is not text.
    """

    name: str
    path: str
    make: Make
    status: str = "loaded"
    reason: str = ""
    column: str | None = None
    row: int | None = None
    loaded: int = 0
    quarantined: int = 0
    repeated: int = 0
    left_out: int = 0
    printed: str = ""

    @property
    def shown(self) -> str:
        """The path as reports have it."""
        return self.printed or self.path

    @property
    def is_harmless(self) -> bool:
        """Whether it looks bad and must load all the same."""
        return self.status == "loaded" and not self.quarantined


SOURCES = {
    "paris": """
source: paris
contract: events
description: Local times in a zone with clock changes.
path: paris/**/*.csv
timezone: Europe/Paris
ambiguous: quarantine
format: {type: csv}
columns:
  event_id: id
  occurred_at: happened
  actor_id: "'a'"
  actor_type: "'user'"
  product_code: "'p'"
  event_type: "'request'"
  outcome_code: "'ok'"
""",
    "loose": """
source: loose
contract: events
description: JSON with more in it than is read.
path: loose/**/*.jsonl
format: {type: jsonl, fields: {actor: $.who.id}}
columns:
  event_id: id
  occurred_at: happened
  actor_id: actor
  actor_type: "'user'"
  product_code: "'p'"
  event_type: "'request'"
  outcome_code: "'ok'"
""",
}

EVENT: dict[str, Any] = {
    "event_id": "e",
    "occurred_at": "2026-01-05T10:00:00Z",
    "actor_id": "user-1",
    "actor_type": "user",
    "product_code": "chat_assistant",
    "event_type": "request",
    "outcome_code": "ok",
}
PAYMENT: dict[str, Any] = {
    "payment_id": "p",
    "occurred_at": "2026-01-05T10:00:00Z",
    "actor_id": "user-1",
    "product_code": "api",
    "amount": "1.00",
    "currency_code": "EUR",
    "outcome_code": "succeeded",
}
SCORE: dict[str, Any] = {
    "scored_at": "2026-01-05T10:00:00Z",
    "actor_id": "user-1",
    "item_id": "i",
    "product_code": "api",
    "model_name": "m",
    "model_version": "1",
    "policy_code": "fraud",
    "score": 0.5,
}
ACTOR: dict[str, Any] = {
    "actor_id": "user-1",
    "actor_type": "user",
    "updated_at": "2026-01-05T10:00:00Z",
    "status_code": "active",
}
CONTENT: dict[str, Any] = {
    "content_id": "c",
    "created_at": "2026-01-05T10:00:00Z",
    "actor_id": "user-1",
    "product_code": "api",
    "content_type": "prompt",
}
_BASES = {
    "events": (EVENT, "event_id"),
    "payments": (PAYMENT, "payment_id"),
    "model_scores": (SCORE, "item_id"),
    "actors": (ACTOR, "actor_id"),
    "content": (CONTENT, "content_id"),
}
WEB = '10.0.0.1 - - [05/Jan/2026:10:00:{:02} +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0"'.format


def put(data: bytes) -> Make:
    """Writes these bytes."""
    return lambda path: path.write_bytes(data)


def record(contract: str, name: str, **changes: object) -> dict[str, Any]:
    """A good record with its own id, and these changes; ``None`` takes a field away."""
    base, key = _BASES[contract]
    row = base | {key: name} | changes
    return {field: value for field, value in row.items() if value is not None}


def lines(*rows: dict[str, Any] | str | bytes) -> bytes:
    """Rows as lines of JSON, or as they are."""
    encoded = (
        row
        if isinstance(row, bytes)
        else (row if isinstance(row, str) else json.dumps(row)).encode()
        for row in rows
    )
    return b"".join(row + b"\n" for row in encoded)


def around(slug: str, bad: dict[str, Any] | str | bytes, contract: str = "events") -> bytes:
    """A good row, a bad one, a good one."""
    return lines(record(contract, f"{slug}-1"), bad, record(contract, f"{slug}-3"))


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def bad_row(
    name: str,
    bad: dict[str, Any] | str | bytes | None,
    reason: str,
    column: str | None = None,
    contract: str = "events",
    **changes: object,
) -> Case:
    """A case of one bad row between two good ones."""
    slug = _slug(name)
    row = record(contract, f"{slug}-2", **changes) if bad is None else bad
    data = around(slug, row, contract)
    return Case(
        name,
        f"{contract}/{slug}.jsonl",
        put(data),
        reason=reason,
        column=column,
        row=2,
        loaded=2,
        quarantined=1,
    )


def refused(name: str, path: str, make: Make | bytes, reason: str) -> Case:
    """A case of a file that is rejected as a whole."""
    return Case(name, path, put(make) if isinstance(make, bytes) else make, "rejected", reason)


def fine(name: str, path: str, make: Make | bytes, loaded: int, **more: Any) -> Case:
    """A case that looks bad and must load."""
    return Case(name, path, put(make) if isinstance(make, bytes) else make, loaded=loaded, **more)


def _loose(name: str) -> dict[str, Any]:
    return {"id": name, "happened": EVENT["occurred_at"], "who": {"id": "a"}}


def _two(slug: str) -> bytes:
    return lines(record("events", f"{slug}-1"), record("events", f"{slug}-2"))


def _incompressible(slug: str) -> bytes:
    rows = [record("events", f"{slug}-{os.urandom(16).hex()}") for _ in range(5000)]
    return lines(*rows)


def _parquet(slug: str, *, rows: int = 2, **changes: str | None) -> Make:
    """Writes events as Parquet, with these SQL expressions in place of columns."""

    def make(path: Path) -> None:
        import duckdb

        columns = {name: "'" + str(value) + "'" for name, value in EVENT.items()}
        columns |= {"event_id": f"'{slug}-' || i", "occurred_at": "timestamp '2026-01-05 10:00:00'"}
        columns |= changes  # type: ignore[arg-type]
        items = ", ".join(f"{sql} as {name}" for name, sql in columns.items() if sql is not None)
        plain = path.parent / f"_{slug}.made"
        duckdb.connect().execute(
            f"copy (select {items} from range({rows}) as t (i)) to '{plain}' (format parquet)"
        )
        plain.rename(path)

    return make


def _damaged_parquet(path: Path) -> None:
    _parquet("damaged", rows=20_000, resource="md5(i::varchar)")(path)
    data = bytearray(path.read_bytes())
    data[200:-4000] = b"\xff" * (len(data) - 4200)
    path.write_bytes(bytes(data))


def _cut_parquet(path: Path) -> None:
    _parquet("cut")(path)
    path.write_bytes(path.read_bytes()[:-10])


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _outside(path: Path) -> None:
    secret = path.parents[2] / "outside.jsonl"
    secret.write_bytes(_two("outside"))
    path.symlink_to(secret)


def _outside_folder(path: Path) -> None:
    folder = path.parents[2] / "outside"
    folder.mkdir()
    path.symlink_to(folder)


def _bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"0" * (64 << 20)) * 18)


def _name(raw: bytes) -> Make:
    return lambda path: (path.parent / os.fsdecode(raw)).write_bytes(_two("odd-bytes"))


_CSV_HEAD = b"reviewerId,vendorId,rating,date\n"
_CSV_ROW = b"%d,7,4,2026-01-05 10:00\n"
_CSV_GOOD = [_CSV_ROW % number for number in range(9)]
_PARIS_HEAD = b"id,happened\n"
_DEEP = 1000

WHOLE_FILES = [
    refused(
        "gzip cut off",
        "events/cut.jsonl.gz",
        gzip.compress(_incompressible("gz"))[:-4000],
        "cut off",
    ),
    refused(
        "gzip with damaged checksum",
        "events/crc.jsonl.gz",
        gzip.compress(_two("crc"))[:-8] + b"\0" * 8,
        "damaged",
    ),
    refused(
        "gzip with damaged body",
        "events/body.jsonl.gz",
        (lambda d: d[:4000] + b"\xff" * 500 + d[4500:])(gzip.compress(_incompressible("gb"))),
        "damaged",
    ),
    refused(
        "gzip followed by something else",
        "events/tail.jsonl.gz",
        gzip.compress(_two("tail")) + b"junk",
        "damaged",
    ),
    refused(
        "bz2 cut off",
        "events/cut.jsonl.bz2",
        bz2.compress(_incompressible("bz"))[:-3000],
        "cut off",
    ),
    refused(
        "bz2 damaged",
        "events/damaged.jsonl.bz2",
        (lambda d: d[:3000] + b"\0" * 300 + d[3300:])(bz2.compress(_incompressible("bd"))),
        "damaged",
    ),
    refused("gzip that expands a thousandfold", "events/bomb.jsonl.gz", _bomb, "expands"),
    refused("ZIP archive", "events/zip.jsonl", b"PK\x03\x04" + b"\0" * 60, "ZIP"),
    refused("zstd", "events/zstd.jsonl", b"\x28\xb5\x2f\xfd" + b"\0" * 60, "zstd"),
    refused("xz", "events/xz.jsonl", lzma.compress(_two("xz")), "xz"),
    fine("empty file", "events/empty.jsonl", b"", 0),
    fine("empty gzip", "events/empty.jsonl.gz", gzip.compress(b""), 0),
    fine("only empty lines", "events/blank.jsonl", b"\n\r\n\n", 0),
    refused("empty Parquet", "payments/empty.parquet", b"", "not Parquet"),
    refused("text named Parquet", "events/text.parquet", b"hello\n" * 9, "not Parquet"),
    refused("Parquet cut off", "events/cut.parquet", _cut_parquet, "cut off or damaged"),
    refused(
        "Parquet magic and noise",
        "events/noise.parquet",
        b"PAR1" + bytes(range(256)) * 9 + b"PAR1",
        "cut off or damaged",
    ),
    refused("Parquet with damaged pages", "events/pages.parquet", _damaged_parquet, "Parquet"),
    refused(
        "Parquet without a required column",
        "events/missing.parquet",
        _parquet("missing", actor_id=None),
        "has no column actor_id",
    ),
    refused(
        "Parquet with a column too many",
        "events/extra.parquet",
        _parquet("extra", mystery="1"),
        "columns that the contract does not: mystery (column 8)",
    ),
    Case(
        "Parquet with a number for a time",
        "events/int_time.parquet",
        _parquet("int_time", occurred_at="1767607200"),
        reason="cannot be read as timestamp",
        column="occurred_at",
        quarantined=2,
    ),
    Case(
        "Parquet with text for a number",
        "events/text_number.parquet",
        _parquet("text_number", input_tokens="'many'"),
        reason="cannot be read as bigint",
        column="input_tokens",
        quarantined=2,
    ),
    fine(
        "Parquet with other types that fit",
        "events/other_types.parquet",
        _parquet(
            "other_types",
            status_code="200::double",
            occurred_at="timestamptz '2026-01-05 10:00:00+02'",
            actor_id="i",
        ),
        2,
    ),
    refused(
        "link out of the landing folder",
        "events/link.jsonl",
        _outside,
        "outside the landing folder",
    ),
    refused(
        "link to a folder outside",
        "events/folder_link.jsonl",
        _outside_folder,
        "outside the landing folder",
    ),
    refused(
        "link by ../../ out of the folder",
        "events/dots.jsonl",
        _link("../" * 20 + "etc/passwd"),
        "landing folder",
    ),
    refused("link to nowhere", "events/nowhere.jsonl", _link("missing.jsonl"), "leads nowhere"),
    refused("link to itself", "events/loop.jsonl", _link("loop.jsonl"), "leads nowhere"),
    refused(
        "folder named like a file", "events/folder.jsonl", lambda path: path.mkdir(), "is a folder"
    ),
    refused("named pipe", "events/pipe.jsonl", lambda path: os.mkfifo(path), "pipe"),
    fine("path traversal in a name", "events/x..%2f..%2fetc%2fpasswd.jsonl", _two("traversal"), 2),
    fine("quotes, stars and brackets in a name", "events/a[1]*?'\".jsonl", _two("glob"), 2),
    fine("Parquet with brackets in its name", "events/p[0-9]*.parquet", _parquet("brackets"), 2),
    fine("line end in a name", "events/two\nlines.jsonl", _two("newline"), 2),
    fine(
        "bytes in a name that are no text",
        "events/placeholder.jsonl",
        _name(b"odd\xff.jsonl"),
        2,
        printed="events/odd\\xff.jsonl",
    ),
    Case(
        "half-written file by its name",
        "events/half.jsonl.tmp",
        put(_two("half")),
        "waiting",
        "still being written",
    ),
    Case(
        "hidden file", "events/.hidden.jsonl", put(_two("hidden")), "waiting", "still being written"
    ),
    fine(
        "gzip without .gz in its name",
        "events/plain_name.jsonl",
        gzip.compress(_two("plain_name")),
        2,
    ),
    fine("plain text named .gz", "events/not_really.jsonl.gz", _two("not_really"), 2),
    fine(
        "gzip of two members",
        "events/members.jsonl.gz",
        gzip.compress(_two("member1")) + gzip.compress(_two("member2")),
        4,
    ),
    Case(
        "the same bytes under another name",
        "events/zz_again.jsonl",
        put(_two("glob")),
        "known",
    ),
]

ENCODINGS = [
    fine("UTF-8 with byte order mark", "events/bom.jsonl", b"\xef\xbb\xbf" + _two("bom"), 2),
    fine(
        "UTF-16 with byte order mark",
        "events/utf16.jsonl",
        _two("utf16").decode().encode("utf-16"),
        2,
    ),
    Case(
        "UTF-16 without byte order mark",
        "events/utf16le.jsonl",
        put(_two("utf16le").decode().encode("utf-16-le")),
        reason="NUL",
        quarantined=3,
    ),
    bad_row(
        "Latin-1 in UTF-8",
        json.dumps(record("events", "l1", resource="é"), ensure_ascii=False).encode("latin-1"),
        "not valid utf-8",
    ),
    bad_row("half a character", b'{"event_id": "\xe2\x82"}', "not valid utf-8"),
    bad_row("NUL byte in a line", b'{"event_id": "a\x00b"}', "NUL"),
    bad_row("escaped NUL in a text", None, "NUL", "resource", resource="a\x00b"),
    bad_row("bytes of a picture", b"\x89PNG\r\x1a\xff\xfe\xfd", "not valid utf-8"),
    fine(
        "mixed line ends",
        "events/mixed.jsonl",
        _two("mixed1").replace(b"\n", b"\r\n") + _two("mixed2"),
        4,
    ),
    bad_row(
        "lone carriage return between rows",
        lines(record("events", "cr1"))[:-1] + b"\r" + lines(record("events", "cr2"))[:-1],
        "not valid JSON",
    ),
    fine("no line end at the end", "events/no_end.jsonl", _two("no_end")[:-1], 2),
    Case(
        "last line half written",
        "events/half_line.jsonl",
        put(_two("half_line")[:-20]),
        reason="not valid JSON",
        row=2,
        loaded=1,
        quarantined=1,
    ),
    fine(
        "line of 1 MB",
        "content/long.jsonl",
        around("long", record("content", "long-2", body="x" * 1_000_000), "content"),
        3,
    ),
    bad_row("line of 5 MB", record("events", "huge", resource="x" * 5_000_000), "longer than"),
    bad_row("terminal escapes alone", b"\x1b]0;owned\x07\x1b[2J", "not valid JSON"),
]

ROWS = [
    bad_row("not JSON", "hello", "not valid JSON"),
    bad_row("JSON cut off", '{"event_id": "x", "occurred_at"', "not valid JSON"),
    bad_row("JSON array", "[1, 2]", "not a JSON object"),
    bad_row("JSON number", "42", "not a JSON object"),
    bad_row("JSON null", "null", "not a JSON object"),
    bad_row("two objects on a line", "{} {}", "not valid JSON"),
    bad_row("spaces alone", "   ", "not valid JSON"),
    bad_row(
        "same JSON key twice",
        json.dumps(record("events", "dup"))[:-1] + ', "actor_id": "user-2"}',
        "same JSON key twice",
    ),
    bad_row("misspelt key", None, "has a key that the contract does not", ip_adress="10.0.0.1"),
    fine(
        "JSON nested 1,000 deep",
        "loose/deep.jsonl",
        lines(
            *(
                json.dumps(
                    {"id": f"deep-{n}", "happened": EVENT["occurred_at"], "who": {"id": "a"}}
                )[:-1]
                + ', "x": '
                + "[" * _DEEP
                + "]" * _DEEP
                + "}"
                for n in range(2)
            )
        ),
        2,
    ),
    Case(
        "JSON nested 1,000 deep and open",
        "loose/open.jsonl",
        put(lines('{"x": ' + "[" * _DEEP)),
        reason="not valid JSON",
        row=1,
        quarantined=1,
    ),
    Case(
        "nested field missing",
        "loose/nested.jsonl",
        put(lines(_loose("n") | {"who": {}})),
        reason="is required",
        column="actor_id",
        row=1,
        quarantined=1,
    ),
    bad_row("huge integer", None, "cannot be read as bigint", "input_tokens", input_tokens=10**30),
    bad_row("fraction for an integer", None, "without loss", "input_tokens", input_tokens=1.5),
    bad_row(
        "text for an integer", None, "cannot be read as bigint", "input_tokens", input_tokens="many"
    ),
    bad_row("negative count", None, "is below 0", "input_tokens", input_tokens=-1),
    bad_row("status out of range", None, "is above 999", "status_code", status_code=1000),
    bad_row("score above 1", None, "is above 1", "score", "model_scores", score=1.01),
    bad_row(
        "score that is no number", None, "not a finite number", "score", "model_scores", score="NaN"
    ),
    bad_row(
        "infinite score", None, "not a finite number", "score", "model_scores", score="Infinity"
    ),
    bad_row("fraction of a cent", None, "without loss", "amount", "payments", amount="1.005"),
    bad_row(
        "amount too large for its type",
        None,
        "cannot be read as decimal(18,2)",
        "amount",
        "payments",
        amount="1e17",
    ),
    bad_row("negative amount", None, "is below 0", "amount", "payments", amount="-1.00"),
    bad_row(
        "comma for a decimal point",
        None,
        "cannot be read as decimal(18,2)",
        "amount",
        "payments",
        amount="1,00",
    ),
    bad_row(
        "currency in small letters",
        None,
        "does not match",
        "currency_code",
        "payments",
        currency_code="eur",
    ),
    bad_row(
        "truth that is neither",
        None,
        "cannot be read as boolean",
        "is_protected",
        "actors",
        is_protected="maybe",
    ),
    bad_row(
        "country by its name",
        None,
        "does not match",
        "country_code",
        "actors",
        country_code="France",
    ),
    bad_row(
        "30th of February",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at="2026-02-30T10:00:00Z",
    ),
    bad_row(
        "month 13",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at="2026-13-01T10:00:00Z",
    ),
    bad_row(
        "25 o'clock",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at="2026-01-01T25:00:00Z",
    ),
    bad_row(
        "leap second",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at="2016-12-31T23:59:60Z",
    ),
    bad_row(
        "day before month",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at="31/12/2026 10:00",
    ),
    bad_row(
        "year 1",
        None,
        "not between 1900 and 2199",
        "occurred_at",
        occurred_at="0001-01-01T00:00:00Z",
    ),
    bad_row(
        "year 9999",
        None,
        "not between 1900 and 2199",
        "occurred_at",
        occurred_at="9999-12-31T00:00:00Z",
    ),
    bad_row(
        "infinity for a time",
        None,
        "not between 1900 and 2199",
        "occurred_at",
        occurred_at="infinity",
    ),
    bad_row(
        "year 2198",
        None,
        "lies more than a day in the future",
        "occurred_at",
        occurred_at="2198-12-31T00:00:00Z",
    ),
    bad_row(
        "now for a time", None, "cannot be read as timestamp", "occurred_at", occurred_at="now"
    ),
    bad_row(
        "seconds since 1970 for a time",
        None,
        "cannot be read as timestamp",
        "occurred_at",
        occurred_at=1767607200,
    ),
    bad_row("empty time", None, "cannot be read as timestamp", "occurred_at", occurred_at=""),
    bad_row("required field missing", None, "is required", "actor_id", actor_id=None),
    bad_row(
        "required field null",
        json.dumps(record("events", "null", actor_id="N")).replace('"N"', "null"),
        "is required",
        "actor_id",
    ),
    bad_row("required field empty", None, "is required", "actor_id", actor_id=""),
    bad_row("no id where rows need one", None, "part of the identity", "event_id", event_id=None),
    bad_row("code that is not listed", None, "is not one of", "outcome_code", outcome_code="fine"),
    bad_row("code in capitals", None, "is not one of", "actor_type", actor_type="User"),
    bad_row("text too long", None, "longer than 4096", "user_agent", user_agent="x" * 4097),
    fine(
        "SQL in a text",
        "events/sql.jsonl",
        lines(record("events", "x'); drop table raw.events; --")),
        1,
    ),
    fine(
        "formula in a text",
        "events/formula.jsonl",
        lines(record("events", "formula", resource='=cmd|"/c calc"!A1')),
        1,
    ),
    fine("the same row twice", "events/twice.jsonl", _two("twice") + _two("twice"), 2, repeated=2),
    fine(
        "a row corrected in the same file",
        "events/corrected.jsonl",
        lines(record("events", "fix"), record("events", "fix", outcome_code="error")),
        2,
    ),
]

CSV = [
    refused(
        "CSV without a needed column",
        "reports/no_rating_reviews.csv",
        b"reviewerId,vendorId,date\n1,7,2026-01-05\n",
        "has no column rating",
    ),
    refused(
        "CSV with a column twice",
        "reports/twice_reviews.csv",
        b"reviewerId,vendorId,rating,rating,date\n1,7,4,5,2026-01-05\n",
        "more than once",
    ),
    refused(
        "CSV by semicolons",
        "reports/semicolon_reviews.csv",
        b"reviewerId;vendorId;rating;date\n1;7;4;2026-01-05\n",
        "has no column",
    ),
    refused(
        "CSV of which the header is noise",
        "reports/noise_reviews.csv",
        b"\x89PNG\xff\x00\n1,2\n",
        "no header",
    ),
    refused(
        "contract's CSV with a column too many",
        "events/extra.csv",
        b"event_id,occurred_at,actor_id,actor_type,product_code,event_type,outcome_code,mystery\n",
        "columns that the contract does not: mystery (column 8)",
    ),
    fine(
        "CSV with a column more than is read",
        "reports/more_reviews.csv",
        b"reviewerId,vendorId,rating,date,note\n1,7,4,2026-01-05 10:00,x\n",
        1,
    ),
    fine("CSV with a header and no rows", "reports/head_reviews.csv", _CSV_HEAD, 0),
    fine("empty CSV", "reports/empty_reviews.csv", b"", 0),
    Case(
        "CSV that repeats its header",
        "reports/again_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + _CSV_HEAD + _CSV_GOOD[1]),
        reason="repeats the header",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "CSV row with a field missing",
        "reports/short_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + b"1,7,4\n" + _CSV_GOOD[1]),
        reason="has 3 fields, the header 4",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "CSV row with a field too many",
        "reports/wide_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + b"1,7,4,2026-01-05,9\n" + _CSV_GOOD[1]),
        reason="has 5 fields, the header 4",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "CSV with a quote never closed",
        "reports/quote_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + b'"1,7,4,2026-01-05\n' + _CSV_GOOD[1]),
        reason="quotes are not balanced",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "CSV with text after a closing quote",
        "reports/after_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + b'"1"x,7,4,2026-01-05\n' + _CSV_GOOD[1]),
        reason="quotes are not balanced",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    fine(
        "CSV with a line end in quotes",
        "reports/lines_reviews.csv",
        b"reviewerId,vendorId,rating,date,note\n"
        b'1,7,4,2026-01-05 10:00,"two\n\nlines, ""quoted"""\n2,7,4,2026-01-05 10:00,x\n',
        2,
    ),
    Case(
        "rating off the scale",
        "reports/zero_reviews.csv",
        put(_CSV_HEAD + _CSV_GOOD[0] + b"1,7,0,2026-01-05 10:00\n"),
        reason="is above 5",
        column="severity",
        row=3,
        loaded=1,
        quarantined=1,
    ),
    Case(
        "local time that a clock change skips",
        "paris/skipped.csv",
        put(
            _PARIS_HEAD
            + b"s1,2026-03-29 01:59:59\ns2,2026-03-29 02:30:00\ns3,2026-03-29 03:00:00\n"
        ),
        reason="a clock change skips",
        column="occurred_at",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "local time that a clock change repeats",
        "paris/twice.csv",
        put(
            _PARIS_HEAD
            + b"t1,2026-10-25 01:59:59\nt2,2026-10-25 02:30:00\nt3,2026-10-25 03:00:00\n"
        ),
        reason="a clock change repeats",
        column="occurred_at",
        row=3,
        loaded=2,
        quarantined=1,
    ),
    fine(
        "local time with its offset at a clock change",
        "paris/offset.csv",
        _PARIS_HEAD + b"o1,2026-10-25 02:30:00+01:00\no2,2026-10-25T02:30:00+02:00\n",
        2,
    ),
]

LOGS = [
    Case(
        "web log line of another kind",
        "web_access/other_access.log",
        put(lines(WEB(1), "GET / 200", WEB(2))),
        reason="does not match the pattern",
        row=2,
        loaded=2,
        quarantined=1,
    ),
    Case(
        "web log with a forged line end",
        "web_access/forged_access.log",
        put(
            lines(
                WEB(3),
                '10.0.0.9 - - [05/Jan/2026:10:00:00 +0000] "GET /a',
                'b HTTP/1.1" 200 5 "-" "x"',
            )
        ),
        reason="does not match the pattern",
        loaded=1,
        quarantined=2,
    ),
    Case(
        "web log with an impossible date",
        "web_access/date_access.log",
        put(lines(WEB(4), WEB(5).replace("05/Jan", "31/Feb"))),
        reason="cannot be read as timestamp",
        column="occurred_at",
        row=2,
        loaded=1,
        quarantined=1,
    ),
    fine(
        "terminal escapes in a user agent",
        "web_access/escape_access.log",
        lines(WEB(6).replace("Mozilla", "\x1b[2J")),
        1,
    ),
    fine(
        "equal lines of a log without ids", "web_access/equal_access.log", lines(WEB(7), WEB(7)), 2
    ),
    Case(
        "29 February in a year that has none",
        "auth/auth.log",
        put(
            lines(
                "Feb 29 10:00:00 h sshd[1]: Failed password for a from 10.0.0.1 port 1 ssh2",
                "Feb 28 10:00:00 h sshd[1]: Accepted password for a from 10.0.0.1 port 1 ssh2",
                "Feb 28 10:00:00 h cron[1]: x",
            )
        ),
        reason="cannot be read as timestamp",
        column="occurred_at",
        row=1,
        loaded=1,
        quarantined=1,
        left_out=1,
    ),
]

CASES: list[Case] = [*WHOLE_FILES, *ENCODINGS, *ROWS, *CSV, *LOGS]
