"""Planted faults that the gate has to hold, and clean days that it has to let pass.

For each seed, weeks of a simulated world are certified. Then one day more arrives, broken in one
way, is ingested, built and checked by the real gate, or several, night by night, until one is held;
and so many clean days, one by one. Settings: SEEDS, ACTORS, CERTIFIED (days before), CLEAN (days a
seed), JOBS (seeds at once), FAULTS (only those whose name has it), KEEP (a folder: what is found is
written there as it comes, and is not looked for again by the same code).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from _harness import PROJECT, Measurement, scratch, setting, stage_environment
from _worlds import seeds_of
from faults_cases import FAULTS, Fault
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from gatehouse.alerts.causes import Cause

ACTORS, CLEAN = int(setting("ACTORS", "3000")), int(setting("CLEAN", "20"))
_CERTIFIED_DAYS = int(setting("CERTIFIED", "42"))
# First days of the worlds, by seed in turn. The days after those that are certified have a launch
# (day 53 to 62 of any world), and holidays: spring, Christmas and New Year, July, November,
# September.
_STARTS = (
    date(2026, 3, 2),
    date(2025, 11, 10),
    date(2026, 5, 22),
    date(2025, 9, 22),
    date(2025, 7, 21),
)
_DETECTIONS_EVERY = 10
_LEAST_HELD = 0.95
_CLEAN = "clean day "


@dataclass(frozen=True)
class Found:
    """What the gate made of one day.

    Attributes:
        name: the fault; a day for a clean one.
        held: tables that were not certified.
        roots: what the alerts name as causes: feeds first, then tables in the order of lineage.
        check: the check that the first of them names.
        seconds: of its last night, ingest, build and gate; of a broken table, the gate alone.
        waiting: detections that ran although a table of theirs is held, or did not although none
            is; None where they were not run.
        case: which fault it was, as it was planted; empty for a clean day.
    """

    seed: int
    name: str
    held: list[str]
    roots: list[str]
    check: str
    seconds: float
    waiting: list[str] | None = None
    case: str = ""


def main() -> None:
    """Run the measurement."""
    seeds, only = seeds_of("1-5"), setting("FAULTS", "")
    asked = {"SEEDS": setting("SEEDS", "1-5"), "ACTORS": str(ACTORS), "CLEAN": str(CLEAN)}
    measurement = Measurement("faults", "Planted faults, and clean days", asked)
    with scratch() as folder, ThreadPoolExecutor(int(setting("JOBS", "2"))) as pool:
        keep = Path(setting("KEEP", str(folder / "found")))
        keep.mkdir(parents=True, exist_ok=True)
        outcomes = [*pool.map(lambda seed: _in_a_process(folder, seed, only, keep), seeds)]
    broken = [Found(**each) for outcome in outcomes for each in outcome["broken"]]
    clean = [Found(**each) for outcome in outcomes for each in outcome["clean"]]
    _tell_faults(measurement, broken, len(seeds))
    _tell_clean(measurement, clean)
    measurement.finish()


def _tell_faults(measurement: Measurement, broken: list[Found], seeds: int) -> None:
    known = {fault.name: fault for fault in FAULTS}
    kinds = {each.name for each in broken}
    caught = [each for each in broken if _is_caught(each, known[each.name])]
    measurement.figure("kinds of fault", len(kinds), at_least=40)
    measurement.figure("seeds", seeds, at_least=5)
    measurement.figure("faults planted", len(broken))
    measurement.figure(
        "held, with the right table named first",
        round(len(caught) / max(1, len(broken)), 4),
        at_least=_LEAST_HELD,
    )
    ran = [each for each in broken if each.waiting is not None]
    measurement.figure("runs of all detections after a fault", len(ran))
    measurement.figure(
        "detections that ran or waited wrongly",
        sum(len(each.waiting or []) for each in ran),
        equals=0,
    )
    rows = []
    for name in known:
        mine = [each for each in broken if each.name == name]
        if not mine:
            continue
        right = sum(_is_caught(each, known[name]) for each in mine)
        seen = next((each for each in mine if each.held), mine[0])
        rows.append((name, f"{right} of {len(mine)}", ", ".join(seen.roots) or "-", seen.check))
    columns = ("fault", "held by the right table", "first named", "by its check")
    measurement.table("Faults", columns, rows)
    missed = [
        (each.name, each.seed, ", ".join(each.roots) or "nothing held", known[each.name].why_not)
        for each in broken
        if not _is_caught(each, known[each.name])
    ]
    if missed:
        measurement.table("Not caught", ("fault", "seed", "held instead", "why"), missed)


def _tell_clean(measurement: Measurement, clean: list[Found]) -> None:
    held = [each for each in clean if each.held]
    full = len(clean) >= 100
    measurement.figure("clean days", len(clean), at_least=100)
    for kind, least in (("weekend", 20), ("holiday", 5), ("launch", 20), ("outage", 20)):
        days = sum(kind in _happening(each) for each in clean)
        measurement.figure(f"of them with a {kind}", days, at_least=least if full else None)
    measurement.figure("clean days held", len(held), at_most=max(1, len(clean) // 100))
    if held:
        measurement.table(
            "Clean days held",
            ("seed", "day", "table", "check"),
            [(each.seed, each.name, ", ".join(each.roots), each.check) for each in held],
        )
    measurement.note(
        f"Each seed: {ACTORS} actors, {_CERTIFIED_DAYS} days certified at once, then a day broken "
        "in one way, or clean days one after the other, with their weekends, holidays, launches, "
        "outages, campaigns, late and repeated files."
    )


def _happening(found: Found) -> set[str]:
    """What happens in the world on a clean day."""
    from gatehouse.simulate.calendar import Calendar
    from gatehouse.simulate.run import PRODUCTS

    calendar = Calendar(found.seed, _start(found.seed), PRODUCTS)
    day = _CERTIFIED_DAYS + _number(asdict(found)) - 1
    begins, ends = calendar.day_us(day), calendar.day_us(day + 1)
    kinds = {
        each.kind
        for each in calendar.happenings(day + 1)
        if each.starts_at < ends and each.ends_at > begins
    }
    return kinds | ({"weekend"} if calendar.weekday(day) >= 5 else set())


def _is_caught(found: Found, fault: Fault) -> bool:
    return bool(found.held) and bool(found.roots) and found.roots[0] in _right(fault)


def _right(fault: Fault) -> set[str]:
    return {*fault.roots, *([f"raw.{fault.feed}"] if fault.feed else [])}


def _in_a_process(folder: Path, seed: int, only: str, keep: Path) -> dict[str, list[Any]]:
    home = folder / f"seed-{seed}" / "home"
    home.mkdir(parents=True)
    command = [sys.executable, __file__, str(seed), only, str(keep / f"seed-{seed}.jsonl")]
    environment = {**stage_environment(home), "GATEHOUSE_MEMORY_LIMIT": "4GB"}
    if subprocess.run(command, env=environment, check=False).returncode:
        raise RuntimeError(f"seed {seed} failed")
    outcome: dict[str, list[Any]] = {"broken": [], "clean": []}
    for found in _kept(keep / f"seed-{seed}.jsonl"):
        if _number(found) <= CLEAN and (_number(found) or only in found["name"]):
            outcome["clean" if _number(found) else "broken"].append(found)
    return outcome


def _kept(path: Path) -> list[dict[str, Any]]:
    """What was found before, by this code, of faults as they are, in a world of this size.

    Raises:
        SystemExit: the file is another's.
    """
    if not path.exists():
        path.write_text(json.dumps(_made_by()) + "\n")
    head, *lines = path.read_text().splitlines()
    if json.loads(head) != _made_by():
        raise SystemExit(f"{path} is of other code or another world: choose another KEEP.")
    found = []
    for line in lines:
        with suppress(ValueError):  # the last one may have been cut off
            found.append(json.loads(line))
    found = [each for each in found if each["case"] == _case(each["name"])]
    # Nothing is written after half a line.
    path.write_text("\n".join([head, *map(json.dumps, found)]) + "\n")
    return found


def _made_by() -> dict[str, Any]:
    digest = hashlib.sha256()
    for folder in ("plugins", "dbt_project", "expectations", "sources", "benchmarks"):
        for path in sorted((PROJECT / folder).rglob("*")):
            is_code = path.suffix in (".py", ".sql", ".yml", ".csv") and "target" not in path.parts
            if is_code and (folder != "benchmarks" or path.stem == "faults"):
                digest.update(path.read_bytes())
    return {"actors": ACTORS, "certified": _CERTIFIED_DAYS, "code": digest.hexdigest()[:16]}


def _case(name: str) -> str:
    """The digest of the fault of that name; a changed one is looked for again."""
    found = [repr(fault) for fault in FAULTS if fault.name == name]
    return hashlib.sha256(found[0].encode()).hexdigest()[:16] if found else ""


def _start(seed: int) -> date:
    return _STARTS[(seed - 1) % len(_STARTS)]


def _number(found: Mapping[str, Any]) -> int:
    """Which clean day it is, from 1; 0 for a fault."""
    name = str(found["name"])
    return int(name.removeprefix(_CLEAN).partition(",")[0]) if name.startswith(_CLEAN) else 0


def write_broken(arriving: Path, source: Path, target: Path, fault: Fault, number: int) -> None:
    """Write the rows of a file as a fault has them.

    Args:
        arriving: all files that ever arrive, ``<contract>/dt=<day>/<file>``.
        source: the file.
        target: where to write.
        fault: of the file's feed.
        number: day of the fault, from 1.
    """
    day = date.fromisoformat(source.parts[-2].removeprefix("dt="))
    before = sorted((source.parents[1] / f"dt={day - timedelta(days=1)}").glob("*"))
    actors = [
        path for path in sorted(arriving.glob("actors/dt=*/part*")) if path.parts[-2] <= f"dt={day}"
    ]
    labels = sorted(arriving.glob("review_labels/dt=*/*"))
    is_parquet = source.suffix == ".parquet"
    with duckdb.connect() as connection:
        _view(connection, "rows", [source], is_parquet)
        _view(connection, "before", before or [source], is_parquet)
        _view(connection, "actors", actors, True)
        if labels:
            _view(connection, "labels", labels, labels[0].suffix == ".parquet")
        connection.execute(
            "create view known as select * from actors "
            "qualify row_number() over (partition by actor_id order by updated_at desc) = 1"
        )
        form = "parquet" if is_parquet else "json, compression gzip"
        query = fault.sql.replace("{day}", str(day)).replace("{number}", str(number))
        connection.execute(f"copy ({query}) to '{target}' (format {form})")
    if fault.encoding:
        text = gzip.decompress(target.read_bytes()).decode()
        target.write_bytes(gzip.compress(text.encode(fault.encoding)))
    if fault.is_cut:
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, files: list[Path], is_parquet: bool
) -> None:
    read = "read_parquet" if is_parquet else "read_json"
    connection.execute(
        f"create view {name} as select * from {read}({[str(path) for path in files]!r}, "
        "union_by_name = true, hive_partitioning = false)"
    )


class House:
    """The home of one seed, put back to its certified state before each fault."""

    def __init__(self, seed: int) -> None:
        from gatehouse.simulate.run import run_simulation

        self.seed, self.settings = seed, Settings()
        self._arriving = self.settings.home.parent / "arriving"
        report = run_simulation(
            self.settings,
            actors=ACTORS,
            days=_CERTIFIED_DAYS + max(CLEAN, *(fault.days for fault in FAULTS)),
            seed=seed,
            start_date=_start(seed),
        )
        self.first: date = report.start_date + timedelta(days=_CERTIFIED_DAYS)
        shutil.move(self.settings.landing, self._arriving)
        for number in range(-_CERTIFIED_DAYS, 0):
            self.deliver(self.first + timedelta(days=number))
        held = self.run("start").held
        if held:
            raise SystemExit(f"seed {seed}: held before any fault: {held}")
        self._kept = self.settings.home.parent / "kept"
        self._built = self.settings.home.parent / "built"
        shutil.copytree(self.settings.home, self._kept)

    def restore(self, kept: Path | None = None) -> None:
        """Back to the certified state; at the same place, which the lake remembers."""
        shutil.rmtree(self.settings.home)
        shutil.copytree(kept or self._kept, self.settings.home)

    def restore_built(self) -> None:
        """To the certified state with one clean day more, built and not checked."""
        if self._built.exists():
            self.restore(self._built)
            return
        self.restore()
        self.deliver(self.first)
        self.build()
        shutil.copytree(self.settings.home, self._built)

    def build(self) -> None:
        """Ingest what was delivered, and build."""
        from gatehouse.build import run_build
        from gatehouse.ingest import run_ingest

        run_ingest(self.settings)
        run_build(self.settings).raise_for_failure()

    def break_by(self, fault: Fault, detect: bool) -> Found:
        """Let the day of a fault, broken, through the stages."""
        if fault.lake:
            self.restore_built()
            return self.run(fault.name, fault.lake, detect)
        self.restore()
        for number in range(fault.days):
            self.deliver(self.first + timedelta(days=number), fault, number + 1)
            is_last = number + 1 == fault.days
            found = self.run(fault.name, (), detect and is_last)
            if found.held:
                break
        return found

    def files(self, day: date, contract: str = "*") -> list[Path]:
        """What arrives on a day."""
        return sorted(self._arriving.glob(f"{contract}/dt={day}/*"))

    def deliver(self, day: date, broken: Fault | None = None, number: int = 1) -> None:
        """Put the files of a day into the landing folder, those of a feed broken."""
        for source in self.files(day):
            target = self.settings.landing / source.relative_to(self._arriving)
            target.parent.mkdir(parents=True, exist_ok=True)
            if broken is None or broken.feed != source.parts[-3]:
                shutil.copyfile(source, target)
            elif broken.sql:
                write_broken(self._arriving, source, target, broken, number)

    def run(self, name: str, lake: tuple[str, ...] = (), detect: bool = False) -> Found:
        """Build and check; or break what is built, and check that."""
        from gatehouse.gate import run_gate
        from gatehouse.lake import Lake
        from gatehouse.proof.drill import pretend_build

        started = time.monotonic()
        if lake:
            with Lake(self.settings).writer("fault") as connection:
                for statement in lake:
                    connection.execute(statement.replace("{day}", str(self.first)))
            report = run_gate(self.settings, build_id=pretend_build(self.settings))
        else:
            self.build()
            report = run_gate(self.settings)
        seconds = round(time.monotonic() - started, 1)
        causes = _causes(self.settings)
        return Found(
            self.seed,
            name,
            [*report.held],
            [cause.key.removeprefix("data:") for cause in causes],
            _words(causes[0]) if causes else "",
            seconds,
            _wrongly(self.settings, {*report.held}) if detect else None,
            _case(name),
        )


def _causes(settings: Settings) -> list[Cause]:
    """What is told that holds something, in the order in which it is told."""
    from gatehouse.alerts.causes import causes_of
    from gatehouse.alerts.checked import known_tables, newest_checked
    from gatehouse.store import open_store

    with open_store(settings, read_only=True).begin() as session:
        tables = newest_checked(session)
    order = known_tables(settings) or []
    causes = causes_of([tables[name] for name in order])
    return [cause for cause in causes if cause.severity == "critical"]


def _words(cause: Cause) -> str:
    checks = cause.details.get("checks")
    return str(checks[0]["check"] if checks else cause.title)


def _wrongly(settings: Settings, held: set[str]) -> list[str]:
    """Detections that ran on a held table's new version, or waited without reason.

    A held table keeps its certified version, so what reads it runs on that or waits, or reads the
    new one without the products that failed; what reads none of them must have succeeded.
    """
    from gatehouse.detection import run_detections
    from gatehouse.detection.inputs import rows_stamped
    from gatehouse.gate import certified_versions
    from gatehouse.store import open_store
    from gatehouse.store.models import DetectionRun

    report = run_detections(settings)
    shown = certified_versions(settings)
    wrong = [each.detection_id for each in report.results if each.status == "failed"]
    with open_store(settings)() as session:
        newest = {
            run.detection_id: run
            for run in session.query(DetectionRun).order_by(DetectionRun.started_at)
        }
        for name, run in newest.items():
            reads = run.inputs
            if run.status == "held" and not held & {*reads}:
                wrong.append(name)
            in_part = rows_stamped(run.parameters)
            for table, version in reads.items():
                is_newer = table in shown and version["snapshot_id"] > shown[table].snapshot_id
                if is_newer and table not in in_part:
                    wrong.append(name)
    return wrong


def _of_seed() -> None:
    seed, only, kept = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    known = {found["name"] for found in _kept(kept)}
    chosen = [(position, fault) for position, fault in enumerate(FAULTS) if only in fault.name]
    left = [(position, fault) for position, fault in chosen if fault.name not in known]
    # Clean days follow one another: some of them are no use without those before.
    is_clean_left = sum(name.startswith(_CLEAN) for name in known) < CLEAN
    if not left and not is_clean_left:
        return
    house = House(seed)
    with kept.open("a") as file:
        for position, fault in left:
            detect = (position + seed) % _DETECTIONS_EVERY == 0
            found = house.break_by(fault, detect)
            mark = "held" if _is_caught(found, fault) else "MISSED"
            _tell(file, found, mark)
        if not is_clean_left:
            return
        house.restore()
        for number in range(CLEAN):
            day = house.first + timedelta(days=number)
            house.deliver(day)
            found = house.run(f"{_CLEAN}{number + 1}, a {day:%A}")
            if found.name not in known:
                _tell(file, found, "clean")


def _tell(file: TextIO, found: Found, mark: str) -> None:
    print(json.dumps(asdict(found)), file=file, flush=True)
    line = f"seed {found.seed}, {found.seconds:5.1f} s, {mark}: {found.name}"
    print(f"{line}: {found.roots} {found.check}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _of_seed()
    else:
        main()
