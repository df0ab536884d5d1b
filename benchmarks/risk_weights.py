"""The shipped weights of user_risk: fitted on simulated worlds, written into the project.

The worlds are those of seeds that no measurement uses. Their labels are those of the simulated
review team, late and sometimes wrong; ground truth is not looked at. Settings: SEEDS, and those of
`_worlds`. Writes dbt_project/seeds/risk_weights.csv and docs/reference/risk-model.md, for review.
"""

from __future__ import annotations

from datetime import date

from _worlds import FIT_DAYS, World, each_world, seeds_of
from gatehouse.measurement.risk_card import fit_samples, read_fading, write_fit
from gatehouse.measurement.risk_samples import RiskSamples, join_samples, read_samples
from gatehouse.settings import Settings


def main() -> None:
    """Fit and write."""
    parts = [*each_world(seeds_of("1-10"), _read, FIT_DAYS)]
    newest = max(day for _, day in parts)
    found = fit_samples(Settings(), join_samples([samples for samples, _ in parts]), newest)
    for path in write_fit(Settings(), found):
        print(f"written: {path}")


def _read(world: World) -> tuple[RiskSamples, date]:
    tables = world.tables()
    try:
        samples = read_samples(tables, read_fading(world.settings))
        row = tables.execute("select max(labelled_at)::date from fct_review_decisions").fetchone()
    finally:
        tables.close()
    assert row is not None
    return samples, row[0]


if __name__ == "__main__":
    main()
