"""A reader must notice what no reader may see; a small case of `make measure NAME=readers`."""

from __future__ import annotations

import importlib
import json
import random
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gatehouse.gate.published import published_versions
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from tests.detection.factories import certify

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module("_reader"), importlib.import_module("readers")


def _write(settings: Settings, *statements: str) -> int:
    with Lake(settings).writer("a test") as connection:
        for statement in statements:
            connection.execute(statement)
    return Lake(settings).current_snapshot()


@pytest.fixture
def lake(settings: Settings) -> Settings:
    """Three tables that agree with each other, certified."""
    first = _write(
        settings,
        "create table lake.core.fct_events as select 'a' as actor_id from range(3)",
        "create table lake.core.fct_actor_daily as select 'a' as actor_id, 3 as event_count",
        "create table lake.core.dim_products as select 'p' as product_code",
    )
    for table in ("fct_events", "fct_actor_daily", "dim_products"):
        certify(settings, first, table=table)
    return settings


def _read(tools: tuple[ModuleType, ModuleType], settings: Settings) -> dict[str, Any]:
    seen = tools[0].Seen()
    tools[0].read_once(settings, random.Random(1), seen)  # noqa: S311
    found: dict[str, Any] = json.loads(json.dumps(asdict(seen)))
    return found


def _wrong(
    tools: tuple[ModuleType, ModuleType], settings: Settings, seen: dict[str, Any]
) -> dict[str, int]:
    shown = {table: each.snapshot_id for table, each in published_versions(settings).items()}
    house = tools[1].House(settings, [], states=[shown])
    return {name: len(found) for name, found in tools[1].wrongs(house, [seen]).items()}


def test_what_is_certified_is_read_and_nothing_is_wrong(
    tools: tuple[ModuleType, ModuleType], lake: Settings
) -> None:
    seen = _read(tools, lake)
    assert (seen["errors"], seen["sessions"], seen["compared"]) == ({}, 1, 2)
    assert set(_wrong(tools, lake, seen).values()) == {0}


def test_what_no_reader_may_see_is_noticed(
    tools: tuple[ModuleType, ModuleType], lake: Settings
) -> None:
    """A version on show that failed, tables that disagree, and a state nobody committed."""
    bad = _write(lake, "insert into lake.core.fct_events values ('b')")
    for table in ("fct_events", "fct_actor_daily"):
        certify(lake, bad, table=table, result="failed")
    seen = _read(tools, lake)
    assert len(seen["disagreements"]) == 2
    wrong = _wrong(tools, lake, seen)
    assert wrong["versions read that were not certified"] == 2
    assert wrong["queries whose tables disagreed"] == 2
    seen["states"] = [{"fct_events": bad}]
    seen["contents"] = {f"fct_events@{bad}": ["1:1"]}
    wrong = _wrong(tools, lake, seen)
    assert wrong["sets of versions that were never on show together"] == 1
    assert wrong["versions that did not read as their snapshot"] == 1


def test_an_error_of_a_reader_is_kept(
    tools: tuple[ModuleType, ModuleType], settings: Settings
) -> None:
    assert list(_read(tools, settings)["errors"]) == ["GatehouseError"]
