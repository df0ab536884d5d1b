"""Campaigns: in the truth, in the landing files, in phases, and without trivial artefacts."""

from __future__ import annotations

import pytest

from gatehouse.simulate import SimulationReport
from gatehouse.simulate.campaigns import KIND_NAMES
from gatehouse.simulate.policies import CONTENT_POLICIES
from tests.conftest import PROJECT
from tests.simulate.conftest import Query

_RECORDS = """
    select campaign_id, contract_name, count(*) as told, count(landed.record_id) as landed
    from truth_campaign_records left join (
        select distinct 'events' as contract_name, event_id as record_id from events
        union all select distinct 'logins', login_id from logins
        union all select distinct 'payments', payment_id from payments
        union all select distinct 'content', content_id from content
        union all select distinct 'user_reports', report_id from user_reports
    ) as landed using (contract_name, record_id) group by all
"""


def test_every_kind_is_planted_with_records_that_landed(query: Query) -> None:
    rows = query(_RECORDS)
    assert {str(row[0]).rpartition("-")[0] for row in rows} == set(KIND_NAMES)
    # Some rows are late beyond the end, so nearly all and not all.
    told, landed = (sum(int(str(row[at])) for row in rows) for at in (2, 3))
    assert landed > 0.98 * told


def test_every_campaign_has_its_row_with_size_stealth_and_phases(query: Query) -> None:
    rows = query(
        "select kind, size, stealth, starts_at, adapted_at, ends_at, phase_count, adapted_because,"
        " policy_code from truth_campaigns"
    )
    assert {row[0] for row in rows} == set(KIND_NAMES)
    for kind, _, stealth, starts, adapted, ends, phases, because, _ in rows:
        assert 0 < stealth < 1, kind  # type: ignore[operator]
        assert (phases == 2) == (adapted is not None) == (because is not None), kind
        assert starts < (adapted or ends) <= ends, kind  # type: ignore[operator]
    assert any(row[7] == "caught" for row in rows)
    known = {line.split(",")[0] for line in _policies()}
    assert {row[8] for row in rows} <= known
    assert set(CONTENT_POLICIES) <= known


def test_adapted_phase_has_actors_and_records_of_its_own(query: Query) -> None:
    rows = query(
        "select campaign_id, phase, count(*) from truth_campaign_actors"
        " where phase_start_at < phase_end_at group by all"
    )
    phases = {(campaign, phase) for campaign, phase, _ in rows}
    assert len([phase for _, phase in phases if phase == "adapted"]) >= len(KIND_NAMES) - 2
    [(outside,)] = query(
        "select count(*) from truth_campaign_records inner join events on record_id = event_id"
        " inner join truth_campaigns using (campaign_id) where contract_name = 'events' and"
        " (occurred_at >= coalesce(adapted_at, ends_at)) <> (phase = 'adapted')"
    )
    assert outside == 0


def test_every_actor_of_a_campaign_is_known_to_the_product(query: Query) -> None:
    [(unknown,)] = query(
        "select count(*) from truth_campaign_actors where actor_id not in"
        " (select actor_id from actors)"
    )
    assert unknown == 0
    roles = {role for (role,) in query("select distinct role from truth_campaign_actors")}
    assert roles == {"member", "victim", "target", "bystander"}
    [(wrong,)] = query(
        "select count(*) from truth_campaign_actors inner join truth_actors using (actor_id)"
        " where role = 'member' and not is_abusive or role in ('victim', 'bystander')"
        " and actor_id not in (select actor_id from truth_campaign_actors where role = 'member')"
        " and is_abusive"
    )
    assert wrong == 0


def test_guessed_accounts_have_failures_before_success_from_one_address(query: Query) -> None:
    rows = query(
        """
        with taken as (
            select actor_id, ip_address, min(occurred_at) as taken_at
            from logins inner join truth_campaign_records on record_id = login_id
            where outcome_code = 'success' and phase = 'initial' group by all
        )
        select taken.actor_id, count(*) from taken inner join logins
            on logins.actor_id = taken.actor_id and logins.ip_address = taken.ip_address
            and logins.outcome_code = 'failure' and logins.occurred_at < taken.taken_at
        group by all
        """
    )
    assert len(rows) >= 2
    assert all(failures >= 9 for _, failures in rows)  # type: ignore[operator]


def test_scrapers_fetch_many_different_pages_at_first_and_few_later(query: Query) -> None:
    rows = query(
        "select phase, actor_id, occurred_at::date, count(distinct resource) as pages, count(*)"
        " from events inner join truth_campaign_records on record_id = event_id"
        " where campaign_id = 'scraping-0' group by all"
    )
    first = [(pages, count) for phase, _, _, pages, count in rows if phase == "initial"]
    later = [pages for phase, _, _, pages, _ in rows if phase == "adapted"]
    assert sum(pages >= 50 for pages, _ in first) > 0.7 * len(first) > 0  # type: ignore[operator]
    assert all(pages >= 0.6 * count for pages, count in first)  # type: ignore[operator]
    assert sum(pages >= 60 for pages in later) < 0.1 * len(later)  # type: ignore[operator]


