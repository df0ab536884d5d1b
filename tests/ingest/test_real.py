"""Counts of the public sets, as their README states them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatehouse.ingest import run_ingest
from gatehouse.settings import Settings
from tests.ingest.world import query

DATA = Path(os.environ.get("DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of public data (DATA) is not there")
def test_every_row_of_the_public_sets_is_accounted_for(settings: Settings) -> None:
    report = run_ingest(settings, folder=DATA)
    files = {file.source_id: file for file in report.files}

    def counts(source: str) -> tuple[int, int, int, int, int]:
        file = files[source]
        return (
            file.rows_in,
            file.rows_loaded,
            file.rows_quarantined,
            file.rows_repeated,
            file.rows_left_out,
        )

    assert counts("web_access") == (10_000, 9_999, 1, 0, 0)
    assert counts("auth") == (7_121, 1_121, 0, 0, 6_000)
    assert counts("ratings") == (578_805, 578_275, 530, 0, 0)
    assert counts("llm_trace") == (19_366, 19_366, 0, 0, 0)
    assert counts("coordination") == (35_125, 35_125, 0, 0, 0)
    assert all(file.status == "loaded" for file in report.files)
    assert_digits_kept(settings)


def assert_digits_kept(settings: Settings) -> None:
    """The trace's 100 ns digits come back from microseconds and nanoseconds, text for text."""
    text = (DATA / "llm_requests" / "AzureLLMInferenceTrace_conv.csv").read_text("utf-8")
    written = [line.split(",")[0] for line in text.splitlines()[1:]]
    kept = query(
        settings,
        "select strftime(occurred_at, '%Y-%m-%d %H:%M:%S.%f') || (occurred_nanos // 100) "
        "from lake.raw.events where source_id = 'llm_trace' order by row_number",
    )
    assert [row[0] for row in kept] == written
