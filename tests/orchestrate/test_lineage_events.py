"""What events tell, from runs that the real rooms recorded; written to JSON and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run
from openlineage.client.serde import Serde
from sqlalchemy import select

from gatehouse.detection import execute
from gatehouse.detection.inputs import read_inputs
from gatehouse.errors import GatehouseError
from gatehouse.gate import run_gate
from gatehouse.gate.results import CERTIFYING
from gatehouse.gate.waivers import waive
from gatehouse.ingest import run_ingest
from gatehouse.orchestrate import lineage_events, lineage_notes
from gatehouse.orchestrate.lineage_events import built, detected, gated, loaded, namespace
from gatehouse.orchestrate.lineage_provider import StageExtractor, WithoutErrorText
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck, DetectionRun
from tests.detection.factories import NOW, certify, detection, load_events
from tests.gate.conftest import House, house, project
from tests.ingest.world import SHOP, make_project, put
from tests.orchestrate.events import assertions, certificates, inputs, outputs
from tests.store.factories import build_node, certificate

# The small project of the gate's tests.
__all__ = ["house", "project"]

RUN_ID = "0190a3c1-7b6e-7f00-8000-000000000000"
RANGE = "expect_column_values_to_be_between(score)"


def _event(lineage: OperatorLineage) -> dict[str, Any]:
    """As it is sent: JSON of openlineage-python's own making."""
    event = RunEvent(
        eventTime=NOW.isoformat(),
        producer="https://example.org/tests",
        run=Run(RUN_ID, facets=lineage.run_facets),
        job=Job("tests", "build_core.gate"),
        eventType=RunState.COMPLETE,
        inputs=lineage.inputs,
        outputs=lineage.outputs,
    )
    found: dict[str, Any] = json.loads(Serde.to_json(event))
    return found


def _gated(house: House, snapshot_id: int) -> dict[str, Any]:
    report = run_gate(house.settings, snapshot_id=snapshot_id)
    return _event(gated(house.settings, [each.certificate_id for each in report.tables]))


def _certificates(house: House, event: dict[str, Any]) -> dict[str, Certificate]:
    ids = certificates(event)
    with open_store(house.settings)() as session:
        rows = session.scalars(
            select(Certificate).where(Certificate.certificate_id.in_(ids.values()))
        ).all()
        for row in rows:
            assert row.checks is not None
    return {row.table_name: row for row in rows}


def test_a_gate_tells_of_each_table_what_its_certificate_says(house: House) -> None:
    snapshot = house.fill()
    event = _gated(house, snapshot)
    found = inputs(event)
    assert sorted(found) == ["core.dim_c", "core.fct_a", "core.fct_b"]
    assert event["outputs"] == []
    table: Any = found["core.fct_b"]
    assert [(each.name, each.type) for each in table.facets["schema"].fields] == [
        ("key", "varchar"),
        ("score", "double"),
        ("day", "date"),
    ]
    assert table.facets["version"].datasetVersion == str(snapshot)
    assert [each.name for each in table.facets["ownership"].owners] == ["data"]
    assert table.inputFacets["dataQualityMetrics"].rowCount == 100
    for name, row in _certificates(house, event).items():
        told = table.inputFacets if name == "fct_b" else found[f"core.{name}"].inputFacets
        first, *checks = told["dataQualityAssertions"].assertions
        assert (first.assertion, first.success, first.actual) == ("certified", True, "passed")
        assert first.params["certificate_id"] == row.certificate_id
        assert [(each.assertion, each.column, each.success) for each in checks] == [
            (check.name, check.column_name, True) for check in row.checks
        ]
        assert {each.severity for each in checks} == {"error", "warn"}


def _held_if_and_only_if_an_error_has_failed(house: House, event: dict[str, Any]) -> None:
    found = inputs(event)
    for name, row in _certificates(house, event).items():
        told = assertions(found[f"core.{name}"]).values()
        broken = [each for each in told if each.severity == "error" and not each.success]
        assert bool(broken) == (row.result not in CERTIFYING), name


def test_a_table_that_fails_and_one_that_it_holds_tell_so(house: House) -> None:
    before = _gated(house, house.fill())
    event = _gated(
        house,
        house.sql("update lake.core.fct_a set key = 'who@x', score = 7.25 where key = 'k1'"),
    )
    _held_if_and_only_if_an_error_has_failed(house, event)
    cause = assertions(inputs(event)["core.fct_a"])[RANGE]
    assert (cause.success, cause.column, cause.actual) == (False, "score", "failed")
    told = assertions(inputs(event)["core.fct_b"])
    assert told["certified"].actual == "failed"
    assert told["certified"].params["held_by"] == ["fct_a"]
    assert {each.success for name, each in told.items() if name != "certified"} == {True}
    # No value of a row.
    assert "who@" not in json.dumps(event)
    assert "7.25" not in json.dumps(event)
    # The gate before still tells its own.
    ids = list(certificates(before).values())
    assert _event(gated(house.settings, ids)) == before


