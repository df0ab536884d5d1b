"""What every measurement shares: figures with bounds, one JSON file, one section of the docs.

A program makes a `Measurement`, adds figures and tables, and ends with `finish`, which prints
them, writes ``benchmarks/results/<name>.json`` and the section of ``docs/measurements.md`` of
that name, and exits non-zero where a figure misses its bound.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
DOCUMENT = PROJECT / "docs" / "measurements.md"
_VERSIONED = ("duckdb", "dbt-core", "great-expectations", "apache-airflow")
_HEAD = """# Measurements

Made by `make measure NAME=…`, each section by its own program in `benchmarks/`; the figures
are also in `benchmarks/results/`. A figure with a bound makes the program fail where it misses
it. Timings are of the machine named in the section: trust ratios.
"""


@dataclass(frozen=True)
class Figure:
    """One number or word, and what it has to be.

    Attributes:
        name: what it is of.
        value: the figure.
        unit: e.g. ``s`` or ``events/s``.
        required: the bound in words; empty where there is none.
        met: whether the bound holds; None where there is none.
    """

    name: str
    value: Any
    unit: str = ""
    required: str = ""
    met: bool | None = None


@dataclass
class Measurement:
    """The figures of one program.

    Attributes:
        name: name of the program, of its result file and of its section.
        title: heading of its section.
        settings: what the run was asked for, e.g. ``{"EVENTS": "1000000"}``.
    """

    name: str
    title: str
    settings: Mapping[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def figure(
        self,
        name: str,
        value: Any,
        unit: str = "",
        *,
        equals: Any = None,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Add a figure, with at most one bound; it is printed at once."""
        required, met = "", None
        if equals is not None:
            required, met = f"= {_text(equals)}", value == equals
        elif at_least is not None:
            required, met = f"≥ {_text(at_least)}", value >= at_least
        elif at_most is not None:
            required, met = f"≤ {_text(at_most)}", value <= at_most
        figure = Figure(name, value, unit, required, met)
        self.figures.append(figure)
        print(_line(figure), flush=True)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        in_docs: int = 100,
    ) -> None:
        """Add a table. Its rows are published: no identifiers in them.

        Args:
            title: what the rows are.
            columns: headings.
            rows: the rows, the most telling first.
            in_docs: how many of them the docs show; the result file has all.
        """
        kept = {"title": title, "columns": list(columns), "in_docs": in_docs}
        self.tables.append(kept | {"rows": [*map(list, rows)]})
        print(f"\n{title}\n" + "\n".join(_markdown(columns, rows)), flush=True)

    def note(self, text: str) -> None:
        """Add a sentence that the figures need to be read rightly."""
        self.notes.append(text)
        print(text, flush=True)

    @property
    def missed(self) -> list[Figure]:
        """Figures that miss their bound."""
        return [figure for figure in self.figures if figure.met is False]

    @property
    def command(self) -> str:
        """What makes this measurement again."""
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in self.settings.items())
        return f"make measure NAME={self.name} {settings}".strip()

    def finish(self) -> NoReturn:
        """Write the result file and the section of the docs, and exit."""
        result = {
            "name": self.name,
            "title": self.title,
            "command": self.command,
            "measured_at": datetime.now(UTC).strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - self._started, 1),
            "machine": machine(),
            "ok": not self.missed,
            "figures": [asdict(figure) for figure in self.figures],
            "tables": self.tables,
            "notes": self.notes,
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result, indent=2, ensure_ascii=False, default=str)
        # Messages may name files; where the checkout is is nobody's business.
        text = text.replace(f"{PROJECT}/", "")
        (RESULTS / f"{self.name}.json").write_text(f"{text}\n", "utf-8")
        write_section(DOCUMENT, self.name, _section(json.loads(text)))
        for figure in self.missed:
            print(f"MISSED  {_line(figure)}", file=sys.stderr)
        print(f"\n{self.name}: {'missed' if self.missed else 'ok'} in {result['seconds']} s")
        sys.exit(1 if self.missed else 0)


def setting(name: str, default: str) -> str:
    """A setting of the run, from the environment."""
    return os.environ.get(name, "").strip() or default


def data_folder() -> Path:
    """The folder of public data (``DATA``); exits where there is none."""
    folder = Path(setting("DATA", "../shared/data"))
    folder = folder if folder.is_absolute() else (PROJECT / folder).resolve()
    if not folder.is_dir():
        print(f"There is no data folder {folder}; see docs/guides/real-data.md.", file=sys.stderr)
        sys.exit(2)
    return folder


