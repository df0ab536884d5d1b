from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest
from sqlalchemy import text

from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.sync import sync_store
from tests.store.factories import build_run


def _add(settings: Settings, *names: str) -> None:
    with open_store(settings).begin() as session:
        session.add_all([build_run(name) for name in names])


def _sync(settings: Settings) -> int:
    with Lake(settings).writer("test") as connection:
        return sync_store(settings, connection)


def _keys(settings: Settings) -> list[str]:
    with Lake(settings).current() as connection:
        rows = connection.execute(
            "select row_key from lake.raw.store_changes order by change_id"
        ).fetchall()
    return [json.loads(row[0])[0] for row in rows]


def test_changes_arrive_once_with_their_times(any_settings: Settings) -> None:
    _add(any_settings, "b1", "b2")
    assert _sync(any_settings) == 2
    assert _sync(any_settings) == 0
    _add(any_settings, "b3")
    assert _sync(any_settings) == 1
    assert _keys(any_settings) == ["b1", "b2", "b3"]
    with Lake(any_settings).current() as connection:
        stamps = connection.execute(
            "select ingested_at, count(*) from lake.raw.store_changes group by 1 order by 1"
        ).fetchall()
        row = connection.execute("select row from lake.raw.store_changes limit 1").fetchone()
    assert [count for _, count in stamps] == [2, 1]
    assert isinstance(stamps[0][0], datetime)
    assert row is not None
    assert json.loads(row[0])["status"] == "running"


def test_changes_arrive_after_all_that_arrived_before(settings: Settings) -> None:
    """Whatever the clock says: a build's interval ends just past the newest arrival."""
    _add(settings, "b1")
    with Lake(settings).writer("test") as connection:
        connection.execute(
            "create table lake.raw.files as select timestamp '2999-01-01' as ingested_at"
        )
        sync_store(settings, connection)
        row = connection.execute("select ingested_at from lake.raw.store_changes").fetchone()
    assert row == (datetime(2999, 1, 1, microsecond=1),)  # noqa: DTZ001


def test_a_callers_rollback_takes_the_changes_back(settings: Settings) -> None:
    _add(settings, "b1")
    with Lake(settings).writer("test") as connection:
        connection.execute("create table if not exists lake.core.t (a int)")
        sync_store(settings, connection)
        connection.execute("delete from lake.raw.store_changes")
        connection.execute("begin")
        assert sync_store(settings, connection) == 1
        connection.execute("rollback")
        assert sync_store(settings, connection) == 1
    assert _keys(settings) == ["b1"]


_KILLED = """
import sys
from pathlib import Path
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import sync
settings = Settings(project=Path(sys.argv[1]), home=Path(sys.argv[2]))
sync._PAGE = 20
print("ready", flush=True)
with Lake(settings).writer("test") as connection:
    sync.sync_store(settings, connection)
"""


def test_a_kill_at_any_moment_neither_loses_nor_repeats(settings: Settings) -> None:
    _add(settings, *(f"b{number:04}" for number in range(600)))
    for delay in (0.15, 0.35, 0.5):
        command = [sys.executable, "-c", _KILLED, str(settings.project), str(settings.home)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    _sync(settings)
    assert _keys(settings) == [f"b{number:04}" for number in range(600)]


def test_a_store_older_than_the_lake_is_refused(settings: Settings) -> None:
    _add(settings, "b1", "b2")
    _sync(settings)
    with open_store(settings).begin() as session:
        session.execute(text("delete from store_changes where change_id = 2"))
    with pytest.raises(GatehouseError, match="older copy"):
        _sync(settings)


def test_ids_are_not_used_twice_after_a_purge(any_settings: Settings) -> None:
    _add(any_settings, "b1")
    with open_store(any_settings).begin() as session:
        session.execute(text("delete from store_changes"))
    _add(any_settings, "b2")
    with open_store(any_settings, read_only=True).begin() as session:
        assert session.scalar(text("select change_id from store_changes")) == 2


@pytest.mark.postgres
def test_a_change_that_commits_late_is_not_passed_over(postgres_settings: Settings) -> None:
    """Its id is lower than one already committed: a watermark alone would lose it."""
    _add(postgres_settings, "b0")
    _sync(postgres_settings)
    late = open_store(postgres_settings)()
    late.add(build_run("b1"))
    late.flush()  # has its change_id, not yet committed
    _add(postgres_settings, "b2")
    synced: list[int] = []
    syncing = threading.Thread(target=lambda: synced.append(_sync(postgres_settings)))
    syncing.start()
    while syncing.is_alive() and not _somebody_waits(postgres_settings):
        time.sleep(0.05)
    late.commit()
    late.close()
    syncing.join()
    assert synced == [2]
    assert _sync(postgres_settings) == 0
    assert _keys(postgres_settings) == ["b0", "b1", "b2"]


def _somebody_waits(settings: Settings) -> bool:
    waiting = text("select count(*) from pg_locks where not granted")
    with open_store(settings, read_only=True).begin() as session:
        return bool(session.scalar(waiting))
