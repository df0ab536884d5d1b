"""What a detection states of itself, in the ``meta.detection`` of its YAML."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Thresholds that hold where a product has none of its own.
DEFAULT_THRESHOLDS = "default"
# What is not given back by lifting it: contents are gone, keys are revoked.
IRREVERSIBLE = frozenset({"terminate"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")

# Every detection model returns these columns and no others, in any order.
FINDING_COLUMNS = {
    "actor_id": "VARCHAR",
    "actor_type": "VARCHAR",
    "product_code": "VARCHAR",
    "dedup_key": "VARCHAR",
    "score": "DOUBLE",
    "event_count": "BIGINT",
    "first_event_at": "TIMESTAMP",
    "last_event_at": "TIMESTAMP",
    "evidence": "VARCHAR",
}


class DetectionSpec(BaseModel):
    """Metadata of one detection.

    Attributes:
        id: stable identity, equal to the model's name; renaming disconnects its history.
        version: raised by hand whenever the logic changes.
        title: what it finds, in a few words.
        policy: policy code the findings are about.
        abuse_type: harm it looks for, the folder it lies in.
        atlas_technique: MITRE ATLAS technique, where one fits.
        severity: of a true finding.
        actor_type: kind of actor it finds.
        subject: whether that actor did it (``offender``) or it was done to it (``victim``): that
            raises nobody's risk and ends nobody's account.
        driver: core table whose new rows decide which windows are looked at again.
        time_column: event time of the driver.
        window_days: days that the logic sees together, the day of ``last_event_at`` being the
            last of them.
        thresholds: numbers of the logic by name: under ``default``, and under a product code
            what differs there. ``{{ threshold("<name>") }}`` reads them.
        dedup: what makes two findings the same, in words; ``dedup_key`` carries it.
        optional_inputs: core tables that may be empty without holding the detection.
        needs: checks that must have passed of what it reads: ``critical``, or ``warning`` for
            those too. What proposes something that cannot be taken back needs warnings.
        by_product: whether what it finds on one product rests on rows of that product only. Where
            a table failed for some products, it goes on with the others.
        owner: who answers for it.
        review_budget: findings a day that reviewers can take.
        proposed_action: what to do about a confirmed finding.
        false_positives: who else behaves like this.
        known_gaps: what it does not see.
        runbook: two or three steps for whoever takes a finding.
        mode: ``shadow`` (recorded, acted on by nobody), ``canary``, ``live``, ``retired``.
        without_canary: why none of its cases can be run beside dbt to show that it is alive;
            empty, as it should be: one can.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    title: str = Field(min_length=5)
    policy: str
    abuse_type: str
    atlas_technique: str | None = Field(default=None, pattern=r"^AML\.T\d{4}(\.\d{3})?$")
    severity: Literal["low", "medium", "high", "critical"]
    actor_type: str
    subject: Literal["offender", "victim"] = "offender"
    driver: str
    time_column: str
    window_days: int = Field(ge=1, le=90)
    thresholds: dict[str, dict[str, int | float]] = Field(default_factory=dict)
    dedup: str = Field(min_length=5)
    optional_inputs: tuple[str, ...] = ()
    needs: Literal["critical", "warning"] = "critical"
    by_product: bool = False
    owner: str
    review_budget: int = Field(ge=1)
    proposed_action: Literal["none", "warn", "rate_limit", "restrict", "suspend", "terminate"]
    false_positives: tuple[str, ...] = Field(min_length=1)
    known_gaps: tuple[str, ...] = Field(min_length=1)
    runbook: tuple[str, ...] = Field(min_length=2, max_length=3)
    mode: Literal["shadow", "canary", "live", "retired"]
    without_canary: str = Field(default="", pattern=r"^$|\S+\s+\S+\s+\S+")

    @field_validator("thresholds")
    @classmethod
    def _stated(
        cls, thresholds: dict[str, dict[str, int | float]]
    ) -> dict[str, dict[str, int | float]]:
        known = set(thresholds.get(DEFAULT_THRESHOLDS, {}))
        for product, numbers in thresholds.items():
            # They become part of SQL.
            if not all(_NAME.fullmatch(name) for name in (product, *numbers)):
                raise ValueError(f"{product}: a name is made of a-z, 0-9 and _")
            unknown = sorted(set(numbers) - known)
            if unknown:
                raise ValueError(f"{product}.{unknown[0]} has no number under default")
            if not all(math.isfinite(number) and number >= 0 for number in numbers.values()):
                raise ValueError(f"{product}: a threshold is a number from 0 up")
        return thresholds

    @model_validator(mode="after")
    def _spare_victims(self) -> DetectionSpec:
        if self.subject == "victim" and self.proposed_action in ("suspend", "terminate"):
            raise ValueError(
                f"proposed_action {self.proposed_action}, but subject victim: its account is not "
                "to be ended; choose none, warn, rate_limit or restrict"
            )
        return self

    @model_validator(mode="after")
    def _sure_enough(self) -> DetectionSpec:
        if self.proposed_action in IRREVERSIBLE and self.needs != "warning":
            raise ValueError(
                f"proposed_action {self.proposed_action} cannot be taken back: needs must be "
                "warning"
            )
        return self

    @field_validator("false_positives", "known_gaps", "runbook")
    @classmethod
    def _written(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(line.split()) < 3 for line in lines):
            raise ValueError("say it in a sentence")
        return lines

    @property
    def parameters(self) -> dict[str, object]:
        """What a run's findings depended on beside code and data; stamped on each."""
        return {
            "window_days": self.window_days,
            "review_budget": self.review_budget,
            "thresholds": self.thresholds,
        }
