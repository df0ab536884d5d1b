from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.store import open_store, schema
from gatehouse.store.models import Base


def test_a_store_made_from_nothing_equals_the_models(any_settings: Settings) -> None:
    with open_store(any_settings).begin() as session:
        connection = session.connection()
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": schema.VERSION_TABLE}
        )
        assert compare_metadata(context, Base.metadata) == []
        for table in Base.metadata.tables.values():
            found = {
                check["name"] for check in inspect(connection).get_check_constraints(table.name)
            }
            named = {
                str(item.name) for item in table.constraints if str(item.name).startswith("ck_")
            }
            assert named <= found, table.name


def test_the_newest_file_is_the_newest_revision() -> None:
    with_scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert with_scripts.get_heads() == [schema.HEAD]


_OPENS = """
import sys, time
from gatehouse.settings import Settings
from gatehouse.store import open_store
settings = Settings.model_validate_json(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
open_store(settings)
"""


def test_several_processes_may_make_the_store_at_once(any_settings: Settings) -> None:
    start = str(time.time() + 3)
    command = [sys.executable, "-c", _OPENS, any_settings.model_dump_json(), start]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, said


def test_a_store_at_head_is_opened_without_alembic(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(settings)

    def fail(*_: object) -> None:
        raise AssertionError("migrated again")

    monkeypatch.setattr(schema, "_upgrade", fail)
    open_store(settings)


def test_a_store_newer_than_the_code_is_refused(settings: Settings) -> None:
    with open_store(settings).begin() as session:
        session.execute(text(f"update {schema.VERSION_TABLE} set version_num = '9999'"))
    with pytest.raises(GatehouseError, match="schema 9999"):
        open_store(settings)


def test_an_interrupted_migration_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    original = Operations.create_table

    def dies_late(self: Operations, name: str, *args: object, **options: object) -> object:
        if name == "published_versions":
            raise RuntimeError("pulled the plug")
        return original(self, name, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "create_table", dies_late)
        with pytest.raises(RuntimeError):
            open_store(settings)
    with open_store(settings).begin() as session:
        assert session.scalar(text("select count(*) from published_versions")) == 0


def test_a_wrong_password_is_not_shown(
    postgres_settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres_settings.store_url.replace("s3cret-pa55-word", "wr0ng-pa55-word")
    wrong = Settings(project=postgres_settings.project, home=tmp_path / "other", store_url=url)
    with pytest.raises(GatehouseError) as caught:
        open_store(wrong)
    assert "wr0ng" not in f"{caught.value} {caught.value.__cause__} {caplog.text}"
    assert caught.value.__suppress_context__
