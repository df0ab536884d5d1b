"""An extension's signature is checked once a process, and nobody can load what has none."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from gatehouse.lake import extensions
from gatehouse.lake.extensions import connect


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of an extension, in place of the installed one."""
    monkeypatch.setattr(extensions, "EXTENSIONS", ("avro",))
    monkeypatch.setattr(extensions, "_checked", set())
    copy = tmp_path / "avro.duckdb_extension"
    shutil.copyfile(extensions._packaged("avro"), copy)
    monkeypatch.setattr(extensions, "_packaged", lambda _: copy)
    return copy


def _spoil(path: Path, target: Path) -> None:
    """Another file, whose signature is not that of its code."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    spoilt = target.with_suffix(".new")
    spoilt.write_bytes(data)
    spoilt.rename(target)


def test_what_was_checked_is_loaded_again_without(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tmp_path / "home", ["avro"], {}).close()
    allowed = []
    plain = duckdb.connect

    def seen(config: dict[str, str]) -> duckdb.DuckDBPyConnection:
        allowed.append(config["allow_unsigned_extensions"])
        return plain(config=config)

    monkeypatch.setattr(duckdb, "connect", seen)
    connect(tmp_path / "home", ["avro"], {}).close()
    assert allowed == ["true"]


@pytest.mark.parametrize("times", [1, 2], ids=["first", "again"])
def test_no_connection_loads_what_is_not_signed(packaged: Path, tmp_path: Path, times: int) -> None:
    other = tmp_path / "other.duckdb_extension"
    _spoil(packaged, other)
    for _ in range(times):
        connection = connect(tmp_path / "home", ["avro"], {})
    with connection:
        loaded = connection.execute(
            "select loaded from duckdb_extensions() where extension_name = 'avro'"
        )
        assert loaded.fetchall() == [(True,)]
        with pytest.raises(duckdb.Error, match="signature"):
            connection.execute(f"load '{other}'")
        with pytest.raises(duckdb.Error, match="Cannot change"):
            connection.execute("set allow_unsigned_extensions = true")


def test_another_file_in_its_place_is_checked(packaged: Path, tmp_path: Path) -> None:
    connect(tmp_path / "home", ["avro"], {}).close()
    _spoil(packaged, packaged)
    with pytest.raises(duckdb.Error, match="signature"):
        connect(tmp_path / "home", ["avro"], {})
