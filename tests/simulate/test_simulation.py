"""Landing files: same seed same bytes, contracts kept, accidents counted."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from gatehouse.errors import GatehouseError
from gatehouse.ingest import run_ingest
from gatehouse.settings import Settings
from gatehouse.simulate import SimulationReport, activity, run_simulation
from tests.conftest import PROJECT
from tests.simulate.conftest import Query, files_of, simulate


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


def test_rows_load_and_only_the_broken_ones_are_quarantined(
    report: SimulationReport, tmp_path: Path
) -> None:
    settings = Settings(project=PROJECT, home=tmp_path)
    totals = run_ingest(settings, folder=report.landing).totals
    assert totals["files_rejected"] == 0
    assert totals["rows_in"] == sum(report.rows.values())
    assert totals["rows_quarantined"] == report.broken_rows > 0
    assert totals["files_known"] == report.repeated_files


def test_truth_is_not_in_the_landing_folder(report: SimulationReport) -> None:
    assert not report.truth.is_relative_to(report.landing)
    contracts = {path.stem for path in (PROJECT / "expectations" / "inputs").glob("*.yml")}
    assert {path.name for path in report.landing.iterdir()} == contracts


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


def test_campaigns_can_be_chosen(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=4, campaigns=("credit_farm", "spam_ring"))
    assert set(report.campaigns) == {"credit_farm-0", "spam_ring-0"}
    nothing = simulate(tmp_path / "other", days=4, campaigns=())
    assert nothing.campaigns == ()


def test_smallest_world_outlives_its_bystanders(tmp_path: Path) -> None:
    report = simulate(tmp_path, actors=50, days=30, products=("agents",))
    assert len(report.campaigns) >= 2 * 16


def test_number_of_events_can_be_chosen(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=2, events=40_000, campaigns=())
    assert report.rows["events"] == pytest.approx(40_000, rel=0.05)


def test_one_day_is_simulated_in_blocks_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "_EVENTS_A_BLOCK", 30_000)
    report = simulate(tmp_path, days=4, events=400_000)
    parts = f"{report.landing}/events/dt=2026-03-05/part-*.parquet"
    rows = duckdb.sql(
        f"select filename, count(*), count(distinct actor_id) from read_parquet('{parts}',"
        " filename = true) group by 1"
    ).fetchall()
    assert len(rows) >= 3
    assert max(count for _, count, _ in rows) < 60_000
    # A campaign's rows are no file of their own, and an actor's are in one file.
    [(actors,)] = duckdb.sql(f"select count(distinct actor_id) from '{parts}'").fetchall()
    assert sum(each for _, _, each in rows) == pytest.approx(actors, rel=0.1)


_PEAK = """
import resource, sys
from pathlib import Path
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation
settings = Settings(project=Path(sys.argv[1]), home=Path(sys.argv[2]))
run_simulation(settings, actors=600, days=int(sys.argv[3]), events=int(sys.argv[3]) * 60_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_days(tmp_path: Path) -> None:
    short, long = (_peak_mb(tmp_path / str(days), days) for days in (2, 8))
    assert long < short + 60


def _peak_mb(home: Path, days: int) -> int:
    command = [sys.executable, "-c", _PEAK, str(PROJECT), str(home), str(days)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        {"actors": 10},
        {"days": 0},
        {"seed": -1},
        {"events": 0},
        {"products": ("fax",)},
        {"campaigns": ("flood",)},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(GatehouseError):
        simulate(tmp_path, **arguments)
    assert not (tmp_path / "landing").exists()


def test_start_date_moves_everything(tmp_path: Path) -> None:
    report = simulate(tmp_path, days=1, start_date=date(2027, 5, 1))
    assert [path.name for path in (report.landing / "events").iterdir()] == ["dt=2027-05-01"]


def test_a_home_keeps_the_truth_of_one_world(settings: Settings, tmp_path: Path) -> None:
    run_simulation(settings, actors=60, days=2, seed=4)
    run_simulation(settings, actors=60, days=3, seed=4)
    truth = (settings.home / "truth" / "actors.parquet").read_bytes()
    for other in ({"seed": 5}, {"folder": tmp_path / "elsewhere"}, {"campaigns": ()}):
        with pytest.raises(GatehouseError, match="truth of another world") as caught:
            run_simulation(settings, **{"actors": 60, "days": 2, "seed": 4, **other})
        assert "GATEHOUSE_HOME" in str(caught.value.next_step)
    assert (settings.home / "truth" / "actors.parquet").read_bytes() == truth
    again = Settings(home=tmp_path / "again")
    run_simulation(again, actors=60, days=3, seed=4)
    assert files_of(again.home) == files_of(settings.home)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_written_to_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(GatehouseError, match="Nothing can be written to"):
        run_simulation(settings, actors=60, days=1, folder=tmp_path / "file")


def test_kinds_that_begin_too_late_are_named(settings: Settings) -> None:
    report = run_simulation(settings, actors=60, days=2, campaigns=("phishing",))
    assert (report.campaigns, report.unplanted) == ((), ("phishing",))
