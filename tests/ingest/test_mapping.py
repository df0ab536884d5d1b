"""A wrong mapping is refused with the place and the reason, before any file is read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from gatehouse.errors import GatehouseError
from gatehouse.ingest.expressions import ExpressionError, fields_of
from gatehouse.ingest.globs import glob_pattern
from gatehouse.ingest.sources import check_sources
from gatehouse.settings import Settings
from tests.ingest.world import SHOP, make_project


def test_every_shipped_mapping_binds_to_its_contract(settings: Settings) -> None:
    rows = check_sources(settings)
    assert {"web_access", "auth", "ratings", "llm_trace", "events"} <= {r["source"] for r in rows}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("contract: events", "contract: nothing", "there is no nothing", id="contract"),
        pytest.param("  actor_id: who\n", "", "requires actor_id", id="required"),
        pytest.param("actor_id: who", "actr: who", "actr", id="unknown-column"),
        pytest.param("actor_id: who", "actor_id: who +", "columns.actor_id", id="syntax"),
        pytest.param("actor_id: who", "actor_id: now()::text", "the row alone", id="clock"),
        pytest.param("actor_id: who", "actor_id: (select 1)", "subquery", id="subquery"),
        pytest.param("actor_id: who", "actor_id: 1) from x --", "expression", id="injection"),
        pytest.param(
            "actor_id: who", "actor_id: nonsense(who)", "columns.actor_id: .*nonsense", id="call"
        ),
        pytest.param(
            "source: shop",
            "source: shop\nfilter: {name: x, keep: absent(who)}",
            "filter.keep: .*absent",
            id="filter",
        ),
        pytest.param("type: csv", "type: csv, delimitr: x", "delimitr", id="misspelt-key"),
        pytest.param("type: csv", "type: text", "pattern", id="no-pattern"),
        pytest.param("path: shop", "path: ../shop", "leaves the landing folder", id="path"),
        pytest.param("source: shop", "source: shop\ntimezone: Mars/North", "Mars", id="timezone"),
        pytest.param("  event_id: id\n", "", "identity", id="identity"),
        pytest.param("source: shop", "source: store", "file's name", id="name"),
        pytest.param("source: shop", "source: [", "not YAML", id="yaml"),
    ],
)
def test_wrong_mapping_names_what_is_wrong(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SHOP
    settings = make_project(tmp_path, {"shop": SHOP.replace(old, new, 1)})
    with pytest.raises(GatehouseError, match=message) as error:
        check_sources(settings)
    assert "shop.yml" in str(error.value)


@pytest.mark.parametrize(
    "expression",
    [
        *("age(a)", "a.age()", "get_current_time()", "now()", "version()", "ago(a)", "uuidv7()"),
        *("current_localtimestamp()", "Random()", "write_log(a)", "pg_sleep(a)", "list_shuffle(a)"),
        "list_transform([a], lambda x: x || random())",
    ],
)
def test_an_expression_over_more_than_the_row_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="the row alone"):
        fields_of(expression)


def test_no_function_that_duckdb_calls_volatile_is_let_through() -> None:
    rows = duckdb.execute(
        "select distinct function_name from duckdb_functions() "
        "where function_type = 'scalar' and stability <> 'CONSISTENT'"
    ).fetchall()
    assert len(rows) > 20
    for (name,) in rows:
        with pytest.raises(ExpressionError):
            fields_of(f"{name}()")


def test_expressions_over_the_row_are_not_refused() -> None:
    text = "date_part('year', age(a, b)) + list_sum(list_transform([c], lambda x: nullif(x, 0)))"
    assert fields_of(text) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("a/**/*.csv", "a/b.csv", True),
        ("a/**/*.csv", "a/x/y/b.csv", True),
        ("a/*.csv", "a/x/b.csv", False),
        ("a/*.{csv,csv.gz}", "a/b.csv.gz", True),
        ("a/*.csv", "a/b.csv\n", False),
        ("a/?.csv", "a/bb.csv", False),
        ("a/[x].csv", "a/[x].csv", True),
    ],
)
def test_globs(glob: str, path: str, matches: bool) -> None:
    assert bool(glob_pattern(glob).match(path)) is matches
