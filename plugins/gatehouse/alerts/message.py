"""What an alert says, as plain text. Channels escape it for where it is read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatehouse.cli.output import printable
from gatehouse.ingest.again import SHOW_REJECTED
from gatehouse.store.access import PLACEHOLDER
from gatehouse.store.models import Incident

_EVENTS = {
    "opened": "",
    "repeated": "Still open: ",
    "escalated": "Nobody has acknowledged: ",
    "resolved": "Over: ",
}
_HOW = {
    "passed": "the next check passed",
    "waived": "a waiver lets it pass",
    "checked": "it could be checked again",
    "succeeded": "the next run succeeded",
    "other": "something else is wrong with it by now, which is told by itself",
    "gone": "the table is gone",
    "part": "it is part of the incident of a feed that the table lacks",
    "sent": "the channel works again",
}
_MOST_NAMES = 12
_MOST_COMMANDS = 5
_MOST_CHARACTERS = 600


@dataclass(frozen=True)
class Message:
    """One alert.

    Attributes:
        incident_id: empty for a test.
        event: ``opened``, ``repeated``, ``escalated``, ``resolved`` or ``test``.
        headline: a line that says it all.
        facts: what to know, by heading.
        commands: what to do, by what it does; to be pasted into a shell.
    """

    incident_id: str
    event: str
    kind: str
    severity: str
    owner: str
    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    commands: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The message as plain data for JSON."""
        return {
            "incident_id": self.incident_id,
            "event": self.event,
            "kind": self.kind,
            "severity": self.severity,
            "owner": self.owner,
            "headline": self.headline,
            "facts": dict(self.facts),
            "commands": dict(self.commands),
        }

    def as_text(self) -> str:
        """The message as lines of plain text."""
        lines = [self.headline, *(f"{name}: {text}" for name, text in self.facts)]
        return "\n".join([*lines, *(f"{name}: {command}" for name, command in self.commands)])


TEST = Message(
    incident_id="",
    event="test",
    kind="channel",
    severity="warning",
    owner="",
    headline="Gatehouse: this is a test. Alerts of this channel arrive.",
)


def compose(incident: Incident, event: str) -> Message:
    """What is said about an incident.

    Names come from logs and files: control characters in them are made visible here.
    """
    over = event == "resolved"
    facts = [] if over else _facts(incident)
    if over and incident.resolution:
        facts = [("How", _HOW.get(incident.resolution, incident.resolution))]
    return Message(
        incident_id=incident.incident_id,
        event=event,
        kind=incident.kind,
        severity=incident.severity,
        owner=_clean(incident.owner),
        headline=_clean(f"{_EVENTS.get(event, '')}{incident.title}"),
        facts=tuple((name, _clean(text)) for name, text in facts if text),
        commands=() if over else tuple(_commands(incident)),
    )


def _facts(incident: Incident) -> list[tuple[str, str]]:
    details = incident.details
    checks = details.get("checks", [])
    return [
        *(("Check", _check(each)) for each in checks[:1]),
        ("Also failing", "; ".join(_check(each) for each in checks[1:])),
        ("Why it could not be checked", str(details.get("fault", ""))),
        ("Error", str(details.get("error", ""))),
        ("Could not be told", _names(details.get("untold"))),
        ("Since", _since(incident)),
        ("Missing in", _names(details.get("roots")) if details.get("feed") else ""),
        ("Tables held", _names(details.get("tables"))),
        ("Detections held", _detections(details)),
        ("Products", _names(details.get("products"))),
        ("Detections that go on with the other products", _names(details.get("going_on"))),
        ("Affected", _names(details.get("owners"))),
        ("Owner", incident.owner),
        ("Taken by", incident.acknowledged_by_name or ""),
    ]


def _check(check: Mapping[str, Any]) -> str:
    named = check.get("column") or ""
    column = f" of {named}" if named not in check.get("check", "") else ""
    told = [f"{k.replace('_', ' ')} {_number(v)}" for k, v in check.get("counts", {}).items()]
    counts = ", ".join([*check.get("where", []), *told])
    reason = f" It is checked because: {check['reason']}" if check.get("reason") else ""
    waived = check.get("beyond_waiver")
    beyond = f" Its waiver covers no more than {waived}." if waived else ""
    return f"{check.get('check', '')}{column}{f' ({counts})' if counts else ''}.{beyond}{reason}"


