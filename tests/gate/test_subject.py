"""What a snapshot is known to cover when builds were partial, killed or out of turn."""

from __future__ import annotations

from datetime import timedelta

from tests.store.factories import NOW, build_run

from gatehouse.gate.subject import choose_subject
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import BuildNode


def add(settings: Settings, *items: object) -> None:
    with open_store(settings).begin() as session:
        session.add_all(items)


def node(build_id: str, name: str, status: str = "success") -> BuildNode:
    return BuildNode(
        build_id=build_id, unique_id=name, name=name, resource_type="model", status=status
    )


def test_a_part_built_later_covers_no_more_than_the_last_increment(settings: Settings) -> None:
    add(
        settings,
        build_run("a", status="succeeded", snapshot_id=5),
        build_run(
            "part",
            is_increment=False,
            status="succeeded",
            snapshot_id=6,
            started_at=NOW + timedelta(hours=1),
            interval_end_at=NOW + timedelta(hours=1),
        ),
    )
    subject = choose_subject(settings, None, "part")
    assert subject.snapshot_id == 6
    assert subject.interval_end_at == NOW


def test_models_a_killed_increment_did_not_come_to_are_unbuilt(settings: Settings) -> None:
    later = NOW + timedelta(hours=1)
    add(
        settings,
        build_run("a", status="succeeded", snapshot_id=5),
        node("a", "fct_events"),
        node("a", "user_risk"),
        build_run("killed", status="failed", started_at=later),
        node("killed", "fct_events"),
        build_run(
            "part",
            is_increment=False,
            status="succeeded",
            snapshot_id=7,
            started_at=later + timedelta(hours=1),
        ),
    )
    assert choose_subject(settings, None, "part").unbuilt == {"user_risk"}
    assert choose_subject(settings, None, "a").unbuilt == frozenset()
