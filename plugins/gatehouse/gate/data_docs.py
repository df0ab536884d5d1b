"""Great Expectations' Data Docs, of certificates: what was expected of a table, and what was found.

The pages are rendered by GX from what certificates hold, which is counts and aggregates, never from
its own results, which quote values of rows. What GX does not know of, dbt's tests, the gate's own
checks, waivers and what holds a table, stands beside it, so that a page says what its certificate
says. The pages load nothing from elsewhere: nobody else learns what is looked at here.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from gatehouse.errors import GatehouseError
from gatehouse.files import write_whole
from gatehouse.gate.certificate import is_certified, newest_certificates
from gatehouse.gate.expectations import resolve
from gatehouse.gate.lineage import core_tables
from gatehouse.gate.suites import Expectation, Suite, load_suite
from gatehouse.gate.versions import suite_version
from gatehouse.settings import Settings
from gatehouse.store import open_store
from gatehouse.store.models import Certificate, CertificateCheck

log = logging.getLogger(__name__)

# Pages of a table, newest first; its certificates themselves are kept longer.
_KEPT = 20
_Version = tuple[str, str]
_CHECK = ["result", "severity", "by", "check", "why", "owner"]
# What GX asks of its visitors, and what does nothing without its scripts from elsewhere.
_STYLES = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 0 20px; }
table { border-collapse: collapse; margin: 6px 0 18px; width: 100%; }
td, th { border-bottom: 1px solid #ddd; padding: 4px 10px 4px 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
ul { padding-left: 20px; }
.text-success, .badge-success { color: #19713f; }
.text-danger, .badge-danger { color: #b3261e; }
.text-success::before { content: "\\2713"; }
.text-danger::before { content: "\\2717"; }
.ge-breadcrumbs, .navbar-toggler, .ge-walkthrough-modal, .modal, button,
.card.ge-actions, .ge-index-page-tabs { display: none; }
"""
_NAME = re.compile(
    r"(index|expectations/[A-Za-z0-9_]+|validations/[A-Za-z0-9_]+/[0-9a-f-]{36})\.html"
)
_FROM_ELSEWHERE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>"
    r"|url\([^)]*\)|@import[^;]*;",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class DataDocs:
    """What was written.

    Attributes:
        index: the page to start from.
        pages: pages that are new.
    """

    index: Path
    pages: tuple[Path, ...]


def data_docs_folder(settings: Settings) -> Path:
    """Where the pages of this home are."""
    return settings.home / "data_docs"


def read_page(settings: Settings, name: str) -> bytes | None:
    """A page by its name within the folder; None where there is none.

    Args:
        settings: which home.
        name: as links have it, e.g. ``expectations/fct_events.html``; anything else is no page.
    """
    path = data_docs_folder(settings) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    return path.read_bytes()


def page_of(settings: Settings, table: str, certificate_id: str) -> Path:
    """The page of one certificate, whether written or not."""
    return data_docs_folder(settings) / "validations" / table / f"{certificate_id}.html"


def write_data_docs(settings: Settings) -> DataDocs:
    """Write the page of each table's newest certificate, the suites that changed, and the index.

    A page that is there is left as it is: it can be called again after anything. A table keeps its
    newest twenty pages.

    Raises:
        GatehouseError: nothing was ever checked.
    """
    suites, pages = _suites(settings), []
    folder = data_docs_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    # One that is late must not take away the pages of a newer one.
    with FileLock(folder / ".lock"), open_store(settings, read_only=True)() as session:
        certificates = newest_certificates(session, _KEPT)
        if not certificates:
            raise GatehouseError(
                "There is no certificate yet to make Data Docs of.", next_step="gatehouse gate"
            )
        view = _View()
        newest: dict[str, Certificate] = {}
        for each in certificates:
            newest.setdefault(each.table_name, each)
        for name, each in newest.items():
            path = page_of(settings, name, each.certificate_id)
            if not path.exists():
                suite = suites.get((name, each.suite_version))
                pages.append(write_whole(path, view.page(_validation(each, suite))))
        kept = {page_of(settings, c.table_name, c.certificate_id): c for c in certificates}
        for path in (folder / "validations").glob("*/*.html"):
            if path not in kept:
                path.unlink(missing_ok=True)
        _write_suites(settings, view, suites)
        documented = [each for path, each in kept.items() if path.exists()]
        index = folder / "index.html"
        write_whole(index, view.page(_index(documented)))
    return DataDocs(index, tuple(pages))


def _write_suites(settings: Settings, view: _View, suites: Mapping[_Version, Suite]) -> None:
    for (table, version), suite in suites.items():
        path = data_docs_folder(settings) / "expectations" / f"{table}.html"
        if not path.exists() or version not in path.read_text("utf-8"):
            write_whole(path, view.page(_expectations(suite, version)))


def _suites(settings: Settings) -> dict[_Version, Suite]:
    """The suites as they are now; one that does not load is left out."""
    found: dict[_Version, Suite] = {}
    for table in core_tables(settings).values():
        try:
            suite = load_suite(settings.core_suites, table.table, table.columns)
        except GatehouseError as error:
            log.warning("%s: no suite to document: %s", table.table, error)
        else:
            found[table.table, suite_version(suite, table)] = suite
    return found


class _View:
    """GX's page, with nothing from elsewhere, no script, and no request to its visitors."""

    def __init__(self) -> None:
        from gatehouse.gate.gx_duckdb import adapted_gx

        adapted_gx()
        from great_expectations.render.view import DefaultJinjaPageView

        self._view = DefaultJinjaPageView()

    def page(self, document: Any) -> str:
        """The document as one file of HTML."""
        text = _FROM_ELSEWHERE.sub("", str(self._view.render(document)))
        return text.replace("</head>", f"<style>{_STYLES}</style></head>", 1)


