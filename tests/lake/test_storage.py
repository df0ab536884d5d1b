"""Files of the lake in a bucket: found by what AWS's own tools take, and no key is shown."""

from __future__ import annotations

import duckdb
import pytest

from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.lake.storage import Storage
from gatehouse.settings import Settings

_SECRET = "s3cret-acc355-key"  # noqa: S105


@pytest.mark.parametrize("setting", ["gs://lake/data", "s3://", "s3:///data", "https://x/y"])
def test_an_address_of_anything_else_is_refused(setting: str) -> None:
    with pytest.raises(GatehouseError) as caught:
        Storage.parse(setting)
    assert "GATEHOUSE_DATA_PATH" in str(caught.value.next_step)


def test_a_bucket_is_no_folder_below_the_working_one(settings: Settings) -> None:
    assert Settings(home=settings.home, data_path="s3://lake/data").data_path == "s3://lake/data"
    assert Settings(home=settings.home, data_path="data").data_path.startswith("/")


@pytest.mark.postgres
def test_no_query_of_a_session_shows_the_keys(s3_settings: Settings) -> None:
    with Lake(s3_settings).writer("test") as connection:
        connection.execute("create table lake.core.t as select range from range(10000)")
        told = ""
        for session in (connection, connection.cursor()):
            told += repr(session.execute("from duckdb_settings()").fetchall())
            told += repr(session.execute("from duckdb_secrets()").fetchall())
    assert _SECRET not in told
    assert "secret=redacted" in told


@pytest.mark.postgres
def test_without_keys_it_is_said_what_is_missing(
    s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(GatehouseError, match="No keys") as caught, Lake(s3_settings).writer("test"):
        pass
    assert "AWS_ACCESS_KEY_ID" in str(caught.value.next_step)


@pytest.mark.postgres
def test_a_session_of_another_tool_reads_with_keys_of_its_own(s3_settings: Settings) -> None:
    lake = Lake(s3_settings)
    with lake.writer("test") as connection:
        connection.execute("create table lake.core.t as select range from range(10000)")
        snapshot = lake.current_snapshot()
    script = lake.attach_script({"t": snapshot}, {})
    assert _SECRET not in repr(script)
    with duckdb.connect() as session, pytest.MonkeyPatch.context() as environment:
        for name, value in lake.environment.items():
            environment.setenv(name, value)
        session.execute(";".join(script))
        assert session.execute("select count(*) from t").fetchall() == [(10000,)]
