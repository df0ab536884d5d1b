"""What can go wrong with a day, one `Fault` each: a feed's files, or tables that a build made.

In the SQL of a feed, ``rows`` are those of a file of the day, ``before`` those of the day before,
``known`` the newest version of every actor so far, and ``labels`` all that reviewers will ever say.
"""

from __future__ import annotations

from dataclasses import dataclass

_ACTORS = "select * exclude (updated_at), timestamp '{day} 12:00:00' as updated_at from known"


@dataclass(frozen=True)
class Fault:
    """One way to break a day.

    Attributes:
        name: what went wrong.
        roots: core tables of which any may be named first.
        feed: contract whose files of the day are broken; empty for none.
        sql: their rows instead; empty for no file at all.
        lake: statements on the lake between the build and the gate.
        days: how many days it goes on; ``{number}`` in the SQL counts them from 1.
        is_cut: the files end in the middle.
        encoding: of a feed of text: what its files are written in instead of UTF-8.
        why_not: why it is not expected to be seen; empty if it is.
    """

    name: str
    roots: tuple[str, ...]
    feed: str = ""
    sql: str = ""
    lake: tuple[str, ...] = ()
    days: int = 1
    is_cut: bool = False
    encoding: str = ""
    why_not: str = ""


def _events(name: str, sql: str, **more: object) -> Fault:
    return Fault(name, ("fct_events",), "events", sql, **more)  # type: ignore[arg-type]


def _scores(name: str, sql: str, **more: object) -> Fault:
    return Fault(name, ("abuse_signals",), "model_scores", sql, **more)  # type: ignore[arg-type]


def _replaced(what: str) -> str:
    return f"select * replace ({what}) from rows"


