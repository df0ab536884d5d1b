"""A load: what is new in the landing folder, into the raw tables."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.errors import GatehouseError
from gatehouse.ingest.batch import Source, prepare_session
from gatehouse.ingest.contracts import load_contracts
from gatehouse.ingest.digests import Digests
from gatehouse.ingest.discovery import Candidate, Found, find_files
from gatehouse.ingest.ledger import close_rejections
from gatehouse.ingest.loader import Loader
from gatehouse.ingest.mapping import SourceMapping, load_mappings
from gatehouse.ingest.report import FileReport, IngestReport
from gatehouse.ingest.tables import ensure_tables_of
from gatehouse.ingest.writing import Load
from gatehouse.lake import Lake
from gatehouse.lake.arrivals import next_arrival
from gatehouse.settings import Settings

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

Progress = Callable[[str], None]


def run_ingest(
    settings: Settings,
    *,
    folder: Path | None = None,
    source: str | None = None,
    progress: Progress | None = None,
    settle_seconds: float = 0,
    retry_rejected: bool = False,
) -> IngestReport:
    """Load every file that is new, and account for every row of it.

    Each batch of files is one transaction with its ledger rows, so that a run that is killed
    leaves whole files behind, and the next run goes on. A file that cannot be read is
    rejected with its reason, and the others load.

    Args:
        settings: which lake, and where contracts, mappings and the landing folder are.
        folder: landing folder; default: the setting.
        source: load this source only.
        progress: called with a line of text after each batch.
        settle_seconds: leave files alone that changed less than this ago.
        retry_rejected: try rejected files again whose mapping has not changed.

    Raises:
        GatehouseError: a mapping or contract is wrong, the folder is not there, or the lake
            cannot be written. Never because of a file.
    """
    started = time.monotonic()
    landing = _landing(settings, folder)
    is_whole = landing == settings.landing.expanduser().resolve()
    contracts = load_contracts(settings.input_contracts)
    mappings = _chosen(load_mappings(settings.sources, contracts), source)
    report = IngestReport(load_id=uuid.uuid4().hex)
    with _session(settings) as connection:
        ensure_tables_of(connection, contracts)
        with Digests.open(settings.home / "ingest" / "digests.sqlite") as digests:
            # Looked for under the lock: what two runs find at once is loaded by one of them.
            found = find_files(landing, mappings.values(), digests, settle_seconds=settle_seconds)
            digests.keep()
            arrived_at = next_arrival(connection).astimezone(UTC).replace(tzinfo=None)
            load = Load(report.load_id, arrived_at)
            loader = Loader(
                connection,
                settings,
                load,
                digests,
                progress,
                retry_rejected=retry_rejected,
            )
            _note_others(report, found, skip_unmatched=source is not None)
            for mapping in mappings.values():
                candidates = [c for c in found.candidates if c.mapping.source == mapping.source]
                if candidates:
                    contract = contracts[mapping.contract]
                    chosen = Source(mapping, contract)
                    files = loader.load(chosen, candidates)
                    there = _there(found, mapping, candidates, files)
                    report.files += files
                    report.rejections_changed |= loader.has_news | close_rejections(
                        connection, chosen, load, there, is_whole=is_whole
                    )
    report.seconds = round(time.monotonic() - started, 3)
    log.info("load %s: %s", report.load_id, report.totals)
    return report


@contextmanager
def _session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with Lake(settings).writer("gatehouse ingest") as connection:
        prepare_session(connection)
        yield connection


def _there(
    found: Found, mapping: SourceMapping, candidates: list[Candidate], files: list[FileReport]
) -> dict[str, str | None]:
    """Id of the file at each path of a source; None where it has no row or is not finished."""
    waiting = [path for each, path in found.waiting if each.source == mapping.source]
    empty = {each.path for each in files if each.status == "loaded" and not each.rows_in}
    ids = {c.shown: c.file_id if c.size and c.shown not in empty else None for c in candidates}
    return {**ids, **dict.fromkeys(waiting)}


def _landing(settings: Settings, folder: Path | None) -> Path:
    landing = (folder or settings.landing).expanduser().resolve()
    if not landing.is_dir():
        raise GatehouseError(
            f"There is no landing folder {landing}.",
            next_step="put files there, or name another: gatehouse ingest --folder PATH",
        )
    return landing


def _chosen(mappings: dict[str, SourceMapping], source: str | None) -> dict[str, SourceMapping]:
    if source is None:
        return mappings
    if source not in mappings:
        raise GatehouseError(
            f"There is no source {source}.", next_step="see what there is: gatehouse sources"
        )
    return {source: mappings[source]}


def _note_others(report: IngestReport, found: Found, *, skip_unmatched: bool) -> None:
    if not skip_unmatched:
        report.unmatched += found.unmatched
    report.files += [
        FileReport(mapping.source, path, "waiting", "is still being written")
        for mapping, path in found.waiting
    ]
