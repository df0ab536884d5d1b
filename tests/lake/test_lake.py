from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from tests.store.factories import NOW, certificate

from gatehouse.errors import GatehouseError, LakeBusyError
from gatehouse.gate.attach import write_attach_file
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import PublishedVersion

_PASSWORD = "s3cret-pa55-word"  # noqa: S105


def _two_versions(settings: Settings) -> tuple[int, int]:
    lake = Lake(settings)
    with lake.writer("test") as connection:
        connection.execute("create table lake.core.t as select 1 as a")
        connection.execute("create table lake.raw.secret as select 'x' as body")
        first = lake.current_snapshot()
        connection.execute("insert into lake.core.t values (2)")
        connection.execute("create table lake.core.u as select 5 as b")
    return first, lake.current_snapshot()


def test_each_kind_of_reader_sees_its_version(any_settings: Settings) -> None:
    first, second = _two_versions(any_settings)
    lake = Lake(any_settings)
    with lake.pinned(first) as connection:
        assert connection.execute("select a from lake.core.t").fetchall() == [(1,)]
    with lake.current() as connection:
        assert connection.execute("select max(a) from lake.core.t").fetchall() == [(2,)]
    with lake.reader({"t": first, "u": second}) as connection:
        assert connection.execute("select a, b from t, lake.core.u").fetchall() == [(1, 5)]


@pytest.mark.parametrize("kind", ["pinned", "current", "reader"])
def test_readers_cannot_write(any_settings: Settings, kind: str) -> None:
    first, _ = _two_versions(any_settings)
    lake = Lake(any_settings)
    opened = {
        "pinned": lambda: lake.pinned(first),
        "current": lake.current,
        "reader": lambda: lake.reader({"t": first}),
    }[kind]()
    with opened as connection, pytest.raises(duckdb.Error):
        connection.execute("insert into lake.core.t values (3)")


def test_a_reader_is_not_moved_by_a_writer(any_settings: Settings) -> None:
    first, _ = _two_versions(any_settings)
    lake = Lake(any_settings)
    with lake.reader({"t": first}) as reader, lake.writer("test") as writer:
        writer.execute("delete from lake.core.t")
        assert reader.execute("select count(*) from t").fetchall() == [(1,)]


def test_a_long_read_keeps_no_writer_out_and_sees_one_state(any_settings: Settings) -> None:
    """A query in the middle of its work, as a reader has it all day while the pipeline writes."""
    first, _ = _two_versions(any_settings)
    lake = Lake(any_settings)
    with lake.reader({"t": first}) as reader, lake.current() as current:
        for connection in (reader, current):
            connection.execute("begin")
        assert reader.execute("select count(*) from t").fetchall() == [(1,)]
        assert current.execute("select count(*) from lake.core.t").fetchall() == [(2,)]
        with lake.writer("test") as connection:
            connection.execute("insert into lake.core.t values (3)")
        assert reader.execute("select count(*) from t").fetchall() == [(1,)]
        assert current.execute("select count(*) from lake.core.t").fetchall() == [(2,)]
    with lake.current() as connection:
        assert connection.execute("select count(*) from lake.core.t").fetchall() == [(3,)]


def test_a_table_that_is_not_certified_is_not_there(settings: Settings) -> None:
    first, _ = _two_versions(settings)
    with Lake(settings).reader({"t": first}) as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("select * from u")


def test_a_second_writer_waits_and_is_told_for_whom(settings: Settings) -> None:
    impatient = settings.model_copy(update={"lock_timeout_seconds": 0.2})
    code = (
        "import sys; from gatehouse.errors import GatehouseError\n"
        "from gatehouse.lake import Lake; from gatehouse.settings import Settings\n"
        "try:\n    Lake(Settings.model_validate_json(sys.argv[1])).writer('two').__enter__()\n"
        "except GatehouseError as error: print(error)\n"
    )
    with Lake(settings).writer("the first one"):
        done = subprocess.run(
            [sys.executable, "-c", code, impatient.model_dump_json()],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "the first one" in done.stdout


def test_writers_of_two_homes_on_one_catalog_wait_for_each_other(
    any_settings: Settings, tmp_path: Path
) -> None:
    # The catalog of the one lies in its home, as it does where nothing else is set.
    elsewhere = any_settings.model_copy(
        update={"home": tmp_path / "elsewhere", "lock_timeout_seconds": 0.3}
    )
    if not any_settings.catalog.startswith("sqlite"):  # the default, said
        elsewhere = elsewhere.model_copy(update={"catalog_schema": "public"})
    lake = Lake(any_settings)
    # Taken twice and given back once, it is still held.
    with lake.lock("the first one"):
        with lake.lock("the same one"):
            pass
        with pytest.raises(LakeBusyError, match="the first one"), Lake(elsewhere).lock("two"):
            pass
    with Lake(elsewhere).lock("two"):
        pass


def test_a_lake_without_a_first_write_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(GatehouseError, match="no lake"):
        Lake(settings).current()


@pytest.mark.postgres
def test_the_password_is_in_no_address_file_error_or_log(
    postgres_settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first, _ = _two_versions(postgres_settings)
    lake = Lake(postgres_settings)
    with open_store(postgres_settings).begin() as session:
        session.add(
            certificate("c1", table_name="t", snapshot_id=first, expires_at=NOW.replace(year=2999))
        )
        session.flush()
        shown = PublishedVersion(
            table_name="t", certificate_id="c1", snapshot_id=first, published_at=NOW
        )
        session.add(shown)
    attach = write_attach_file(postgres_settings).read_text("utf-8")
    assert "postgres:" in attach
    wrong = postgres_settings.catalog.replace(_PASSWORD, "wr0ng-pa55-word")
    with pytest.raises(GatehouseError) as caught:
        Lake(
            Settings(project=postgres_settings.project, home=tmp_path / "o", catalog=wrong)
        ).current()
    with pytest.raises(GatehouseError) as unreadable:
        Lake(
            Settings(
                project=postgres_settings.project,
                home=tmp_path / "o",
                catalog="postgres:a b=c password=wr0ng",
            )
        )
    with lake.reader({"t": first}) as connection:
        databases = repr(connection.execute("from duckdb_databases()").fetchall())
        secrets = repr(connection.execute("from duckdb_secrets()").fetchall())
    shown_to_people = [
        attach,
        lake.uri,
        databases,
        secrets,
        caplog.text,
        repr(lake._catalog),
        f"{caught.value}{caught.value.__cause__}{unreadable.value}{unreadable.value.__cause__}",
    ]
    for text in shown_to_people:
        assert _PASSWORD not in text
        assert "wr0ng" not in text
    assert lake.environment == {"PGPASSWORD": _PASSWORD}


def test_the_attach_file_opens_the_certified_tables_elsewhere(settings: Settings) -> None:
    first, _ = _two_versions(settings)
    with open_store(settings).begin() as session:
        session.add(
            certificate("c1", table_name="t", snapshot_id=first, expires_at=NOW.replace(year=2999))
        )
        session.flush()
        shown = PublishedVersion(
            table_name="t", certificate_id="c1", snapshot_id=first, published_at=NOW
        )
        session.add(shown)
    script = write_attach_file(settings).read_text("utf-8")
    with duckdb.connect() as session_of_a_tool:
        session_of_a_tool.execute(script)
        assert session_of_a_tool.execute("select a from t").fetchall() == [(1,)]
