"""What every DAG must keep to, whoever writes the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
FILES = sorted((PROJECT / "dags").glob("*.py"))
# A DAG file is parsed again and again, and by every task of it: none of these belongs there.
HEAVY = {"dbt", "duckdb", "great_expectations", "numpy", "pandas", "pyarrow", "scipy"}
LINES = 120

_DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
def names(condition):
    if condition is None:
        return []
    if hasattr(condition, "objects"):
        return [name for each in condition.objects for name in names(each)]
    return [condition.name]
bag = DagBag(sys.argv[1])
dags = {}
for dag in bag.dags.values():
    dags[dag.dag_id] = {
        "file": dag.fileloc, "doc": dag.doc_md or "", "tags": sorted(dag.tags),
        "catchup": dag.catchup, "max_active_runs": dag.max_active_runs,
        "timeout": dag.dagrun_timeout is not None,
        "tasks": {
            t.task_id: {
                "owner": t.owner, "retries": t.retries,
                "outlets": [o.name for o in t.outlets],
                "tells": bool(t.on_failure_callback and t.on_success_callback),
            } for t in dag.tasks
        },
        "schedule": names(getattr(dag.timetable, "asset_condition", None)),
    }
errors = {str(path): text for path, text in bag.import_errors.items()}
print("DAGS" + json.dumps({"dags": dags, "errors": errors}))
"""

_IMPORTS = """
import json, sys
import airflow.sdk, airflow.sdk.definitions.dag
before = set(sys.modules)
import importlib.util
spec = importlib.util.spec_from_file_location("dag_under_test", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print("NEW" + json.dumps(sorted({n.partition(".")[0] for n in set(sys.modules) - before})))
"""


def _run(code: str, argument: Path, home: Path, mark: str) -> Any:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "none"),
        "PYTHONPATH": str(PROJECT / "plugins"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(argument)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith(mark))
    return json.loads(line.removeprefix(mark))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    found: dict[str, Any] = _run(_DESCRIBE, PROJECT / "dags", home, "DAGS")
    return found


def test_every_file_imports(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}


def test_one_dag_a_file_and_it_has_its_name(bag: dict[str, Any]) -> None:
    assert {i: Path(d["file"]).stem for i, d in bag["dags"].items()} == {
        path.stem: path.stem for path in FILES
    }


def test_run_knows_every_dag() -> None:
    from gatehouse.orchestrate.client import DAGS

    assert set(DAGS) == {path.stem for path in FILES}


def test_doc_says_what_to_do_when_it_is_red(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for part in ("**Inputs**", "**Outputs**", "## Triage", "Clear or re-trigger?"):
            assert part in dag["doc"], f"{dag_id} has no {part!r}"


def test_tags_name_domain_and_impact(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        kinds = {tag.partition(":")[0] for tag in dag["tags"]}
        assert kinds >= {"domain", "impact"}, f"{dag_id} has only {dag['tags']}"


def test_runs_are_bounded(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        bounds = (dag["catchup"], dag["max_active_runs"], dag["timeout"])
        assert bounds == (False, 1, True), f"{dag_id} has {bounds}"


def test_tasks_have_an_owner_and_retries(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] != "airflow", f"{dag_id}.{task_id} has no owner"
            assert task["retries"] >= 2, f"{dag_id}.{task_id} has {task['retries']} retries"


def test_a_task_that_fails_opens_an_incident(bag: dict[str, Any]) -> None:
    silent = {
        f"{dag_id}.{task_id}"
        for dag_id, dag in bag["dags"].items()
        for task_id, task in dag["tasks"].items()
        if not task["tells"]
    }
    # It is red because a table is held, which the gate has told already.
    assert silent == {"build_core.all_certified"}


def test_no_two_tasks_write_one_asset(bag: dict[str, Any]) -> None:
    writers = Counter(
        outlet
        for dag in bag["dags"].values()
        for task in dag["tasks"].values()
        for outlet in task["outlets"]
    )
    assert writers == {"new_raw": 1, "new_certified": 1, "new_findings": 1}


def test_assets_link_the_dags_in_data_flow_order(bag: dict[str, Any]) -> None:
    schedules = {dag_id: set(dag["schedule"]) for dag_id, dag in bag["dags"].items()}
    assert schedules == {
        "ingest_landing": {"landing"},
        "build_core": {"raw", "findings"},
        "detect_abuse": {"certified"},
        "maintain_lake": set(),
        "watch_alerts": set(),
        "drill_gates": set(),
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_imports_nothing_heavy(path: Path, tmp_path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES
    new = set(_run(_IMPORTS, path, tmp_path, "NEW"))
    assert new & HEAVY == set()
