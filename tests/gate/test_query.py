from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store.factories import certificate
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import open_certified
from gatehouse.gate.query import run_query
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import PublishedVersion


@pytest.fixture
def certified(settings: Settings) -> Settings:
    """`fine` is certified, `old` has expired, `fresh` was never checked."""
    lake = Lake(settings)
    with lake.writer("test") as connection:
        connection.execute("create table lake.raw.secret as select 'who@example.org' as body")
        for name in ("fine", "old", "fresh"):
            connection.execute(
                f"create table lake.core.{name} as select range as a, "
                "chr(27) || '[31m=1+1' as b from range(5000)"
            )
    now = datetime.now(UTC)
    with open_store(settings).begin() as session:
        for name, days in (("fine", 1), ("old", -1)):
            row = certificate(
                name,
                table_name=name,
                snapshot_id=lake.current_snapshot(),
                expires_at=now + timedelta(days=days),
            )
            session.add(row)
            session.flush()
            session.add(
                PublishedVersion(
                    table_name=name,
                    certificate_id=name,
                    snapshot_id=row.snapshot_id,
                    published_at=now,
                )
            )
    return settings


_ANSWERED = [
    "select count(*) from fine",
    "from lake.core.fine select count(*)",
    "with fine2 as (select * from fine) select count(*) from fine2",
    "with recursive r as (select 1 as a union all select a + 1 from r where a < 3) from r",
    "select * from fine join (from core.fine) as other using (a) where a in (from range(3))",
    "describe fine",
    "summarize fine",
    "values (1), (2)",
    "select unnest([1, 2])",
]


@pytest.mark.parametrize("sql", _ANSWERED)
def test_certified_tables_are_answered(certified: Settings, sql: str) -> None:
    assert run_query(certified, sql, limit=3).rows


_REFUSED = [
    "select * from fresh",
    "select * from lake.raw.secret",
    "select * from _at_{snapshot}.raw.secret",
    "select * from _at_{snapshot}.core.fresh",
    "select * from fine where a in (select length(body) from _at_{snapshot}.raw.secret)",
    "with x as (from _at_{snapshot}.raw.secret) select * from x",
    "describe _at_{snapshot}.raw.secret",
    "with secret as (select 1) from _at_{snapshot}.raw.secret",
    "from query_table('_at_{snapshot}.raw.secret')",
    "from query('from _at_{snapshot}.raw.secret')",
    "from read_parquet('{data}/raw/secret/*.parquet')",
    "from '{data}/raw/secret/x.parquet'",
    'with "{data}/raw/secret/x.parquet" as (select 1) from "{data}/raw/secret/x.parquet"',
    "from read_csv('/etc/passwd')",
    "from sqlite_scan('{home}/store.db', 'certificates')",
    "from duckdb_secrets()",
    "create table lake.core.mine as select 1",
    "insert into fine values (1, 'x')",
    "delete from fine",
    "drop table fine",
    "attach '{home}/store.db' as store (type sqlite)",
    "copy fine to '{home}/x.csv'",
    "install httpfs",
    "set memory_limit = '1TB'",
    "pragma database_list",
    "select 1; select 2",
    "select 1; drop view fine",
    "not sql at all",
    "",
]


@pytest.mark.parametrize("sql", _REFUSED)
def test_anything_else_is_refused(certified: Settings, sql: str) -> None:
    text = sql.format(
        snapshot=Lake(certified).current_snapshot(), data=certified.data_path, home=certified.home
    )
    with pytest.raises(GatehouseError) as caught:
        run_query(certified, text)
    assert "who@" not in str(caught.value)
    assert caught.value.next_step


def test_an_expired_table_is_refused_by_name_unless_asked_for(
    certified: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(GatehouseError, match="certificate of old expired"):
        run_query(certified, "select * from old")
    assert run_query(certified, "from old", limit=1, allow_expired=True).rows
    with open_certified(certified) as connection:
        assert connection.execute("show tables").fetchall() == [("fine",)]
    assert "old" in caplog.text


def test_nothing_certified_is_said_with_the_next_step(settings: Settings) -> None:
    with pytest.raises(GatehouseError, match="gatehouse gate"):
        open_certified(settings)


def _run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *args: str) -> str:
    monkeypatch.setenv("GATEHOUSE_HOME", str(settings.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(settings.project))
    done = CliRunner().invoke(app, ["sql", *args])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rows_are_cut_with_a_notice(certified: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(certified.home))
    done = CliRunner().invoke(app, ["sql", "select a from fine", "--csv", "--limit", "10"])
    assert len(done.stdout.splitlines()) == 11
    assert "first 10 rows" in done.stderr
    assert (
        len(_run(monkeypatch, certified, "from fine", "--csv", "--limit", "0").splitlines()) == 5001
    )


def test_values_cannot_speak_to_the_terminal_or_a_spreadsheet(
    certified: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "select b, '=1+1' as c from fine"
    table = _run(monkeypatch, certified, query, "--limit", "1")
    text = _run(monkeypatch, certified, query, "--csv", "--limit", "1")
    assert "\x1b" not in table + text
    assert next(csv.DictReader(io.StringIO(text)))["c"] == "'=1+1"
    assert json.loads(_run(monkeypatch, certified, query, "--json", "--limit", "1")) == [
        {"b": "\x1b[31m=1+1", "c": "=1+1"}
    ]


def test_a_reader_never_waits_for_a_writer(certified: Settings, tmp_path: Path) -> None:
    with Lake(certified).writer("test") as writer:
        writer.execute("begin")
        writer.execute("delete from lake.core.fine")
        assert run_query(certified, "select count(*) from fine").rows == [(5000,)]
        writer.execute("commit")
    assert run_query(certified, "select count(*) from fine").rows == [(5000,)]
