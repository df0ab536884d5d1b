"""What checks found, and what follows for a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gatehouse.errors import GatehouseError

Outcome = Literal["passed", "failed", "could_not_check", "no_data"]
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "could_not_check", "no_data")
CERTIFYING: tuple[Outcome, ...] = ("passed", "no_data")
# The gate's own check that all others of a table are alive.
CANARIES = "canaries of its checks"


@dataclass(frozen=True)
class CheckResult:
    """One check of one table.

    Attributes:
        tool: ``gx``, ``dbt``, or ``gate`` for what the gate itself looks at.
        name: what was checked, e.g. ``expect_column_max_to_be_between(score)``.
        result: ``could_not_check`` says nothing about the data; ``no_data``: no row to look at.
        observed: counts and bounds; never values of rows.
        waiver_id: of the waiver under which its failure does not decide; empty if none.
        waiver: who waived it until when, and why, in words.
        waived_until: when the waiver ends; a certificate that rests on it ends then.
    """

    tool: Literal["gx", "dbt", "gate"]
    name: str
    severity: Severity
    result: Outcome
    column: str | None = None
    reason: str = ""
    owner: str = ""
    observed: Mapping[str, Any] = field(default_factory=dict)
    waiver_id: str = ""
    waiver: str = ""
    waived_until: datetime | None = None


@dataclass(frozen=True)
class TableResult:
    """What the gate found of one table.

    Attributes:
        table: core table, without its schema.
        result: of its certificate; a table that is held has the result of what holds it.
        held_by: upstream core tables that were not certified, the root cause first.
        row_count: rows in the checked snapshot.
        seconds: time its own checks took.
        is_published: readers see this version from now on.
    """

    table: str
    result: Outcome
    checks: tuple[CheckResult, ...] = ()
    held_by: tuple[str, ...] = ()
    row_count: int = 0
    message: str = ""
    seconds: float = 0.0
    suite_version: str = ""
    certificate_id: str = ""
    is_published: bool = False

    @property
    def is_certified(self) -> bool:
        """Whether readers may be shown this version."""
        return self.result in CERTIFYING and not self.held_by

    def _without(self, over: Collection[str]) -> TableResult:
        if not self.is_certified or not any(check.waiver_id in over for check in self.checks):
            return self
        checks = tuple(
            replace(check, waiver_id="", waiver="", waived_until=None)
            if check.waiver_id in over
            else check
            for check in self.checks
        )
        result, message = decide(checks, self.row_count)
        return replace(self, checks=checks, result=result, message=message)

    def severities(self) -> dict[str, dict[str, int]]:
        """Number of checks by severity and outcome."""
        counts = {severity: dict.fromkeys(OUTCOMES, 0) for severity in SEVERITIES}
        for check in self.checks:
            counts[check.severity][check.result] += 1
        return {name: {o: n for o, n in row.items() if n} for name, row in counts.items()}


def decide(checks: Sequence[CheckResult], row_count: int) -> tuple[Outcome, str]:
    """The result of a table by its own checks, and why it is not fine, in words.

    A failed check is a fact about the data and outweighs one that could not be carried out.
    Only critical checks decide; the others are recorded. So is one that was waived, in words that
    go wherever the result goes.
    """
    waived = [check for check in checks if check.waiver_id]
    critical = [check for check in checks if check.severity == "critical" and not check.waiver_id]
    for outcome in ("failed", "could_not_check"):
        names = [check.name for check in critical if check.result == outcome]
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            words = "failed" if outcome == "failed" else "could not be checked"
            return outcome, f"{names[0]}{more} {words}"
    if row_count == 0:
        return "no_data", "no row to check; empty is no all-clear"
    return "passed", "; ".join(f"{check.name} failed, {check.waiver}" for check in waived)


def hold_downstream(
    results: Mapping[str, TableResult], upstream: Mapping[str, tuple[str, ...]]
) -> dict[str, TableResult]:
    """Hold each table below one that was not certified.

    Args:
        results: by table, from the table's own checks.
        upstream: all core tables each table is made from, causes before consequences.
    """
    bad = {name for name, each in results.items() if each.result not in CERTIFYING}
    return {
        name: _held(each, [up for up in upstream.get(name, ()) if up in bad], results)
        for name, each in results.items()
    }


def _held(own: TableResult, causes: list[str], results: Mapping[str, TableResult]) -> TableResult:
    if not causes:
        return own
    because: Outcome = (
        "failed" if any(results[name].result == "failed" for name in causes) else "could_not_check"
    )
    words = "failed" if results[causes[0]].result == "failed" else "could not be checked"
    if own.result == "failed":
        because, message = "failed", f"{own.message}; upstream, {causes[0]} {words}"
    else:
        message = f"held: {causes[0]} {words}"
    return replace(own, result=because, held_by=tuple(causes), message=message)


@dataclass(frozen=True)
class GateReport:
    """One run of the gate over one snapshot.

    Attributes:
        snapshot_id: what was checked.
        build_id: the build that made it, where known.
        tables: one result per core table.
        seconds: wall clock by part: ``total``, ``dbt_tests``, ``gx_start``, ``gx``.
    """

    snapshot_id: int
    build_id: str | None
    checked_at: datetime
    tables: tuple[TableResult, ...]
    seconds: Mapping[str, float]

    @property
    def ok(self) -> bool:
        """Whether every table was certified."""
        return not self.held

    @property
    def certified(self) -> tuple[str, ...]:
        """Tables whose version of this snapshot holds."""
        return tuple(each.table for each in self.tables if each.is_certified)

    @property
    def published(self) -> tuple[str, ...]:
        """Of them, those that readers see now: not where a rollback or a newer version stands."""
        return tuple(each.table for each in self.tables if each.is_published)

    @property
    def held(self) -> tuple[str, ...]:
        """Tables that were not certified: readers keep the version before."""
        return tuple(each.table for each in self.tables if not each.is_certified)

    def without_waivers(
        self, over: Collection[str], upstream: Mapping[str, tuple[str, ...]]
    ) -> GateReport:
        """What the report is if some waivers let nothing pass.

        Args:
            over: ids of waivers.
            upstream: all core tables each table is made from, causes before consequences.
        """
        own = {each.table: each._without(over) for each in self.tables}
        held = hold_downstream(own, upstream)
        return replace(
            self,
            tables=tuple(held[each.table] if each.is_certified else each for each in self.tables),
        )

    def raise_for_failure(self) -> None:
        """Raise, naming the root cause, unless every table was certified."""
        if self.ok:
            return
        roots = [each for each in self.tables if not each.is_certified and not each.held_by]
        first = roots[0] if roots else next(t for t in self.tables if not t.is_certified)
        raise GatehouseError(
            f"{len(self.held)} table(s) held; the cause: {first.table}, {first.message}.",
            next_step=f"gatehouse certificate {first.table}",
        )

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {
            "snapshot_id": self.snapshot_id,
            "build_id": self.build_id,
            "checked_at": self.checked_at,
            "ok": self.ok,
            "certified": list(self.certified),
            "published": list(self.published),
            "held": list(self.held),
            "seconds": dict(self.seconds),
            "tables": [asdict(each) | {"is_certified": each.is_certified} for each in self.tables],
        }
