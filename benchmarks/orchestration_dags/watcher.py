"""The same build in Airflow by Cosmos in WATCHER mode: one dbt process, a task per model.

## Triage

Made for `benchmarks/orchestration.py` only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

_PROJECT = Path(os.environ["GATEHOUSE_PROJECT"]).resolve() / "dbt_project"
_GIVEN = json.loads((Path(os.environ["GATEHOUSE_HOME"]) / "watcher.json").read_text("utf-8"))

watcher = DbtDag(
    dag_id="watcher",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["benchmark"],
    doc_md=__doc__,
    project_config=ProjectConfig(
        dbt_project_path=_PROJECT,
        manifest_path=_GIVEN["manifest"],
        project_name="gatehouse",
        install_dbt_deps=False,
    ),
    profile_config=ProfileConfig(
        profile_name="gatehouse",
        target_name="lake",
        profiles_yml_filepath=_PROJECT / "profiles.yml",
    ),
    render_config=RenderConfig(
        load_method=LoadMode.DBT_MANIFEST,
        test_behavior=TestBehavior.NONE,
        exclude=["tag:detection"],
    ),
    execution_config=ExecutionConfig(
        execution_mode=ExecutionMode.WATCHER, invocation_mode=InvocationMode.DBT_RUNNER
    ),
    operator_args={
        "env": _GIVEN["environment"],
        "append_env": True,
        "vars": _GIVEN["variables"],
        "full_refresh": True,
        "install_deps": False,
    },
)
