"""The simulated world: same seed same bytes, contracts kept, campaigns with their truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from gatehouse.simulate import SimulationReport, run_simulation

PROJECT = Path(__file__).resolve().parents[2]
Query = Callable[[str], list[tuple[object, ...]]]


def simulate(home: Path, **arguments: object) -> SimulationReport:
    settings = Settings(project=PROJECT, home=home)
    plain = {"actors": 300, "days": 14, "seed": 3}
    return run_simulation(settings, **{**plain, **arguments})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SimulationReport:
    return simulate(tmp_path_factory.mktemp("world"))


@pytest.fixture
def query(report: SimulationReport) -> Query:
    connection = duckdb.connect()
    for folder in report.landing.iterdir():
        parquet = any(folder.glob("*/*.parquet"))
        reader = "read_parquet" if parquet else "read_json"
        # Rows broken on purpose include lines that are no JSON.
        options = "" if parquet else ", ignore_errors = true, union_by_name = true"
        pattern = folder / "*" / ("*.parquet" if parquet else "*.jsonl.gz")
        connection.execute(
            f"create view {folder.name} as select * from {reader}("
            f"'{pattern}', hive_partitioning = true, filename = true{options})"
        )
    for path in report.truth.glob("*.parquet"):
        connection.execute(f"create view truth_{path.stem} as select * from '{path}'")
    return lambda sql: connection.execute(sql).fetchall()


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_same_bytes(report: SimulationReport, tmp_path: Path) -> None:
    again = simulate(tmp_path)
    assert files_of(again.landing) == files_of(report.landing)
    assert files_of(again.truth) == files_of(report.truth)


def test_other_seed_gives_other_rows_and_ids(report: SimulationReport, tmp_path: Path) -> None:
    other = simulate(tmp_path, seed=4, days=2)
    ids = "select event_id from '{}/events/dt=2026-03-02/*.parquet'"
    shared = duckdb.sql(
        f"{ids.format(report.landing)} intersect {ids.format(other.landing)}"
    ).fetchall()
    assert shared == []


def test_longer_run_begins_with_the_same_days(report: SimulationReport, tmp_path: Path) -> None:
    shorter = simulate(tmp_path, days=8)
    longer = files_of(report.landing)
    assert files_of(shorter.landing).items() <= longer.items()


def test_every_contract_gets_rows_in_its_columns(report: SimulationReport, query: Query) -> None:
    contracts = {path.stem for path in (PROJECT / "expectations" / "inputs").glob("*.yml")}
    assert set(report.rows) == contracts
    assert all(count > 0 for count in report.rows.values())
    described = {row[0]: row[1] for row in query("describe select * from events")}
    assert described["occurred_at"] == "TIMESTAMP"
    assert described["actor_id"] == "VARCHAR"


def test_rows_reported_are_rows_written(report: SimulationReport, query: Query) -> None:
    [(written,)] = query("select count(*) from events")
    assert report.rows["events"] == written


def test_event_ids_repeat_only_in_overlapping_files(report: SimulationReport, query: Query) -> None:
    [(rows, ids)] = query("select count(*), count(distinct event_id) from events")
    assert rows - ids == report.repeated_rows > 0  # type: ignore[operator]
    [(differing,)] = query(
        "select count(*) from (select event_id from (select distinct * exclude (dt, filename)"
        " from events) group by 1 having count(*) > 1)"
    )
    assert differing == 0


def test_most_rows_are_in_time_order_in_a_file(query: Query) -> None:
    [(out_of_order,)] = query(
        """
        select count(*) from (
            select occurred_at < lag(occurred_at) over (
                partition by filename order by rn) as is_early
            from (select *, row_number() over () as rn from events)
            where event_id not like '%broken%'
        ) where is_early
        """
    )
    assert out_of_order == 0


def test_late_rows_arrive_two_days_after_they_happened(
    report: SimulationReport, query: Query
) -> None:
    delays = query(
        "select date_diff('day', occurred_at, dt), count(*) from events"
        " where filename not like '%overlap%' group by 1 order by 1"
    )
    assert [delay for delay, _ in delays] == [0, 2]
    [(logins,)] = query("select count(*) from logins where filename like '%late-%'")
    assert delays[1][1] + logins == report.late_rows > 0


def test_repeated_files_are_equal_to_the_byte(report: SimulationReport) -> None:
    digests = [digest for name, digest in files_of(report.landing).items() if "/again-" in name]
    assert len(digests) == report.repeated_files > 0
    first = {digest for name, digest in files_of(report.landing).items() if "/again-" not in name}
    assert set(digests) <= first


def test_broken_rows_are_in_and_counted(report: SimulationReport, query: Query) -> None:
    [(events,)] = query(
        "select count(*) from events where actor_id is null or event_type = 'teleport'"
        " or input_tokens < 0"
    )
    # Three kinds on each of the odd days.
    assert events == 3 * 7
    assert report.broken_rows > events


def test_campaigns_are_planted_and_their_records_landed(
    report: SimulationReport, query: Query
) -> None:
    kinds = {name.rpartition("-")[0] for name in report.campaigns}
    assert kinds == {
        "password_guessing",
        "scraping",
        "report_brigade",
        "credit_farm",
        "jailbreak_template",
    }
    # Some rows are late beyond the end, so nearly all and not all.
    [(share,)] = query(
        "select avg((event_id is not null)::int) from truth_campaign_records "
        "left join events on record_id = event_id where contract_name = 'events'"
    )
    assert share > 0.95


def test_guessed_accounts_have_failures_before_success_from_one_address(query: Query) -> None:
    rows = query(
        """
        with taken as (
            select actor_id, ip_address, min(occurred_at) as taken_at from logins
            where outcome_code = 'success'
                and ip_address in (
                    select actor_id from truth_campaign_actors where role = 'address'
                )
            group by all
        )
        select taken.actor_id, count(*) from taken inner join logins
            on logins.actor_id = taken.actor_id and logins.ip_address = taken.ip_address
            and logins.outcome_code = 'failure' and logins.occurred_at < taken.taken_at
        group by all
        """
    )
    [(victims,)] = query("select count(*) from truth_campaign_actors where role = 'victim'")
    assert len(rows) == victims
    assert all(failures >= 9 for _, failures in rows)  # type: ignore[operator]


def test_scrapers_see_many_different_pages(query: Query) -> None:
    rows = query(
        "select actor_id, count(distinct resource) / count(*) from events where actor_id in "
        "(select actor_id from truth_campaign_actors where campaign_id = 'scraping-0') group by 1"
    )
    assert rows
    assert all(share > 0.95 for _, share in rows)  # type: ignore[operator]


def test_farmed_accounts_share_devices_and_cards(query: Query) -> None:
    [(accounts, devices, cards)] = query(
        "select count(distinct actor_id), count(distinct device_id),"
        " count(distinct payment_fingerprint) from payments where actor_id in "
        "(select actor_id from truth_campaign_actors where campaign_id = 'credit_farm-0')"
    )
    assert accounts >= 3 * devices  # type: ignore[operator]
    assert accounts >= 3 * cards  # type: ignore[operator]


def test_addresses_are_never_publicly_routed(query: Query) -> None:
    rows = query(
        "select distinct split_part(ip_address, '.', 1) from events where ip_address is not null"
    )
    assert {first for (first,) in rows} <= {"10", "100", "172", "198"}


def test_reputation_blocks_cover_the_addresses_they_name(query: Query) -> None:
    kinds = query("select entry_type, count(*) from reputation group by 1")
    assert {kind for kind, _ in kinds} == {"ip", "cidr", "email_domain"}
    editions = query("select count(distinct list_date) from reputation")
    assert editions == [(2,)]


def test_products_can_be_chosen(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=3, products=("api",))
    products = duckdb.sql(
        f"select distinct product_code from '{report.landing}/events/*/*.parquet'"
    ).fetchall()
    assert products == [("api",)]


def test_number_of_events_can_be_chosen(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=2, events=40_000)
    assert report.rows["events"] == pytest.approx(40_000, rel=0.05)


def test_one_day_is_simulated_in_blocks_of_bounded_size(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=1, events=1_200_000)
    parts = sorted((report.landing / "events" / "dt=2026-03-02").iterdir())
    assert len(parts) >= 3
    counts = duckdb.sql(
        f"select filename, count(*) from read_parquet('{parts[0].parent}/*.parquet',"
        " filename = true) group by 1"
    ).fetchall()
    assert max(count for _, count in counts) < 700_000


@pytest.mark.parametrize(
    "arguments",
    [{"actors": 10}, {"days": 0}, {"seed": -1}, {"events": 0}, {"products": ("fax",)}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(GatehouseError):
        simulate(tmp_path, **arguments)
    assert not (tmp_path / "landing").exists()


def test_start_date_moves_everything(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=1, start_date=date(2027, 5, 1))
    assert [path.name for path in (report.landing / "events").iterdir()] == ["dt=2027-05-01"]
