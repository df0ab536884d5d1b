"""The gate: what is checked is what is certified, and what is certified is what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatehouse.gate.published import Published, certified_versions, open_certified
    from gatehouse.gate.results import GateReport
    from gatehouse.gate.run import run_gate

__all__ = ["GateReport", "Published", "certified_versions", "open_certified", "run_gate"]

_MODULES = {
    "GateReport": "results",
    "Published": "published",
    "certified_versions": "published",
    "open_certified": "published",
    "run_gate": "run",
}


def __getattr__(name: str) -> Any:
    """Import on first use: readers need neither dbt nor Great Expectations."""
    if name not in _MODULES:
        raise AttributeError(name)
    import importlib

    return getattr(importlib.import_module(f"gatehouse.gate.{_MODULES[name]}"), name)