def test_brigade_strikes_gravely_within_a_day(query: Query) -> None:
    rows = query(
        "select count(distinct reporter_actor_id), count(distinct reported_at::date)"
        " from user_reports inner join truth_campaign_records on record_id = report_id"
        " where campaign_id = 'report_brigade-0' and phase = 'initial' and severity >= 4"
        " group by reported_actor_id"
    )
    assert len(rows) == 1
    assert rows[0][0] >= 8  # type: ignore[operator]
    assert rows[0][1] == 1


def test_reports_are_true_mistaken_and_malicious(town: Query) -> None:
    counts = dict(town("select report_kind, count(*) from truth_reports group by 1"))
    assert set(counts) == {"true", "mistaken", "malicious"}
    [(unknown,)] = town(
        "select count(*) from user_reports where report_id not in"
        " (select report_id from truth_reports) and report_id not in ('r_broken', 'r_cut')"
    )
    assert unknown == 0


def test_stolen_cards_are_charged_back_days_later(town: Query) -> None:
    [(backs, least)] = town(
        """
        select count(*), min(date_diff('day', used.occurred_at, back.occurred_at))
        from payments as back inner join payments as used using (payment_fingerprint)
        inner join truth_campaign_records on used.payment_id = record_id
        where campaign_id = 'stolen_cards-0' and back.outcome_code = 'chargeback'
            and used.outcome_code = 'succeeded'
        """
    )
    assert backs > 5  # type: ignore[operator]
    assert least >= 1  # type: ignore[operator]


def test_banned_come_back_on_their_device(query: Query) -> None:
    [(shared,)] = query(
        """
        select count(distinct back.actor_id) from events as back
        inner join truth_actors as who on back.actor_id = who.actor_id
        inner join events as banned using (device_id)
        inner join enforcement_actions as acts on banned.actor_id = acts.actor_id
        where who.abuse_kind = 'ban_evasion' and back.actor_id <> banned.actor_id
            and acts.action_code = 'suspend'
        """
    )
    assert shared >= 1  # type: ignore[operator]


def test_two_kinds_leave_nothing_that_a_signal_reads(town: Query) -> None:
    [(scored, refunds)] = town(
        "select count(*) filter (where contract_name = 'content'), (select count(*) from payments"
        " where outcome_code = 'refunded') from truth_campaign_records"
        " where campaign_id in ('compute_mining-0', 'refund_abuse-0')"
    )
    assert scored == 0
    assert refunds > 3  # type: ignore[operator]


@pytest.mark.parametrize(
    "column",
    [
        "session_id",
        "ip_address",
        "device_id",
        "user_agent",
        "resource",
        "input_tokens",
        "output_tokens",
        "bytes_count",
        "duration_ms",
        "status_code",
        "product_code",
    ],
)
def test_no_column_is_empty_for_members_alone(town: Query, column: str) -> None:
    shares = dict(
        town(
            f"select is_abusive, avg(({column} is null)::int) from events"
            " inner join truth_actors using (actor_id) where events.actor_type = 'user' group by 1"
        )
    )
    assert shares[True] == pytest.approx(shares[False], abs=0.02)


def test_ids_say_nothing_about_abuse(town: Query) -> None:
    """Same form, and neither their order nor their file tells members from others."""
    lengths = town("select distinct length(actor_id) from truth_actors")
    assert len(lengths) == 1
    [(ids, actors)] = town("select count(distinct actor_id), count(*) from truth_actors")
    assert ids == actors
    ranks = dict(
        town(
            "select is_abusive, avg(place) from (select is_abusive, percent_rank() over"
            " (order by actor_id) as place from truth_actors) group by 1"
        )
    )
    assert ranks[True] == pytest.approx(0.5, abs=0.1)
    shares = town(
        "select is_abusive, avg((email like actor_id || '@%')::int) from actors"
        " inner join truth_actors using (actor_id) group by 1"
    )
    assert {share for _, share in shares} == {1.0}


def test_members_use_the_products_beside_their_abuse(town: Query) -> None:
    [(members, with_cover)] = town(
        """
        with acts as (
            select events.actor_id, bool_or(record_id is null) as has_cover from events
            inner join truth_actors as who on events.actor_id = who.actor_id
            left join truth_campaign_records on record_id = event_id
            where who.is_abusive and who.abuse_kind <> 'lone' group by all
        )
        select count(*), count(*) filter (where has_cover) from acts
        """
    )
    assert with_cover > 0.6 * members  # type: ignore[operator]


def test_nobody_acts_before_signing_up(query: Query) -> None:
    [(early, all_events)] = query(
        "select count(*) filter (where occurred_at < created_at), count(*) from events inner join"
        " (select actor_id, min(created_at) as created_at from actors group by 1) using (actor_id)"
    )
    assert early <= 0.0005 * all_events  # type: ignore[operator]


def test_text_is_harmless_by_construction(query: Query) -> None:
    """What a campaign asks for is a placeholder in angle brackets."""
    [(without,)] = query(
        "select count(*) from content inner join truth_violating_items on item_id = content_id"
        " where body not like '%<%>%'"
    )
    assert without == 0


def test_report_says_what_was_planted(report: SimulationReport) -> None:
    assert {name.rpartition("-")[0] for name in report.campaigns} == set(KIND_NAMES)


def _policies() -> list[str]:
    return (PROJECT / "dbt_project" / "seeds" / "policies.csv").read_text("utf-8").splitlines()
