"""Which findings reviewers get to: the strongest of a day, as many as they can take."""

from __future__ import annotations

import duckdb
from sqlalchemy import select
from sqlalchemy.orm import Session

from gatehouse.store.models import DetectionRun

# Of all certified findings of a detection and UTC day, never of those of a run: in whatever order
# they were found, the same ones lie within the budget. Equal scores are in the order of their keys.
_RANKED = """
select
    findings.*,
    row_number() over (
        partition by findings.detection_id, cast(findings.last_event_at as date)
        order by findings.score desc, findings.finding_key
    ) as review_rank,
    review_rank <= budgets.review_budget as is_within_budget
from fct_findings as findings
left join (
    select unnest($ids) as detection_id, unnest($budgets) as review_budget
) as budgets on findings.detection_id = budgets.detection_id
"""


def review_budgets(session: Session) -> dict[str, int]:
    """Findings a day that reviewers can take, by detection, as of its newest run."""
    runs = session.execute(
        select(DetectionRun.detection_id, DetectionRun.parameters).order_by(
            DetectionRun.started_at, DetectionRun.detection_run_id
        )
    )
    return {
        row.detection_id: int(row.parameters["review_budget"])
        for row in runs
        if "review_budget" in row.parameters
    }


def rank_findings(
    connection: duckdb.DuckDBPyConnection, budgets: dict[str, int]
) -> duckdb.DuckDBPyRelation:
    """Findings with their rank for review.

    Args:
        connection: a reader with ``fct_findings``.
        budgets: findings a day by detection, as `review_budgets` gives them.

    Returns:
        The columns of ``fct_findings``, and ``review_rank`` (1 first, within detection and UTC
        day of ``last_event_at``) and ``is_within_budget`` (null where no budget is known).
    """
    values = {"ids": list(budgets), "budgets": list(budgets.values())}
    return connection.sql(_RANKED, params=values)
