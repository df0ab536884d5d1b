"""A few kinds of the bad-input measurement; `make measure NAME=bad_input` runs them all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_SLOW = {"gzip that expands a thousandfold", "line of 5 MB"}


def test_each_kind_of_bad_row_is_refused_for_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from bad_input import run_cases
    from bad_input_cases import CASES

    cases = [case for case in CASES if case.name not in _SLOW]
    outcomes, wrong = run_cases(tmp_path, cases[::4])

    assert {o.case.name: o.misses for o in outcomes if o.misses} == {}
    assert wrong == []
    assert "bad_input" in sys.modules
