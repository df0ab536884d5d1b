"""The notebook of the docs: run it in this interpreter, and keep what it prints steady.

``python -m tests.docs.notebook`` runs ``docs/guides/incident.ipynb`` and writes its outputs.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
NOTEBOOK = GUIDES / "incident.ipynb"

_CELL_SECONDS = 500
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_MASKED = re.compile(r"#[0-9a-f]{10}\b")
_FINDING = re.compile(r"(?<=  )[0-9a-f]{12}(?=  )")
_SECONDS = re.compile(r"\b\d+(\.\d+)? s\b")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)( \d\d:\d\d)?(?(2)(:\d\d)?)(?![.:]?\d)")
# The night after the day that breaks.
_RUN_AT = datetime(2026, 3, 17, 2, 10, tzinfo=UTC)


class _Kernel(AsyncKernelManager):
    """IPython in this interpreter: no kernel has to be installed for the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


def read(path: Path = NOTEBOOK) -> nbformat.NotebookNode:
    """The notebook as committed."""
    return nbformat.read(path, as_version=4)


def execute(notebook: nbformat.NotebookNode, scratch: Path) -> nbformat.NotebookNode:
    """Run all cells in order, in a kernel of their own.

    Args:
        notebook: changed in place: its outputs are those of the run.
        scratch: folder for all that it writes.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GATEHOUSE_")
    }
    environment |= {"TMPDIR": str(scratch), "IPYTHONDIR": str(scratch / "ipython")}
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        record_timing=False,
        kernel_manager_class=_Kernel,
        resources={"metadata": {"path": str(GUIDES)}},
    )
    client.execute(env=environment)
    return notebook


def steady(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with ids, hashes, times of the run and durations replaced by fixed ones.

    Equal ones stay equal. What a second run would print the same stays as it is.
    """
    replace = _Replacement()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = replace(output.text)
            for kind in output.get("data", {}):
                if kind.startswith("text/"):
                    output.data[kind] = replace(output.data[kind])
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream as one: where they were cut depends on the moment."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


class _Replacement:
    """Replaces what differs between runs; the same by the same throughout a notebook."""

    def __init__(self) -> None:
        self._today = datetime.now(UTC).date()
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        text = _UUID.sub(self._named(lambda n: f"{n:08x}-0000-4000-8000-{n:012x}"), text)
        text = _MASKED.sub(self._named(lambda n: f"#{n * 0x9E3779B9 % 16**10:010x}"), text)
        text = _FINDING.sub(self._named(lambda n: f"{n * 0x9E3779B9 % 16**12:012x}"), text)
        text = _SECONDS.sub("… s", text)
        return _TIME.sub(self._time, text)

    def _named(self, make: Callable[[int], str]) -> Callable[[re.Match[str]], str]:
        def name(match: re.Match[str]) -> str:
            return self._known.setdefault(match[0], make(len(self._known) + 1))

        return name

    def _time(self, match: re.Match[str]) -> str:
        """Of the days around today, the same days after the night of the incident."""
        off = datetime.strptime(match[1], "%Y-%m-%d").replace(tzinfo=UTC).date() - self._today
        if not timedelta(days=-2) <= off <= timedelta(days=100):
            return match[0]
        moment = _RUN_AT + off
        time = f"{moment: %H:%M}" if match[2] else ""
        return f"{moment:%Y-%m-%d}{time}{':00' if match[3] else ''}"


def main() -> None:
    """Run the notebook and write what it printed into it."""
    with tempfile.TemporaryDirectory() as scratch:
        notebook = steady(execute(read(), Path(scratch)))
    text = nbformat.writes(notebook, indent=1, ensure_ascii=False)
    NOTEBOOK.write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main()
