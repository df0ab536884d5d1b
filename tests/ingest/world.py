"""What the tests of ingest share: a project with its own mappings, and the lake's content."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatehouse.ingest import IngestReport, run_ingest
from gatehouse.lake import Lake
from gatehouse.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
# What tells when and from where a row came, not what it says.
_LINEAGE = "file_id, row_number, ingested_at"

SHOP = """
source: shop
contract: events
description: Requests of a shop.
path: shop/**/*.{csv,jsonl,parquet}
format: {type: csv}
columns:
  event_id: id
  occurred_at: happened
  actor_id: who
  actor_type: "'user'"
  product_code: "'shop'"
  event_type: "'request'"
  outcome_code: how
"""


def make_project(folder: Path, mappings: Mapping[str, str]) -> Settings:
    """A project with the real contracts and these mappings, and a home of its own."""
    project = folder / "project"
    (project / "dbt_project").mkdir(parents=True)
    (project / "dbt_project" / "dbt_project.yml").touch()
    shutil.copytree(PROJECT / "expectations" / "inputs", project / "expectations" / "inputs")
    for name, text in mappings.items():
        write_mapping(project, name, text)
    settings = Settings(project=project, home=folder / "home", memory_limit="1GB")
    settings.landing.mkdir(parents=True)
    return settings


def write_mapping(project: Path, name: str, text: str) -> None:
    target = project / "sources" / f"{name}.yml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, "utf-8")


def put(settings: Settings, path: str, data: str | bytes) -> Path:
    target = settings.landing / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.encode() if isinstance(data, str) else data)
    return target


def query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    connection = Lake(settings).current()
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def content(settings: Settings, table: str = "events") -> list[str]:
    """The rows of a raw table without their lineage, sorted."""
    rows = query(
        settings,
        f"select to_json(raw_rows)::varchar from (select * exclude ({_LINEAGE}) "
        f"from lake.raw.{table}) as raw_rows order by 1",
    )
    return [row[0] for row in rows]


def assert_accounted(settings: Settings) -> None:
    """Rows in = loaded + quarantined + repeated + left out, and the tables say the same."""
    wrong = query(
        settings,
        "select source_id, path from lake.raw.files where rows_in <> "
        "rows_loaded + rows_quarantined + rows_repeated + rows_left_out",
    )
    assert wrong == []
    counted = query(
        settings,
        "select sum(rows_loaded)::bigint, sum(rows_quarantined)::bigint from lake.raw.files "
        "where source_id in (select source_id from lake.raw.events) or rows_loaded = 0",
    )
    events, refused = (
        query(settings, f"select count(*) from lake.raw.{table}")[0][0]
        for table in ("events", "quarantine")
    )
    assert counted == [(events, refused)]


def load(settings: Settings) -> IngestReport:
    return run_ingest(settings)


def jsonl(*rows: Mapping[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
