"""What a campaign leaves on a day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from gatehouse.simulate.columns import Columns, Ints
from gatehouse.simulate.items import Items

# The column that names a record, by contract.
ROW_IDS = {
    "events": "event_id",
    "logins": "login_id",
    "payments": "payment_id",
    "content": "content_id",
    "user_reports": "report_id",
}


@dataclass
class Traffic:
    """Rows of a day.

    Attributes:
        rows: by contract.
        items: the content among them, for review.
        reports: ids and true kinds (positions in `REPORT_KINDS`) of the reports among them.
    """

    rows: dict[str, list[Columns]] = field(default_factory=lambda: defaultdict(list))
    items: list[Items] = field(default_factory=list)
    reports: list[tuple[Any, Ints]] = field(default_factory=list)
