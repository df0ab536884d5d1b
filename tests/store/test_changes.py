from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    Base,
    BuildNode,
    BuildRun,
    Certificate,
    CertificateCheck,
    StoreChange,
)
from tests.store.factories import build_run, certificate


def _changes(settings: Settings) -> list[StoreChange]:
    with open_store(settings, read_only=True).begin() as session:
        return list(session.scalars(select(StoreChange).order_by(StoreChange.change_id)))


def test_each_change_is_recorded_with_the_whole_row(any_settings: Settings) -> None:
    store = open_store(any_settings)
    with store.begin() as session:
        session.add(build_run())
    with store.begin() as session:
        session.get_one(BuildRun, "b1").status = "succeeded"
    with store.begin() as session:
        session.delete(session.get_one(BuildRun, "b1"))
    found = _changes(any_settings)
    assert [change.operation for change in found] == ["insert", "update", "delete"]
    assert [change.row["status"] for change in found] == ["running", "succeeded", "succeeded"]
    assert {change.row_key for change in found} == {'["b1"]'}
    assert found[0].row["interval_end_at"] == "2026-03-01 12:00:00"
    assert set(found[0].row) == set(BuildRun.__table__.columns.keys())


def test_a_rolled_back_change_is_not_recorded(any_settings: Settings) -> None:
    store = open_store(any_settings)
    with store() as session:
        session.add(certificate("c1"))
        session.flush()
        session.add(certificate("c2", result="fine"))
        with pytest.raises(IntegrityError):
            session.commit()
    assert _changes(any_settings) == []


def test_rows_added_through_a_relationship_are_recorded(settings: Settings) -> None:
    check = CertificateCheck(
        position=0, tool="gx", name="n", severity="critical", result="passed", observed={}
    )
    with open_store(settings).begin() as session:
        session.add(certificate("c1", checks=[check]))
    assert [change.table_name for change in _changes(settings)] == [
        "certificates",
        "certificate_checks",
    ]
    assert _changes(settings)[1].row_key == '["c1", 0]'


def test_touching_a_row_without_changing_it_records_nothing(settings: Settings) -> None:
    store = open_store(settings)
    with store.begin() as session:
        session.add(build_run())
    with store.begin() as session:
        session.get_one(BuildRun, "b1").status = "running"
    assert len(_changes(settings)) == 1


def test_progress_of_nodes_is_not_recorded(settings: Settings) -> None:
    node = BuildNode(unique_id="model.a", name="a", resource_type="model", status="running")
    with open_store(settings).begin() as session:
        session.add(build_run(nodes=[node]))
    assert [change.table_name for change in _changes(settings)] == ["build_runs"]


@pytest.mark.parametrize(
    "statement",
    [update(Certificate).values(row_count=1), insert(Certificate).values(certificate_id="x")],
    ids=["update", "insert"],
)
def test_a_bulk_statement_is_refused(settings: Settings, statement: object) -> None:
    session = open_store(settings)()
    with pytest.raises(GatehouseError, match="would not be recorded"):
        session.execute(statement)  # type: ignore[call-overload]
    session.close()


def test_every_table_says_whether_it_is_synced() -> None:
    synced = {
        mapper.local_table.description
        for mapper in Base.registry.mappers
        if mapper.class_.is_synced
    }
    assert synced == {
        "build_runs",
        "detection_code",
        "certificates",
        "certificate_checks",
        "published_versions",
        "rollbacks",
        "waivers",
        "detection_runs",
        "incidents",
    }
