"""Detections: dbt models with one findings contract, run by one executor."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.detection.execute import run_detections
    from gatehouse.detection.report import DetectionReport, DetectionResult

__all__ = ["DetectionReport", "DetectionResult", "run_detections"]

__getattr__ = lazy(
    __name__,
    {
        "DetectionReport": "gatehouse.detection.report",
        "DetectionResult": "gatehouse.detection.report",
        "run_detections": "gatehouse.detection.execute",
    },
)
