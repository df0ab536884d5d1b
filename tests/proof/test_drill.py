"""Drills: a copy is broken, the gate is asked, and the lake and its store are as they were."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.gate import run_gate
from gatehouse.lake import Lake
from gatehouse.lake.maintain import run_maintenance
from gatehouse.proof import drill, faults
from gatehouse.proof.drill import list_drills, run_drill
from gatehouse.proof.faults import FAULTS, Fault, fault_named, fault_of
from gatehouse.proof.scratch import scratch_home
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, Incident, PublishedVersion
from tests.conftest import PROJECT, PostgresServer
from tests.gate.conftest import House

OUT_OF_RANGE = Fault("twice", "core.fct_a", "twice", ("update lake.core.fct_a set score = 2",))
UNSEEN = Fault(
    "half",
    "core.fct_a",
    "half",
    ("delete from lake.core.fct_a where hash(key || '{seed}') % 2 = 0",),
)
NOTHING = Fault("none", "core.fct_a", "none", ("delete from lake.core.fct_a where key = '?'",))
ELSEWHERE = Fault("other", "core.fct_z", "other", ("delete from lake.core.fct_z",))


@pytest.fixture
def gated(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Three certified tables, and faults for them."""
    return _gated(house, monkeypatch)


def _gated(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    house.built(house.fill())
    assert run_gate(house.settings).ok
    know(monkeypatch, OUT_OF_RANGE, UNSEEN, NOTHING, ELSEWHERE)
    monkeypatch.setattr(drill, "_day", lambda *_: date(2024, 1, 1))
    return house


def know(monkeypatch: pytest.MonkeyPatch, *known: Fault) -> None:
    for module in (drill, faults):
        monkeypatch.setattr(module, "FAULTS", known)


def incidents(settings: Settings) -> dict[str, str]:
    with open_store(settings, read_only=True).begin() as session:
        return {each.cause_key: each.state for each in session.query(Incident)}


def state(settings: Settings) -> tuple[object, ...]:
    """All that a drill must not touch."""
    files = sorted(path for path in Path(settings.data_path).rglob("*") if path.is_file())
    catalog = Path(settings.catalog.partition(":")[2])
    with open_store(settings, read_only=True).begin() as session:
        certificates = session.query(Certificate).count()
        shown = {each.table_name: each.certificate_id for each in session.query(PublishedVersion)}
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in [*files, catalog]]
    return files, digests, certificates, shown, Lake(settings).current_snapshot()


def test_a_fault_is_caught_by_table_and_check_and_leaves_all_as_it_was(gated: House) -> None:
    before = state(gated.settings)
    report = run_drill(gated.settings, fault="twice", seed=7)
    assert (report.outcome, report.table) == ("caught", "fct_a")
    assert report.check == "expect_column_values_to_be_between(score)"
    assert report.changed_rows == 100
    assert state(gated.settings) == before
    assert not (gated.settings.home / "drill").exists()
    (row,) = list_drills(gated.settings)
    assert (row["fault"], row["outcome"], row["seed"]) == ("twice", "caught", 7)
    assert row["seconds"] > 0
    assert incidents(gated.settings) == {}


