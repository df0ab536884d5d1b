"""One fault followed through the Airflow UI: the pictures of docs/guides/incident-in-airflow.md.

Weeks of a small simulated world are certified. Airflow starts and an ordinary day runs through its
DAGs; the next day arrives without the API's events after noon. A real browser, logged in by the
form, takes pictures of what whoever is on call sees, while the fault is held, waived, and mended by
the file delivered again. Settings: CHROMIUM (the browser), ACTORS, SEED, WEEKS (a folder that keeps
the certified weeks for the next run; by default they are made anew).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from _browser import Browser, browser, chromium
from _harness import PROJECT, run_stage, scratch, setting, stage_environment
from faults import write_broken
from faults_cases import Fault
from gatehouse.orchestrate.client import AirflowClient
from gatehouse.orchestrate.environment import password_of
from gatehouse.orchestrate.follow import FollowedRun, Follower
from gatehouse.orchestrate.pipeline import run_pipeline
from gatehouse.orchestrate.service import stop
from gatehouse.settings import Settings
from gatehouse.simulate.run import run_simulation

FOLDER = PROJECT / "docs" / "images" / "incident"
ACTORS, SEED = int(setting("ACTORS", "600")), int(setting("SEED", "1"))
# With so few actors the world's 30th day is no ordinary one: it stays away.
CERTIFIED_DAYS, DAYS = 27, 30
# Whoever makes the pictures is not in them; a user of Airflow's whose role may clear tasks.
PERSON = "steward"
# No password guessing: it warns of fct_events, and one incident is enough for a walk.
_CAMPAIGNS = ("leaked_key", "scraping", "spam_ring", "phishing")
_FAULT = Fault(
    "events: no API after noon",
    ("fct_events",),
    "events",
    "select * from rows where product_code <> 'api' or hour(occurred_at) < 12",
)
_REASON = "The rest of the API log comes tonight; other products go on"


def main() -> None:
    """Take all pictures."""
    began, program = datetime.now(UTC), chromium()
    os.environ["LOGNAME"] = PERSON  # who waives, as the system knows it
    with ExitStack() as stack:
        kept = setting("WEEKS", "")
        folder = Path(kept).resolve() if kept else stack.enter_context(scratch())
        world = _certified(folder)
        stack.callback(stop, world.settings)
        world.deliver(world.first)
        _require(world.run(), red=0)
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        _walk(world, program)
    print(f"{len([*FOLDER.glob('*.png')])} pictures in {(datetime.now(UTC) - began)}")


def _walk(world: World, program: str) -> None:
    broken = world.first + timedelta(days=1)
    world.deliver(broken, _FAULT)
    red = _require(world.run(), red=1)
    with world.browser(program) as there:
        _held(there, red)
    _waive(world)
    with world.browser(program) as there:
        _trigger(there)
        _require(world.follow(), red=0)
        _waived(there)
    green = _mend(world, broken)
    with world.browser(program) as there:
        _certified_again(there, green)


def _waive(world: World) -> None:
    """Take the incident, and let pass what holds the table."""
    world.gatehouse("alerts", "ack", _incident(world))
    checks = world.gatehouse("certificate", "fct_events")["checks"]
    failed = [e["check"] for e in checks if (e["result"], e["severity"]) == ("failed", "critical")]
    world.gatehouse("waive", "fct_events", *failed, "--reason", _REASON)


def _mend(world: World, day: date) -> FollowedRun:
    """End what was waived, and deliver the whole day."""
    for waiver in world.gatehouse("waivers"):
        world.gatehouse("waive", "--end", waiver["waiver_id"])
    world.deliver(day)
    return _require(world.run(), red=0)


def _incident(world: World) -> str:
    """The id of the incident of the fault."""
    found = [each for each in world.gatehouse("alerts", "list") if each["severity"] == "critical"]
    assert len(found) == 1, found
    return str(found[0]["incident_id"])


def _held(there: Browser, run: FollowedRun) -> None:
    there.open_run(run.dag_id, run.run_id, shows="all_certified")
    there.take("1-run", height=740)
    there.open_run(run.dag_id, run.run_id, "/tasks/all_certified", shows="held: fct_events")
    # What Airflow adds below is where its own code lies on this machine.
    there.take("2-log", height=900, below=there.page.get_by_text('File "/').first)
    frame = there.open_gatehouse()
    there.take("3-tables", below=frame.get_by_role("cell", name="new_accounts_on_one_device"))
    frame = there.open_gatehouse("Incidents")
    there.take("4-incident", below=frame.get_by_role("heading", name="Over"))
    there.open_gatehouse("fct_events")
    there.take("5-checks", height=560)


def _trigger(there: Browser) -> None:
    """Have the newest snapshot checked again: a run that builds nothing and is gated."""
    there.open("/dags/build_core", shows="all_certified")
    there.page.get_by_role("button", name="Trigger").first.click()
    start = there.page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True)
    start.wait_for()
    there.take("6-trigger", height=1130)
    start.click()


def _waived(there: Browser) -> None:
    frame = there.open_gatehouse()
    there.take("7-waived", below=frame.get_by_role("heading", name="Detections"))
    there.open_gatehouse("fct_events")
    there.take("8-waived-check", height=420)


def _certified_again(there: Browser, run: FollowedRun) -> None:
    there.open_run(run.dag_id, run.run_id, shows="all_certified")
    there.take("9-green", height=740)
    there.open_gatehouse("Incidents")
    there.take("10-over", height=330)


@dataclass(frozen=True)
class World:
    """A home whose weeks are certified, and the days that may still arrive.

    Attributes:
        settings: its home and port.
        arriving: all files that ever arrive, ``<contract>/dt=<day>/<file>``.
        first: the first day that was not delivered.
    """

    settings: Settings
    arriving: Path
    first: date

    def deliver(self, day: date, broken: Fault | None = None) -> None:
        """Put the files of a day into the landing folder, those of a feed broken."""
        for source in sorted(self.arriving.glob(f"*/dt={day}/*")):
            target = self.settings.landing / source.relative_to(self.arriving)
            target.parent.mkdir(parents=True, exist_ok=True)
            if broken is not None and broken.feed == source.parts[-3]:
                write_broken(self.arriving, source, target, broken, 1)
            else:
                shutil.copyfile(source, target)

    def run(self) -> list[FollowedRun]:
        """Load what arrived, and follow what that sets going to its end, by Airflow."""
        return run_pipeline(self.settings, simulate=False, progress=_say).runs

    def follow(self) -> list[FollowedRun]:
        """Follow a build that was just triggered, and what that sets going, to its end."""
        since, deadline = datetime.now(UTC) - timedelta(seconds=10), time.monotonic() + 60
        with AirflowClient(self.settings) as client:
            while not any(each["dag_id"] == "build_core" for each in client.active_runs()):
                assert time.monotonic() < deadline, "no build was triggered"
                time.sleep(0.2)
            return Follower(self.settings, client, _say).until_quiet(since)

    def gatehouse(self, *arguments: str) -> Any:
        """What a command answers, as JSON."""
        _say(f"gatehouse {' '.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "gatehouse.cli.app", *arguments, "--json"],
            env=stage_environment(self.settings.home),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)

    @contextmanager
    def browser(self, program: str) -> Iterator[Browser]:
        """A browser, logged in as `PERSON`."""
        url = f"http://{self.settings.api_host}:{self.settings.api_port}"
        password = password_of(self.settings, PERSON)
        with browser(program, url, FOLDER, user=PERSON, password=password) as there:
            yield there


def _certified(folder: Path) -> World:
    """The world with its first days certified; made unless the folder has it."""
    home, arriving, kept = folder / "home", folder / "arriving", folder / "kept"
    settings = Settings(home=home, api_port=_free_port(), project=PROJECT)
    if not kept.exists():
        report = run_simulation(settings, actors=ACTORS, days=DAYS, seed=SEED, campaigns=_CAMPAIGNS)
        shutil.move(settings.landing, arriving)
        (folder / "first").write_text(str(report.start_date + timedelta(days=CERTIFIED_DAYS)))
    world = World(settings, arriving, date.fromisoformat((folder / "first").read_text()))
    if kept.exists():  # at the same place, which the lake remembers
        shutil.rmtree(home)
        shutil.copytree(kept, home)
        return world
    for number in range(CERTIFIED_DAYS, 0, -1):
        world.deliver(world.first - timedelta(days=number))
    for stage in ("ingest", "build", "gate", "detect"):
        _say(f"{CERTIFIED_DAYS} days: {stage}")
        held = run_stage(stage, home).report.get("held")
        assert not held, held
    if setting("WEEKS", ""):
        shutil.copytree(home, kept)
    return world


def _require(runs: list[FollowedRun], *, red: int) -> FollowedRun:
    """The newest build of some runs, where as many are held as they should be.

    Raises:
        SystemExit: they are not, or something broke: the pictures would show something else.
    """
    broken = [each for each in runs if each.state != "success" and not each.only_held]
    builds = [each for each in runs if each.dag_id == "build_core"]
    held = [each for each in builds if each.only_held]
    if broken or bool(held) != bool(red):
        said = [each.failed_tasks for each in runs]
        raise SystemExit(f"{len(held)} builds held, {len(broken)} runs broken: {said}")
    return (held or builds)[-1]


def _say(line: str) -> None:
    print(line, flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