def test_what_could_not_be_checked_or_counted_is_no_success(house: House) -> None:
    house.fill()
    event = _gated(house, house.sql("drop table lake.core.fct_a"))
    _held_if_and_only_if_an_error_has_failed(house, event)
    found = inputs(event)["core.fct_a"]
    told = assertions(found)
    assert told["certified"].actual == "could_not_check"
    assert "could_not_check" in {each.actual for name, each in told.items() if name != "certified"}
    assert not any(each.success for each in told.values() if each.actual == "could_not_check")
    assert "dataQualityMetrics" not in (found.inputFacets or {})


def test_a_warning_that_failed_holds_nothing(house: House) -> None:
    house.fill()
    event = _gated(house, house.sql("delete from lake.core.dim_c where key = 'k7'"))
    _held_if_and_only_if_an_error_has_failed(house, event)
    told = assertions(inputs(event)["core.fct_b"]).values()
    assert [each.severity for each in told if not each.success] == ["warn"]


def test_an_empty_table_is_certified_and_none_of_its_checks_a_success(
    house: House,
) -> None:
    house.fill()
    house.suite("dim_c", empty={"when": "always", "reason": "no c may have come yet"})
    told = assertions(inputs(_gated(house, house.sql("delete from lake.core.dim_c")))["core.dim_c"])
    assert told.pop("certified").success
    assert {(each.success, each.actual, each.severity) for each in told.values()} == {
        (False, "no_data", "warn")
    }


def test_a_waived_check_has_failed_and_does_not_decide(house: House) -> None:
    house.fill()
    bad = house.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'")
    run_gate(house.settings, snapshot_id=bad)
    (made,) = waive(house.settings, "fct_a", RANGE, reason="WHY Jane", days=2)
    event = _gated(house, bad)
    told = assertions(inputs(event)["core.fct_a"])
    assert told["certified"].success
    assert (told[RANGE].success, told[RANGE].severity) == (False, "warn")
    assert told[RANGE].params["waiver_id"] == made["waiver_id"]
    assert "WHY" not in json.dumps(event)


def test_a_hostile_name_of_a_check_is_plain_text(house: House) -> None:
    name = 'a "name"\n\x00\x1b[31m {{ 7 * 7 }} </script> \u202e\u00fc'
    with open_store(house.settings).begin() as session:
        session.add(_certificate_with(name))
    assert name in assertions(inputs(_event(gated(house.settings, ["c1"])))["core.fct_a"])


def _certificate_with(name: str) -> Certificate:
    check = CertificateCheck(
        position=0, tool="gx", name=name, severity="critical", result="passed", observed={}
    )
    return certificate("c1", table_name="fct_a", checks=[check])


def test_a_build_tells_the_tables_it_made_and_the_raw_ones_they_come_from(
    house: House,
) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    with open_store(house.settings).begin() as session:
        for name, status in {"fct_a": "success", "dim_c": "error", "int_a": "success"}.items():
            session.add(build_node(name, status))
    event = _event(built(house.settings, ["b1"]))
    made = outputs(event)
    assert list(made) == ["core.fct_a"]
    table: Any = made["core.fct_a"]
    assert [each.name for each in table.facets["lineage"].inputs] == ["raw.a"]
    assert table.facets["version"].datasetVersion == str(snapshot)
    assert list(inputs(event)) == ["raw.a"]


