"""From raw to core: one dbt process a build, over one interval of newly ingested rows."""

from gatehouse.build.report import BuildReport, NodeResult
from gatehouse.build.run import run_build

__all__ = ["BuildReport", "NodeResult", "run_build"]
