from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.store.factories import build_run, certificate

from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.lake.maintain import run_maintenance
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import PublishedVersion

_NONE = timedelta(0)


def _grow(settings: Settings, times: int) -> list[int]:
    """One snapshot a step; the table has as many thousand rows as steps, each in a file."""
    lake, snapshots = Lake(settings), []
    with lake.writer("test") as connection:
        connection.execute("create table if not exists lake.core.t (a bigint, step bigint)")
        for step in range(times):
            connection.execute(f"insert into lake.core.t select range, {step} from range(1000)")
            snapshots.append(lake.current_snapshot())
    return snapshots


def _rows(settings: Settings, snapshot: int) -> int:
    with Lake(settings).pinned(snapshot) as connection:
        row = connection.execute("select count(*) from lake.core.t").fetchone()
        assert row is not None
        return int(row[0])


def test_small_files_are_joined_and_unused_ones_removed(any_settings: Settings) -> None:
    newest = _grow(any_settings, 6)[-1]
    report = run_maintenance(any_settings, keep_newest=1, grace=_NONE)
    assert (report.files_before, report.files_after) == (6, 1)
    assert report.files_removed == 6
    with Lake(any_settings).current() as connection:
        files = connection.execute(f"from glob('{any_settings.data_path}/**/*.parquet')").fetchall()
    assert len(files) == 1
    assert report.snapshots_kept == 1
    with Lake(any_settings).current() as connection:
        assert connection.execute("select count(*) from lake.core.t").fetchall() == [(6000,)]
    with pytest.raises(GatehouseError):
        _rows(any_settings, newest)


def test_a_file_full_of_deletes_is_rewritten(settings: Settings) -> None:
    _grow(settings, 1)
    with Lake(settings).writer("test") as connection:
        connection.execute("delete from lake.core.t where a % 2 = 0")
    report = run_maintenance(settings)
    assert (report.files_before, report.files_after) == (2, 1)


def test_what_is_on_show_certified_found_on_or_built_stays_readable(settings: Settings) -> None:
    shown, certified, expired, found, built, _, failed, *_ = snapshots = _grow(settings, 12)
    later, past = (datetime.now(UTC) + timedelta(days=sign) for sign in (1, -1))
    with open_store(settings).begin() as session:
        # On show although it expired: the reader is told, and may ask for it.
        session.add(certificate("c1", table_name="t", snapshot_id=shown, expires_at=past))
        session.flush()
        session.add(
            PublishedVersion(
                table_name="t", certificate_id="c1", snapshot_id=shown, published_at=past
            )
        )
        session.add(certificate("c2", snapshot_id=certified, expires_at=later))
        session.add(certificate("c3", snapshot_id=expired, expires_at=past))
        session.add(certificate("c4", snapshot_id=failed, result="failed", expires_at=later))
        session.add(build_run(snapshot_id=built))
    with Lake(settings).writer("test") as connection:
        connection.execute(
            "create table lake.raw.findings as select $1 as snapshot_ids",
            [json.dumps({"t": found, "u": found})],
        )
    run_maintenance(settings, keep_newest=1, grace=_NONE)
    kept = (shown, certified, found, built)
    assert [_rows(settings, each) for each in kept] == [
        1000 * (snapshots.index(each) + 1) for each in kept
    ]
    for gone in (expired, failed):
        with pytest.raises(GatehouseError):
            _rows(settings, gone)


def test_a_reader_that_opened_before_goes_on(settings: Settings) -> None:
    old = _grow(settings, 3)[0]
    ended = datetime.now(UTC) - timedelta(hours=1)
    with open_store(settings).begin() as session:
        session.add(certificate("c1", table_name="t", snapshot_id=old, expires_at=ended))
    with Lake(settings).reader({"t": old}) as reader:
        assert reader.execute("select count(*) from t").fetchall() == [(1000,)]
        report = run_maintenance(settings, keep_newest=1)
        assert report.snapshots_expired > 0
        assert report.files_removed == 0
        assert reader.execute("select sum(a) from t").fetchall() == [(499500,)]


def test_a_second_run_finds_nothing_to_do(settings: Settings) -> None:
    _grow(settings, 4)
    run_maintenance(settings, keep_newest=1, grace=_NONE)
    report = run_maintenance(settings, keep_newest=1, grace=_NONE)
    assert (report.files_before, report.files_after, report.files_removed) == (1, 1, 0)
