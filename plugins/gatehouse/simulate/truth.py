"""Ground truth: who and what belongs to which campaign. Kept apart from the landing folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gatehouse.simulate.campaigns import Campaign
from gatehouse.simulate.columns import Columns

_ROW_IDS = {
    "events": "event_id",
    "logins": "login_id",
    "payments": "payment_id",
    "content": "content_id",
    "model_scores": "item_id",
    "user_reports": "report_id",
    "actors": "actor_id",
}


class Truth:
    """Collects what campaigns did, and writes it at the end.

    Three tables: ``campaigns``, ``campaign_actors`` and ``campaign_records``; and
    ``violating_items``, content of ordinary actors that breaks a policy.
    """

    def __init__(self) -> None:
        self._records: list[tuple[str, str, str]] = []
        self._items: list[str] = []

    def add(self, campaign: Campaign, contract: str, columns: Columns) -> None:
        """Note the rows of a campaign."""
        ids = columns[_ROW_IDS[contract]]
        values = ids.to_pylist() if isinstance(ids, pa.Array) else ids
        self._records += [(campaign.campaign_id, contract, record) for record in values]

    def add_items(self, ids: Sequence[str]) -> None:
        """Note violating content of ordinary actors."""
        self._items += ids

    def write(self, folder: Path, campaigns: list[Campaign]) -> None:
        """Write the tables into ``folder``, replacing those of an earlier run."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            "campaigns": [
                {
                    "campaign_id": campaign.campaign_id,
                    "kind": campaign.kind,
                    "policy_code": campaign.policy_code,
                    "starts_at": campaign.world.day_us(campaign.starts),
                    "ends_at": campaign.world.day_us(campaign.ends),
                }
                for campaign in campaigns
            ],
            "campaign_actors": [
                {
                    "campaign_id": campaign.campaign_id,
                    "actor_id": member.actor_id,
                    "role": member.role,
                }
                for campaign in campaigns
                for member in campaign.members
            ],
            "campaign_records": [
                {"campaign_id": campaign, "contract_name": contract, "record_id": record}
                for campaign, contract, record in self._records
            ],
            "violating_items": [{"item_id": item} for item in self._items],
        }
        for name, rows in tables.items():
            pq.write_table(pa.Table.from_pylist(rows, _SCHEMAS[name]), folder / f"{name}.parquet")


_TIME, _TEXT = pa.timestamp("us"), pa.string()
_SCHEMAS = {
    "campaigns": pa.schema(
        {
            "campaign_id": _TEXT,
            "kind": _TEXT,
            "policy_code": _TEXT,
            "starts_at": _TIME,
            "ends_at": _TIME,
        }
    ),
    "campaign_actors": pa.schema({"campaign_id": _TEXT, "actor_id": _TEXT, "role": _TEXT}),
    "campaign_records": pa.schema(
        {"campaign_id": _TEXT, "contract_name": _TEXT, "record_id": _TEXT}
    ),
    "violating_items": pa.schema({"item_id": _TEXT}),
}
