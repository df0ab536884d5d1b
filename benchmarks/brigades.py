"""Report brigades against innocent accounts: how often the target's tier rises.

One simulated world is built twice, without and with the planted brigades; everything else is
equal, so whatever differs in a target's risk is the brigade's doing. A run is one brigade against
one innocent user. Settings: RUNS (of each size and kind), SIZES, ACTORS, DAYS, SEED.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from _harness import Measurement, scratch, setting
from gatehouse.build import run_build
from gatehouse.ingest import run_ingest
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from gatehouse.simulate import run_simulation

RUNS, SEED = int(setting("RUNS", "100")), int(setting("SEED", "1"))
ACTORS, DAYS = int(setting("ACTORS", "3000")), int(setting("DAYS", "14"))
SIZES = [int(size) for size in setting("SIZES", "10 50 200").split()]
_POLICIES = ("harassment", "hate", "fraud", "spam", "violence", "sexual_content")

# Users who did nothing, and whom nobody took over or attacks already.
_INNOCENT = """
select actor_id from core.dim_actors
where
    is_current and actor_type = 'user' and status_code = 'active'
    and created_at < $first
    and actor_id not in (select actor_id from read_parquet($truth_campaigns))
    and actor_id not in (select actor_id from read_parquet($truth_actors) where is_abusive)
order by hash(actor_id || $salt)
"""
# The tier on each day from the brigade's first report on.
_TIERS = """
with days as (
    select run, target, unnest(range(started_at::date, $end, interval 1 day))::date as day
    from planted
)

select days.run, days.day, coalesce(tiers.tier_rank, 1)
from days
left join core.user_risk_history as risk
    on days.target = risk.actor_id
    and days.day >= risk.valid_from_date and days.day < risk.valid_to_date
left join risk_tiers as tiers on risk.tier_code = tiers.tier_code
"""
# Evidence of the last report has begun to fade by then.
_DAYS_AFTER = 10


@dataclass(frozen=True)
class Brigade:
    """Members who all report one innocent user.

    Attributes:
        run: number over all sizes and kinds.
        kind: who the members are.
        size: how many.
        target: whom they report.
        members: who reports.
        started_at: first report, UTC.
        hours: the last report comes at most this much later.
        policy: what they say.
    """

    run: int
    kind: str
    size: int
    target: str
    members: tuple[str, ...]
    started_at: datetime
    hours: float
    policy: str


def main() -> None:
    """Run the measurement."""
    asked = {"RUNS": str(RUNS), "SIZES": " ".join(map(str, SIZES)), "SEED": str(SEED)}
    measurement = Measurement(
        "brigades", "Report brigades", asked | {"ACTORS": str(ACTORS), "DAYS": str(DAYS)}
    )
    with scratch() as folder:
        plain = Settings(home=folder / "plain")
        report = run_simulation(plain, actors=ACTORS, days=DAYS, seed=SEED)
        run_ingest(plain)
        run_build(plain).raise_for_failure()
        brigades = _plan(plain, report.start_date)
        before = _tiers(plain, brigades)
        # With equal homes the two builds differ by what is planted and by nothing else.
        attacked = Settings(home=folder / "attacked")
        shutil.copytree(plain.landing, attacked.landing)
        _plant(attacked.landing, brigades)
        loaded = run_ingest(attacked)
        run_build(attacked).raise_for_failure()
        after = _tiers(attacked, brigades)
        signals = _signals(attacked, brigades)
    quarantined = sum(each.rows_quarantined for each in loaded.files if "planted" in each.path)
    measurement.figure("planted rows in quarantine", quarantined, equals=0)
    rows = []
    for kind, size in dict.fromkeys((each.kind, each.size) for each in brigades):
        mine = [each.run for each in brigades if (each.kind, each.size) == (kind, size)]
        raised = sum(
            any(rank > before[run][day] for day, rank in after[run].items()) for run in mine
        )
        rows.append((kind, size, len(mine), raised, sum(signals.get(run, 0) > 0 for run in mine)))
        if kind != _TRUSTED:
            name = f"{kind}, {size} members: runs of {len(mine)} with a raised tier"
            measurement.figure(name, raised, at_most=len(mine) // 100)
    columns = ("members", "size", "runs", "tier raised", "runs with any signal by reports")
    measurement.table("Brigades against innocent users", columns, rows)
    measurement.note(
        "Reports of severity 5, of one policy, within 1 to 72 hours. A tier counts as raised if on "
        "any day from the first report on it is higher than in the same world without brigades."
    )
    measurement.note(
        "Members with a record reported so many users rightly before: each of those reports was "
        "followed by a label."
    )
    measurement.note(
        f"Without a bound: {_TRUSTED}. They are what user_risk trusts. Such a record is earned by "
        "reporting accounts that are then found violating, possibly one's own; every reporter of "
        "such an account is credited. What stands against it: report_brigading, and review before "
        "anything irreversible."
    )
    measurement.finish()


_FRESH, _OLD = "fresh accounts", "old accounts"
_PROVEN, _TRUSTED = "accounts with 3 right reports", "accounts with 20 right reports"
_RIGHT = {_FRESH: 0, _OLD: 0, _PROVEN: 3, _TRUSTED: 20}


def _plan(settings: Settings, start: Any) -> list[Brigade]:
    rng = random.Random(SEED)  # noqa: S311
    first = datetime.combine(start, datetime.min.time())
    connection = Lake(settings).current()
    try:
        connection.execute("use lake")
        innocent = [
            row[0]
            for row in connection.execute(
                _INNOCENT,
                {
                    "first": first + timedelta(days=1),
                    "salt": str(SEED),
                    "truth_campaigns": str(settings.home / "truth" / "campaign_actors.parquet"),
                    "truth_actors": str(settings.home / "truth" / "actors.parquet"),
                },
            ).fetchall()
        ]
    finally:
        connection.close()
    wanted = RUNS * len(SIZES) * len(_RIGHT)
    if len(innocent) < wanted + max(SIZES):
        raise SystemExit(f"{len(innocent)} innocent users are too few for {wanted} targets")
    targets, others = innocent[:wanted], innocent[wanted:]
    brigades = []
    for kind in _RIGHT:
        for size in SIZES:
            for _ in range(RUNS):
                run = len(brigades)
                members = (
                    tuple(rng.sample(others, size))
                    if kind == _OLD
                    else tuple(f"brigade-{run}-{number}" for number in range(size))
                )
                day = rng.uniform(DAYS * 0.4, DAYS - 3.5)
                brigades.append(
                    Brigade(
                        *(run, kind, size, targets[run], members, first + timedelta(days=day)),
                        *(rng.choice([1, 6, 24, 72]), rng.choice(_POLICIES)),
                    )
                )
    return brigades


def _plant(landing: Path, brigades: list[Brigade]) -> None:
    """Write the members' accounts, reports and records as landing files."""
    rng = random.Random(SEED + 1)  # noqa: S311
    actors, reports, labels = [], [], []
    for each in brigades:
        for member in each.members:
            if each.kind != _OLD:
                actors.append(
                    _account(member, each.started_at - timedelta(hours=rng.uniform(1, 30)))
                )
            for number in range(_RIGHT[each.kind]):
                at = each.started_at - timedelta(hours=rng.uniform(30, 80))
                guilty = f"guilty-{each.run}-{number}"
                reports.append(_report(member, guilty, at, "spam"))
            at = each.started_at + timedelta(hours=rng.uniform(0, each.hours))
            reports.append(_report(member, each.target, at, each.policy))
        labels += [_label(each, number) for number in range(_RIGHT[each.kind])]
    for number, row in enumerate(reports):
        row["report_id"] = f"planted-{number}"
    for contract, rows in (
        ("actors", actors),
        ("user_reports", reports),
        ("review_labels", labels),
    ):
        folder = landing / contract / "planted"
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "planted.parquet")


