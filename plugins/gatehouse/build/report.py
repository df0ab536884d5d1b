"""What a build says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from gatehouse.errors import GatehouseError


@dataclass(frozen=True)
class Interval:
    """Half-open interval of ``ingested_at``, UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse an interval that could never hold a row."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs time zones")
        if self.start >= self.end:
            raise GatehouseError(
                f"The interval from {self.start} to {self.end} is empty.",
                next_step="give a start before the end.",
            )


@dataclass(frozen=True)
class NodeResult:
    """How one dbt node ended: ``success``, ``pass``, ``fail``, ``error``, ``skipped``, ``warn``."""

    unique_id: str
    name: str
    resource_type: str
    status: str
    seconds: float
    message: str = ""
    failures: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the node did what it should."""
        return self.status in ("success", "pass", "warn", "no-op")


@dataclass(frozen=True)
class BuildReport:
    """One build.

    Attributes:
        build_id: id in the operational store.
        interval: the rows it covered, by ``ingested_at``.
        snapshot_id: snapshot the build left, which the gate checks; None where it made none.
        nothing_new: no row was ingested in the interval, so nothing was run.
        nodes: one entry per model and seed, in the order they ended.
        seconds: wall clock.
    """

    build_id: str
    interval: Interval
    snapshot_id: int | None
    nothing_new: bool = False
    nodes: list[NodeResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every node did what it should."""
        return all(node.ok for node in self.nodes)

    @property
    def failed(self) -> list[NodeResult]:
        """The nodes that failed, causes before their consequences."""
        bad = [node for node in self.nodes if not node.ok]
        return sorted(bad, key=lambda node: node.status == "skipped")

    def raise_for_failure(self) -> None:
        """Raise, naming the first failed model, unless the build is fine."""
        if self.ok:
            return
        first = self.failed[0]
        raise GatehouseError(
            f"The build stopped at {first.name}: {first.message.strip() or first.status}",
            next_step=f"gatehouse builds {self.build_id}; mend the model, then build again.",
        )

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {**asdict(self), "ok": self.ok}
