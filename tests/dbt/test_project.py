"""The dbt project as a whole: its unit tests, its conventions, what its contracts promise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatehouse.build.dbt import invoke_dbt, load_manifest
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from tests.conftest import PROJECT
from tests.dbt.project import Project

INTERVAL = {"interval_start": "2026-01-01", "interval_end": "2026-01-02"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    home = tmp_path_factory.mktemp("dbt") / "home"
    return Project(Settings(project=PROJECT, home=home, memory_limit="2GB"))


@pytest.fixture(scope="module")
def manifest(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = load_manifest(project.settings).writable_manifest().to_dict()
    return document


@pytest.mark.slow
def test_everything_builds_on_an_empty_lake_and_its_unit_tests_pass(project: Project) -> None:
    with Lake(project.settings).lock("a test"):
        result = invoke_dbt(project.settings, ["build"], variables=INTERVAL)
    failed = [f"{node.name}: {node.message}" for node in result.nodes if not node.ok]
    assert result.success, "\n".join(failed)
    kinds = {node.resource_type for node in result.nodes}
    assert {"model", "seed", "test", "unit_test"} <= {kind.lower() for kind in kinds}


def test_a_build_without_an_interval_is_refused(project: Project) -> None:
    with Lake(project.settings).lock("a test"):
        result = invoke_dbt(project.settings, ["run", "--select", "int_actors__arrived"])
    assert not result.success
    assert "interval_start is not set" in " ".join(node.message for node in result.nodes)


# What one engine alone understands. `macros/engine` has a dispatched form of what all need.
ONE_ENGINE = {
    "qualify": r"\bqualify\b",
    "a cast by ::": r"::",
    "a text of any length: text_type()": r"\bas (varchar|text|string)\b",
    "rows compared as one": r"(?<!\w)\([^()]*,[^()]*\)\s+is (not )?distinct from",
    "date_diff: days_between()": r"\bdate_diff\(",
    "shifted bits": r"<<|>>",
    # DuckDB divides them as doubles, Spark to six digits.
    "decimals: 0.5e0 is a double": r"(?<![\w.'])\d+\.\d+(?![\w.'])",
    "a frame of intervals: frame_of_days_before()": r"range between interval [^']",
    "string_agg: json_texts()": r"\b(string_agg|listagg|group_concat)\(",
}


def test_models_are_written_for_no_engine_alone() -> None:
    models = [*(PROJECT / "dbt_project" / "models").rglob("*.sql")]
    assert len(models) > 60
    found = [
        f"{path.name}: {what}"
        for path in models
        for what, pattern in ONE_ENGINE.items()
        if re.search(pattern, re.sub(r"--[^\n]*", "", path.read_text("utf-8")))
    ]
    assert found == []


def test_every_core_table_has_a_key_that_is_unique_and_never_null(manifest: dict[str, Any]) -> None:
    nodes = manifest["nodes"].values()
    unique = {
        (node["attached_node"], node["column_name"])
        for node in nodes
        # A test that is a file of its own has none.
        if (node.get("test_metadata") or {}).get("name") == "unique"
    }
    core = [n for n in nodes if n["resource_type"] == "model" and n["schema"] == "core"]
    assert len(core) == 17
    for model in core:
        key = next(iter(model["columns"].values()))
        assert key["description"].startswith("Primary key"), f"{model['name']}: {key['name']}"
        assert [c["type"] for c in key["constraints"]] == ["not_null"], model["name"]
        assert (model["unique_id"], key["name"]) in unique, model["name"]


def test_conventions_hold_on_the_manifest(
    manifest: dict[str, Any], tmp_path: Path, project: Project
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest, default=str), "utf-8")
    config = yaml.safe_load((PROJECT / "dbt-bouncer.yml").read_text("utf-8"))
    config["dbt_artifacts_dir"] = str(tmp_path)
    path = tmp_path / "dbt-bouncer.yml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "dbt-bouncer"), "run", "--config-file", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
