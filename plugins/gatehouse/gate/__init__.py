"""The gate: what is checked is what is certified, and what is certified is what is read."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.gate.published import Published, certified_versions, open_certified
    from gatehouse.gate.results import GateReport
    from gatehouse.gate.run import run_gate

__all__ = ["GateReport", "Published", "certified_versions", "open_certified", "run_gate"]

__getattr__ = lazy(
    __name__,
    {
        "GateReport": "gatehouse.gate.results",
        "Published": "gatehouse.gate.published",
        "certified_versions": "gatehouse.gate.published",
        "open_certified": "gatehouse.gate.published",
        "run_gate": "gatehouse.gate.run",
    },
)
