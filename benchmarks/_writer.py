"""One writer in a process of its own: loads, or builds and checks, until it is told to stop.

Arguments: what it does (``load`` or ``build``), the file whose presence ends it, one to which each
error is appended as a line of JSON, and one to which what was done is. Settings come from the
environment (``GATEHOUSE_*``).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from gatehouse.settings import Settings

_PAUSE_SECONDS = 0.5


def main() -> None:
    """Write in a loop. An error is noted, and the loop goes on: as a scheduler would."""
    kind, stop, errors, done = sys.argv[1], *map(Path, sys.argv[2:5])
    settings = Settings()
    while not stop.exists():
        try:
            write_once(settings, kind)
            with done.open("a") as file:
                file.write(f"{kind}\n")
        except Exception as error:  # what a writer meets is the result, whatever it is
            with errors.open("a") as file:
                text = {"kind": kind, "error": type(error).__name__, "words": str(error)[:300]}
                file.write(json.dumps(text) + "\n")
        time.sleep(_PAUSE_SECONDS)


def write_once(settings: Settings, kind: str) -> None:
    """One load of what has arrived; or one build of what was loaded, and its gate."""
    if kind == "load":
        from gatehouse.ingest import run_ingest

        run_ingest(settings)
        return
    from gatehouse.build import run_build
    from gatehouse.gate import run_gate

    run_build(settings).raise_for_failure()
    run_gate(settings)


if __name__ == "__main__":
    main()