@contextmanager
def scratch(keep: bool = False) -> Iterator[Path]:
    """A folder for the run's homes; ``SCRATCH`` says where it is made."""
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-", dir=setting("SCRATCH", "") or None))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Stage:
    """One stage run in a process of its own.

    Attributes:
        report: what the stage reported.
        seconds: its wall clock, start of the process and imports left out.
        cpu_seconds: processor time of the same span, all cores; hardly changed by neighbours.
        peak_mb: the process's largest resident size, MB.
    """

    report: dict[str, Any]
    seconds: float
    cpu_seconds: float
    peak_mb: float


def run_stage(stage: str, home: Path, **options: str) -> Stage:
    """Run ``ingest``, ``build``, ``gate`` or ``detect`` in a process of its own.

    Raises:
        RuntimeError: it failed; the last lines it said are in the message.
    """
    done = subprocess.run(
        stage_command(stage, **options),
        env=stage_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{stage} failed: {done.stderr[-2000:]}")
    return Stage(**json.loads(done.stdout.splitlines()[-1]))


def models_of(home: Path) -> dict[str, float]:
    """Seconds of each model in the last build that `run_stage` made of a home."""
    results = json.loads((home / "models.json").read_text("utf-8"))["results"]
    return {
        each["unique_id"].rpartition(".")[2]: round(each["execution_time"], 2)
        for each in results
        if each["unique_id"].startswith("model.")
    }


def stage_command(stage: str, **options: str) -> list[str]:
    """Command line of a stage's process."""
    program = str(PROJECT / "benchmarks" / "_stage.py")
    return [sys.executable, program, stage, *(f"{key}={value}" for key, value in options.items())]


def stage_environment(home: Path) -> dict[str, str]:
    """Environment of a stage's process."""
    quiet = {"GX_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    return {
        **os.environ,
        **quiet,
        "GATEHOUSE_HOME": str(home),
        "GATEHOUSE_PROJECT": str(PROJECT),
    }


def machine() -> dict[str, Any]:
    """What it ran on; neither names nor paths."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
        "python": platform.python_version(),
        **{name.replace("-", "_"): version(name) for name in _VERSIONED},
    }


def write_section(document: Path, name: str, text: str) -> None:
    """Replace the section between the markers of ``name``, or add it in order of names."""
    content = document.read_text("utf-8") if document.exists() else _HEAD
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if found.search(content):
        content = found.sub(lambda _: section, content)
    else:
        later = [
            match.start()
            for match in re.finditer(r"<!-- begin: (\S+) -->", content)
            if match.group(1) > name
        ]
        at = later[0] if later else len(content)
        content = f"{content[:at].rstrip()}\n\n{section}\n\n{content[at:]}".rstrip() + "\n"
    document.write_text(content, "utf-8")


def _section(result: Mapping[str, Any]) -> str:
    on = result["machine"]
    lines = [
        f"## {result['title']}",
        "",
        f"`{result['command']}` on {result['measured_at']}: {result['seconds']:,} s on "
        f"{on['cores']} cores, {on['memory_gb']} GB ({on['processor']}); Python {on['python']}, "
        f"DuckDB {on['duckdb']}. {'All bounds met.' if result['ok'] else '**Bounds missed.**'}",
        "",
    ]
    rows = [
        (each["name"], each["value"], each["unit"], each["required"], _mark(each["met"]))
        for each in result["figures"]
    ]
    if rows:
        lines += [*_markdown(("figure", "value", "unit", "required", ""), rows), ""]
    for table in result["tables"]:
        rows, shown = table["rows"], table["rows"][: table["in_docs"]]
        title = f"**{table['title']}**"
        if len(shown) < len(rows):
            title += f" (the first {len(shown)} of {len(rows):,}; all are in the result file)"
        lines += [title, "", *_markdown(table["columns"], shown), ""]
    lines += [f"- {note}" for note in result["notes"]]
    return "\n".join(lines)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    numeric = [
        bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
        for at in range(len(columns))
    ]
    rules = ["---:" if is_number else "---" for is_number in numeric]
    body = [[_text(value).replace("|", "\\|") for value in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in ([*columns], rules, *body)]


def _line(figure: Figure) -> str:
    bound = f"  (required {figure.required}: {_mark(figure.met)})" if figure.required else ""
    return f"{figure.name}: {_text(figure.value)} {figure.unit}".rstrip() + bound


def _mark(met: bool | None) -> str:
    return "" if met is None else "met" if met else "MISSED"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value == 0 or not math.isfinite(value):
            return f"{value:g}"
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found.group(1).strip() if found else platform.machine()
