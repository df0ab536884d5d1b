"""From raw to core: one dbt process a build, over one interval of newly ingested rows."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.build.report import BuildReport, Interval, NodeResult
    from gatehouse.build.run import run_build

__all__ = ["BuildReport", "Interval", "NodeResult", "run_build"]

__getattr__ = lazy(
    __name__,
    {
        "BuildReport": "gatehouse.build.report",
        "Interval": "gatehouse.build.report",
        "NodeResult": "gatehouse.build.report",
        "run_build": "gatehouse.build.run",
    },
)
