from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.errors import GatehouseError
from gatehouse.ingest import run_ingest
from gatehouse.orchestrate.pipeline import _require_landing, _simulate, _with_landing
from gatehouse.settings import Settings


def test_the_folder_given_is_the_landing_folder_of_that_airflow(tmp_path: Path) -> None:
    settings = _with_landing(Settings(home=tmp_path), tmp_path / "logs")
    assert settings.landing == tmp_path / "logs"
    with pytest.raises(GatehouseError, match="no landing folder"):
        _require_landing(settings)


def test_nothing_is_simulated_beside_rows_of_somebodys_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", landing=tmp_path / "landing")
    logins = settings.landing / "logins" / "a.csv"
    logins.parent.mkdir(parents=True)
    logins.write_text("login_id,occurred_at,actor_id\n1,2026-01-01 00:00:00,a\n")
    run_ingest(settings)
    logins.unlink()
    logins.parent.rmdir()
    assert _simulate(settings, lambda _line: None) == 0
    assert list(settings.landing.iterdir()) == []
