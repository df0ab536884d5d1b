"""Secrets by file, as Docker and Kubernetes give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings


def test_a_file_is_the_variable_of_its_name(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set and unset, so that what the settings put there is taken away at the end.
    monkeypatch.setenv("GATEHOUSE_STORE_URL", "")
    monkeypatch.delenv("GATEHOUSE_STORE_URL")
    monkeypatch.setenv("PGPASSWORD", "of the shell")
    monkeypatch.setenv("GATEHOUSE_SECRETS", str(tmp_path))
    for name, text in (
        ("GATEHOUSE_STORE_URL", "sqlite:///elsewhere.db\n"),
        ("PGPASSWORD", "of the file"),
        ("..data", "of Kubernetes, no secret"),
    ):
        (tmp_path / name).write_text(text)
    found = Settings(home=settings.home)
    assert found.store_url == "sqlite:///elsewhere.db"
    assert os.environ["PGPASSWORD"] == "of the shell"


def test_secrets_that_are_not_there_are_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOUSE_SECRETS", str(tmp_path / "nowhere"))
    with pytest.raises(GatehouseError) as caught:
        Settings(home=tmp_path)
    assert "GATEHOUSE_SECRETS" in str(caught.value.next_step)
