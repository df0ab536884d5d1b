"""Quarantine: what it keeps, and how rows leave it."""

from __future__ import annotations

import getpass
import json
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatehouse.errors import GatehouseError
from gatehouse.ingest.quarantine import Selection, export_quarantine, list_quarantine
from gatehouse.ingest.replay import replay_quarantine
from gatehouse.settings import Settings
from gatehouse.store.access import list_access
from tests.ingest.world import (
    SHOP,
    assert_accounted,
    content,
    load,
    make_project,
    put,
    write_mapping,
)

HEAD = "id,happened,who,how\n"
ROWS = "1,2026-01-05 10:00:00,a,ok\n2,2026-01-05 11:00:00,b,fine\n3,2026-01-05 12:00:00,c,bad\n"
MENDED = SHOP.replace(
    "outcome_code: how", "outcome_code: case how when 'fine' then 'ok' else how end"
)
JSON_ROWS = "".join(
    json.dumps(dict(zip(("id", "happened", "who", "how"), line.split(","), strict=True))) + "\n"
    for line in ROWS.splitlines()
)


def _write_parquet(path: Path) -> None:
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(
        "copy (select i as id, timestamp_ns '2026-01-05 10:00:00.123456789' as happened, "
        "'a' as who, ['ok', 'fine', 'bad'][i] as how from range(1, 4) as t (i)) "
        f"to '{path}' (format parquet)"
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_replay_is_as_if_the_mapping_had_been_right(tmp_path: Path, kind: str) -> None:
    def arrive(settings: Settings) -> None:
        if kind == "parquet":
            _write_parquet(settings.landing / "shop/a.parquet")
        else:
            put(settings, f"shop/a.{kind}", HEAD + ROWS if kind == "csv" else JSON_ROWS)
        load(settings)

    def typed(text: str) -> str:
        return text.replace("type: csv", f"type: {kind}")

    late = make_project(tmp_path / "late", {"shop": typed(SHOP)})
    arrive(late)
    write_mapping(late.project, "shop", typed(MENDED))
    (report,) = replay_quarantine(late)
    right = make_project(tmp_path / "right", {"shop": typed(MENDED)})
    arrive(right)

    assert (report.rows_tried, report.rows_loaded, report.rows_quarantined) == (2, 1, 1)
    assert content(late) == content(right)
    assert_accounted(late)


def test_replay_without_a_change_tries_nothing(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    put(settings, "shop/a.csv", HEAD + ROWS)
    load(settings)

    (report,) = replay_quarantine(settings)
    assert (report.rows_tried, report.rows_unchanged) == (0, 2)
    (forced,) = replay_quarantine(settings, force=True)
    assert (forced.rows_tried, forced.rows_quarantined) == (2, 2)
    assert_accounted(settings)


def test_replay_reads_bytes_in_the_encoding_that_is_stated_later(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    put(settings, "shop/a.csv", (HEAD + "1,2026-01-05 10:00:00,é,ok\n").encode("latin-1"))
    load(settings)
    write_mapping(
        settings.project, "shop", SHOP.replace("type: csv", "type: csv, encoding: latin-1")
    )

    replay_quarantine(settings)

    assert ['"actor_id":"é"' in row for row in content(settings)] == [True]


def test_replay_mends_a_value_that_held_a_nul_byte(tmp_path: Path) -> None:
    mapping = SHOP.replace("type: csv", "type: jsonl") + "  resource: page\n"
    settings = make_project(tmp_path, {"shop": mapping})
    row = {"id": "1", "happened": "2026-01-05", "who": "a", "how": "ok", "page": "x\0y"}
    put(settings, "shop/a.jsonl", json.dumps(row))
    load(settings)
    mended = mapping.replace("resource: page", "resource: \"replace(page, chr(0), '')\"")
    write_mapping(settings.project, "shop", mended)

    (report,) = replay_quarantine(settings)

    assert (report.rows_tried, report.rows_loaded) == (1, 1)


def test_replay_gives_parquet_values_back_as_they_were(tmp_path: Path) -> None:
    import duckdb

    def mapping(how: str) -> str:
        # Their types first: two values may look alike and be none the same.
        value = "concat_ws(' ', typeof(b), hex(b), hex(n[1].b), d, typeof(j), j)"
        text = SHOP.replace("type: csv", "type: parquet").replace("outcome_code: how", how)
        return text + f'  resource: "{value}"\n'

    def arrive(settings: Settings) -> None:
        target = settings.landing / "shop" / "a.parquet"
        target.parent.mkdir()
        duckdb.connect().execute(
            "copy (select '1' as id, timestamp '2026-01-05' as happened, 'a' as who, "
            f"'fine' as how, unhex('{bytes(range(256)).hex()}') as b, [{{'b': b}}] as n, "
            "12345678901234567890.123456789012345678::decimal(38, 18) as d, "
            f"""'{{"a":  1}}'::json as j) to '{target}' (format parquet)"""
        )
        load(settings)

    late = make_project(tmp_path / "late", {"shop": mapping("outcome_code: how")})
    arrive(late)
    write_mapping(late.project, "shop", mapping("outcome_code: \"'ok'\""))
    replay_quarantine(late)
    right = make_project(tmp_path / "right", {"shop": mapping("outcome_code: \"'ok'\"")})
    arrive(right)

    assert content(late) == content(right) != []


def test_list_groups_and_shows_content_only_on_request(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    put(settings, "shop/a.csv", HEAD + ROWS)
    load(settings)

    (plain,) = list_quarantine(settings)
    assert (plain["column_name"], plain["row_count"], plain["first_row_number"]) == (
        "outcome_code",
        2,
        3,
    )
    assert "samples" not in plain
    (shown,) = list_quarantine(settings, samples=1, reason="a test")
    assert shown["samples"] == ["2,2026-01-05 11:00:00,b,fine"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_export_is_for_its_owner_alone_and_never_overwrites(tmp_path: Path, suffix: str) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    put(settings, "shop/a.csv", HEAD + ROWS + "=1+1,x,y,ok\n")
    load(settings)
    target = tmp_path / f"out.{suffix}"

    assert export_quarantine(settings, target, Selection(source="shop"), reason="why not") == 3

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "2026-01-05 11:00:00,b,fine" in target.read_text("utf-8")
    if suffix == "csv":
        assert "'=1+1" in target.read_text("utf-8")
    with pytest.raises(GatehouseError, match="cannot be made"):
        export_quarantine(settings, target, reason="again")


def test_raw_content_is_read_with_a_reason_only_and_that_is_recorded(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    target = tmp_path / "rows.jsonl"
    load(settings)
    with pytest.raises(GatehouseError, match="reason"):
        export_quarantine(settings, target, reason=" ")
    assert not target.exists()
    with pytest.raises(GatehouseError, match="reason"):
        list_quarantine(settings, samples=1)
    list_quarantine(settings)
    assert list_access(settings, 10) == []

    export_quarantine(settings, target, Selection(source="shop"), reason="a new format")

    [record] = list_access(settings, 10)
    assert (record["action"], record["subject"]) == ("quarantine export", {"source": "shop"})
    assert (record["reason"], record["reader_name"]) == ("a new format", getpass.getuser())


def test_a_row_from_the_future_is_read_again_when_its_time_has_come(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": SHOP})
    soon = datetime.now(UTC) + timedelta(days=1, seconds=12)
    ahead = f"1,{soon:%Y-%m-%d %H:%M:%S},a,ok\n2,2198-01-05 10:00:00,b,ok\n"
    put(settings, "shop/a.csv", f"{HEAD}{ahead}3,2026-01-05 10:00:00,c,bad\n")
    load(settings)
    refused = {row["reason"]: row["row_count"] for row in list_quarantine(settings)}
    assert refused["lies more than a day in the future"] == 2
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds() - 86_400) + 0.1)
    (report,) = replay_quarantine(settings)
    assert (report.rows_tried, report.rows_loaded, report.rows_unchanged) == (2, 1, 1)
    assert len(content(settings)) == 1
