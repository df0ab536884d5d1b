"""Steps of gate and people, each in a process of its own that may kill itself, or be killed.

Imported once by a server process that is forked for each step: what takes seconds to import is
there when the step begins.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.rollback import lift, roll_back
from gatehouse.gate.run import run_gate
from gatehouse.gate.waivers import end_waivers, list_waivers, waive
from gatehouse.settings import Settings


@dataclass(frozen=True)
class Step:
    """What is to be done.

    Attributes:
        name: of `STEPS`.
        snapshot: what a gate checks.
        table: what a person decides about.
        check: which check of it they waive.
    """

    name: str
    snapshot: int
    table: str
    check: str


Take = Callable[[Settings, Step, "Deaths"], None]


class Deaths:
    """Kills this process at the n-th point at which something lasting may be half done.

    Points are statements and commits of the operational store, and the renaming of files: with
    each of them the process dies before it is carried out.
    """

    def __init__(self, at: int | None) -> None:
        self.passed = 0
        self.is_armed = False
        self._at = at

    def watch(self) -> None:
        """Look at every engine of this process from now on."""
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: self.point())
        sa.event.listen(sa.Engine, "commit", lambda *_: self.point())
        sys.addaudithook(lambda name, _: self.point() if name == "os.rename" else None)

    def point(self) -> None:
        """Die, if this is the point."""
        if not self.is_armed:
            return
        self.passed += 1
        if self.passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def take(step: Step, settings: Settings, at: int | None, told: Connection) -> None:
    """Take one step, and tell how it went: ``ready`` when it begins, then what came of it.

    Args:
        step: what to do.
        settings: which home.
        at: point to die at; None to live.
        told: where it is told: points passed, seconds, and the error of a step that was refused.
    """
    # The fork shares the parent's output; nobody reads it.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    deaths = Deaths(at)
    deaths.watch()
    told.send("ready")
    started, error = time.monotonic(), ""
    try:
        STEPS[step.name](settings, step, deaths)
    except GatehouseError as refused:
        error = refused.message
    told.send({"points": deaths.passed, "seconds": time.monotonic() - started, "error": error})


def _gate(settings: Settings, step: Step, deaths: Deaths) -> None:
    run_gate(settings, snapshot_id=step.snapshot)


def _certify(settings: Settings, step: Step, deaths: Deaths) -> None:
    """A gate whose points are those of its end, when everything has been looked at."""
    waiting = {"tables": len(core_tables(settings))}

    def looked(_line: str) -> None:
        waiting["tables"] -= 1
        deaths.is_armed = waiting["tables"] == 0

    run_gate(settings, snapshot_id=step.snapshot, progress=looked)


def _armed(action: Callable[[Settings, Step], object]) -> Take:
    def armed(settings: Settings, step: Step, deaths: Deaths) -> None:
        deaths.is_armed = True
        action(settings, step)

    return armed


def _roll_back(settings: Settings, step: Step) -> None:
    roll_back(settings, step.table, to=None, reason="measured")


def _waive(settings: Settings, step: Step) -> None:
    waive(settings, step.table, step.check, reason="measured", days=1)


def _end_waiver(settings: Settings, _step: Step) -> None:
    for each in list_waivers(settings, ended=True):
        end_waivers(settings, each["waiver_id"])


STEPS: dict[str, Take] = {
    "gate": _gate,
    "certification": _certify,
    "rollback": _armed(_roll_back),
    "lift": _armed(lambda settings, step: lift(settings, step.table)),
    "waiver": _armed(_waive),
    "end of waiver": _armed(_end_waiver),
}
