"""Data Docs say what the certificates say, and nothing of the rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.gate.conftest import House, suite

from gatehouse.errors import GatehouseError
from gatehouse.gate import data_docs, run_gate
from gatehouse.gate.data_docs import write_data_docs
from gatehouse.gate.waivers import waive

_HOSTILE = "<script>alert(1)</script> & $mean"


def _text(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text("utf-8").partition("<body")[2]).split())


def _page(house: House, table: str) -> Path:
    found = [each for each in write_data_docs(house.settings).pages if each.parent.name == table]
    assert len(found) == 1
    return found[0]


def test_a_page_says_what_its_certificate_says(house: House) -> None:
    snapshot = house.fill()
    house.built(snapshot)
    run_gate(house.settings)
    good = _text(_page(house, "fct_a"))
    assert "Status: Succeeded" in good
    assert "Result passed" in good
    # With its reason and owner, beside what GX knows nothing of.
    assert "a score is a share data" in good
    assert "unique_fct_a_key" in good
    bad = house.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'")
    house.built(bad, "b2")
    run_gate(house.settings)
    docs = write_data_docs(house.settings)
    pages = {each.parent.name: _text(each) for each in docs.pages}
    assert "Status: Failed" in pages["fct_a"]
    assert "1 unexpected values found" in pages["fct_a"]
    # Nothing of its own is wrong, and it is not fine.
    assert "Status: Failed" in pages["fct_b"]
    assert "Held by fct_a" in pages["fct_b"]
    assert "Status: Succeeded" in pages["dim_c"]
    index = docs.index.read_text("utf-8")
    for page in docs.pages:
        assert f"validations/{page.parent.name}/{page.name}" in index
    assert "expectations/fct_a.html" in index
    assert "between" in _text(docs.index.parent / "expectations" / "fct_a.html")


def test_hostile_text_is_text_and_rows_are_nowhere(house: House) -> None:
    expectations = suite("fct_a")["expectations"]
    assert isinstance(expectations, list)
    for each in expectations:
        each["meta"] = {"reason": f"because {_HOSTILE}", "owner": _HOSTILE}
    values = {
        "type": "expect_column_distinct_values_to_be_in_set",
        "kwargs": {"column": "key", "value_set": [_HOSTILE]},
        "severity": "critical",
        "meta": {"reason": "keys are of a known set", "owner": "data"},
    }
    broken = {
        "type": "unexpected_rows_expectation",
        "name": _HOSTILE,
        "kwargs": {"unexpected_rows_query": "select 1 from {batch} where nothing_like_it"},
        "severity": "critical",
        "meta": {"reason": "cannot be carried out", "owner": "data"},
    }
    house.suite("fct_a", expectations=[*expectations, values, broken])
    snapshot = house.fill()
    snapshot = house.sql("update lake.core.fct_a set key = 'who@example.org' where key = 'k1'")
    run_gate(house.settings, snapshot_id=snapshot)
    docs = write_data_docs(house.settings)
    for path in docs.index.parent.rglob("*.html"):
        text = path.read_text("utf-8")
        assert "<script" not in text.lower()
        # Nobody else is asked for anything when a page is looked at.
        assert not re.findall(r"<(?:link|img|iframe)\b|\bsrc=|@import|url\(", text)
        assert "who@" not in text
    page = next(each for each in docs.pages if each.parent.name == "fct_a")
    assert "because &lt;script&gt;alert(1)&lt;/script&gt; &amp; $mean" in page.read_text("utf-8")
    assert "could_not_check critical gx" in _text(page)


def test_a_waiver_is_told(house: House) -> None:
    house.fill()
    snapshot = house.sql("update lake.core.fct_a set score = 1.5 where key = 'k1'")
    house.built(snapshot)
    run_gate(house.settings)
    (found,) = waive(house.settings, "fct_a", "between", reason="one score is off", days=1)
    run_gate(house.settings)
    text = _text(_page(house, "fct_a"))
    assert "Status: Succeeded" in text
    assert f"failed (waived: {found['waiver_id']})" in text


def test_writing_again_writes_what_is_missing_and_keeps_twenty(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GatehouseError, match="no certificate"):
        write_data_docs(house.settings)
    snapshot = house.fill()
    run_gate(house.settings, snapshot_id=snapshot)
    first = write_data_docs(house.settings)
    assert len(first.pages) == 3
    assert write_data_docs(house.settings).pages == ()
    first.pages[0].unlink()
    assert write_data_docs(house.settings).pages == first.pages[:1]
    monkeypatch.setattr(data_docs, "_KEPT", 1)
    run_gate(house.settings, snapshot_id=snapshot)
    second = write_data_docs(house.settings)
    assert {*second.index.parent.glob("validations/*/*.html")} == {*second.pages}


@pytest.mark.parametrize(
    "name",
    [
        "../store.db",
        "validations/../../store.html",
        "expectations/..%2fstore.html",
        "/etc/passwd",
        "index.html\n",
    ],
)
def test_only_pages_are_served(house: House, name: str) -> None:
    assert data_docs.read_page(house.settings, name) is None
