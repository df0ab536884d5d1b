"""Real logs through the whole loop: every row accounted for, every finding with its reason.

Settings: DATA (folder of the public sets).
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import yaml

from _harness import Measurement, data_folder, run_stage, scratch
from gatehouse.lake import Lake
from gatehouse.settings import Settings

_TRACE = "llm_requests/AzureLLMInferenceTrace_conv.csv"
_AUTH = "auth/auth.log"
_FINDINGS_IN_DOCS = 60


def main() -> None:
    """Run the measurement."""
    data = data_folder()
    measurement = Measurement("real", "Real logs, end to end")
    with scratch() as folder:
        settings = Settings(home=folder / "home")
        loaded = run_stage("ingest", settings.home, folder=str(data))
        connection = Lake(settings).current()
        account_for_rows(measurement, connection, loaded.report)
        compare_with_sources(measurement, connection, data)
        connection.close()
        built = run_stage("build", settings.home)
        checked = run_stage("gate", settings.home)
        report_gate(measurement, checked.report)
        detected = run_stage("detect", settings.home)
        report_detections(measurement, detected.report)
        connection = Lake(settings).current()
        compare_core(measurement, connection)
        list_findings(measurement, connection, read_descriptions(settings))
        connection.close()
    for name, stage in (
        ("ingest", loaded),
        ("build", built),
        ("gate", checked),
        ("detect", detected),
    ):
        measurement.figure(f"time of {name}", stage.seconds, "s")
        measurement.figure(f"processor time of {name}", stage.cpu_seconds, "s")
        measurement.figure(f"peak memory of {name}", stage.peak_mb, "MB")
    measurement.note(
        "Rows are counted from the ledger and compared with counts made by plain Python from the "
        "source files. Actors have numbers here; identifiers stay in the lake."
    )
    measurement.finish()


def account_for_rows(
    measurement: Measurement, connection: duckdb.DuckDBPyConnection, report: dict[str, Any]
) -> None:
    """Rows by source, as the ledger has them; the issue's figures as bounds."""
    rows = connection.execute(
        "select source_id, count(*), sum(rows_in), sum(rows_loaded), sum(rows_quarantined),"
        " sum(rows_repeated), sum(rows_left_out) from lake.raw.files"
        " where status_code = 'loaded' group by all order by all"
    ).fetchall()
    counts = {row[0]: [int(value) for value in row[2:]] for row in rows}
    unaccounted = sum(abs(total - sum(parts)) for total, *parts in counts.values())
    measurement.figure("rows not accounted for, all files", unaccounted, equals=0)
    measurement.figure("files rejected", report["totals"]["files_rejected"], equals=0)
    web, ratings = counts["web_access"], counts["ratings"]
    measurement.figure("web lines loaded", web[1], equals=9_999)
    measurement.figure("web lines quarantined", web[2], equals=1)
    measurement.figure("auth lines read", counts["auth"][0], equals=7_121)
    measurement.figure("ratings read", ratings[0], equals=578_805)
    measurement.figure("ratings loaded", ratings[1], equals=578_275)
    measurement.figure("ratings of 0 stopped", ratings[2], equals=530)
    measurement.figure("trace rows loaded", counts["llm_trace"][1], equals=19_366)
    measurement.table(
        "Rows by source",
        ("source", "files", "in", "loaded", "quarantined", "repeated", "left out"),
        [(row[0], row[1], *map(int, row[2:])) for row in rows],
    )
    quarantine = connection.execute(
        "select source_id, coalesce(column_name, '(line)'), reason, count(*)"
        " from lake.raw.quarantine group by all order by all"
    ).fetchall()
    measurement.table("Quarantine by reason", ("source", "column", "reason", "rows"), quarantine)
    without = connection.execute(
        "select count(*) from lake.raw.quarantine where reason is null or row_number is null"
    ).fetchone()
    measurement.figure("quarantined rows without reason or row", _first(without), equals=0)


def compare_with_sources(
    measurement: Measurement, connection: duckdb.DuckDBPyConnection, data: Path
) -> None:
    """What plain Python finds in the source files, beside what was loaded."""
    with (data / _TRACE).open(newline="", encoding="utf-8-sig") as file:
        source = Counter(row["TIMESTAMP"] for row in csv.DictReader(file))
    measurement.figure(
        "trace times that differ from the source text",
        _differing(source, connection, "lake.raw.events where source_id = 'llm_trace'"),
        equals=0,
    )
    lines = (data / _AUTH).read_text("utf-8", errors="replace").splitlines()
    sshd = [line for line in lines if " sshd[" in line]
    loaded = dict(
        connection.execute(
            "select outcome_code, count(*) from lake.raw.logins where source_id = 'auth' group by 1"
        ).fetchall()
    )
    expected = {
        "success": sum(": Accepted " in line for line in sshd),
        # "message repeated" stands for several attempts and is one row.
        "failure": sum(": Failed " in line or "[ Failed " in line for line in sshd),
        "unknown_account": sum(": Invalid user" in line for line in sshd),
    }
    for outcome, count in expected.items():
        measurement.figure(f"auth log-ins, {outcome}", loaded.get(outcome, 0), equals=count)