def _validation(certificate: Certificate, suite: Suite | None) -> Any:
    """A certificate as GX shows a validation."""
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    by_title = {each.title: each for each in suite.expectations} if suite else {}
    results = [
        _result(check, by_title[check.name])
        for check in certificate.checks
        if check.tool == "gx" and check.name in by_title and check.result != "no_data"
    ]
    passed = sum(1 for each in results if each.success)
    validation = ExpectationSuiteValidationResult(
        success=is_certified(certificate),
        results=results,
        suite_name=certificate.table_name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={
            "great_expectations_version": __version__,
            "active_batch_definition": {"data_asset_name": f"core.{certificate.table_name}"},
            "run_id": {
                "run_name": f"snapshot {certificate.snapshot_id}",
                "run_time": f"{certificate.checked_at:%Y-%m-%dT%H:%M:%SZ}",
            },
        },
    )
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(validation)
    overview, *columns = document.sections
    document.sections = [
        overview,
        _section("Certificate", [_table(_facts(certificate, is_known=suite is not None))]),
        _section("All checks", [_table([_CHECK, *(_row(each) for each in certificate.checks)])]),
        *columns,
    ]
    return document


def _result(check: CertificateCheck, expectation: Expectation) -> Any:
    from great_expectations.core import ExpectationValidationResult

    is_known = check.result in ("passed", "failed")
    error = str(check.observed.get("error", "")) or "it could not be checked"
    return ExpectationValidationResult(
        success=check.result == "passed",
        expectation_config=_configuration(expectation),
        # GX reads the first two whether they were found or not.
        result={"unexpected_percent": 0.0, "partial_unexpected_list": [], **check.observed},
        exception_info={
            "raised_exception": not is_known,
            "exception_message": None if is_known else html.escape(error),
            "exception_traceback": "",
        },
    )


def _configuration(expectation: Expectation) -> Any:
    """As GX knows it. A bound that refers to the version before is a number at a check only."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(
        type=expectation.type, kwargs=resolve(expectation.kwargs, {}), severity=expectation.severity
    )


def _facts(certificate: Certificate, *, is_known: bool) -> list[list[str]]:
    facts = {
        "Result": _words(certificate),
        "Why": certificate.message,
        "Held by": ", ".join(certificate.held_by),
        "Snapshot": f"{certificate.snapshot_id:,}",
        "Rows": f"{certificate.row_count:,}",
        "Checked": f"{certificate.checked_at:%Y-%m-%d %H:%M} UTC",
        "Certificate": certificate.certificate_id,
        "Suite": certificate.suite_version + ("" if is_known else ", which has changed since"),
        "Look closer": f"gatehouse certificate {certificate.table_name}",
    }
    return [[name, value] for name, value in facts.items() if value]


def _words(certificate: Certificate) -> str:
    return certificate.result + ("" if is_certified(certificate) else ", held")


def _row(check: CertificateCheck) -> list[str]:
    waived = f" (waived: {check.waiver_id})" if check.waiver_id else ""
    words = [f"{check.result}{waived}", check.severity, check.tool, check.name]
    return [*words, check.reason, check.owner]


def _expectations(suite: Suite, version: str) -> Any:
    """What must hold of a table, as GX shows a suite; with why, which GX does not show."""
    from great_expectations.core import ExpectationSuite
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    made = ExpectationSuite(
        name=suite.table, expectations=[_configuration(each) for each in suite.expectations]
    )
    document = ExpectationSuitePageRenderer().render(made)
    rows = [
        [each.severity, each.title, each.meta.reason, each.meta.owner]
        for each in suite.expectations
    ]
    document.sections.insert(
        1, _section(f"Why (suite {version})", [_table([_CHECK[1:2] + _CHECK[3:], *rows])])
    )
    return document


def _index(certificates: Sequence[Certificate]) -> Any:
    from great_expectations.render import RenderedDocumentContent

    newest: dict[str, list[Certificate]] = {}
    for each in certificates:
        newest.setdefault(each.table_name, []).append(each)
    rows = [
        [
            _link(f"validations/{table}/{each[0].certificate_id}.html", table),
            _words(each[0]),
            f"{each[0].checked_at:%Y-%m-%d %H:%M} UTC",
            each[0].message,
            _link(f"expectations/{table}.html", "suite"),
        ]
        for table, each in sorted(newest.items())
    ]
    before = [
        [
            _link(f"validations/{each.table_name}/{each.certificate_id}.html", each.table_name),
            _words(each),
            f"{each.checked_at:%Y-%m-%d %H:%M} UTC",
            each.message,
        ]
        for each in certificates
        if each is not newest[each.table_name][0]
    ]
    sections = [_section("Tables", [_table(rows)])]
    if before:
        sections.append(_section("Before", [_table(before)]))
    return RenderedDocumentContent(
        renderer_type="SiteIndexPageRenderer", page_title="Gatehouse", sections=sections
    )


def _section(title: str, blocks: list[Any]) -> Any:
    from great_expectations.render import RenderedHeaderContent, RenderedSectionContent

    header = RenderedHeaderContent(header=title)
    return RenderedSectionContent(section_name=title, content_blocks=[header, *blocks])


def _table(rows: Iterable[Sequence[Any]]) -> Any:
    from great_expectations.render import RenderedTableContent

    cells = [[html.escape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return RenderedTableContent(table=cells)


def _link(target: str, words: str) -> Any:
    from great_expectations.render import RenderedStringTemplateContent

    return RenderedStringTemplateContent(
        string_template={
            "template": "$words",
            "params": {"words": words},
            "tag": "a",
            "styling": {"attributes": {"href": html.escape(target)}},
        }
    )
