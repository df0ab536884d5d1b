"""A small dbt project with three core tables, and a lake that holds them."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT
from tests.store.factories import NOW, build_run

from gatehouse.gate.lineage import core_tables
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store

# fct_b is made from fct_a through an intermediate model; dim_c stands by itself.
_MODELS = {
    "core/fct_a": "select * from {{ source('raw', 'a') }}",
    "intermediate/int_a": "select * from {{ ref('fct_a') }}",
    "core/fct_b": "select * from {{ ref('int_a') }}",
    "core/dim_c": "select * from {{ source('raw', 'c') }}",
}
_YAML = """
sources:
  - name: raw
    schema: raw
    tables: [{name: a}, {name: c}]
models:
  - name: fct_a
    description: One row per a.
    columns: &columns
      - name: key
        data_type: varchar
        data_tests: [unique, not_null]
      - {name: score, data_type: double}
      - {name: day, data_type: date}
  - name: fct_b
    description: One row per b.
    columns:
      - name: key
        data_type: varchar
        data_tests:
          - unique
          - not_null
          - relationships:
              arguments: {to: ref('dim_c'), field: key}
              config: {severity: warn}
      - {name: score, data_type: double}
      - {name: day, data_type: date}
  - name: dim_c
    description: One row per c.
    columns: *columns
"""
_PROJECT = """
name: gatehouse
version: 0.1.0
profile: gatehouse
flags: {send_anonymous_usage_stats: false}
models:
  gatehouse:
    core: {+schema: core}
    intermediate: {+schema: intermediate}
"""


def suite(table: str, /, **changes: object) -> dict[str, object]:
    """A suite that the rows of `House.fill` keep."""
    return {
        "table": table,
        "owner": "data",
        "empty": {"when": "never", "reason": "always has rows"},
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "score", "min_value": 0, "max_value": 1},
                "severity": "critical",
                "meta": {"reason": "a score is a share", "owner": "data"},
            },
            {
                "type": "unexpected_rows_expectation",
                "name": "no day after 2030",
                "kwargs": {
                    "unexpected_rows_query": "select 1 from {batch} where day > '2030-01-01'"
                },
                "severity": "warning",
                "meta": {"reason": "nobody sees that far", "owner": "data"},
            },
        ],
    } | changes


@dataclass(frozen=True)
class House:
    """A home with its own small project."""

    settings: Settings

    def sql(self, *statements: str) -> int:
        """Write to the lake; returns the snapshot."""
        lake = Lake(self.settings)
        with lake.writer("test") as connection:
            for statement in statements:
                connection.execute(statement)
        return lake.current_snapshot()

    def fill(self, rows: int = 100) -> int:
        """Make the three tables and what they are made from, all fine."""
        values = (
            "select 'k' || range as key, (range % 100) / 100.0::double as score, "
            f"date '2024-01-01' + range::int as day from range({rows})"
        )
        return self.sql(
            *(f"create or replace table lake.raw.{name} as {values}" for name in ("a", "c")),
            *(
                f"create or replace table lake.core.{name} as {values}"
                for name in ("fct_a", "fct_b", "dim_c")
            ),
        )

    def built(
        self, snapshot_id: int, build_id: str = "b1", arrived_to: datetime | None = None
    ) -> str:
        """Record that a build made the snapshot, of the day that ends with its arrivals."""
        started = arrived_to or NOW + timedelta(seconds=snapshot_id)
        run = build_run(build_id, snapshot_id=snapshot_id, status="succeeded", started_at=started)
        if arrived_to is not None:
            run.interval_start_at = arrived_to - timedelta(days=1)
            run.interval_end_at = arrived_to
        with open_store(self.settings).begin() as session:
            session.add(run)
        return build_id

    def suite(self, table: str, **changes: object) -> None:
        """Write a suite."""
        path = self.settings.core_suites / f"{table}.yml"
        path.write_text(yaml.safe_dump(suite(table, **changes)), "utf-8")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    dbt = root / "dbt_project"
    for name, sql in _MODELS.items():
        path = dbt / "models" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql, "utf-8")
    (dbt / "models" / "models.yml").write_text(textwrap.dedent(_YAML), "utf-8")
    (dbt / "dbt_project.yml").write_text(textwrap.dedent(_PROJECT), "utf-8")
    shutil.copy(PROJECT / "dbt_project" / "profiles.yml", dbt)
    (dbt / "tests").mkdir()
    (dbt / "macros").mkdir()
    shutil.copy(PROJECT / "dbt_project" / "macros" / "generate_schema_name.sql", dbt / "macros")
    # Parsed once for all tests: what is parsed is kept by code version in the home.
    core_tables(Settings(project=root, home=root / "parsed"))
    return root


@pytest.fixture
def house(project: Path, tmp_path: Path) -> House:
    """An empty home; suites are its own."""
    own = tmp_path / "project"
    shutil.copytree(project / "dbt_project", own / "dbt_project")
    shutil.copytree(project / "parsed", tmp_path / "home")
    (own / "expectations" / "core").mkdir(parents=True)
    home = House(Settings(project=own, home=tmp_path / "home", memory_limit="2GB"))
    for table in ("fct_a", "fct_b", "dim_c"):
        home.suite(table)
    return home
