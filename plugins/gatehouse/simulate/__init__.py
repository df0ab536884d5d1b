"""A small world of products, actors and abuse, written as landing files."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.simulate.run import SimulationReport, run_simulation

__all__ = ["SimulationReport", "run_simulation"]

__getattr__ = lazy(
    __name__,
    {
        "SimulationReport": "gatehouse.simulate.run",
        "run_simulation": "gatehouse.simulate.run",
    },
)
