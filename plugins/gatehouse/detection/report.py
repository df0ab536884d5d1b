"""What a run of the detections says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["succeeded", "failed", "held", "nothing_new"]


@dataclass(frozen=True)
class DetectionResult:
    """One detection in one run.

    Attributes:
        detection_id: which one.
        version: of the detection.
        mode: shadow, canary, live.
        status: ``held`` means that a table it reads is not certified; it was not run.
        windows: half-open event-time windows that were looked at.
        found: findings in those windows, also those known before.
        new: findings recorded by this run.
        over_budget: new findings beyond the review budget of their day.
        message: why it was held or failed.
        seconds: wall clock.
        run_id: of its row in ``detection_runs``; empty where nothing was new.
    """

    detection_id: str
    version: int
    mode: str
    status: Status
    windows: tuple[tuple[datetime, datetime], ...] = ()
    found: int = 0
    new: int = 0
    over_budget: int = 0
    message: str = ""
    seconds: float = 0.0
    run_id: str = ""


@dataclass(frozen=True)
class DetectionReport:
    """One run of the executor over some detections."""

    results: list[DetectionResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether no detection failed. A held one has not failed: it was stopped in time."""
        return all(result.status != "failed" for result in self.results)

    @property
    def new(self) -> int:
        """Findings recorded by this run."""
        return sum(result.new for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {**asdict(self), "ok": self.ok, "new": self.new}
