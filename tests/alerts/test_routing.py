"""The file that says who is told what."""

from __future__ import annotations

import pytest

from gatehouse.alerts.routing import load_routing
from gatehouse.errors import GatehouseError
from gatehouse.settings import Settings
from tests.alerts.conftest import Desk


def test_the_file_of_this_project_is_right(settings: Settings) -> None:
    routing = load_routing(settings)
    assert routing.route("critical", "data", "protection-data").channels == ("log", "webhook")
    assert routing.route("warning", "data", "protection-data").channels == ("log",)


def test_the_first_route_that_fits_is_taken(desk: Desk) -> None:
    desk.route(
        "channels: {a: {type: log}, b: {type: log}, c: {type: log}}\n"
        "routes:\n"
        "  - {severity: critical, owner: [x, y], channels: [a]}\n"
        "  - {kind: infrastructure, channels: [b]}\n"
        "  - {channels: [c]}\n"
    )
    routing = load_routing(desk.settings)
    taken = {
        (severity, kind, owner): routing.route(severity, kind, owner).channels[0]
        for severity, kind, owner in [
            ("critical", "data", "x"),
            ("critical", "infrastructure", "y"),
            ("warning", "infrastructure", "x"),
            ("critical", "data", "z"),
        ]
    }
    assert list(taken.values()) == ["a", "a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("routes: []", "routes: "),
        ("", "dictionary"),
        ("routes: [{channels: [pager]}]", "there is no channel pager"),
        ("routes: [{channels: [log], kind: data}]", "the last route takes what is left"),
        ("routes: [{channels: [log], severty: critical}]", "routes.0.severty"),
        (
            "routes: [{channels: [log], severity: high}, {channels: [log]}]",
            "routes.0.severity.0: Input should be 'critical' or 'warning'",
        ),
        ("channels: {a: {type: slack}}\nroutes: [{channels: [a]}]", "names its Airflow connection"),
        ("channels: {a: {type: smtp, connection: c}}\nroutes: [{channels: [a]}]", "says to whom"),
        (
            'channels: {a: {type: smtp, connection: c, to: ["x@y\\nBcc: z"]}}\n'
            "routes: [{channels: [a]}]",
            "one plain address",
        ),
        (
            "channels: {a: {type: log, second: a}}\nroutes: [{channels: [a]}]",
            "go round: a → a",
        ),
        (
            "channels: {a: {type: slack, connection: a, second: b},"
            " b: {type: slack, connection: b, second: a}}\nroutes: [{channels: [a]}]",
            "when a fails, the others that are told go round: a → b → a",
        ),
        ("channels: {log: {type: slack, connection: c}}\nroutes: [{channels: [log]}]", "type log"),
        ("channels: {a b: {type: log}}\nroutes: [{channels: [log]}]", "letters, digits"),
    ],
)
def test_what_is_wrong_is_said(desk: Desk, text: str, what: str) -> None:
    desk.route(text)
    with pytest.raises(GatehouseError) as caught:
        load_routing(desk.settings)
    assert caught.value.message.startswith("alerts.yml: ")
    assert what in caught.value.message
