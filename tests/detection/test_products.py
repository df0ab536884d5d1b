"""A failure that is one product's: the detections that can do without it go on with the others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gatehouse.detection import execute
from gatehouse.detection.compiled import Detection
from gatehouse.detection.inputs import read_inputs
from gatehouse.detection.replay import replay
from gatehouse.detection.report import DetectionResult
from gatehouse.gate.products import failed_products
from gatehouse.ingest import ensure_tables
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Rollback
from tests.detection.factories import CASES, NOW, SQL, certify, detection

_COLUMNS = {"fct_events": "product_code", "fct_actor_daily": "product_code"}
_SQL = SQL.replace("'p' as product_code", "product_code").replace(
    "group by actor_id, day", "group by actor_id, day, product_code"
)
_MONDAY = datetime(2026, 1, 5, 10, tzinfo=UTC)
_LATER = NOW + timedelta(hours=1)


def _subject(*, by_product: bool = True, reads: tuple[str, ...] = ("fct_events",)) -> Detection:
    cases = tuple(
        replace(
            each,
            given=tuple(
                replace(
                    given,
                    types={**given.types, "product_code": "varchar"},
                    rows=tuple({**row, "product_code": "p"} for row in given.rows),  # type: ignore[dict-item]
                )
                for given in each.given
            ),
        )
        for each in CASES
    )
    return detection(_SQL, reads=reads, cases=cases, by_product=by_product)


def _load(settings: Settings, *events: tuple[str, str], arrived_at: datetime) -> int:
    """Two events on one Monday of each (actor, product); returns the snapshot."""
    with Lake(settings).writer("a test") as connection:
        ensure_tables(connection)
        connection.execute(
            "create table if not exists lake.core.fct_events (actor_id varchar, "
            "product_code varchar, occurred_at timestamp, ingested_at timestamp)"
        )
        stamp = arrived_at.astimezone(UTC).replace(tzinfo=None)
        for actor, product in events:
            for hour in range(2):
                connection.execute(
                    "insert into lake.core.fct_events values (?, ?, ?, ?)",
                    [actor, product, _MONDAY + timedelta(hours=hour), stamp],
                )
    return Lake(settings).current_snapshot()


def _run(settings: Settings, subject: Detection | None = None) -> DetectionResult:
    subject = subject or _subject()
    store = open_store(settings)
    with store() as session:
        inputs = read_inputs(session, set(subject.reads), None, _COLUMNS)
    return execute._run_one(settings, store, subject, inputs, None)


def _found(settings: Settings) -> list[tuple[object, ...]]:
    connection = Lake(settings).current()
    return connection.execute(
        "select actor_id, product_code from lake.raw.findings order by all"
    ).fetchall()


@pytest.fixture
def broken_api(settings: Settings) -> int:
    """Certified without anybody; then rows of two products came, of which one failed."""
    certify(settings, _load(settings, arrived_at=NOW), covered_to=NOW)
    snapshot = _load(settings, ("a", "api"), ("b", "chat"), arrived_at=_LATER)
    certify(
        settings,
        snapshot,
        result="failed",
        publish=False,
        covered_to=_LATER + timedelta(seconds=1),
        failed_products=("api",),
    )
    return snapshot


def test_the_other_products_go_on_and_the_broken_one_waits(
    settings: Settings, broken_api: int
) -> None:
    result = _run(settings)
    assert (result.status, result.new) == ("succeeded", 1)
    assert "without api" in result.message
    assert _found(settings) == [("b", "chat")]


def test_what_was_left_out_is_looked_at_when_it_is_certified(
    settings: Settings, broken_api: int
) -> None:
    _run(settings)
    mended = _load(settings, ("c", "chat"), arrived_at=_LATER + timedelta(hours=1))
    certify(settings, mended, covered_to=_LATER + timedelta(hours=2))
    assert _run(settings).new == 2
    assert _found(settings) == [("a", "api"), ("b", "chat"), ("c", "chat")]


def test_a_finding_says_what_was_left_out_and_is_replayed_without_it(
    settings: Settings, broken_api: int
) -> None:
    _run(settings)
    connection = Lake(settings).current()
    key, parameters, certificates = connection.execute(
        "select finding_key, parameters, certificate_ids from lake.raw.findings"
    ).fetchall()[0]
    assert json.loads(parameters)["left_out"] == {
        "fct_events": {"column": "product_code", "values": ["api"]}
    }
    assert json.loads(certificates)["fct_events"].endswith("failed")
    assert replay(settings, key).same


def test_one_that_looks_across_products_waits(settings: Settings, broken_api: int) -> None:
    result = _run(settings, _subject(by_product=False))
    assert result.status == "held"
    assert _found(settings) == []


def test_what_a_person_took_back_is_not_read_in_part(settings: Settings, broken_api: int) -> None:
    with open_store(settings).begin() as session:
        session.add(
            Rollback(
                rollback_id="r",
                table_name="fct_events",
                root_table_name="fct_events",
                from_snapshot_id=broken_api,
                to_snapshot_id=broken_api - 1,
                reason="looks wrong",
                person_name="on-call",
                created_at=NOW,
            )
        )
    assert _run(settings).status == "held"


@pytest.mark.parametrize("products", [(), None], ids=["all of them", "no check that says whose"])
def test_a_failure_of_all_holds(settings: Settings, products: tuple[str, ...] | None) -> None:
    certify(settings, _load(settings, arrived_at=NOW), covered_to=NOW)
    snapshot = _load(settings, ("b", "chat"), arrived_at=_LATER)
    certify(settings, snapshot, result="failed", publish=False, failed_products=products)
    assert _run(settings).status == "held"


def test_a_product_is_left_out_of_all_that_is_read(settings: Settings, broken_api: int) -> None:
    """Half a product, its events without its days, would make everybody of it unusual."""
    with Lake(settings).writer("a test") as connection:
        connection.execute("create table lake.core.fct_actor_daily as from lake.core.fct_events")
    snapshot = Lake(settings).current_snapshot()
    later = _LATER + timedelta(seconds=1)
    certify(settings, snapshot, table="fct_actor_daily", covered_to=later)
    store, subject = open_store(settings), _subject(reads=("fct_events", "fct_actor_daily"))
    with store() as session:
        inputs = read_inputs(session, set(subject.reads), None, _COLUMNS)
    read = execute.by_product(subject, inputs)
    assert {name: each.left_out for name, each in read.items()} == {
        "fct_actor_daily": ("api",),
        "fct_events": ("api",),
    }


def _seen(result: str = "failed", **observed: object) -> tuple[str, dict[str, object]]:
    return result, observed


def test_only_what_every_failed_check_names_is_one_products() -> None:
    api, image = _seen(products=["api"]), _seen(products=["image"])
    assert failed_products("failed", [], [api, image, _seen("passed")]) == {"api", "image"}
    assert not failed_products("failed", [], [api, _seen()])
    assert not failed_products("failed", [], [api, _seen("could_not_check", products=["api"])])
    # Nothing is known of it; or of what it is made from.
    assert not failed_products("could_not_check", [], [_seen("passed")])
    assert not failed_products("failed", ["fct_events"], [api])


def test_only_rows_of_the_broken_product_is_held_not_nothing_new(settings: Settings) -> None:
    certify(settings, _load(settings, arrived_at=NOW), covered_to=NOW)
    assert _run(settings).status == "nothing_new"
    snapshot = _load(settings, ("a", "api"), arrived_at=_LATER)
    later = _LATER + timedelta(seconds=1)
    certify(
        settings,
        snapshot,
        result="failed",
        publish=False,
        covered_to=later,
        failed_products=("api",),
    )
    result = _run(settings)
    assert (result.status, result.found) == ("held", 0)
    assert "of api only" in result.message
