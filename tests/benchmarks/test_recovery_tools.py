"""What recovery compares and delivers: a difference must show, a split must lose nothing."""

from __future__ import annotations

import gzip
import importlib
import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatehouse.lake import Lake
from gatehouse.settings import Settings

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def fingerprint(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module("_fingerprint")


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module("_landing")


@pytest.mark.parametrize(
    ("rows", "same"),
    [
        ("(2, 'b', 'x'), (1, 'a', 'y'), (1, 'a', 'z')", True),
        ("(1, 'a', 'x'), (2, 'b', 'x')", False),
        ("(1, 'a', 'x'), (1, 'a', 'x'), (2, null, 'x')", False),
        ("(1, 'a', 'x'), (2, 'b', 'x'), (2, 'b', 'x')", False),
    ],
    ids=["another order and arrival", "a row less", "a value less", "another row twice"],
)
def test_fingerprint_shows_what_differs_and_only_that(
    fingerprint: ModuleType, tmp_path: Path, rows: str, same: bool
) -> None:
    found = []
    first = "(1, 'a', 'x'), (1, 'a', 'x'), (2, 'b', 'x')"
    for number, values in enumerate((first, rows)):
        settings = Settings(home=tmp_path / str(number))
        with Lake(settings).writer("a test") as connection:
            connection.execute("create table lake.core.t (n int, s varchar, load_id varchar)")
            connection.execute(f"insert into lake.core.t values {values}")
        found.append(fingerprint.fingerprints(settings, ("core",)))
    assert (fingerprint.differences(*found) == []) is same


def test_split_loses_and_doubles_no_row(landing: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    table = pa.table({"n": list(range(100))})
    pq.write_table(table, tmp_path / "a.parquet")
    lines = [b"n\n", *(f"{number % 7}\n".encode() for number in range(100))]
    (tmp_path / "b.csv").write_bytes(b"".join(lines))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"".join(lines)))

    def parts(name: str) -> list[Path]:
        delivery = landing.Delivery(tmp_path / name, f"day/{name}")
        made = list(landing.split(delivery, tmp_path / "parts", random.Random(1)))  # noqa: S311
        assert len({part.target for part in made}) == 2
        return [part.source for part in made]

    whole = [value for part in parts("a.parquet") for value in pq.read_table(part)["n"].to_pylist()]
    assert sorted(whole) == list(range(100))
    halves = [part.read_bytes().splitlines(keepends=True) for part in parts("b.csv")]
    assert all(half[0] == b"n\n" for half in halves)
    assert Counter(line for half in halves for line in half[1:]) == Counter(lines[1:])
    unzipped = [gzip.decompress(part.read_bytes()) for part in parts("c.jsonl.gz")]
    assert Counter(b"".join(unzipped).splitlines(keepends=True)) == Counter(lines)
