"""Replaying a finding on the versions it was made on."""

from __future__ import annotations

import pytest

from gatehouse.detection.replay import replay
from gatehouse.errors import GatehouseError
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from tests.detection.factories import NOW, certify, detection, load_events
from tests.detection.test_execute import MONDAY, MONDAY_LATER, recorded, run


@pytest.fixture
def finding_key(settings: Settings) -> str:
    """The key of a finding about an actor who was busy on Monday."""
    snapshot = load_events(settings, ("a", MONDAY), ("a", MONDAY_LATER), arrived_at=NOW)
    certify(settings, snapshot)
    run(settings)
    return str(recorded(settings, "finding_key")[0][0])


def test_says_same_though_data_and_code_have_moved_on(settings: Settings, finding_key: str) -> None:
    load_events(settings, ("a", "2026-01-05 12:00:00"), arrived_at=NOW)
    result = replay(settings, finding_key)
    assert result.same
    assert result.code_hash == detection().code_hash


def test_shows_what_came_out_differently(settings: Settings, finding_key: str) -> None:
    with Lake(settings).writer("a test") as connection:
        connection.execute("update lake.raw.findings set event_count = 99")
    result = replay(settings, finding_key)
    assert result.differences == {"event_count": (99, 2)}


def test_says_when_retention_removed_a_version(settings: Settings, finding_key: str) -> None:
    with Lake(settings).writer("a test") as connection:
        connection.execute("""update lake.raw.findings set snapshot_ids = '{"fct_events": 9999}'""")
    with pytest.raises(GatehouseError, match="can't be read any more"):
        replay(settings, finding_key)


def test_says_that_there_is_no_such_finding(settings: Settings, finding_key: str) -> None:
    with pytest.raises(GatehouseError, match="There is no finding"):
        replay(settings, "f" * 32)
