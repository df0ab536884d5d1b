"""The assets that link the DAGs: landing -> raw -> certified -> findings.

A task cannot hold back the event of an asset it declares as its outlet, and an event without
news would start a build for nothing. So tasks declare an alias, and add the asset to it when
there is something new.
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias

GROUP = "gatehouse"

# Whoever delivers files may post an event on it to have them loaded at once.
LANDING = Asset(name="landing", uri="x-gatehouse://landing", group=GROUP)
RAW = Asset(name="raw", uri="x-gatehouse://lake/raw", group=GROUP)
CERTIFIED = Asset(name="certified", uri="x-gatehouse://lake/certified", group=GROUP)
FINDINGS = Asset(name="findings", uri="x-gatehouse://lake/findings", group=GROUP)

NEW_RAW = AssetAlias(name="new_raw", group=GROUP)
NEW_CERTIFIED = AssetAlias(name="new_certified", group=GROUP)
NEW_FINDINGS = AssetAlias(name="new_findings", group=GROUP)
