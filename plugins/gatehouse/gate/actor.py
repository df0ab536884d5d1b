"""What is known about one actor, from the certified tables."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import duckdb

from gatehouse.errors import GatehouseError

# Rows of each part at most.
NEWEST = 20
# Per part: the table it needs, and the query, newest first. `$1` is the actor.
PARTS = {
    "versions": (
        "dim_actors",
        "select * exclude (actor_version_key) from dim_actors where actor_id = $1 "
        "order by valid_from_at desc",
    ),
    "risk": ("user_risk", "select * from user_risk where actor_id = $1"),
    "risk_history": (
        "user_risk_history",
        "select valid_from_date, valid_to_date, tier_code, risk_probability, top_policy_code "
        "from user_risk_history where actor_id = $1 "
        # Fading to come is in the table already; people ask what was.
        "and valid_from_date <= current_date order by valid_from_date desc",
    ),
    "signals": (
        "abuse_signals",
        "select occurred_at, signal_source_code, signal_kind_code, policy_code, product_code, "
        "score, evidence_type, evidence_id from abuse_signals where actor_id = $1 "
        "order by occurred_at desc",
    ),
    "findings": (
        "fct_findings",
        "select found_at, detection_id, detection_version, severity_code, product_code, score, "
        "event_count, first_event_at, last_event_at, evidence, finding_key from fct_findings "
        "where actor_id = $1 order by found_at desc",
    ),
    "reports": (
        "fct_reports",
        "select reported_at, policy_code, product_code, severity, reporter_credibility "
        "from fct_reports where reported_actor_id = $1 order by reported_at desc",
    ),
    "enforcement": (
        "enforcement_history",
        "select * from enforcement_history where actor_id = $1 order by valid_from_at desc",
    ),
    "activity": (
        "fct_actor_daily",
        "select activity_date, product_code, event_count, error_count, denied_count, "
        "login_failure_count, distinct_ip_count from fct_actor_daily where actor_id = $1 "
        "order by activity_date desc",
    ),
    "operations": (
        "bridge_operation_actors",
        "select operation_id from bridge_operation_actors where actor_id = $1",
    ),
    # After `activity`, which tells from which day on. Few of an actor's many events.
    "events": (
        "fct_events",
        "select occurred_at, product_code, event_type, outcome_code, country_code, event_id "
        "from fct_events where actor_id = $1 and occurred_date >= $2 "
        f"order by occurred_at desc limit {NEWEST}",
    ),
}
# Before all events.
EARLIEST = date(1, 1, 1)
_JSON_COLUMNS = ("top_reasons", "policy_scores", "evidence")


def read_actor(connection: duckdb.DuckDBPyConnection, actor_id: str) -> dict[str, Any]:
    """What the certified tables say of one actor.

    Args:
        connection: of `gatehouse.gate.query.certified_session`; opening one takes most of the
            time, so one serves many look-ups, which then are of the same versions.
        actor_id: as in the tables.

    Returns:
        One list of rows by part, the newest 20 first; None for a part whose table is not
        certified, which is not the same as an empty list. ``not_certified`` names those tables.

    Raises:
        GatehouseError: no certified table knows the actor.
    """
    parts: dict[str, Any] = {"actor_id": actor_id}
    missing = []
    for part, (table, sql) in PARTS.items():
        try:
            if part == "events":
                parts[part] = _events(connection, sql, actor_id, parts["activity"])
            else:
                parts[part] = _rows(connection, sql, [actor_id])
        except duckdb.CatalogException:
            parts[part] = None
            missing.append(table)
    parts["not_certified"] = missing
    if not any(parts[part] for part in PARTS):
        but = f" (not certified, so not looked at: {', '.join(missing)})" if missing else ""
        raise GatehouseError(
            f"No certified table knows this actor{but}.",
            next_step="check the id; gatehouse status shows what the tables cover.",
        )
    return parts


def _events(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    actor_id: str,
    activity: list[dict[str, Any]] | None,
) -> list[dict[str, Any]]:
    """The newest events, read from the last active days alone where those have enough."""
    since, counted = EARLIEST, 0
    for day in activity or []:
        since, counted = day["activity_date"], counted + day["event_count"]
        if counted >= NEWEST:
            break
    rows = _rows(connection, sql, [actor_id, since])
    if len(rows) < NEWEST and since > EARLIEST:
        # The two tables may be certified at different builds.
        rows = _rows(connection, sql, [actor_id, EARLIEST])
    return rows


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any]
) -> list[dict[str, Any]]:
    # Not cut in SQL: for so few rows DuckDB would look each of them up once more.
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(NEWEST)]
    for row in rows:
        for name in _JSON_COLUMNS:
            if isinstance(row.get(name), str):
                row[name] = json.loads(row[name])
    return rows
