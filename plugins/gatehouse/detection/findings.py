"""Recording findings: each once, stamped with what it was made from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gatehouse.detection.compiled import WINDOW_END, WINDOW_START, Detection
from gatehouse.detection.inputs import Input, Window, stamp_of
from gatehouse.detection.spec import FINDING_COLUMNS
from gatehouse.errors import GatehouseError
from gatehouse.lake.arrivals import next_arrival

_STAMPED = """
insert into lake.raw.findings by name
select
    {columns},
    md5($detection_id || '|' || found.dedup_key) as finding_key,
    $detection_id as detection_id,
    $detection_version as detection_version,
    $code_hash as code_hash,
    $mode_code as mode_code,
    $severity_code as severity_code,
    $policy_code as policy_code,
    $abuse_type_code as abuse_type_code,
    $subject_code as subject_code,
    cast($window_start_at as timestamp) as window_start_at,
    cast($window_end_at as timestamp) as window_end_at,
    $detection_run_id as detection_run_id,
    $certificate_ids as certificate_ids,
    $snapshot_ids as snapshot_ids,
    $parameters as parameters,
    cast($found_at as timestamp) as found_at,
    cast($found_at as timestamp) as ingested_at
from found
anti join lake.raw.findings as known
    on known.finding_key = md5($detection_id || '|' || found.dedup_key)
"""

_NEVER_NULL = ("actor_id", "dedup_key", "score", "last_event_at")


@dataclass(frozen=True)
class Stamp:
    """What a set of findings was made from."""

    detection: Detection
    detection_run_id: str
    inputs: dict[str, Input]
    window: Window


def find(connection: duckdb.DuckDBPyConnection, detection: Detection, window: Window) -> pa.Table:
    """Run a detection over one window on a certified connection.

    Args:
        connection: a reader of certified versions.
        detection: what to run.
        window: what to read. Its first days serve to see back only: a finding counts on a day
            before which the whole reach (``window_days``) was read, because on others the same
            code would say something else with more to see.

    Returns:
        One row per finding with `FINDING_COLUMNS`, one per ``dedup_key``: of several about one
        actor (it did the same on two products), the one with the highest score. Failing instead
        would let one actor who does that hide all others.

    Raises:
        GatehouseError: the result does not keep the findings contract.
    """
    relation = run_sql(connection, detection.sql, window)
    shape = dict(zip(relation.columns, map(str, relation.types), strict=True))
    wrong = sorted(shape.items() ^ FINDING_COLUMNS.items())
    if wrong:
        raise GatehouseError(
            f"{detection.spec.id} breaks the findings contract at {wrong[0][0]} ({wrong[0][1]}).",
            next_step=f"return exactly {', '.join(FINDING_COLUMNS)}.",
        )
    found = relation.to_arrow_table()
    keys = found["dedup_key"]
    if any(found[name].null_count for name in _NEVER_NULL):
        raise GatehouseError(
            f"{detection.spec.id} returned a finding without {' or '.join(_NEVER_NULL)}.",
            next_step="filter such rows in its SQL.",
        )
    if len(keys) != len(keys.unique()):
        found = _best_of_each_key(found, detection)
    return _seen_whole(found, detection, window)


def _best_of_each_key(found: pa.Table, detection: Detection) -> pa.Table:
    actors = found.group_by("dedup_key").aggregate([("actor_id", "count_distinct")])
    if pc.max(actors["actor_id_count_distinct"]).as_py() > 1:
        raise GatehouseError(
            f"{detection.spec.id} returned findings about two actors with one dedup_key.",
            next_step="make the actor a part of the key: finding_key(['actor_id', ...]).",
        )
    order = [("score", "descending"), ("event_count", "descending")]
    order += [(name, "ascending") for name in FINDING_COLUMNS if name not in dict(order)]
    ranked = found.sort_by(order)
    first = ranked.append_column("place", pa.array(range(len(ranked)), pa.int64()))
    kept = first.group_by("dedup_key").aggregate([("place", "min")])["place_min"]
    return ranked.take(kept.combine_chunks().sort())


def _seen_whole(found: pa.Table, detection: Detection, window: Window) -> pa.Table:
    first = window[0] + timedelta(days=detection.spec.window_days - 1)
    last = found["last_event_at"]
    is_whole = pc.and_(pc.greater_equal(last, _instant(first)), pc.less(last, _instant(window[1])))
    return found.filter(is_whole)


def _instant(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))


def run_sql(
    connection: duckdb.DuckDBPyConnection, sql: str, window: Window
) -> duckdb.DuckDBPyRelation:
    """Compiled SQL of a detection over one window; its bounds are times, never text of others."""
    bounded = sql.replace(WINDOW_START, _text(window[0])).replace(WINDOW_END, _text(window[1]))
    return connection.sql(bounded)


def record(connection: duckdb.DuckDBPyConnection, found: pa.Table, stamp: Stamp) -> int:
    """Append the findings that are not known yet, in one transaction; returns how many.

    Args:
        connection: a writer.
        found: rows as `find` returns them.
        stamp: what they were made from.
    """
    spec = stamp.detection.spec
    connection.register("found", found)
    connection.execute("begin")
    try:
        columns = ", ".join(f"found.{name}" for name in FINDING_COLUMNS)
        row = connection.execute(
            _STAMPED.format(columns=columns),
            {
                "detection_id": spec.id,
                "detection_version": spec.version,
                "code_hash": stamp.detection.code_hash,
                "mode_code": spec.mode,
                "severity_code": spec.severity,
                "policy_code": spec.policy,
                "abuse_type_code": spec.abuse_type,
                "subject_code": spec.subject,
                "window_start_at": _text(stamp.window[0]),
                "window_end_at": _text(stamp.window[1]),
                "detection_run_id": stamp.detection_run_id,
                "certificate_ids": _by_table(stamp.inputs, "certificate_id"),
                "snapshot_ids": _by_table(stamp.inputs, "snapshot_id"),
                "parameters": json.dumps(spec.parameters | stamp_of(stamp.inputs), sort_keys=True),
                "found_at": _text(next_arrival(connection)),
            },
        ).fetchone()
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    finally:
        connection.unregister("found")
    return int(row[0]) if row else 0


def over_budget(found: pa.Table, budget: int) -> int:
    """How many findings lie beyond the review budget of their UTC day."""
    days = Counter(moment.date() for moment in found["last_event_at"].to_pylist())
    return sum(max(0, count - budget) for count in days.values())


def _by_table(inputs: dict[str, Input], attribute: str) -> str:
    values: dict[str, Any] = {name: getattr(each, attribute) for name, each in inputs.items()}
    return json.dumps(values, sort_keys=True)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
