"""An interrupted command ends with its own exit code, wherever the signal finds it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

# The signal comes while a text is executed, as it does while dataclasses are imported.
SCRIPT = """
import os, sys
from gatehouse.orchestrate.commands import _interrupt_on_signal
_interrupt_on_signal()
try:
    exec("import os; os.kill(os.getpid(), {number}); [None for _ in range(1000)]")
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "kill"])
def test_a_signal_that_comes_during_an_import_keeps_the_exit_code(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "interrupted.py").write_text(SCRIPT.format(number=int(number)))
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False)
    assert done.returncode == 130