def _account(member: str, at: datetime) -> dict[str, Any]:
    return {
        "actor_id": member,
        "actor_type": "user",
        "updated_at": at,
        "created_at": at,
        "status_code": "active",
    }


def _report(member: str, target: str, at: datetime, policy: str) -> dict[str, Any]:
    return {
        "reported_at": at,
        "reporter_actor_id": member,
        "reported_actor_id": target,
        "product_code": "chat_assistant",
        "policy_code": policy,
        "severity": 5,
    }


def _label(brigade: Brigade, number: int) -> dict[str, Any]:
    return {
        "label_id": f"planted-{brigade.run}-{number}",
        "labelled_at": brigade.started_at - timedelta(hours=10),
        "actor_id": f"guilty-{brigade.run}-{number}",
        "policy_code": "spam",
        "label_code": "violating",
        "reviewer_id": "planted",
        "stream_code": "flagged",
        "inclusion_probability": 1.0,
    }


def _tiers(settings: Settings, brigades: list[Brigade]) -> dict[int, dict[Any, int]]:
    """By run, the target's tier on each day."""
    end = max(each.started_at for each in brigades) + timedelta(days=_DAYS_AFTER)
    tiers: dict[int, dict[Any, int]] = {each.run: {} for each in brigades}
    connection = _with_brigades(settings, brigades)
    try:
        for run, day, rank in connection.execute(_TIERS, {"end": end.date()}).fetchall():
            tiers[run][day] = rank
    finally:
        connection.close()
    return tiers


def _signals(settings: Settings, brigades: list[Brigade]) -> dict[int, int]:
    connection = _with_brigades(settings, brigades)
    try:
        rows = connection.execute(
            "select planted.run, count(*) from planted inner join core.abuse_signals as signals "
            "on planted.target = signals.actor_id and signals.occurred_at >= planted.started_at "
            "where signals.signal_kind_code = 'user_report' group by planted.run"
        )
        return dict(rows.fetchall())
    finally:
        connection.close()


def _with_brigades(settings: Settings, brigades: list[Brigade]) -> duckdb.DuckDBPyConnection:
    connection = Lake(settings).current()
    planted = pa.table(
        {
            "run": [each.run for each in brigades],
            "target": [each.target for each in brigades],
            "started_at": [each.started_at for each in brigades],
        }
    )
    tiers = str(settings.project / "dbt_project" / "seeds" / "risk_tiers.csv")
    connection.register("planted_rows", planted)
    connection.execute("create temp table planted as select * from planted_rows")
    connection.execute(f"create temp table risk_tiers as select * from read_csv('{tiers}')")
    connection.execute("use lake")
    return connection


if __name__ == "__main__":
    main()
