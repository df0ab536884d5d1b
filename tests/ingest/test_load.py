"""What a load does with rows and files."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatehouse.cli.app import app
from gatehouse.errors import GatehouseError
from gatehouse.ingest import digests, run_ingest
from gatehouse.lake import Lake
from gatehouse.settings import Settings
from tests.ingest.world import SHOP, assert_accounted, load, make_project, put, query, write_mapping

HEAD = "id,happened,who,how\n"
KEYLESS = SHOP.replace("{csv,jsonl,parquet}", "{csv,gz}").replace("  event_id: id\n", "")
KEYLESS += "identity: none\n"
KEYED = KEYLESS.replace("identity: none\n", "  event_id: id\n")
BY_PATH = KEYLESS + "filter: {name: no tests, keep: \"not contains(_path, 'test')\"}\n"
BY_DATE = KEYLESS + "filter: {name: no old ones, keep: \"_path_date > date '2001-01-01'\"}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    return make_project(tmp_path, {"shop": SHOP})


def test_file_is_known_by_its_content(shop: Settings) -> None:
    put(shop, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    load(shop)
    put(shop, "shop/b.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")

    report = load(shop)

    assert [file.status for file in report.files] == ["known", "known"]
    assert query(shop, "select count(*) from lake.raw.files") == [(1,)]


def test_correction_is_a_new_version_and_repetition_is_not(shop: Settings) -> None:
    put(shop, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    load(shop)
    put(shop, "shop/b.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n1,2026-01-05 10:00:00,a,error\n")

    totals = load(shop).totals

    assert (totals["rows_loaded"], totals["rows_repeated"]) == (1, 1)
    versions = query(
        shop,
        "select count(*), count(distinct record_key), count(distinct row_hash) "
        "from lake.raw.events",
    )
    assert versions == [(2, 1, 2)]


def test_equal_rows_without_identity_are_separate_and_get_ids(tmp_path: Path) -> None:
    mapping = SHOP.replace("  event_id: id\n", "") + "identity: none\n"
    settings = make_project(tmp_path, {"shop": mapping})
    put(settings, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n" * 2)
    load(settings)
    put(settings, "shop/b.csv", HEAD + "2,2026-01-05 10:00:00,a,ok\n")
    load(settings)

    ids = query(settings, "select count(distinct event_id), count(*) from lake.raw.events")
    assert ids == [(3, 3)]


def test_rejected_file_is_tried_again_when_its_mapping_changes(shop: Settings) -> None:
    put(shop, "shop/a.csv", "key,happened,who,how\n1,2026-01-05 10:00:00,a,ok\n")
    assert load(shop).totals["files_rejected"] == 1
    before = query(shop, "select max(snapshot_id) from ducklake_snapshots('lake')")
    assert load(shop).totals["files_rejected"] == 1
    assert query(shop, "select max(snapshot_id) from ducklake_snapshots('lake')") == before

    write_mapping(shop.project, "shop", SHOP.replace("event_id: id", "event_id: key"))

    assert load(shop).totals["rows_loaded"] == 1
    assert query(shop, "select status_code from lake.raw.files") == [("loaded",)]


def test_arrival_times_strictly_increase(shop: Settings) -> None:
    for day in range(1, 4):
        put(shop, f"shop/{day}.csv", HEAD + f"{day},2026-01-0{day} 10:00:00,a,ok\n")
        load(shop)

    rows = query(shop, "select distinct ingested_at from lake.raw.events order by occurred_at")
    times = [row[0] for row in rows]
    assert len(times) == 3
    assert times == sorted(times)


def test_broken_file_does_not_stop_the_others(shop: Settings) -> None:
    good = HEAD + "1,2026-01-05 10:00:00,a,ok\n"
    put(shop, "shop/a.csv", gzip.compress((HEAD + "x" * 9000).encode())[:-9])
    put(shop, "shop/b.csv", good)
    put(shop, "shop/c.csv", good.replace("1,", "2,"))

    report = load(shop)

    assert [file.status for file in report.files].count("loaded") == 2
    assert_accounted(shop)


def test_left_out_rows_are_counted_and_not_judged(tmp_path: Path) -> None:
    mapping = SHOP + "filter: {name: not a shopper, keep: who <> 'robot'}\n"
    settings = make_project(tmp_path, {"shop": mapping})
    put(settings, "shop/a.csv", HEAD + "1,never,robot,ok\n2,2026-01-05 10:00:00,a,ok\n")

    totals = load(settings).totals

    assert (totals["rows_left_out"], totals["rows_loaded"]) == (1, 1)
    assert totals["rows_quarantined"] == 0


@pytest.mark.parametrize(
    ("zone", "choice", "expected"),
    [
        pytest.param("Europe/Paris", "earlier", "2026-10-25 00:30:00", id="earlier"),
        pytest.param("Europe/Paris", "later", "2026-10-25 01:30:00", id="later"),
        pytest.param("Asia/Kolkata", "earlier", "2026-10-24 21:00:00", id="half-hour-zone"),
        pytest.param("UTC", "earlier", "2026-10-25 02:30:00", id="utc"),
    ],
)
def test_local_times_become_utc(tmp_path: Path, zone: str, choice: str, expected: str) -> None:
    mapping = SHOP + f"timezone: {zone}\nambiguous: {choice}\n"
    settings = make_project(tmp_path, {"shop": mapping})
    put(settings, "shop/a.csv", HEAD + "1,2026-10-25 02:30:00,a,ok\n")

    load(settings)

    assert query(settings, "select occurred_at::varchar from lake.raw.events") == [(expected,)]


def test_offset_in_text_is_never_dropped(shop: Settings) -> None:
    put(shop, "shop/a.csv", HEAD + "1,2026-01-05T10:00:00+05:30,a,ok\n")
    load(shop)
    rows = query(shop, "select occurred_at::varchar from lake.raw.events")
    assert rows == [("2026-01-05 04:30:00",)]


@pytest.mark.parametrize(
    ("digits", "expected"),
    [(".1234567", ("123456", 700)), (".123456789", ("123456", 789)), (".5", ("500000", 0))],
    ids=["100-ns", "ns", "tenths"],
)
def test_digits_beyond_the_microsecond_are_kept(
    tmp_path: Path, digits: str, expected: tuple[str, int]
) -> None:
    extra = "  occurred_nanos: nanos_of(happened)\n"
    settings = make_project(tmp_path, {"shop": SHOP + extra})
    put(settings, "shop/a.csv", HEAD + f"1,2026-01-05 10:00:00{digits},a,ok\n")

    load(settings)

    rows = query(
        settings, "select strftime(occurred_at, '%f'), occurred_nanos from lake.raw.events"
    )
    assert rows == [expected]


def test_value_that_an_expression_makes_null_is_not_lost(tmp_path: Path) -> None:
    extra = "  bytes_count: try_cast(how as bigint)\n"
    settings = make_project(tmp_path, {"shop": SHOP + extra})
    put(settings, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")

    assert load(settings).totals["rows_quarantined"] == 1
    rows = query(settings, "select column_name, row_number, path from lake.raw.quarantine")
    assert rows == [("bytes_count", 2, "shop/a.csv")]


def test_texts_cannot_collide_in_the_hash(tmp_path: Path) -> None:
    # Neighbours in the hash: without their lengths the separator could move between them.
    settings = make_project(tmp_path, {"shop": SHOP + "  resource: one\n  content_id: two\n"})
    head, row = "id,happened,who,how,one,two\n", "1,2026-01-05 10:00:00,a,ok,"
    put(settings, "shop/a.csv", head + row + "x\x1fy,z\n")
    put(settings, "shop/b.csv", head + row + "x,y\x1fz\n")
    assert load(settings).totals["rows_loaded"] == 2


def test_file_of_a_wrong_name_is_reported_unmatched(shop: Settings) -> None:
    put(shop, "other/a.csv", "x")
    assert load(shop).unmatched == ["other/a.csv"]


def test_settling_file_waits(shop: Settings) -> None:
    path = put(shop, "shop/a.csv", HEAD)
    assert run_ingest(shop, settle_seconds=60).totals["files_waiting"] == 1
    os.utime(path, (1, 1))
    assert run_ingest(shop, settle_seconds=60).totals["files_loaded"] == 1


def test_missing_landing_folder_is_a_clear_error(shop: Settings) -> None:
    with pytest.raises(GatehouseError, match="no landing folder"):
        run_ingest(shop, folder=Path("/nowhere"))


def test_an_unchanged_list_on_another_day_is_another_edition(tmp_path: Path) -> None:
    mapping = """
