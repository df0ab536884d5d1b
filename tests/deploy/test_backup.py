"""The guide's commands of backup and restore, on both kinds of homes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gatehouse.gate import certified_versions, open_certified
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import PublishedVersion
from tests.conftest import PROJECT
from tests.store.factories import NOW, certificate

_GUIDE = PROJECT / "docs" / "guides" / "deploy.md"
_LATER = NOW.replace(year=2999)


@pytest.mark.parametrize("kind", ["embedded", pytest.param("deployed", marks=pytest.mark.postgres)])
def test_what_was_certified_then_is_read_again(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tool = "sqlite3" if kind == "embedded" else "pg_dump"
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool}, which the guide's commands need")
    name = "settings" if kind == "embedded" else "postgres_settings"
    settings: Settings = request.getfixturevalue(name)
    backup = tmp_path / "backup"
    _certify(settings, "first", rows=5000)
    then = certified_versions(settings)
    _run(f"backup: {kind}", settings, backup)
    files = Path(settings.data_path)
    if kind == "deployed":
        shutil.copytree(files, backup / "files")
    _certify(settings, "second", rows=7000)
    assert _rows(settings) == 7000
    _run(f"restore: {kind}", settings, backup)
    if kind == "deployed":
        shutil.rmtree(files)
        shutil.copytree(backup / "files", files)
    assert certified_versions(settings) == then
    assert _rows(settings) == 5000
    # And the lake goes on from there.
    _certify(settings, "third", rows=6000)
    assert _rows(settings) == 6000


def _certify(settings: Settings, name: str, *, rows: int) -> None:
    lake = Lake(settings)
    with lake.writer("a test") as connection:
        connection.execute(
            f"create or replace table lake.core.t as select range as key from range({rows})"
        )
    snapshot = lake.current_snapshot()
    with open_store(settings).begin() as session:
        session.add(certificate(name, table_name="t", snapshot_id=snapshot, expires_at=_LATER))
        session.flush()
        session.merge(
            PublishedVersion(
                table_name="t", certificate_id=name, snapshot_id=snapshot, published_at=NOW
            )
        )


def _rows(settings: Settings) -> int:
    with open_certified(settings) as connection:
        return int(connection.sql("select count(*) from t").fetchall()[0][0])


def _run(block: str, settings: Settings, backup: Path) -> None:
    """Run a block of the guide as somebody would who pasted it."""
    text = _GUIDE.read_text("utf-8")
    found = re.search(rf"<!-- {block} -->\n```\n(.*?)```", text, re.DOTALL)
    assert found is not None
    own = {"GATEHOUSE_HOME": str(settings.home), "BACKUP": str(backup)}
    if settings.catalog.startswith("postgres:"):
        own["STORE"] = settings.store_url.replace("+psycopg", "")
        own["CATALOG"] = settings.catalog.removeprefix("postgres:")
    done = subprocess.run(
        ["/bin/bash", "-euc", found[1]],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
