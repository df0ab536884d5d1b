"""What arrives by each channel, and what is said of one that fails."""

from __future__ import annotations

import json
import logging
import shlex
import time
from dataclasses import replace
from typing import Any

import pytest

from gatehouse.alerts.channels import DeliveryError, as_html, send, slack_body
from gatehouse.alerts.message import Message
from gatehouse.alerts.routing import Channel
from gatehouse.settings import Settings
from tests.alerts.conftest import Desk, Sink, failing, routes
from tests.alerts.smtp import mail_sink

HOSTILE = "<!channel> <https://evil.example|x> *b* `c` <script>alert(1)</script> & '\"; rm -rf /;"
MESSAGE = Message(
    incident_id="i-1",
    event="opened",
    kind="data",
    severity="critical",
    owner="data",
    headline=f"fct_a: {HOSTILE}",
    facts=(("Check", HOSTILE), ("Since", "2026-03-01")),
    commands=(("Look closer", f"gatehouse certificate '{HOSTILE}'"),),
)
WEBHOOK = Channel(type="webhook", connection="out")
SECRET = "s3cret-t0ken"  # noqa: S105


def connect(monkeypatch: pytest.MonkeyPatch, name: str = "out", **values: Any) -> None:
    """An Airflow connection, of the environment."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "http", **values}))


def test_a_webhook_takes_json(
    settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url, password=SECRET, extra={"endpoint": "hook"})
    send(settings, WEBHOOK, MESSAGE)
    ((path, headers, body),) = sink.got
    assert (path, headers["Authorization"]) == ("/hook", f"Bearer {SECRET}")
    assert body["facts"]["Since"] == "2026-03-01"
    assert body["text"] == MESSAGE.as_text()


@pytest.mark.parametrize("form", ["address as password", "host and password"])
def test_slack_takes_no_markup_from_names(
    settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    if form == "address as password":
        connect(monkeypatch, password=f"{sink.url}/services/T0/B0/{SECRET}")
    else:
        connect(monkeypatch, host=f"{sink.url}/services", password=f"T0/B0/{SECRET}")
    send(settings, Channel(type="slack", connection="out"), MESSAGE)
    ((path, _, body),) = sink.got
    assert path == f"/services/T0/B0/{SECRET}"
    texts = [each["text"] for each in body["blocks"]]
    assert {each["type"] for each in texts[:2]} == {"plain_text"}
    assert not any(each.get("emoji") for each in texts)
    for marked in (body["text"], texts[2]["text"]):
        assert "<" not in marked
        assert ">" not in marked
    assert texts[2]["text"].count("`") == 2, "code ends where it should"


def test_slack_takes_no_more_than_it_may() -> None:
    long = replace(MESSAGE, headline="h" * 9000, facts=(("f", "x" * 9000),))
    assert all(len(each["text"]["text"]) <= 3000 for each in slack_body(long)["blocks"])


def test_pagerduty_opens_and_ends_by_one_key(
    settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url, password=SECRET, extra={"endpoint": "v2/enqueue"})
    channel = Channel(type="pagerduty", connection="out")
    send(settings, channel, MESSAGE)
    send(settings, channel, replace(MESSAGE, event="resolved"))
    opened, resolved = sink.bodies("/v2/enqueue")
    assert (opened["routing_key"], opened["event_action"]) == (SECRET, "trigger")
    assert (resolved["event_action"], resolved["dedup_key"]) == ("resolve", opened["dedup_key"])
    assert opened["payload"]["severity"] == "critical"


def test_a_mail_is_escaped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_sink() as box:
        extra = {"disable_tls": True, "disable_ssl": True, "from_email": "gatehouse@example.org"}
        connect(monkeypatch, conn_type="smtp", host="127.0.0.1", port=box.port, extra=extra)
        send(settings, Channel(type="smtp", connection="out", to=("a@example.org",)), MESSAGE)
    (mail,) = box.mails
    assert mail["To"] == "a@example.org"
    assert str(mail["Subject"]).startswith("[critical] fct_a")
    (part,) = [each for each in mail.walk() if each.get_content_type() == "text/html"]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode() == as_html(MESSAGE)
    assert b"<script>" not in body


@pytest.mark.parametrize(
    ("status", "kind", "is_down"),
    [(500, "http_500", True), (400, "http_400", False), (302, "http_302", False)],
)
def test_an_answer_that_is_no_yes_is_a_failure(
    settings: Settings,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: str,
    is_down: bool,
) -> None:
    sink.status = status
    connect(monkeypatch, host=sink.url)
    with pytest.raises(DeliveryError) as caught:
        send(settings, WEBHOOK, MESSAGE)
    assert (caught.value.kind, caught.value.is_down) == (kind, is_down)


def test_a_channel_that_hangs_is_left(
    settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.delay = 20
    connect(monkeypatch, host=sink.url)
    started = time.monotonic()
    with pytest.raises(DeliveryError, match="timeout"):
        send(settings, WEBHOOK.model_copy(update={"timeout_seconds": 0.3}), MESSAGE)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("type_", "values", "kind"),
    [
        ("webhook", {"host": ""}, "no_address"),
        *(
            (type_, values, kind)
            for type_ in ("webhook", "slack", "pagerduty")
            for values, kind in (
                ({"host": "http://127.0.0.1:1", "extra": {"endpoint": SECRET}}, "no_answer"),
                ({"password": f"ftp://127.0.0.1/{SECRET}"}, "no_address"),
                ({"password": f"http://[::1/{SECRET}"}, "InvalidURL"),
            )
        ),
    ],
)
def test_no_secret_is_in_an_error_or_a_log(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    type_: Any,
    values: dict[str, Any],
    kind: str,
) -> None:
    connect(monkeypatch, **values)
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError) as caught:
        send(settings, Channel(type=type_, connection="out"), MESSAGE)
    assert caught.value.kind == kind
    assert caught.value.__cause__ is None
    assert SECRET not in caplog.text + str(caught.value)


def test_an_address_is_logged_by_nobody(
    settings: Settings,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connect(monkeypatch, password=f"{sink.url}/{SECRET}")
    send(settings, WEBHOOK, MESSAGE)  # Airflow sets levels of its own when it is first imported
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]
    with caplog.at_level(logging.DEBUG):
        send(settings, WEBHOOK, MESSAGE)
    assert sink.got
    assert SECRET not in caplog.text


def test_mail_that_cannot_be_sent_is_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = Channel(type="smtp", connection="out", to=("a@example.org",))
    with pytest.raises(DeliveryError, match="no_connection"):
        send(settings, channel, MESSAGE)
    extra = {"disable_tls": True, "disable_ssl": True}
    connect(monkeypatch, conn_type="smtp", host="127.0.0.1", port=1, extra=extra)
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        send(settings, channel, MESSAGE)


def test_control_characters_of_a_name_arrive_nowhere(
    desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url)
    desk.route(routes("out"))
    name = "a\x1b]0;x\x07\r\nBcc: all@example.org\u202eb"
    desk.gated(1, "fct_a", "failed", failing(name, reason=name))
    desk.cycle()
    (body,) = sink.bodies()
    for text in (body["headline"], *body["facts"].values(), *body["commands"].values()):
        assert text.isprintable()


def test_a_name_is_quoted_for_the_shell(
    desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url)
    desk.route(routes("out"))
    desk.gated(1, "fct_a", "failed", failing("x; rm -rf '$HOME' `id`"))
    desk.cycle()
    (body,) = sink.bodies()
    command = body["commands"]["Let it pass"]
    assert shlex.split(command)[2:4] == ["fct_a", "x; rm -rf '$HOME' `id`"]


def test_one_command_lets_all_failed_checks_pass(
    desk: Desk, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, host=sink.url)
    desk.route(routes("out"))
    # More than are described.
    names = [f"check {number}" for number in range(7)]
    desk.gated(1, "fct_a", "failed", *map(failing, names))
    desk.cycle()
    (body,) = sink.bodies()
    command = shlex.split(body["commands"]["Let it pass"])
    assert command[1:10] == ["waive", "fct_a", *names]
