"""Planning a build from what earlier ones left in the store."""

from __future__ import annotations

from datetime import timedelta

from gatehouse.build.run import _close_dead_runs, _refresh_is_unfinished
from gatehouse.lake.arrivals import BEGINNING
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildRun
from tests.store.factories import NOW, build_run


def test_a_build_that_was_killed_is_closed_by_the_next(settings: Settings) -> None:
    store = open_store(settings)
    with store.begin() as session:
        session.add_all([build_run("dead"), build_run("done", status="succeeded")])
    with store.begin() as session:
        _close_dead_runs(session)
    with store() as session:
        assert session.get_one(BuildRun, "dead").status == "failed"
        assert session.get_one(BuildRun, "done").status == "succeeded"


def test_a_refresh_that_did_not_finish_is_gone_on_with(settings: Settings) -> None:
    store = open_store(settings)
    with store.begin() as session:
        session.add(build_run("done", status="succeeded"))
    assert not _refresh_is_unfinished(store)
    with store.begin() as session:
        session.add(
            build_run(
                "refresh",
                status="failed",
                interval_start_at=BEGINNING,
                started_at=NOW + timedelta(hours=1),
            )
        )
    assert _refresh_is_unfinished(store)
