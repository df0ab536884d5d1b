"""The raw tables do not depend on how rows were spread over files, nor on when they came."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.ingest.world import assert_accounted, content, load, make_project, put

_SHOP = """
source: {name}
contract: events
description: Requests.
path: {name}/*.csv
{identity}
format: {{type: csv, header: [id, happened, who, how]}}
columns:
  event_id: id
  occurred_at: happened
  actor_id: who
  actor_type: "'user'"
  product_code: "'shop'"
  event_type: "'request'"
  outcome_code: how
"""
_MAPPINGS = {
    "keyed": _SHOP.format(name="keyed", identity=""),
    "plain": _SHOP.format(name="plain", identity="identity: none").replace("  event_id: id\n", ""),
}

_row = st.builds(
    lambda number, day, how: f"id-{number},2026-01-{day:02} 10:00:00,user-{number % 3},{how}",
    st.integers(0, 5),
    st.integers(1, 3),
    # `fine` breaks the contract: such rows go to quarantine wherever they come.
    st.sampled_from(["ok", "error", "fine"]),
)


def _load_all(files: Sequence[Sequence[str]], *, one_at_a_time: bool) -> dict[str, list[str]]:
    """Load the files, each distinct by a first row of its own, and return what the lake has."""
    with tempfile.TemporaryDirectory() as folder:
        settings = make_project(Path(folder), _MAPPINGS)
        for index, rows in enumerate(files):
            for name in _MAPPINGS:
                put(settings, f"{name}/{index:03}.csv", "".join(f"{row}\n" for row in rows))
            if one_at_a_time:
                load(settings)
        load(settings)
        assert_accounted(settings)
        return {
            "events": content(settings),
            "refused": sorted(_refused(settings)),
        }


def _refused(settings: object) -> list[str]:
    from tests.ingest.world import query

    rows = query(settings, "select source_id, original_text from lake.raw.quarantine")  # type: ignore[arg-type]
    return [f"{source}: {text}" for source, text in rows]


@hypothesis_settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(rows=st.lists(_row, min_size=1, max_size=12), data=st.data())
def test_same_rows_in_any_files_and_order_give_the_same_tables(
    rows: list[str], data: st.DataObject
) -> None:
    # Two files with the same bytes are one file, so each gets a row that no other has.
    marked = [["mark-0,2026-01-01 00:00:00,m,ok", *rows]]
    whole = _load_all([[*marked[0], "mark-1,2026-01-01 00:00:00,m,ok"]], one_at_a_time=False)

    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    parts = [
        ["mark-0,2026-01-01 00:00:00,m,ok", *shuffled[:cut]],
        ["mark-1,2026-01-01 00:00:00,m,ok", *shuffled[cut:]],
    ]
    repeated = [*parts, parts[0]]
    spread = _load_all(repeated, one_at_a_time=data.draw(st.booleans()))

    assert spread == whole
