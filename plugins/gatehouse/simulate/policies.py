"""Policies that simulated signals name; the codes of the `dim_policies` seed."""

from __future__ import annotations

import numpy as np

CONTENT_POLICIES = (
    "malware",
    "harassment",
    "violence",
    "self_harm",
    "jailbreak",
    "prompt_injection",
    "spam",
    "fraud",
    "coordinated_behaviour",
    "model_extraction",
)
# How often an ordinary item is scored by each.
CONTENT_SHARES = np.array([18, 18, 14, 10, 14, 6, 10, 8, 1, 1]) / 100
REPORT_POLICIES = ("spam", "harassment", "hate", "fraud")


def policy_index(code: str) -> int:
    """Position in `CONTENT_POLICIES`."""
    return CONTENT_POLICIES.index(code)
