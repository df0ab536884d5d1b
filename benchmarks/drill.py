"""Each monitor silenced in turn by sabotage: is its silence told within one cycle?

A small world is certified and looked through. Then, one after another, the checks of each table,
each detection, each kind of alert channel, the canaries themselves and whatever comes by the clock
are made to raise, to say nothing, to be refused or never to come; each time the stage that uses
them runs once, followed by one cycle of alerts, and an incident that names them must have been
sent. The same stages without sabotage must tell nothing. Settings: ACTORS, DAYS, SEED, ONLY (cases
whose name has it).
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import sqlalchemy as sa
import yaml

from _harness import PROJECT, Measurement, scratch, setting
from _worlds import take_through
from gatehouse.alerts import alert_gate, run_cycle
from gatehouse.alerts.channels import _SENDERS
from gatehouse.build import run_build
from gatehouse.detection import run_detections
from gatehouse.detection.compiled import load_detections
from gatehouse.errors import GatehouseError
from gatehouse.gate import run_gate
from gatehouse.gate.dbt_checks import DbtChecks, run_dbt_tests
from gatehouse.gate.expectations import GxRunner
from gatehouse.gate.lineage import CoreTable, core_tables
from gatehouse.ingest import run_ingest
from gatehouse.proof.heartbeats import INGEST, WATCH, beat, watch_the_watch
from gatehouse.proof.silence import watch
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import (
    AlertDelivery,
    DetectionRun,
    Incident,
)

Sabotage = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Case:
    """One monitor, silenced in one way.

    Attributes:
        kind: kind of monitor.
        name: which one.
        how: what is done to it.
        sabotage: does it, for as long as the context lasts.
        run: what uses the monitor, and the cycle of alerts after it.
        told: what the title or the details of the incident must name.
    """

    kind: str
    name: str
    how: str
    sabotage: Sabotage
    run: Callable[[Settings], object]
    told: str


@dataclass(frozen=True)
class Outcome:
    """What became of a case: titles of the incidents sent, and whether one names the monitor."""

    case: Case
    titles: list[str]
    is_told: bool
    seconds: float


def main() -> None:
    """Run the measurement."""
    actors, days = int(setting("ACTORS", "400")), int(setting("DAYS", "16"))
    seed, only = int(setting("SEED", "1")), setting("ONLY", "")
    asked = {"ACTORS": str(actors), "DAYS": str(days), "SEED": str(seed)}
    measurement = Measurement("drill", "Monitors silenced in turn", asked)
    with scratch() as folder:
        settings = _world(folder, actors, days, seed)
        tables = core_tables(settings)
        cases = [*_cases(settings, tables)]
        healthy = [_told(settings, each, sabotaged=False) for each in _one_of_each(cases)]
        outcomes = [_told(settings, each) for each in cases if only in f"{each.kind} {each.name}"]
    _report(measurement, outcomes, healthy)
    measurement.finish()


def _report(measurement: Measurement, outcomes: list[Outcome], healthy: list[Outcome]) -> None:
    kinds = [*dict.fromkeys(each.case.kind for each in outcomes)]
    rows = []
    for kind in kinds:
        own = [each for each in outcomes if each.case.kind == kind]
        rows.append(
            [
                kind,
                len({each.case.name for each in own}),
                len(own),
                sum(each.is_told for each in own),
                round(sum(each.seconds for each in own) / len(own), 1),
            ]
        )
    measurement.figure("sabotages", len(outcomes), at_least=1)
    measurement.figure(
        "of them told within one cycle",
        sum(each.is_told for each in outcomes),
        equals=len(outcomes),
    )
    measurement.figure("told without sabotage", sum(bool(h.titles) for h in healthy), equals=0)
    columns = ["kind", "monitors", "sabotages", "told", "seconds each"]
    measurement.table("By kind of monitor", columns, rows)
    missed = [
        [each.case.kind, each.case.name, each.case.how, "; ".join(each.titles) or "nothing"]
        for each in outcomes
        if not each.is_told
    ]
    if missed:
        measurement.table("Not told", ["kind", "monitor", "how", "told instead"], missed)


def _world(folder: Path, actors: int, days: int, seed: int) -> Settings:
    """A home whose tables are certified and whose detections have run, with channels of its own."""
    project = folder / "project"
    for name in ("dbt_project", "expectations", "sources"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(PROJECT / name, project / name, ignore=ignored)
    settings = Settings(project=project, home=folder / "home", landing=folder / "landing")
    take_through(settings, actors=actors, days=days, seed=seed)
    run_detections(settings)  # on what the last gate certified
    beat(settings, INGEST)
    watch(settings)
    pristine = settings.home / "pristine.db"
    with sqlite3.connect(settings.home / "store.db") as store, sqlite3.connect(pristine) as copy:
        store.backup(copy)
    return settings


def _told(settings: Settings, case: Case, *, sabotaged: bool = True) -> Outcome:
    """Run a case on the home as it was, and see what was sent."""
    _restore(settings)
    started = time.monotonic()
    with case.sabotage() if sabotaged else ExitStack():
        try:
            case.run(settings)
        except Exception as error:  # as a task that fails: Airflow tells of it by a callback
            print(f"{case.kind} {case.name}: raised {type(error).__name__}", flush=True)
    sent = _sent(settings)
    outcome = Outcome(
        case,
        [title for title, _ in sent],
        any(case.told in f"{title} {named}" for title, named in sent),
        time.monotonic() - started,
    )
    how = case.how if sabotaged else "left alone"
    print(f"{case.kind} {case.name} ({how}): {outcome.is_told} {outcome.titles[:2]}", flush=True)
    return outcome


def _restore(settings: Settings) -> None:
    with (
        sqlite3.connect(settings.home / "pristine.db") as copy,
        sqlite3.connect(settings.home / "store.db") as store,
    ):
        copy.backup(store)


def _sent(settings: Settings) -> list[tuple[str, str]]:
    """Titles of the incidents of which a message has gone out, with what their details name."""
    query = (
        sa.select(Incident)
        .join(AlertDelivery, AlertDelivery.incident_id == Incident.incident_id)
        .where(AlertDelivery.outcome == "sent")
        .distinct()
    )
    with open_store(settings, read_only=True).begin() as session:
        return [(each.title, f"{each.details}") for each in session.scalars(query)]


def _one_of_each(cases: list[Case]) -> list[Case]:
    """A case per kind of monitor whose stage runs as ever when nothing is done to it."""
    able = [each for each in cases if each.sabotage is not ExitStack and each.kind != "channel"]
    return [*{each.kind: each for each in reversed(able)}.values()]


def _cases(settings: Settings, tables: dict[str, CoreTable]) -> Iterator[Case]:
    for table in tables.values():
        yield from _of_table(table)
    yield from _of_canaries(tables)
    for detection in load_detections(settings):
        yield from _of_detection(detection.spec.id, has_canary=not detection.spec.without_canary)
    yield from _of_channels()
    yield from _of_schedules()


# Gates --------------------------------------------------------------------------------------


def _of_table(table: CoreTable) -> Iterator[Case]:
    """Each tool that checks it, raising and saying nothing."""
    name = table.table
    run = _gate_of(table)

    def only(whole: Callable[..., Any], instead: Callable[[], Any]) -> Callable[..., Any]:
        def runs(self: GxRunner, suite: Any, *others: Any) -> Any:
            own = suite.table == name or suite.table.startswith(f"{name}__")
            return instead() if own else whole(self, suite, *others)

        return runs

    for how, instead in (("raises", _raise), ("says nothing", list)):
        replaced = only(GxRunner.run, instead)
        sabotage: Sabotage = partial(patch.object, GxRunner, "run", replaced)
        yield Case("gate: expectations", name, how, sabotage, run, name)
    if table.tests:
        for how, ran in (("raises", _raise_known), ("says nothing", _no_tests)):
            sabotage = partial(patch, "gatehouse.gate.run.run_dbt_tests", ran)
            yield Case("gate: dbt tests", name, how, sabotage, run, name)
    for how, found in (("raises", _raise), ("says nothing", lambda *_: [])):
        sabotage = partial(patch, "gatehouse.gate.monitors.judge", found)
        if _has_drift(name):
            yield Case("gate: monitors", name, how, sabotage, run, name)
    for how, rows in (("raises", _raise), ("passes all", lambda *_: "passed")):
        sabotage = partial(patch, "gatehouse.gate.rows._judge", rows)
        yield Case("gate: rows", name, how, sabotage, run, name)


def _has_drift(table: str) -> bool:
    suite = yaml.safe_load((PROJECT / "expectations" / "core" / f"{table}.yml").read_bytes())
    return bool(suite.get("drift"))


def _gate_of(table: CoreTable) -> Callable[[Settings], object]:
    """The gate of one table only, and the alerts that follow it."""

    def run(settings: Settings) -> object:
        with patch("gatehouse.gate.run._choose", lambda *_: [table]):
            run_gate(settings)
        return alert_gate(settings)

    return run


def _no_tests(*arguments: Any) -> DbtChecks:
    """A dbt that ends well and has run no test."""
    connection, tables, *_ = arguments
    return run_dbt_tests(connection, [replace(table, tests=()) for table in tables])


def _of_canaries(tables: dict[str, CoreTable]) -> Iterator[Case]:
    """The canaries of the gate: without them nothing is known of any check."""
    table = min(tables.values(), key=lambda each: (len(each.upstream), each.table))
    run, name = _gate_of(table), table.table
    for how, target, instead in (
        ("cannot be planted", "gatehouse.gate.run.Canaries", _raise),
        ("are not looked at", "gatehouse.proof.gate.Canaries.check", lambda *_: None),
        ("raise", "gatehouse.proof.gate.Canaries.check", _raise),
        ("are not broken", "gatehouse.proof.wreck.Copy.odd", lambda *_: None),
    ):
        yield Case("canary of the gate", name, how, partial(patch, target, instead), run, name)


# Detections ---------------------------------------------------------------------------------


def _of_detection(name: str, *, has_canary: bool) -> Iterator[Case]:
    def run(settings: Settings) -> object:
        run_detections(settings, ids=[name])
        return run_cycle(settings)

    def never(settings: Settings) -> object:
        query = sa.select(DetectionRun).where(DetectionRun.detection_id == name)
        # One by one: the store keeps what changes, and refuses a change of all at once.
        with open_store(settings).begin() as session:
            for row in session.scalars(query):
                session.delete(row)
        return _after(13, settings)

    yield Case("detection", name, "is never scheduled", ExitStack, never, name)
    if not has_canary:
        return
    empty = pa.table({"actor_id": pa.array([], pa.string())})
    for how, found in (("raises", _raise), ("finds nothing", lambda *_: empty)):
        sabotage = partial(patch, "gatehouse.proof.actors.find", found)
        yield Case("detection", name, how, sabotage, run, name)
    for how, sought in (("raises", _raise), ("says nothing", lambda *_: None)):
        sabotage = partial(patch, "gatehouse.proof.actors.seek_canary", sought)
        yield Case("canary of a detection", name, how, sabotage, run, name)


# Channels -----------------------------------------------------------------------------------


def _of_channels() -> Iterator[Case]:
    """Each kind of channel, refused by its server, without an answer, and raising."""
    port = _closed_port()
    addresses = {
        "webhook": f"http://127.0.0.1:{port}/alerts",
        "slack": f"http://127.0.0.1:{port}/slack",
        "pagerduty": f"http://:key@127.0.0.1:{port}/v2/enqueue",
        "smtp": f"smtp://127.0.0.1:{port}",
    }
    for kind, address in addresses.items():

        def run(settings: Settings, kind: str = kind) -> object:
            with _route_to(settings, kind):
                # A silence that is an incident: there is something to send.
                return _after(14, settings)

        refused = partial(patch.dict, "os.environ", {f"AIRFLOW_CONN_DRILL_{kind.upper()}": address})
        yield Case("channel", kind, "connection refused", refused, run, f"by the channel {kind}")
        yield Case("channel", kind, "has no connection", ExitStack, run, f"by the channel {kind}")
        sender = partial(patch.dict, _SENDERS, {kind: _raise})
        yield Case("channel", kind, "raises", sender, run, f"by the channel {kind}")


@contextmanager
def _route_to(settings: Settings, kind: str) -> Iterator[None]:
    """Let all that is critical go by one channel, whose second is the log."""
    path = settings.project / "expectations" / "alerts.yml"
    before = path.read_bytes()
    routing = yaml.safe_load(before)
    channel: dict[str, Any] = {"type": kind, "connection": f"drill_{kind}", "timeout_seconds": 2}
    if kind == "smtp":
        channel["to"] = ["oncall@example.org"]
    routing["channels"] = {kind: channel}
    routing["routes"] = [{"channels": [kind]}]
    path.write_text(yaml.safe_dump(routing), "utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# What comes by the clock --------------------------------------------------------------------


def _of_schedules() -> Iterator[Case]:
    """Each DAG that does not come any more, at the first cycle after its time is up."""

    def gate(settings: Settings) -> object:
        _arrive(settings, "built")
        run_build(settings).raise_for_failure()
        return _after(8, settings)

    def build(settings: Settings) -> object:
        _arrive(settings, "waits")
        return _after(14, settings)

    def unwatched(settings: Settings) -> object:
        now = datetime.now(UTC)
        beat(settings, INGEST, now=now + timedelta(minutes=40))
        return watch_the_watch(settings, INGEST, now=now + timedelta(minutes=45))

    for name, run, told in (
        ("ingest_landing", partial(_after, 14), "Ingest has not run"),
        ("drill_gates", partial(_after, 52), "No drill has run"),
        (WATCH, unwatched, "The watch over alerts has not run"),
        # What changes the lake comes last: only the store is put back between cases.
        ("the gate", gate, "The gate has not run"),
        ("build_core", build, "No build has covered"),
    ):
        yield Case("schedule", name, "never comes", ExitStack, run, told)


def _arrive(settings: Settings, name: str) -> None:
    """One log-in more, in a file of its own."""
    row = {
        "login_id": name,
        "occurred_at": "2026-03-02 12:00:00",
        "actor_id": name,
        "actor_type": "user",
        "product_code": "api",
        "outcome_code": "success",
    }
    path = settings.landing / "logins" / f"{name}.csv"
    path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n", "utf-8")
    run_ingest(settings)


def _after(hours: float, settings: Settings) -> object:
    """One cycle of the watch, so many hours from now."""
    return watch(settings, now=datetime.now(UTC) + timedelta(hours=hours))


# Sabotage -----------------------------------------------------------------------------------


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError("sabotage")


def _raise_known(*_: Any, **__: Any) -> Any:
    raise GatehouseError("sabotage")


if __name__ == "__main__":
    main()
