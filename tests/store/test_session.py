from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun
from tests.store.factories import build_run


def test_writers_that_read_first_wait_for_each_other(settings: Settings) -> None:
    with open_store(settings).begin() as session:
        session.add(build_run(snapshot_id=0))

    def count(_number: int) -> None:
        with open_store(settings).begin() as session:
            run = session.get_one(BuildRun, "b1")
            run.snapshot_id = (run.snapshot_id or 0) + 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(40)))
    with open_store(settings)() as session:
        assert session.get_one(BuildRun, "b1").snapshot_id == 40


def test_a_reader_waits_for_no_writer(settings: Settings) -> None:
    open_store(settings)
    with open_store(settings).begin() as writer:
        writer.add(build_run())
        writer.flush()
        with open_store(settings, read_only=True).begin() as reader:
            assert reader.scalar(text("select count(*) from build_runs")) == 0


def test_foreign_keys_hold_on_sqlite(settings: Settings) -> None:
    with open_store(settings)() as session, pytest.raises(Exception, match="FOREIGN KEY"):
        session.execute(
            text(
                "insert into published_versions "
                "values ('t', 'no such certificate', 1, '2026-01-01 00:00:00')"
            )
        )


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle+nothing://x:pa55@y/z", "postgresql://a:pa55@127.0.0.1:1/b"]
)
def test_a_store_that_cannot_be_opened_is_a_clear_error(settings: Settings, url: str) -> None:
    with pytest.raises(GatehouseError, match="GATEHOUSE_STORE_URL") as caught:
        open_store(settings.model_copy(update={"store_url": url}))
    assert "pa55" not in str(caught.value)
