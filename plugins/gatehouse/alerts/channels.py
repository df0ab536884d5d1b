"""Sending one message by one channel. Whatever happens comes back as a kind, never as a text."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Mapping
from typing import Any

from gatehouse.alerts.connections import find_address, prepare
from gatehouse.alerts.message import Message
from gatehouse.alerts.routing import Channel
from gatehouse.settings import Settings

log = logging.getLogger("gatehouse.alerts")

_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_SLACK = "https://hooks.slack.com/services"
_SLACK_TEXT = 2900
_SUMMARY = 1000
NO_CONNECTION = "no_connection"


class DeliveryError(Exception):
    """A message did not arrive.

    Attributes:
        kind: what went wrong in a word; the error's own text may hold an address or a secret.
        is_down: the channel itself does not answer: the next message would fail as well.
    """

    def __init__(self, kind: str, *, is_down: bool = True) -> None:
        super().__init__(kind)
        self.kind = kind
        self.is_down = is_down


def send(settings: Settings, channel: Channel, message: Message) -> None:
    """Send a message.

    Raises:
        DeliveryError: it did not arrive, as far as anybody can tell.
    """
    try:
        _SENDERS[channel.type](settings, channel, message)
    except DeliveryError:
        raise
    except Exception as error:  # any library may raise anything, and it must stay here
        raise DeliveryError(type(error).__name__[:64]) from None


def _log(_settings: Settings, _channel: Channel, message: Message) -> None:
    level = logging.ERROR if message.severity == "critical" else logging.WARNING
    if message.event in ("resolved", "test"):
        level = logging.INFO
    log.log(level, "alert (%s, %s): %s", message.event, message.severity, message.as_text())


def _webhook(settings: Settings, channel: Channel, message: Message) -> None:
    address = _address(settings, channel)
    headers = {"Authorization": f"Bearer {address.secret}"} if address.secret else {}
    body = {"source": "gatehouse", **message.as_dict(), "text": message.as_text()}
    _post(address.url, body, channel, headers)


def _slack(settings: Settings, channel: Channel, message: Message) -> None:
    address = _address(settings, channel, _SLACK)
    # As Airflow's own Slack connections: the secret is the end of the address.
    url = f"{address.url.rstrip('/')}/{address.secret}" if address.secret else address.url
    _post(url, slack_body(message), channel)


def slack_body(message: Message) -> dict[str, Any]:
    """A message for Slack. Its text parts are plain: no name in them is a link or a mention."""
    lines = [f"{name}: {text}" for name, text in message.facts]
    parts = [message.headline, "\n".join(lines)]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": _plain(part)} for part in parts if part
    ]
    if message.commands:
        commands = "\n".join(f"{name}: `{_mrkdwn(text)}`" for name, text in message.commands)
        text = {"type": "mrkdwn", "text": commands[:_SLACK_TEXT], "verbatim": True}
        blocks.append({"type": "section", "text": text})
    return {
        "text": _mrkdwn(message.headline)[:_SLACK_TEXT],
        "blocks": blocks,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:_SLACK_TEXT], "emoji": False}


def _mrkdwn(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}")


def _pagerduty(settings: Settings, channel: Channel, message: Message) -> None:
    address = _address(settings, channel, _PAGERDUTY)
    action = {"resolved": "resolve"}.get(message.event, "trigger")
    body = {
        "routing_key": address.secret,
        "event_action": action,
        "dedup_key": f"gatehouse-{message.incident_id or 'test'}",
        "payload": {
            "summary": message.headline[:_SUMMARY],
            "source": "gatehouse",
            "severity": message.severity,
            "class": message.kind,
            "custom_details": {**dict(message.facts), **dict(message.commands)},
        },
    }
    _post(address.url, body, channel)


def _smtp(settings: Settings, channel: Channel, message: Message) -> None:
    prepare(settings)
    from airflow.providers.smtp.hooks.smtp import SmtpHook
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        BaseHook.get_connection(channel.connection)
    except AirflowNotFoundException:
        raise DeliveryError(NO_CONNECTION) from None

    class _Hook(SmtpHook):  # type: ignore[misc]
        # The provider's own wait of 30 s, five times over, is longer than an alert may take.
        timeout = channel.timeout_seconds
        smtp_retry_limit = 0

    subject = f"[{message.severity}] {message.headline}"[:200]
    with _Hook(smtp_conn_id=channel.connection) as hook:
        hook.send_email_smtp(to=list(channel.to), subject=subject, html_content=as_html(message))


def as_html(message: Message) -> str:
    """A message as HTML for mail; every part of it is escaped."""
    facts = "".join(
        f"<tr><th align='left' valign='top'>{html.escape(name)}</th>"
        f"<td>{html.escape(text)}</td></tr>"
        for name, text in message.facts
    )
    commands = "".join(
        f"<p>{html.escape(name)}:<br><code>{html.escape(text)}</code></p>"
        for name, text in message.commands
    )
    headline = html.escape(message.headline)
    return f"<html><body><h3>{headline}</h3><table>{facts}</table>{commands}</body></html>"


def _address(settings: Settings, channel: Channel, default_url: str = "") -> Any:
    found = find_address(settings, channel.connection, default_url)
    if found is None:
        raise DeliveryError(NO_CONNECTION)
    if not found.url.startswith(("http://", "https://")):
        raise DeliveryError("no_address")
    return found


def _post(
    url: str, body: Mapping[str, Any], channel: Channel, headers: Mapping[str, str] | None = None
) -> None:
    import httpx

    # Both log every address that is called, and an address may be the secret.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        # The answer is not read: its status is all that counts.
        with httpx.stream(
            "POST",
            url,
            json=dict(body),
            headers=dict(headers or {}),
            timeout=channel.timeout_seconds,
            follow_redirects=False,
        ) as answer:
            status = answer.status_code
    except httpx.TimeoutException:
        raise DeliveryError("timeout") from None
    except httpx.ConnectError:
        raise DeliveryError("no_answer") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryError(type(error).__name__[:64]) from None
    if not 200 <= status < 300:
        is_down = status >= 500 or status in (401, 403, 404, 410, 429)
        raise DeliveryError(f"http_{status}", is_down=is_down)


_SENDERS: dict[str, Callable[[Settings, Channel, Message], None]] = {
    "log": _log,
    "webhook": _webhook,
    "slack": _slack,
    "smtp": _smtp,
    "pagerduty": _pagerduty,
}