source: exits
contract: reputation
description: A list that comes every day.
path: exits/**/*.txt
format: {type: text, pattern: '(?P<entry>\\S+)'}
columns:
  list_id: "'exits'"
  list_date: _path_date
  entry_type: "'ip'"
  entry: entry
  category_code: "'tor'"
  score: "0.5"
"""
    settings = make_project(tmp_path, {"exits": mapping})
    put(settings, "exits/2026-01-06/list.txt", "192.0.2.1\n")
    load(settings)
    put(settings, "exits/2026-01-05/list.txt", "192.0.2.1\n")
    put(settings, "exits/again/2026-01-06/list.txt", "192.0.2.1\n")

    report = load(settings)

    assert sorted(file.status for file in report.files) == ["known", "known", "loaded"]
    dates = query(settings, "select cast(list_date as varchar) from lake.raw.reputation order by 1")
    assert dates == [("2026-01-05",), ("2026-01-06",)]


def test_a_file_that_met_with_trouble_not_its_own_is_tried_again(shop: Settings) -> None:
    put(shop, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    put(shop, "shop/b.csv", "no header\n")
    load(shop)
    with Lake(shop).writer("a test") as connection:
        connection.execute("delete from lake.raw.events")
        connection.execute(
            "update lake.raw.files set status_code = 'rejected', "
            "reason = 'cannot be read: no space left on device' where status_code = 'loaded'"
        )

    report = load(shop)

    assert {file.path: file.status for file in report.files}["shop/a.csv"] == "loaded"
    assert {file.path: file.status for file in report.files}["shop/b.csv"] != "loaded"


def test_a_log_that_was_compressed_meanwhile_is_the_same_log(tmp_path: Path) -> None:
    mapping = SHOP.replace("  event_id: id\n", "") + "identity: none\n"
    mapping = mapping.replace("*.{csv,jsonl,parquet}", "*.{csv,gz}")
    settings = make_project(tmp_path, {"shop": mapping})
    text = HEAD + "1,2026-01-05 10:00:00,a,ok\n"
    put(settings, "shop/a.csv", text)
    load(settings)
    put(settings, "shop/a.csv.1.gz", gzip.compress(text.encode(), mtime=1))
    put(settings, "shop/a.csv.2.gz", gzip.compress(text.encode(), mtime=2)[:-12])

    report = load(settings)

    assert sorted(file.status for file in report.files) == ["known", "known", "rejected"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(KEYLESS, BY_PATH, id="begins-to-read-the-path"),
        pytest.param(BY_PATH, KEYLESS, id="ceases-to-read-the-path"),
        pytest.param(KEYLESS, BY_DATE, id="begins-to-read-the-date"),
        pytest.param(BY_DATE, BY_PATH, id="path-for-date"),
        pytest.param(KEYLESS, KEYED, id="gets-an-identity"),
        pytest.param(KEYED, KEYLESS, id="loses-its-identity"),
    ],
)
def test_a_changed_mapping_loads_nothing_again(tmp_path: Path, before: str, after: str) -> None:
    settings = make_project(tmp_path, {"shop": before})
    text = HEAD + "{0},2026-01-05 10:00:00,a,ok\n"
    put(settings, "shop/2026-01-05/a.csv", text.format(1))
    put(settings, "shop/2026-01-05/b.csv.gz", gzip.compress(text.format(2).encode()))
    assert load(settings).totals["rows_loaded"] == 2
    write_mapping(settings.project, "shop", after)
    put(settings, "shop/2026-01-06/c.csv.gz", gzip.compress(text.format(3).encode()))

    report = load(settings)

    assert [file.status for file in report.files] == ["known", "known", "loaded"]
    assert [file.status for file in load(settings).files] == ["known"] * 3
    assert query(settings, "select count(*) from lake.raw.events") == [(3,)]


def test_a_log_that_was_moved_before_its_mapping_changed_is_the_same_log(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": KEYLESS})
    text = HEAD + "1,2026-01-05 10:00:00,a,ok\n"
    put(settings, "shop/a.csv", text)
    load(settings)
    (settings.landing / "shop/a.csv").unlink()
    put(settings, "shop/a.csv.1.gz", gzip.compress(text.encode()))
    write_mapping(settings.project, "shop", BY_PATH)

    assert [file.status for file in load(settings).files] == ["known"]


def test_editions_begin_with_the_mapping_that_reads_their_date(tmp_path: Path) -> None:
    settings = make_project(tmp_path, {"shop": KEYED})
    for day in (5, 6):
        put(settings, f"shop/2026-01-0{day}/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    load(settings)
    write_mapping(settings.project, "shop", KEYED + "  resource: _path_date\n")

    report = load(settings)

    assert [file.status for file in report.files] == ["known", "loaded"]


def test_a_file_is_read_once_while_it_stays_as_it_is(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = digests._of_bytes
    monkeypatch.setattr(digests, "_of_bytes", lambda path: read.append(path.name) or real(path))
    monkeypatch.setattr(digests, "_TICK_SECONDS", -60.0)
    first = put(shop, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    os.utime(first, (1_700_000_000, 1_700_000_000))
    second = put(shop, "shop/just-now.csv", HEAD + "2,2026-01-05 10:00:00,a,ok\n")
    os.utime(second, (4_000_000_000, 4_000_000_000))
    load(shop)
    load(shop)
    # The other was changed so lately that its clock may not show the next change.
    assert read == ["a.csv", "just-now.csv", "just-now.csv"]

    first.write_text(HEAD + "3,2026-01-05 10:00:00,a,ok\n")
    assert load(shop).totals["rows_loaded"] == 1
    (shop.home / "ingest" / "digests.sqlite").write_bytes(b"no database" * 100)
    assert load(shop).totals["files_known"] == 2


def test_a_file_changed_behind_its_old_time_is_another(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_TICK_SECONDS", -60.0)
    for number in (1, 2):
        path = put(shop, "shop/a.csv", HEAD + f"{number},2026-01-05 10:00:00,a,ok\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        assert load(shop).totals["rows_loaded"] == 1


_BAD = "no header\n"
_GOOD = HEAD + "1,2026-01-05 10:00:00,a,ok\n"
_EMPTY = ""


def _statuses(settings: Settings) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = query(settings, "select path, status_code from lake.raw.files order by all")
    for path, status in rows:
        found.setdefault(path, []).append(status)
    return found


def test_a_file_that_was_loaded_elsewhere_takes_the_place_of_a_rejected_one(shop: Settings) -> None:
    put(shop, "shop/a.csv", _BAD)
    put(shop, "shop/b.csv", "no header either\n")
    assert load(shop).rejections_changed
    put(shop, "shop/elsewhere.csv", _GOOD)
    assert not load(shop).rejections_changed
    put(shop, "shop/a.csv", _GOOD)
    again = load(shop)
    assert (again.totals["rows_loaded"], again.rejections_changed) == (0, True)
    expected = {"shop/a.csv": ["replaced"], "shop/b.csv": ["rejected"]}
    assert _statuses(shop) == {**expected, "shop/elsewhere.csv": ["loaded"]}


def test_bad_bytes_that_come_again_are_rejected_again_at_every_path(shop: Settings) -> None:
    put(shop, "shop/a.csv", _BAD)
    put(shop, "shop/b.csv", _BAD)
    assert load(shop).totals["files_rejected"] == 2
    put(shop, "shop/a.csv", _GOOD)
    put(shop, "shop/b.csv", HEAD + "2,2026-01-05 10:00:00,a,ok\n")
    load(shop)
    both = ["loaded", "replaced"]
    assert _statuses(shop) == {"shop/a.csv": both, "shop/b.csv": both}
    put(shop, "shop/a.csv", _BAD)
    put(shop, "shop/c.csv", _BAD)
    assert load(shop).rejections_changed
    assert _statuses(shop)["shop/c.csv"] == ["rejected"]
    assert _statuses(shop)["shop/a.csv"] == ["loaded", "rejected"]
    assert not load(shop).rejections_changed


@pytest.mark.parametrize(
    ("content", "status"),
    [(_EMPTY, "rejected"), (HEAD, "rejected"), (_GOOD, "replaced"), (None, "gone")],
    ids=["empty", "header alone", "good", "none"],
)
def test_a_rejection_ends_with_the_file_and_not_with_an_empty_one(
    shop: Settings, content: str | None, status: str
) -> None:
    put(shop, "shop/other.csv", HEAD + "2,2026-01-05 10:00:00,a,ok\n")
    path = put(shop, "shop/a.csv", _BAD)
    load(shop)
    path.unlink()
    if content is not None:
        put(shop, "shop/a.csv", content)
    # Of another folder nothing is known of this one's files.
    elsewhere = shop.home / "elsewhere"
    (elsewhere / "shop").mkdir(parents=True)
    (elsewhere / "shop" / "c.csv").write_text(HEAD + "3,2026-01-05 10:00:00,a,ok\n", "utf-8")
    run_ingest(shop, folder=elsewhere)
    assert "rejected" in _statuses(shop)["shop/a.csv"]
    load(shop)
    assert status in _statuses(shop)["shop/a.csv"]
    # An empty folder is one that is not mounted.
    for each in (shop.landing / "shop").iterdir():
        each.unlink()
    load(shop)
    assert status in _statuses(shop)["shop/a.csv"]


def test_a_changed_mapping_makes_no_old_rejection_new(shop: Settings) -> None:
    put(shop, "shop/a.csv", _BAD)
    load(shop)
    dated = "select ingested_at, mapping_hash from lake.raw.files"
    [(before, was)] = query(shop, dated)
    write_mapping(shop.project, "shop", SHOP + "  user_agent: \"'none'\"\n")
    load(shop)
    [(after, now)] = query(shop, dated)
    assert (after, now == was) == (before, False)


def test_a_file_in_place_of_a_broken_link_ends_its_rejection(shop: Settings) -> None:
    path = shop.landing / "shop" / "a.csv"
    path.parent.mkdir()
    path.symlink_to("nowhere")
    assert load(shop).totals["files_rejected"] == 1
    path.unlink()
    put(shop, "shop/a.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    load(shop)
    found = query(shop, "select status_code from lake.raw.files order by all")
    assert found == [("loaded",), ("replaced",)]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        pytest.param(
            "jane@example.org,jane@example.org,x",
            "has no column id, happened, who, how",
            id="values",
        ),
        pytest.param(
            "id,happened,who,how,jane@example.org,Jane@example.org",
            "columns 5 and 6 have one name",
            id="unknown-twice",
        ),
        pytest.param(
            "id,happened,who,how,who", "columns 3 and 5 have one name (who)", id="known-twice"
        ),
    ],
)
def test_the_reason_of_a_wrong_header_quotes_no_value(
    shop: Settings, head: str, reason: str
) -> None:
    put(shop, "shop/a.csv", head + "\n")
    lines: list[str] = []
    run_ingest(shop, progress=lines.append)
    [(stored,)] = query(shop, "select reason from lake.raw.files")
    for text in (*lines, stored):
        assert "jane" not in text.lower()
    assert reason in stored


@pytest.mark.parametrize(
    ("name", "shown"),
    [("jane@example.org", "column 8"), ("session_kind", "session_kind (column 8)")],
    ids=["a value", "a name"],
)
def test_a_column_too_many_is_shown_by_a_name_that_is_none_of_a_row(
    tmp_path: Path, name: str, shown: str
) -> None:
    mapping = SHOP[: SHOP.index("columns:")] + "columns: same\n"
    settings = make_project(tmp_path, {"shop": mapping})
    head = "event_id,occurred_at,actor_id,actor_type,product_code,event_type,outcome_code"
    put(settings, "shop/a.csv", f"{head},{name}\n")
    load(settings)
    [(reason,)] = query(settings, "select reason from lake.raw.files")
    assert reason == f"has columns that the contract does not: {shown}"


def test_rejected_file_is_tried_again_when_asked(shop: Settings) -> None:
    put(shop, "shop/a.csv", "key,happened,who,how\n1,2026-01-05 10:00:00,a,ok\n")
    load(shop)
    lines: list[str] = []
    run_ingest(shop, progress=lines.append)
    assert lines == []
    run_ingest(shop, progress=lines.append, retry_rejected=True)
    assert "rejected" in lines[0]


@pytest.mark.parametrize(
    "expressions",
    [
        "  outcome_code: case when how::integer < 400 then 'ok' "
        "when how::integer = 429 then 'refused' else 'error' end\n",
        "  outcome_code: case when how::integer < 400 then 'ok' else 'error' end\n"
        "  status_code: how::integer\n",
    ],
    ids=["twice in a column", "in two columns"],
)
def test_a_cast_that_fails_refuses_its_row_alone(tmp_path: Path, expressions: str) -> None:
    settings = make_project(tmp_path, {"shop": SHOP.replace("  outcome_code: how\n", expressions)})
    rows = "".join(f"{n},2026-01-05 10:00:00,a,{200 + n}\n" for n in range(5))
    put(settings, "shop/a.csv", HEAD + rows + "9,2026-01-05 10:00:00,a,x\n")
    totals = load(settings).totals
    assert (totals["rows_loaded"], totals["rows_quarantined"]) == (5, 1)


@pytest.mark.parametrize("name", ["path", "file_id", "path_date", "size_bytes"])
def test_a_field_may_be_called_as_one_of_ours(tmp_path: Path, name: str) -> None:
    mapping = SHOP.replace("outcome_code: how", f"outcome_code: how\n  resource: {name}")
    settings = make_project(tmp_path, {"shop": mapping})
    head = HEAD.replace("\n", f",{name}\n")
    put(settings, "shop/a.csv", head + "1,2026-01-05 10:00:00,a,ok,/mine\n")
    assert load(settings).totals["rows_loaded"] == 1
    assert query(settings, "select resource from lake.raw.events") == [("/mine",)]


@pytest.mark.parametrize("name", ["row_number", "defect", "ordinal"])
def test_a_field_that_cannot_be_told_from_ours_is_refused_by_name(
    tmp_path: Path, name: str
) -> None:
    mapping = SHOP.replace("outcome_code: how", f"outcome_code: how\n  resource: {name}")
    settings = make_project(tmp_path, {"shop": mapping})
    with pytest.raises(GatehouseError, match=f"{name} is a name"):
        load(settings)


def test_json_whose_fields_are_all_nested(tmp_path: Path) -> None:
    mapping = SHOP.replace(
        "format: {type: csv}",
        "format: {type: jsonl, fields: {id: $.i.d, happened: $.at, who: $.w.ho, how: $.how}}",
    )
    settings = make_project(tmp_path, {"shop": mapping})
    line = '{"i": {"d": "1"}, "at": "2026-01-05 10:00:00", "w": {"ho": "a"}, "how": "ok"}\n'
    put(settings, "shop/a.jsonl", line)
    assert load(settings).totals["rows_loaded"] == 1


def test_a_file_without_a_row_is_named(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop, "shop/full.csv", HEAD + "1,2026-01-05 10:00:00,a,ok\n")
    put(shop, "shop/empty.csv", HEAD)
    put(shop, "shop/nothing.jsonl", "")
    monkeypatch.setenv("GATEHOUSE_HOME", str(shop.home))
    monkeypatch.setenv("GATEHOUSE_PROJECT", str(shop.project))
    done = CliRunner().invoke(app, ["ingest"])
    assert done.exit_code == 0, done.output
    told = " ".join(done.stdout.split())
    assert "Loaded without a row: shop/empty.csv, shop/nothing.jsonl." in told
    assert "without a row" not in CliRunner().invoke(app, ["ingest"]).stdout
