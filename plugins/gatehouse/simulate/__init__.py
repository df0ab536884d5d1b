"""A small world of products, actors and abuse, written as landing files."""

from gatehouse.simulate.run import SimulationReport, run_simulation

__all__ = ["SimulationReport", "run_simulation"]