def test_a_load_tells_what_its_ledger_says(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    put(settings, "shop/1.csv", "id,happened,who,how\n1,2026-01-01 10:00:00,a,ok\n")
    before = run_ingest(settings)
    put(
        settings,
        "shop/2.csv",
        "id,happened,who,how\n2,2026-01-01 11:00:00,SECRET,ok\n3,never,SECRET,ok\n",
    )
    report = run_ingest(settings)
    event = _event(loaded(settings, [report.load_id]))
    made: Any = outputs(event)
    rows = {name: each.outputFacets["outputStatistics"].rowCount for name, each in made.items()}
    assert rows == {"raw.events": 1, "raw.quarantine": 1, "raw.files": 1}
    columns = {each.name: each.type for each in made["raw.events"].facets["schema"].fields}
    assert columns["occurred_at"] == "timestamp"
    first: Any = outputs(_event(loaded(settings, [before.load_id])))["raw.events"]
    versions = [each.facets["version"].datasetVersion for each in (first, made["raw.events"])]
    assert int(versions[0]) < int(versions[1])
    assert list(inputs(event)) == ["landing"]
    assert "SECRET" not in json.dumps(event)
    assert str(tmp_path) not in json.dumps(event)
    # Nothing new: nothing was read or written.
    assert _event(loaded(settings, [run_ingest(settings).load_id]))["outputs"] == []


def test_a_detection_tells_the_certified_versions_it_read(house: House) -> None:
    settings = house.settings
    monday = ("a", "2026-01-05 10:00:00"), ("a", "2026-01-05 11:00:00")
    snapshot = load_events(settings, *monday, arrived_at=NOW)
    made = certify(settings, snapshot)
    load_events(settings, ("b", "2026-01-05 10:00:00"), arrived_at=NOW)
    store = open_store(settings)
    with store() as session:
        read = read_inputs(session, {"fct_events"})
    result = execute._run_one(settings, store, detection(), read, None)
    event = _event(detected(settings, [result.run_id]))
    table: Any = inputs(event)["core.fct_events"]
    assert table.facets["version"].datasetVersion == str(snapshot)
    assert certificates(event) == {"fct_events": made}
    findings: Any = outputs(event)["raw.findings"]
    assert findings.outputFacets["outputStatistics"].rowCount == result.new == 1
    assert int(findings.facets["version"].datasetVersion) > snapshot
    assert '"a"' not in json.dumps(event)


def test_what_a_detection_left_out_is_told(house: House) -> None:
    settings = house.settings
    snapshot = load_events(settings, ("a", "2026-01-05 10:00:00"), arrived_at=NOW)
    made = certify(settings, snapshot)
    store = open_store(settings)
    with store() as session:
        read = read_inputs(session, {"fct_events"})
    result = execute._run_one(settings, store, detection(), read, None)
    with store.begin() as session:
        run = session.get_one(DetectionRun, result.run_id)
        rows = {"fct_events": {"column": "product_code", "values": ["api", "image"]}}
        run.parameters = {**run.parameters, "left_out": rows}
    event = _event(detected(settings, [result.run_id]))
    tags = {each["key"]: each["value"] for each in event["run"]["facets"]["tags"]["tags"]}
    assert tags == {
        "certificate/core.fct_events": made,
        "left_out/core.fct_events": "api, image",
    }


def test_a_detection_that_is_held_has_read_nothing(settings: Settings) -> None:
    snapshot = load_events(settings, ("a", "2026-01-05 10:00:00"), arrived_at=NOW)
    certify(settings, snapshot, result="failed", publish=False)
    store = open_store(settings)
    with store() as session:
        read = read_inputs(session, {"fct_events"})
    result = execute._run_one(settings, store, detection(), read, None)
    assert result.status == "held"
    event = _event(detected(settings, [result.run_id]))
    assert (event["inputs"], event["outputs"]) == ([], [])


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        (
            "postgres:dbname=lake host=db.example port=6432 user=u password=pw",
            "db.example:6432/lake",
        ),
        ("postgres://u:pw@db.example/lake?sslmode=require", "db.example:5432/lake"),
        ("postgres:dbname=lake host=/run/pg user=u", "HERE:5432/lake"),
    ],
    ids=["words", "url", "socket"],
)
def test_a_namespace_is_where_the_catalog_is_without_who_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalog: str, expected: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "HERE")
    assert namespace(Settings(home=tmp_path, catalog=catalog)) == f"ducklake://{expected}"


def test_a_namespace_of_a_file_holds_no_path_and_is_its_own(tmp_path: Path) -> None:
    one, two = Settings(home=tmp_path / "jane"), Settings(home=tmp_path / "joe")
    assert namespace(one) == namespace(one) != namespace(two)
    assert "jane" not in namespace(one)


class _TaskInstance:
    task_id = "gate"


@pytest.fixture
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"type": "console"}')


def test_what_a_task_noted_is_given_to_the_provider(house: House, switched_on: None) -> None:
    with open_store(house.settings).begin() as session:
        session.add(_certificate_with("unique"))
    lineage_notes.note(house.settings, "gate", ["c1"])
    extractor = StageExtractor(operator=None)
    assert extractor.extract().inputs == []
    assert len(extractor.extract_on_complete(_TaskInstance()).inputs) == 1
    assert len(extractor.extract_on_failure(_TaskInstance()).inputs) == 1
    other = type("Other", (), {"task_id": "all_certified"})()
    assert extractor.extract_on_complete(other).inputs == []


def test_nothing_is_read_where_nobody_takes_events(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(lineage_events.TOLD, "gate", lambda *_: pytest.fail("was read"))
    lineage_notes.note(house.settings, "gate", ["c1"])
    assert lineage_notes.noted("gate") is None


def test_a_failure_to_note_fails_no_task_and_its_text_is_kept_out_of_the_log(
    settings: Settings,
    switched_on: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise GatehouseError("who@example.org")

    monkeypatch.setitem(lineage_events.TOLD, "gate", broken)
    lineage_notes.note(settings, "gate", ["c1"])
    assert lineage_notes.noted("gate") is None
    assert "GatehouseError" in caplog.text
    assert "who@" not in caplog.text


def test_the_text_of_an_error_stays_in_the_log() -> None:
    error = error_message_run.ErrorMessageRunFacet(
        message="cannot cast who@example.org", programmingLanguage="python", stackTrace="who@"
    )
    event = RunEvent(
        eventTime=NOW.isoformat(),
        producer="https://example.org/tests",
        run=Run(RUN_ID, facets={"errorMessage": error}),
        job=Job("tests", "build_core.gate"),
        eventType=RunState.FAIL,
    )
    sent = json.loads(Serde.to_json(WithoutErrorText({}).transform(event)))
    assert sent["run"]["facets"]["errorMessage"]["message"] == "The log of the task says why."
    assert "who@" not in json.dumps(sent)
