"""What a detection may state of itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.detection.factories import spec


@pytest.mark.parametrize(
    ("thresholds", "what"),
    [
        ({"api": {"min_items": 5}}, "no number under default"),
        ({"default": {"min_items": 3}, "api": {"min_item": 5}}, "min_item has no number"),
        ({"default": {"min_items": -1}}, "from 0 up"),
        ({"default": {"min_items": float("nan")}}, "from 0 up"),
        ({"default": {"min_items": "three"}}, "valid"),
        ({"default": {"min items; --": 3}}, "name"),
        ({"default": {"min_items": 3}, "a' or 'b": {"min_items": 3}}, "name"),
    ],
    ids=["no default", "misspelt", "negative", "not a number", "text", "bad name", "bad product"],
)
def test_thresholds_that_could_not_be_meant_are_refused(
    thresholds: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValidationError, match=what):
        spec(thresholds=thresholds)


def test_thresholds_may_differ_by_product() -> None:
    stated = {"default": {"min_items": 3, "min_score": 0.7}, "api": {"min_items": 5}}
    assert spec(thresholds=stated).parameters["thresholds"] == stated


@pytest.mark.parametrize("action", ["suspend", "terminate"])
def test_a_victim_does_not_lose_its_account(action: str) -> None:
    assert spec(proposed_action=action, needs="warning").subject == "offender"
    with pytest.raises(ValidationError, match="subject victim"):
        spec(subject="victim", proposed_action=action, needs="warning")


def test_what_cannot_be_taken_back_needs_warnings_to_pass() -> None:
    with pytest.raises(ValidationError, match="needs must be warning"):
        spec(proposed_action="terminate")
    assert spec(proposed_action="terminate", needs="warning").needs == "warning"