def test_a_fault_that_nothing_catches_is_an_incident_until_it_is_caught(
    gated: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run_drill(gated.settings, fault="half", seed=1)
    assert (report.outcome, report.message) == ("missed", "no check failed")
    assert incidents(gated.settings) == {"silence:drill:half": "open"}
    know(monkeypatch, Fault("half", "core.fct_a", "half", OUT_OF_RANGE.sql))
    assert run_drill(gated.settings, fault="half", seed=1).outcome == "caught"
    assert incidents(gated.settings) == {"silence:drill:half": "resolved"}


def test_what_is_held_elsewhere_is_no_catch(gated: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill on fct_a that meets a dim_c which broke meanwhile."""
    gated.built(gated.sql("update lake.core.dim_c set score = 3"), "b2")
    assert run_drill(gated.settings, fault="half").outcome == "missed"


def test_what_was_held_before_the_fault_catches_nothing(gated: House) -> None:
    gated.built(gated.sql("update lake.core.fct_a set score = 3"), "b2")
    run_gate(gated.settings)
    assert run_drill(gated.settings, fault="twice").outcome == "missed"


def test_faults_without_rows_to_break_are_passed_over(gated: House) -> None:
    day = date(2026, 1, 1)
    while fault_of(day) != 2:  # "none", then "other", then the first again
        day = date.fromordinal(day.toordinal() + 1)
    assert run_drill(gated.settings, today=day).fault == "twice"


def test_a_drill_that_could_not_run_is_recorded_and_says_so(gated: House) -> None:
    with pytest.raises(GatehouseError, match="no rows that none could break"):
        run_drill(gated.settings, fault="none")
    assert [row["outcome"] for row in list_drills(gated.settings)] == ["could_not_run"]
    assert incidents(gated.settings) == {}
    with pytest.raises(GatehouseError, match="no fault unknown"):
        run_drill(gated.settings, fault="unknown")


def test_the_copy_can_be_broken_at_will(gated: House) -> None:
    before = state(gated.settings)
    with scratch_home(gated.settings) as copy:
        with Lake(copy).writer("test") as connection:
            connection.execute("update lake.core.fct_b set score = 9")
            connection.execute("drop table lake.core.dim_c")
            connection.execute("call ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("call ducklake_cleanup_old_files('lake', cleanup_all => true)")
        run_gate(copy, tables=["fct_a"], build_id=drill.pretend_build(copy))
    assert state(gated.settings) == before


@pytest.fixture
def gated_elsewhere(
    house: House,
    postgres_settings: Settings,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    """As `gated`, with catalog and store in PostgreSQL, and files in a folder or in S3."""
    there = request.getfixturevalue("s3_settings") if request.param == "s3" else postgres_settings
    kept = ("catalog", "store_url", "data_path")
    changes = {name: getattr(there, name) for name in kept}
    settings = house.settings.model_copy(update=changes)
    return _gated(House(settings), monkeypatch)


@pytest.mark.postgres
@pytest.mark.parametrize("gated_elsewhere", ["postgres", "s3"], indirect=True)
def test_a_drill_on_postgres_leaves_nothing_behind(
    gated_elsewhere: House, postgres_server: PostgresServer
) -> None:
    settings = gated_elsewhere.settings
    database = settings.catalog.partition("dbname=")[2].partition(" ")[0]

    def seen() -> tuple[object, ...]:
        with Lake(settings).current() as connection:
            files = connection.execute(
                f"from glob('{settings.data_path}/**') order by 1"
            ).fetchall()
        schemas = postgres_server.psql(database, "select nspname from pg_namespace order by 1")
        return Lake(settings).current_snapshot(), files, schemas

    # One that was killed has left its copy.
    left = f"drill_{zlib.crc32(b'public'):08x}_{uuid.uuid4().hex}"
    for name in (left, "drill_of_somebody"):
        postgres_server.psql(database, f"create schema {name} authorization gatehouse")
    assert run_drill(settings, fault="twice", seed=7).outcome == "caught"
    before = seen()
    assert left not in str(before[2])
    assert "drill_of_somebody" in str(before[2])
    assert before[1]
    with scratch_home(settings) as copy:
        assert copy.catalog_schema in str(seen()[2])
        with pytest.raises(GatehouseError, match="Another drill"), scratch_home(settings):
            pass
        with Lake(copy).writer("test") as connection:
            connection.execute("update lake.core.fct_b set score = 9")
            connection.execute("drop table lake.core.dim_c")
            # The lake's own writer does not wait for it.
            impatient = settings.model_copy(update={"lock_timeout_seconds": 0.3})
            with Lake(impatient).lock("test"):
                pass
        run_gate(copy, tables=["fct_a"], build_id=drill.pretend_build(copy))
        if copy.shared_files:
            with pytest.raises(GatehouseError, match="copy"):
                run_maintenance(copy)
    assert seen() == before


def test_the_command_exits_with_1_if_the_fault_was_not_caught(
    gated: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.proof.commands.Settings", lambda: gated.settings)
    shell = CliRunner()
    caught = shell.invoke(app, ["drill", "--fault", "twice"])
    assert caught.exit_code == 0
    assert "twice in core.fct_a: caught by fct_a" in caught.stdout
    missed = shell.invoke(app, ["drill", "--fault", "half"])
    assert isinstance(missed.exception, GatehouseError)
    listed = shell.invoke(app, ["drill", "--history"])
    assert "missed" in listed.stdout
    assert "caught" in listed.stdout


def test_every_fault_has_its_day_and_a_name_of_its_own() -> None:
    assert len({each.name for each in FAULTS}) == len(FAULTS)
    days = {fault_of(date.fromordinal(700_000 + n)) for n in range(len(FAULTS))}
    assert days == set(range(len(FAULTS)))
    assert fault_named(FAULTS[0].name) is FAULTS[0]


def test_faults_name_columns_that_the_tables_have() -> None:
    from gatehouse.gate.lineage import core_tables

    known = core_tables(Settings(project=PROJECT))
    for each in FAULTS:
        schema, _, table = each.relation.partition(".")
        assert schema == "raw" or table in known, each.name
        assert all(each.relation in statement for statement in each.sql)
