"""One stage of the pipeline in a process of its own, so that it can be timed, sized and killed.

Prints ``ready`` when everything is imported, and at the end one line of JSON: ``report``,
``seconds``, ``cpu_seconds``, ``peak_mb``. Settings come from the environment (``GATEHOUSE_*``).
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gatehouse.settings import Settings

Run = Callable[[], Any]


def main() -> None:
    """Run the stage named by the first argument; the others are ``key=value`` options."""
    name, *pairs = sys.argv[1:]
    options = dict(pair.split("=", 1) for pair in pairs)
    run = _STAGES[name](Settings(), options)
    print("ready", flush=True)
    started, busy = time.monotonic(), time.process_time()
    report = run()
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - busy
    result = {
        "report": _plain(report),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(result, default=str))


def _ingest(settings: Settings, options: dict[str, str]) -> Run:
    from gatehouse.ingest import run_ingest

    folder = Path(options["folder"]) if "folder" in options else None
    return lambda: run_ingest(settings, folder=folder)


def _build(settings: Settings, options: dict[str, str]) -> Run:
    import dbt.adapters.duckdb
    import dbt.cli.main
    import dbt.task.build  # noqa: F401

    from gatehouse.build import run_build

    def run() -> Any:
        report = run_build(settings, full_refresh=options.get("full_refresh") == "yes")
        report.raise_for_failure()
        _keep_compiled(settings, "models")
        return report

    return run


def _gate(settings: Settings, options: dict[str, str]) -> Run:
    import great_expectations  # noqa: F401

    from gatehouse.gate import run_gate
    from gatehouse.gate.lineage import core_tables

    # Each once: a test may speak of several tables.
    sql = {
        test.unique_id: test.sql for table in core_tables(settings).values() for test in table.tests
    }
    compiled = [{"compiled_code": each} for each in sql.values()]
    (settings.home / "tests.json").write_text(json.dumps({"results": compiled}), "utf-8")
    return lambda: run_gate(settings)


def _detect(settings: Settings, options: dict[str, str]) -> Run:
    from gatehouse.detection import run_detections

    return lambda: run_detections(settings)


def _maintain(settings: Settings, options: dict[str, str]) -> Run:
    from gatehouse.lake.maintain import run_maintenance

    grace = timedelta(seconds=float(options.get("grace", 24 * 3600)))
    return lambda: run_maintenance(settings, keep_newest=1, grace=grace)


def _keep_compiled(settings: Settings, what: str) -> None:
    """Keep the SQL that dbt has just run: its next call writes over it."""
    results = settings.home / "dbt" / "target" / "run_results.json"
    if results.exists():
        (settings.home / f"{what}.json").write_bytes(results.read_bytes())


def _plain(report: Any) -> Any:
    for name in ("to_json", "as_dict"):
        if hasattr(report, name):
            return getattr(report, name)()
    return asdict(report) if is_dataclass(report) and not isinstance(report, type) else report


_STAGES = {
    "ingest": _ingest,
    "build": _build,
    "gate": _gate,
    "detect": _detect,
    "maintain": _maintain,
}

if __name__ == "__main__":
    main()
