"""docker-compose.yml says nothing that does not exist, and gives no service more than it needs."""

from __future__ import annotations

from typing import Any

import pytest

from _compose import COMPOSE, read_compose
from gatehouse.settings import Settings

CONTENT = read_compose({"GATEHOUSE_ENGINE": "spark"})
SERVICES: dict[str, dict[str, Any]] = CONTENT["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "gatehouse:local"]
# Of the Compose specification, what is used here: a word that is misspelt is none of them.
_KNOWN = {
    *("build", "cap_add", "cap_drop", "command", "depends_on", "entrypoint", "environment"),
    *("healthcheck", "image", "ports", "profiles", "restart", "secrets", "security_opt"),
    *("user", "volumes"),
}
_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_whole(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= _KNOWN
    for needed, how in service.get("depends_on", {}).items():
        assert how["condition"] in _CONDITIONS
        is_job = SERVICES[needed]["restart"] == "no"
        assert is_job == (how["condition"] == "service_completed_successfully")
        assert is_job or "healthcheck" in SERVICES[needed]
    assert service["restart"] == "no" or service["healthcheck"]["test"][0] == "CMD"
    assert set(service.get("secrets", [])) <= set(CONTENT["secrets"])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in CONTENT["volumes"] or source.startswith(("./", "${"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    given = [*map(str, service.get("environment", {}).values()), *service.get("command", [])]
    # Passwords and keys come by file.
    assert not [text for text in given if "password=" in text.lower() or ":@" in text]
    assert not [n for n in service.get("environment", {}) if n in CONTENT["secrets"]]


def test_what_runs_our_code_is_not_root() -> None:
    parts = {"api-server", "scheduler", "dag-processor", "triggerer", "init"}
    assert parts | {"spark-master", "spark-worker"} == {*OURS}
    for name in OURS:
        lines = SERVICES[name]["build"]["dockerfile_inline"].splitlines()
        assert lines[-1] == "USER gatehouse"


def test_each_setting_is_one_that_gatehouse_knows() -> None:
    known = {f"GATEHOUSE_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        ours = {key for key in SERVICES[name]["environment"] if key.startswith("GATEHOUSE_")}
        assert ours <= known | {"GATEHOUSE_SECRETS"}


def test_a_cluster_is_started_only_for_whoever_builds_with_spark() -> None:
    apart = {name for name, service in SERVICES.items() if service.get("profiles")}
    assert apart == {"spark-master", "spark-worker"}
    # Who starts without the profile waits for none of it.
    others = [each for name, each in SERVICES.items() if name not in apart]
    assert not [each for each in others if apart & {*each.get("depends_on", {})}]
    assert read_compose()["services"]["scheduler"]["environment"]["GATEHOUSE_ENGINE"] == "duckdb"
    scheduler, worker = SERVICES["scheduler"], SERVICES["spark-worker"]
    assert scheduler["environment"] == worker["environment"]
    assert scheduler["environment"]["GATEHOUSE_ENGINE"] == "spark"
    assert scheduler["build"]["args"]["ENGINE"] == "spark"
    # They read and write the warehouse, which is in the home.
    assert {*scheduler["volumes"]} == {*worker["volumes"]}
    address = scheduler["environment"]["GATEHOUSE_SPARK_MASTER"]
    for name in apart:
        assert address in SERVICES[name]["command"]
        assert SERVICES[name]["secrets"] == ["SPARK_SECRET"]


def test_no_secret_gets_into_the_image_or_into_git() -> None:
    for file in (".dockerignore", ".gitignore"):
        lines = (COMPOSE.parent / file).read_text("utf-8").splitlines()
        assert {"secrets", "/secrets/"} & {*lines}
        assert ".env" in lines
