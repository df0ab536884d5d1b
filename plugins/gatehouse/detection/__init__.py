"""Detections: dbt models with one findings contract, run by one executor."""

from gatehouse.detection.execute import run_detections
from gatehouse.detection.report import DetectionReport, DetectionResult

__all__ = ["DetectionReport", "DetectionResult", "run_detections"]