def compare_core(measurement: Measurement, connection: duckdb.DuckDBPyConnection) -> None:
    """Rows of the core tables beside those that were loaded."""
    for name, core, raw in (
        ("web requests", "fct_events where source_id = 'web_access'", 9_999),
        ("trace requests", "fct_events where source_id = 'llm_trace'", 19_366),
        ("ratings", "fct_reports where source_id = 'ratings'", 578_275),
    ):
        count = _first(connection.execute(f"select count(*) from lake.core.{core}").fetchone())
        measurement.figure(f"{name} in core", count, equals=raw)
    differing = connection.execute(
        "select count(*) from (select occurred_at, occurred_nanos from lake.raw.events"
        " where source_id = 'llm_trace' except all select occurred_at, occurred_nanos"
        " from lake.core.fct_events where source_id = 'llm_trace')"
    ).fetchone()
    measurement.figure("trace times that differ in core", _first(differing), equals=0)


def report_gate(measurement: Measurement, report: dict[str, Any]) -> None:
    """Which tables were certified."""
    measurement.figure("core tables certified", len(report["certified"]))
    measurement.figure("core tables held", len(report["held"]), equals=0)
    measurement.table(
        "Gate",
        ("table", "result", "rows", "checks", "message"),
        [
            (each["table"], each["result"], each["row_count"], len(each["checks"]), each["message"])
            for each in report["tables"]
        ],
    )


def report_detections(measurement: Measurement, report: dict[str, Any]) -> None:
    """How each detection ended."""
    failed = [each for each in report["results"] if each["status"] != "succeeded"]
    measurement.figure("detections run", len(report["results"]), at_least=3)
    measurement.figure("detections held or failed", len(failed), equals=0)
    measurement.table(
        "Detections",
        ("detection", "version", "mode", "status", "findings", "over budget"),
        [
            tuple(
                each[name]
                for name in ("detection_id", "version", "mode", "status", "found", "over_budget")
            )
            for each in report["results"]
        ],
    )


def list_findings(
    measurement: Measurement,
    connection: duckdb.DuckDBPyConnection,
    descriptions: dict[str, str],
) -> None:
    """Every finding with the numbers that make it one; actors by a number of their own."""
    found = connection.execute(
        "select detection_id, actor_id, product_code, score, event_count, first_event_at,"
        " last_event_at, evidence from lake.core.fct_findings"
        " order by detection_id, score desc, first_event_at, dedup_key"
    ).fetchall()
    by_detection = Counter(row[0] for row in found)
    # A number, and no hash: there are few enough addresses to try them all.
    actors = {actor: at for at, actor in enumerate(dict.fromkeys(row[1] for row in found), 1)}
    for detection, count in sorted(by_detection.items()):
        measurement.figure(f"findings of {detection}", count, at_least=1)
        rows = [
            (
                actors[actor],
                product,
                f"{first:%Y-%m-%d}",
                f"{(last - first).total_seconds() / 3600:.1f} h",
                score,
                events,
                _why(evidence),
            )
            for name, actor, product, score, events, first, last, evidence in found
            if name == detection
        ]
        measurement.table(
            f"Findings of {detection}: {descriptions[detection]}",
            ("actor", "product", "day", "span", "score", "events", "why"),
            rows,
            in_docs=_FINDINGS_IN_DOCS,
        )


def read_descriptions(settings: Settings) -> dict[str, str]:
    """What a row of each detection is, as its YAML says."""
    folder = settings.dbt_project / "models" / "detections"
    models = [yaml.safe_load(path.read_text("utf-8"))["models"] for path in folder.rglob("*.yml")]
    return {each["name"]: " ".join(each["description"].split()) for one in models for each in one}


def _why(evidence: str) -> str:
    facts = json.loads(evidence)
    return ", ".join(
        f"{name.replace('_', ' ')}: {value:,}"
        for name, value in facts.items()
        if isinstance(value, int | float)
    )


def _differing(source: Counter[str], connection: duckdb.DuckDBPyConnection, where: str) -> int:
    rows = connection.execute(f"select occurred_at, occurred_nanos from {where}").fetchall()
    # 100 ns digits: seven after the point, of which the table keeps six and three more.
    loaded = Counter(
        f"{at:%Y-%m-%d %H:%M:%S.%f}{nanos // 100}" if nanos % 100 == 0 else f"{at}+{nanos}"
        for at, nanos in rows
    )
    return (source - loaded).total() + (loaded - source).total()


def _first(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
