"""A load that is killed anywhere and run again ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatehouse.settings import Settings
from tests.ingest.world import SHOP, assert_accounted, content, load, make_project, put

_PROGRAM = """
import sys
from gatehouse.ingest import loader, run_ingest
from gatehouse.settings import Settings
loader.BATCH_FILES = 2
run_ingest(Settings(), progress=lambda line: print(line, flush=True))
"""


def _fill(settings: Settings) -> None:
    for number in range(12):
        rows = "".join(
            f"{number}-{i},2026-01-05 10:00:00,a,{'ok' if i % 7 else 'bad'}\n" for i in range(300)
        )
        put(settings, f"shop/{number:02}.csv", "id,happened,who,how\n" + rows)


def _start(settings: Settings) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "GATEHOUSE_HOME": str(settings.home),
        "GATEHOUSE_PROJECT": str(settings.project),
    }
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("batches", [0, 1, 3], ids=["before", "after-one", "after-three"])
def test_killed_load_continues(tmp_path: Path, batches: int) -> None:
    whole = make_project(tmp_path / "whole", {"shop": SHOP})
    _fill(whole)
    load(whole)
    killed = make_project(tmp_path / "killed", {"shop": SHOP})
    _fill(killed)

    process = _start(killed)
    assert process.stdout is not None
    for _ in range(batches):
        process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    report = load(killed)

    assert content(killed) == content(whole)
    assert_accounted(killed)
    assert report.totals["files_known"] >= min(batches, 1)
