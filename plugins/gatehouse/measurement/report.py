"""One HTML file that shows a home: risk, signals, findings, campaigns, the gate's history.

Everything is inside it, the drawing library too: it opens without a network. It shows counts
only, neither actors nor content.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import sqlalchemy as sa

from gatehouse.errors import GatehouseError
from gatehouse.gate.published import open_certified
from gatehouse.measurement import charts
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """One heading of the report with its charts.

    Attributes:
        title: the heading.
        says: what to look for, in a sentence or two.
        charts: Vega-Lite specifications.
    """

    title: str
    says: str
    charts: Sequence[dict[str, Any]]


def write_report(settings: Settings, target: Path) -> Path:
    """Write the report of a home's certified tables.

    Args:
        settings: which home. Where it has ground truth of a simulated world, the report says
            which campaigns were found and missed.
        target: file to write; replaced if it is there.

    Raises:
        GatehouseError: nothing is certified yet, or the file cannot be written.
    """
    connection = open_certified(settings)
    try:
        numbers = _numbers(connection)
        parts = [_risk(connection), _signals(connection), _findings(connection)]
        if (settings.home / "truth" / "campaign_actors.parquet").is_file():
            parts.append(_campaigns(connection, settings.home / "truth"))
        parts += [_activity(connection), _gate(settings)]
    finally:
        connection.close()
    text = _render(numbers, parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    except OSError as error:
        raise GatehouseError(
            f"{target} cannot be written: {error.strerror}.",
            next_step="name another: gatehouse report --to FILE",
        ) from error
    return target


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Rows:
    result = connection.execute(query, list(parameters))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _numbers(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    counts = {
        "events": "select count(*) from fct_events",
        "active actors": "select count(distinct actor_id) from fct_actor_daily",
        "signals": "select count(*) from abuse_signals",
        "actors at high or critical risk": (
            "select count(*) from user_risk where tier_code in ('high', 'critical')"
        ),
        "findings": "select count(*) from fct_findings",
        "enforcement actions": "select count(*) from enforcement_history",
    }
    return [(name, f"{_one(connection, query):,}") for name, query in counts.items()]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _risk(connection: duckdb.DuckDBPyConnection) -> Part:
    spread = _rows(
        connection,
        # The last bin has both its ends: there is nothing above 1.
        "select tier_code, least(floor(risk_probability * 20), 19) / 20 as probability, "
        "probability + 0.05 as probability_to, "
        "count(*) as actors from user_risk group by all order by all",
    )
    reasons = _rows(
        connection,
        "with scores as (select tier_code, unnest(json_keys(policy_scores)) as policy_code, "
        "policy_scores from user_risk), "
        "named as (select tier_code, policy_code, "
        "cast(json_extract(policy_scores, '$.\"' || policy_code || '\"') as double) as score "
        "from scores) "
        "select policy_code, tier_code, count(*) as actors, round(avg(score), 3) as mean_score "
        "from named where score >= 0.1 group by all order by all",
    )
    return Part(
        "User risk",
        "Actors with evidence, by probability, and the policies their evidence speaks of. "
        "Actors without evidence are not here: absent is not clean.",
        [charts.risk_spread(spread), charts.risk_reasons(reasons)],
    )


def _signals(connection: duckdb.DuckDBPyConnection) -> Part:
    days = _rows(
        connection,
        "select cast(occurred_date as varchar) as day, signal_kind_code as kind, "
        "count(*) as signals, count(distinct actor_id) as actors from abuse_signals "
        # A sign-up years ago is a signal of then, and would squeeze everything since.
        "where occurred_date >= (select min(activity_date) from fct_actor_daily) "
        "group by all order by all",
    )
    return Part(
        "Signals",
        "What was noticed each day, by kind, since the first day with activity. A kind that stops "
        "is a feed that broke as often as abuse that ended.",
        [charts.by_day(days, "kind", "signals", "Signals by kind")],
    )


def _findings(connection: duckdb.DuckDBPyConnection) -> Part:
    days = _rows(
        connection,
        "select cast(cast(last_event_at as date) as varchar) as day, "
        "detection_id as detection, mode_code as mode, count(*) as findings "
        "from fct_findings group by all order by all",
    )
    return Part(
        "Findings",
        "By detection and day of the last event behind them. A detection that never fires is "
        "worth a look too.",
        [charts.heat(days, "detection", "findings", "Findings by detection")],
    )


def _campaigns(connection: duckdb.DuckDBPyConnection, truth: Path) -> Part:
    found = _rows(
        connection,
        "with truth as (select kind, phase, actor_id, min(phase_start_at) as start_at, "
        "max(phase_end_at) as end_at from read_parquet($1) "
        "where role = 'member' or (role = 'victim' and kind in "
        "('credential_stuffing', 'leaked_key')) group by all), "
        # Found in a phase is who was found by what was done in it.
        "became as (select kind, phase, truth.actor_id, bool_or(findings.actor_id is not null) "
        "as is_found from truth left join fct_findings as findings "
        "on truth.actor_id = findings.actor_id and findings.mode_code = 'live' "
        "and findings.last_event_at >= start_at and findings.first_event_at < end_at "
        "group by all) "
        "select kind, phase, case when is_found then 'found' else 'missed' end as became, "
        "count(*) as actors from became group by all order by all",
        str(truth / "campaign_actors.parquet"),
    )
    return Part(
        "Campaigns, found and missed",
        "Ground truth of the simulated world, beside whom live detections found by events of that "
        "phase, under whatever policy. Some kinds have no detection on purpose; adapted phases are "
        "harder.",
        [charts.campaigns(found)],
    )


def _activity(connection: duckdb.DuckDBPyConnection) -> Part:
    days = _rows(
        connection,
        "select cast(activity_date as varchar) as day, product_code as product, "
        "sum(event_count) as events from fct_actor_daily group by all order by all",
    )
    return Part(
        "Activity",
        "Events by product surface: the background to all of the above.",
        [charts.lines(days, "product", "events", "Events by product")],
    )


def _gate(settings: Settings) -> Part:
    query = sa.select(Certificate.table_name, Certificate.checked_at, Certificate.result)
    with open_store(settings, read_only=True)() as session:
        rows = [
            {"table": table, "checked": checked.isoformat(), "result": result}
            for table, checked, result in session.execute(query.order_by(Certificate.checked_at))
        ]
    return Part(
        "The gate",
        "Every check of every table. Whatever did not pass was shown to nobody, and the "
        "detections that read it waited.",
        [charts.gate(rows)],
    )


def _render(numbers: list[tuple[str, str]], parts: list[Part]) -> str:
    import vl_convert

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gatehouse.measurement"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    # Its stub forgets that the snippet may be left out.
    library: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    drawn = [chart for part in parts for chart in part.charts]
    return environment.get_template("report.html").render(
        numbers=numbers,
        parts=parts,
        library=library.replace("</script", "<\\/script"),
        charts=_as_script(drawn),
    )


def _as_script(value: Any) -> str:
    """JSON that cannot end the script it stands in, whatever its texts hold."""
    text = json.dumps(value, default=str)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
