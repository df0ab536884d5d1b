from __future__ import annotations

import importlib
import json
import stat
from pathlib import Path

import pytest

from gatehouse.orchestrate.environment import (
    airflow_environment,
    airflow_home,
    fingerprint,
    password_of,
)
from gatehouse.settings import Settings


def test_everything_airflow_writes_lies_below_the_home(tmp_path: Path) -> None:
    environment = airflow_environment(Settings(home=tmp_path))
    for name in (
        "AIRFLOW_HOME",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    ):
        assert str(tmp_path) in environment[name], name


def test_two_homes_share_no_port_secret_or_password(tmp_path: Path) -> None:
    one = Settings(home=tmp_path / "one", api_port=9000)
    two = Settings(home=tmp_path / "two", api_port=9010)
    first, second = airflow_environment(one), airflow_environment(two)
    ports = [
        environment[name]
        for environment in (first, second)
        for name in environment
        if name.startswith("AIRFLOW") and name.endswith("PORT")
    ]
    assert len(ports) == len(set(ports)) == 6
    assert first["AIRFLOW__API_AUTH__JWT_SECRET"] != second["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert password_of(one, "admin") != password_of(two, "admin")


def test_the_api_listens_on_loopback_by_default(tmp_path: Path) -> None:
    assert airflow_environment(Settings(home=tmp_path))["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = airflow_environment(settings)
    assert airflow_environment(settings) == first
    home = airflow_home(settings)
    for path in (home.passwords, home.secrets):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_login_is_asked_for_and_roles_differ(tmp_path: Path) -> None:
    environment = airflow_environment(Settings(home=tmp_path))
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    users = environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    assert users == "admin:admin,steward:op,analyst:viewer"


def test_an_airflow_of_the_users_own_does_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", "http://alerts")
    environment = airflow_environment(Settings(home=tmp_path))
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__CELERY__BROKER_URL" not in environment
    assert environment["AIRFLOW_CONN_ALERTS"] == "http://alerts"


def test_tasks_get_the_settings_of_this_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, memory_limit="3GB", certificate_days=3)
    for name, value in airflow_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_a_changed_setting_changes_the_fingerprint(tmp_path: Path) -> None:
    before = fingerprint(airflow_environment(Settings(home=tmp_path)))
    assert fingerprint(airflow_environment(Settings(home=tmp_path))) == before
    after = fingerprint(airflow_environment(Settings(home=tmp_path, memory_limit="3GB")))
    assert after != before


def test_lineage_is_off_unless_somebody_takes_its_events(tmp_path: Path) -> None:
    assert airflow_environment(Settings(home=tmp_path))["AIRFLOW__OPENLINEAGE__DISABLED"] == "True"


def test_lineage_goes_to_the_transport_given_past_what_keeps_errors_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"type": "http", "url": "https://lineage.example"}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(given))
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__EXTRACTORS", "other.Extractor")
    environment = airflow_environment(Settings(home=tmp_path))
    assert "AIRFLOW__OPENLINEAGE__DISABLED" not in environment
    transport = json.loads(environment["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert transport["transport"] == given
    named = [
        transport["transformer_class"],
        environment["AIRFLOW__OPENLINEAGE__EXTRACTORS"].split(";")[1],
    ]
    for path in named:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
    # The supervisor makes its environment from one that was made here.
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    again = airflow_environment(Settings(home=tmp_path))
    assert {k: v for k, v in again.items() if "OPENLINEAGE" in k} == {
        k: v for k, v in environment.items() if "OPENLINEAGE" in k
    }
