"""Lint the SQL of the models: `python -m tests.dbt.lint`. A file that is skipped is a failure.

sqlfluff leaves out a model that it cannot compile (a variable that is missing, say) and still
ends with exit code 0.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run sqlfluff on all models and return its exit code, or 1 where a file was skipped."""
    command = [sys.executable, "-m", "sqlfluff", "lint", "dbt_project/models"]
    done = subprocess.run(
        [*command, "--disable-progress-bar"],
        cwd=_PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("===")]
    print("\n".join(lines))
    skipped = [line for line in lines if "skipped file" in line.lower()]
    if skipped:
        print(f"{len(skipped)} files were skipped, which counts as a failure.")
    return done.returncode or int(bool(skipped))


if __name__ == "__main__":
    sys.exit(main())