def _number(value: float) -> str:
    # Four digits of a large number would be written with an exponent.
    is_whole = isinstance(value, int) or abs(value) >= 1000
    return f"{value:,.0f}" if is_whole else f"{value:,.4g}"


def _since(incident: Incident) -> str:
    if incident.details.get("since"):
        return f"{incident.details['since']} (day of the data)"
    times = f", seen {incident.seen_count} times" if incident.seen_count > 1 else ""
    return f"{incident.opened_at:%Y-%m-%d %H:%M} UTC{times}"


def _detections(details: Mapping[str, Any]) -> str:
    if details.get("detections", ()) is None:
        return "not known"
    return _names(details.get("detections"))


def _names(names: object) -> str:
    if not isinstance(names, list):
        return ""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(str(name) for name in names[:_MOST_NAMES]) + more


def _commands(incident: Incident) -> list[tuple[str, str]]:
    subject = shlex.quote(printable(incident.subject_name))
    acknowledge = [("Take it", f"gatehouse alerts ack {incident.incident_id}")]
    if incident.state == "acknowledged":
        acknowledge = []
    if incident.kind == "infrastructure":
        return [
            ("Look closer", f"gatehouse certificate {subject}"),
            ("Check again", f"gatehouse gate --table {subject}"),
            *acknowledge,
        ]
    if incident.kind == "channel":
        return [("Try it", f"gatehouse alerts test --channel {subject}"), *acknowledge]
    if incident.kind != "data":
        look = incident.details.get("look", "gatehouse status")
        return [("Look closer", look), *acknowledge]
    checks = incident.details.get("checks", [])
    check = next((each["check"] for each in checks if each.get("check")), "CHECK")
    if incident.details.get("feed"):
        return [*_of_feed(incident.severity, incident.details, check), *acknowledge]
    return [
        ("Look closer", f"gatehouse certificate {subject}"),
        ("See rows", f"gatehouse certificate {subject} {_quoted(check)} --rows"),
        *_of_files(incident.details),
        _decide(incident, incident.details.get("failing") or [check]),
        *acknowledge,
    ]


def _decide(incident: Incident, failing: list[str]) -> tuple[str, str]:
    """What a person may do: readers have the version before one that is held already."""
    if incident.severity == "critical":
        return "Let it pass", _waive(incident.subject_name, failing)
    return "Go back", f"gatehouse rollback {_quoted(incident.subject_name)} --reason {PLACEHOLDER}"


def _of_feed(severity: str, details: Mapping[str, Any], check: str) -> Iterator[tuple[str, str]]:
    """Of what was not loaded: it is seen and mended where it is kept, not in a table."""
    yield from _of_files(details)
    for name in details.get("sources", [])[:_MOST_COMMANDS]:
        source = _quoted(name)
        yield f"Why, of {name}", f"gatehouse quarantine list --source {source}"
        mend = f"gatehouse quarantine replay --source {source}"
        yield f"Once its mapping is mended, {name}", mend
        yield f"Once its files came again, {name}", f"gatehouse ingest --source {source}"
    if severity != "critical":
        return
    roots = details.get("roots", [])
    for table in roots[:_MOST_COMMANDS]:
        if table in details.get("by_this_alone", []):
            yield f"Let it pass in {table}", _waive(table, details.get("lacking") or [check])
        else:
            yield f"What else holds {table}", f"gatehouse certificate {_quoted(table)}"
    if len(roots) > _MOST_COMMANDS:
        yield f"The other {len(roots) - _MOST_COMMANDS} tables", "gatehouse status"


def _of_files(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in details.get("sources_rejected", [])[:_MOST_COMMANDS]:
        source = _quoted(name)
        yield f"Which files, of {name}", f"{SHOW_REJECTED} --source {source}"
        yield f"Once they are mended, {name}", f"gatehouse ingest --source {source}"


def _waive(table: str, checks: Iterable[str]) -> str:
    """The command that lets all pass: a table is held until the last one does."""
    names = " ".join(map(_quoted, dict.fromkeys(checks)))
    return f"gatehouse waive {_quoted(table)} {names} --days 1 --reason {PLACEHOLDER}"


def _quoted(text: str) -> str:
    return shlex.quote(printable(text))


def _clean(text: str) -> str:
    visible = printable(" ".join(text.split(" ")))
    return visible if len(visible) <= _MOST_CHARACTERS else visible[: _MOST_CHARACTERS - 1] + "…"
