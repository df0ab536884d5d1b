"""The world itself: rhythm, heavy tails, growth, happenings, classifier and the earlier team."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from gatehouse.simulate.calendar import Calendar
from gatehouse.simulate.classifier import FLAG_ABOVE, STATED_RATES, draw_scores, model_version
from gatehouse.simulate.growth import sign_up_count
from gatehouse.simulate.networks import build_networks, reputation_editions
from gatehouse.simulate.population import PRODUCTS
from gatehouse.simulate.seeds import child
from gatehouse.simulate.text import paraphrase
from gatehouse.simulate.tokens import draw_tokens
from tests.simulate.conftest import Query

_PEOPLE = (
    "events inner join (select distinct actor_id, country_code from actors) using (actor_id)"
    " where events.actor_type = 'user'"
    " and event_id not in (select record_id from truth_campaign_records)"
)


def test_people_sleep_at_night_in_their_own_country(town: Query) -> None:
    for country, night in (("US", (8, 9, 10)), ("JP", (17, 18, 19)), ("DE", (1, 2, 3))):
        [(share,)] = town(
            f"select avg((hour(occurred_at) in {night})::int) from {_PEOPLE}"
            f" and country_code = '{country}'"
        )
        assert share < 0.03, country  # type: ignore[operator]


def test_weekends_are_quieter_for_people_and_hardly_for_programs(town: Query) -> None:
    quiet = {}
    for kind in ("user", "api_key"):
        [(share,)] = town(
            "select avg((isodow(occurred_at) >= 6)::int) from events where"
            " occurred_at < timestamp '2026-03-16'"
            f" and actor_type = '{kind}'"
            " and event_id not in (select record_id from truth_campaign_records)"
        )
        quiet[kind] = float(str(share))
    assert quiet["user"] < 0.24 < quiet["api_key"] < 2 / 7


def test_few_actors_make_most_events(town: Query) -> None:
    counts = [
        int(str(count))
        for (count,) in town("select count(*) from events group by actor_id order by 1 desc")
    ]
    top = sum(counts[: len(counts) // 10])
    assert top > 0.45 * sum(counts)
    assert counts[0] > 30 * counts[len(counts) // 2]


def test_tokens_follow_the_quantiles_of_the_trace() -> None:
    read, written = draw_tokens(40_000, np.random.default_rng(1))
    assert np.median(read) == pytest.approx(1_020, rel=0.05)
    assert np.median(written) == pytest.approx(129, rel=0.08)
    assert np.quantile(read, 0.99) == pytest.approx(4_142, rel=0.05)
    assert written.max() <= 1_000


def test_sign_ups_scatter_and_follow_the_week() -> None:
    calendar = Calendar(2, date(2026, 3, 2), PRODUCTS)
    counts = np.array([sign_up_count(20_000, day, calendar) for day in range(700)])
    assert counts.mean() == pytest.approx(400, rel=0.15)
    assert counts.std() > 3 * np.sqrt(counts.mean())
    week = counts.reshape(100, 7).mean(axis=0)
    assert week[5:].mean() < 0.85 * week[:5].mean()


def test_new_actors_come_and_some_go(town: Query) -> None:
    [(days,)] = town(
        "select count(distinct created_at::date) from actors"
        " where created_at >= timestamp '2026-03-02'"
    )
    assert days == 15


def test_most_requests_fail_in_an_outage(town: Query) -> None:
    rows = town(
        "select events.product_code, avg((status_code = 503)::int) from truth_happenings"
        " inner join events on kind = 'outage' and occurred_at between starts_at and ends_at"
        " and truth_happenings.product_code = events.product_code"
        " group by 1 having count(*) > 30"
    )
    assert rows
    assert all(share > 0.6 for _, share in rows)  # type: ignore[operator]
    [(elsewhere,)] = town("select avg((status_code = 503)::int) from events")
    assert elsewhere < 0.03  # type: ignore[operator]


def test_launch_lifts_its_product(town: Query) -> None:
    [(product, starts)] = town(
        "select product_code, starts_at from truth_happenings where kind = 'launch'"
    )
    [(before, after)] = town(
        f"select count(*) filter (where occurred_at < timestamp '{starts}') / 8.0,"
        f" count(*) filter (where occurred_at between timestamp '{starts}' and"
        f" timestamp '{starts}' + interval 3 day) / 3.0 from events"
        f" where product_code = '{product}' and actor_type = 'user'"
        " and event_id not in (select record_id from truth_campaign_records)"
    )
    assert after > 1.1 * before  # type: ignore[operator]


@pytest.mark.parametrize("day", [0, 10, 40, 75])
def test_classifier_errs_as_stated(day: int) -> None:
    rng, count = child(1, "scores", day), 200_000
    stated = STATED_RATES[model_version(day)]
    for violating, rate in ((False, stated[0]), (True, stated[1])):
        scores = draw_scores(np.full(count, violating), day, rng)
        assert (scores > FLAG_ABOVE).mean() == pytest.approx(rate, rel=0.12, abs=0.0004)


def test_clean_scores_drift_at_the_update(town: Query) -> None:
    rows = dict(
        town(
            "select model_version, avg(score) from model_scores where score <= 1 and item_id not in"
            " (select item_id from truth_violating_items) group by 1"
        )
    )
    assert rows["1.1"] > 1.15 * rows["1.0"]  # type: ignore[operator]


def test_team_is_late_and_sometimes_wrong(town: Query) -> None:
    [(rate,)] = town(
        "select avg(is_right::int) from truth_decisions where contract_name = 'review_labels'"
    )
    assert 0.88 < rate < 0.97  # type: ignore[operator]
    [(late, latest)] = town(
        "select min(d), max(d) from (select date_diff('day', created_at, labelled_at) as d"
        " from review_labels inner join (select distinct content_id, created_at from content)"
        " on item_id = content_id)"
    )
    assert (late, latest) == (1, 3)
    [(wrong, overturned)] = town(
        "select count(*) filter (where not is_right), (select count(*) from appeals"
        " where outcome_code = 'overturned') from truth_decisions"
        " where contract_name = 'enforcement_actions'"
    )
    assert wrong > 0  # type: ignore[operator]
    assert overturned > 0  # type: ignore[operator]


def test_two_people_judge_each_account_that_is_looked_at_as_a_whole(town: Query) -> None:
    [(accounts, most, fewest)] = town(
        "select count(*), max(readers), min(readers) from (select count(distinct reviewer_id)"
        " as readers from (select distinct label_id, actor_id, labelled_at::date as day,"
        " reviewer_id from review_labels where item_id is null) group by actor_id, day)"
    )
    assert accounts > 20  # type: ignore[operator]
    assert (most, fewest) == (2, 2)


def test_overturned_suspension_lets_the_actor_back(town: Query) -> None:
    rows = town(
        "select actor_id from actors where status_code = 'active' and actor_id in (select actor_id"
        " from enforcement_actions where action_code = 'suspend' and state_code = 'reversed')"
        " group by 1 having max(updated_at) > min(created_at)"
    )
    assert rows


def test_paraphrase_noise_is_graded() -> None:
    slots = (("a b", "c d", "e f"), ("g", "h", "i"), ("j.", "k.", "l."))
    rng = np.random.default_rng(3)
    distinct = [
        len(set(paraphrase(slots, 500, rng, noise).to_pylist())) for noise in (0.0, 0.2, 0.9)
    ]
    assert distinct[0] == 1
    assert distinct[1] < distinct[2]


def test_lists_know_a_part_and_are_wrong_about_some(town: Query) -> None:
    categories = dict(town("select category_code, count(*) from reputation group by 1"))
    assert set(categories) == {"datacenter", "vpn", "tor", "blocklist", "disposable_email"}
    [(homes,)] = town(
        "select count(*) from reputation where category_code = 'blocklist' and entry like '10.%'"
    )
    assert homes > 0  # type: ignore[operator]


def test_lists_are_published_also_when_every_home_has_been_given_away() -> None:
    """As in a world of a year, whose new accounts come to more than there are homes."""
    networks = build_networks(actors=10, organisations=1)
    networks.take("home", 10 * networks.size["home"])
    editions = list(reputation_editions(networks, date(2026, 3, 2), day=0, seed=1))
    assert len(editions) == 5