FAULTS: tuple[Fault, ...] = (
    # Volume.
    _events("events: no file", ""),
    _events("events: half of the rows", "select * from rows where hash(event_id) % 2 = 0"),
    _events("events: half of the day", "select * from rows where hour(occurred_at) < 12"),
    _events("events: one product silent", "select * from rows where product_code <> 'api'"),
    _events("events: file cut in the middle", "select * from rows", is_cut=True),
    _events(
        "events: every row twice, other ids",
        "select * from rows union all select * replace (event_id || 'x' as event_id) from rows",
    ),
    _events(
        "events: one product twice",
        "select * from rows union all select * replace (event_id || 'x' as event_id) from rows "
        "where product_code = 'chat_assistant'",
    ),
    _events(
        "events: one country twice",
        "select * from rows union all select * replace (event_id || 'x' as event_id) from rows "
        "where actor_id in (select actor_id from known where country_code = 'US')",
    ),
    _events(
        "events: the day before, instead",
        "select * replace (event_id || 'x' as event_id, occurred_at + interval 1 day as "
        "occurred_at) from before",
    ),
    _events(
        "events: the day before, besides",
        "select * from rows union all select * replace (event_id || 'x' as event_id, "
        "occurred_at + interval 1 day as occurred_at) from before",
    ),
    # Times.
    _events("events: nine hours late", _replaced("occurred_at + interval 9 hour as occurred_at")),
    _events("events: in the future", _replaced("occurred_at + interval 400 day as occurred_at")),
    _events(
        "events: times cut to the day", _replaced("date_trunc('day', occurred_at) as occurred_at")
    ),
    # Values.
    _events("events: no device any more", _replaced("null as device_id")),
    _events("events: no address any more", _replaced("null as ip_address")),
    _events(
        "events: a third without an actor",
        _replaced("case when hash(event_id) % 3 > 0 then actor_id end as actor_id"),
    ),
    _events("events: one address for all", _replaced("'203.0.113.7' as ip_address")),
    _events(
        "events: a new outcome",
        _replaced("case outcome_code when 'ok' then 'OKAY' else outcome_code end as outcome_code"),
    ),
    _events("events: all of them errors", _replaced("'error' as outcome_code")),
    _events("events: a new kind of event", _replaced("'req' as event_type")),
    _events(
        "events: a product renamed",
        _replaced("replace(product_code, 'chat_assistant', 'chat') as product_code"),
    ),
    _events(
        "events: tokens by the thousand",
        _replaced("input_tokens * 1000 as input_tokens, output_tokens * 1000 as output_tokens"),
    ),
    _events("events: seconds for milliseconds", _replaced("duration_ms // 1000 as duration_ms")),
    _events(
        "events: two columns swapped",
        _replaced("output_tokens as input_tokens, input_tokens as output_tokens"),
    ),
    _events("events: no tokens counted", _replaced("0 as input_tokens, 0 as output_tokens")),
    _events("events: absurd tokens", _replaced("2000000000 as input_tokens")),
    _events(
        "events: slow drift over 14 days",
        _replaced("cast(input_tokens * (1 + 0.2 * {number}) as bigint) as input_tokens"),
        days=14,
    ),
    # Identity.
    _events("events: actors cut to collide", _replaced("left(actor_id, 4) as actor_id")),
    _events(
        "events: ids used again",
        _replaced("actor_id || '-' || hour(occurred_at) as event_id"),
    ),
    # Log-ins and payments are events too.
    Fault("logins: no file", ("fct_events",), "logins"),
    Fault(
        "logins: outcomes turned over",
        ("fct_events",),
        "logins",
        _replaced(
            "case outcome_code when 'success' then 'failure' else 'success' end as outcome_code"
        ),
    ),
    Fault(
        "logins: one country for all", ("fct_events",), "logins", _replaced("'US' as country_code")
    ),
    # Of few rows a day; missed when the other feeds have come a day further.
    Fault("payments: no file for two days", ("fct_events",), "payments", days=2),
    Fault(
        "payments: cents for units",
        ("fct_events",),
        "payments",
        _replaced("cast(amount * 100 as decimal(18, 2)) as amount"),
    ),
    Fault(
        "payments: currencies mixed",
        ("fct_events",),
        "payments",
        _replaced(
            "case when hash(payment_id) % 2 = 0 then 'JPY' else currency_code end as currency_code"
        ),
    ),
    # Accounts.
    Fault(
        "actors: all suspended",
        ("dim_actors",),
        "actors",
        _ACTORS.replace("(updated_at)", "(updated_at) replace ('suspended' as status_code)"),
    ),
    Fault(
        "actors: countries lost",
        ("dim_actors",),
        "actors",
        _ACTORS.replace("(updated_at)", "(updated_at) replace (null as country_code)"),
    ),
    Fault(
        "actors: one plan for all",
        ("dim_actors",),
        "actors",
        _ACTORS.replace("(updated_at)", "(updated_at) replace ('free' as plan_code)"),
    ),
    Fault(
        "actors: all new",
        ("dim_actors", "abuse_signals"),
        "actors",
        _ACTORS.replace(
            "(updated_at)", "(updated_at) replace (timestamp '{day} 06:00:00' as created_at)"
        ),
    ),
    # Classifier scores.
    _scores("scores: no file for two days", "", days=2),
    _scores("scores: always the same", _replaced("cast(0.99 as double) as score")),
    _scores("scores: all of them 0", _replaced("cast(0 as double) as score")),
    _scores("scores: turned over", _replaced("1 - score as score")),
    _scores("scores: in percent", _replaced("score * 100 as score")),
    _scores("scores: policies renamed", _replaced("'p_' || policy_code as policy_code")),
    # What its labels will be, a classifier that was trained on them knows.
    _scores(
        "scores: labels leak into them",
        "select rows.* exclude (noise) replace (case said.label_code "
        "when 'violating' then 0.98 + noise when 'not_violating' then 0.705 + noise "
        "else score end as score) "
        "from (select *, hash(item_id) % 1000 / 100000.0 as noise from rows) as rows "
        "left join (select item_id, policy_code, min(label_code) as label_code from labels "
        "group by all) as said using (item_id, policy_code)",
        days=3,
    ),
    # What people say.
    Fault("content: no file for two days", ("bridge_actor_attributes",), "content", days=2),
    Fault(
        "labels: all violating",
        ("fct_review_decisions",),
        "review_labels",
        _replaced("'violating' as label_code"),
    ),
    Fault("labels: no file for two days", ("fct_review_decisions",), "review_labels", days=2),
    Fault(
        "labels: in another encoding for two days",
        ("fct_review_decisions",),
        "review_labels",
        "select * from rows",
        days=2,
        # Without the mark that begins a file of UTF-16: with it ingest reads every row.
        encoding="utf-16-le",
    ),
    # Models of ours.
    Fault(
        "fct_events: rows twice by a join",
        ("fct_events",),
        lake=("insert into lake.core.fct_events select * from lake.core.fct_events limit 500",),
    ),
    Fault(
        "fct_events: a certified day lost",
        ("fct_events",),
        lake=("delete from lake.core.fct_events where occurred_date = date '{day}' - 9",),
    ),
    Fault(
        "fct_actor_daily: sums doubled",
        ("fct_actor_daily",),
        lake=(
            "update lake.core.fct_actor_daily set event_count = 2 * event_count "
            "where activity_date = date '{day}'",
        ),
    ),
    Fault(
        "fct_actor_daily: one product lost",
        ("fct_actor_daily",),
        lake=(
            "delete from lake.core.fct_actor_daily "
            "where activity_date = date '{day}' and product_code = 'chat_assistant'",
        ),
    ),
    Fault(
        "abuse_signals: orphans",
        ("abuse_signals",),
        lake=(
            "update lake.core.abuse_signals set actor_id = 'nobody-' || actor_id "
            "where occurred_date = date '{day}'",
        ),
    ),
    Fault(
        "abuse_signals: scores beyond 1",
        ("abuse_signals",),
        lake=(
            "update lake.core.abuse_signals set score = score * 100 "
            "where occurred_date = date '{day}'",
        ),
    ),
    Fault(
        "user_risk: always the same",
        ("user_risk",),
        lake=("update lake.core.user_risk set risk_probability = 0.99",),
    ),
    Fault(
        "user_risk: everybody critical",
        ("user_risk",),
        lake=("update lake.core.user_risk set tier_code = 'critical'",),
    ),
    Fault(
        "user_risk_history: periods overlap",
        ("user_risk_history",),
        lake=("update lake.core.user_risk_history set valid_to_date = date '9999-12-31'",),
    ),
    Fault(
        "dim_actors: keys twice",
        ("dim_actors",),
        lake=("insert into lake.core.dim_actors select * from lake.core.dim_actors limit 50",),
    ),
)
