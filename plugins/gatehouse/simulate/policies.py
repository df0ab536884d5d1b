"""Policies that simulated signals name; the codes of the `dim_policies` seed."""

from __future__ import annotations

CONTENT_POLICIES = ("malware", "harassment", "violence", "self_harm")
REPORT_POLICIES = ("spam", "harassment", "hate")
