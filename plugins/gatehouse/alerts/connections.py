"""Airflow connections, inside and outside of Airflow. Nothing here is logged or stored."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from dataclasses import dataclass, field
from typing import Any

from gatehouse.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where a channel sends, of an Airflow connection.

    Attributes:
        url: with its secret, if the address itself is one; never shown.
        secret: token or key; empty if the address is all there is.
        extra: the connection's further settings.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False, default="")
    extra: dict[str, Any] = field(repr=False, default_factory=dict)


def prepare(settings: Settings) -> None:
    """Import Airflow outside of Airflow: its files belong in this home, and logs go on as before.

    Its first import would send all logs to the standard output, where JSON may be written.
    """
    if "airflow.sdk" in sys.modules:
        return
    from gatehouse.orchestrate.environment import airflow_home

    os.environ.setdefault("AIRFLOW_HOME", str(airflow_home(settings).folder))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    importlib.import_module("airflow.sdk")
    importlib.import_module("airflow.sdk.bases.hook")
    root.handlers[:] = handlers
    root.setLevel(level)


def find_address(settings: Settings, connection_id: str, default_url: str = "") -> Address | None:
    """The address of an Airflow connection; None if there is no such connection.

    A password that is itself an address is the whole address, as incoming webhooks have it.
    Otherwise the address is made of host, schema, port and the extra ``endpoint``, and the
    password is the secret that goes with it.

    Args:
        settings: which home.
        connection_id: in a task, of any of Airflow's stores of connections; elsewhere, of the
            environment (``AIRFLOW_CONN_<ID>``) or a secrets backend.
        default_url: where the connection names no host.
    """
    prepare(settings)
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return None
    extra = dict(found.extra_dejson)
    secret = found.password or ""
    if "://" in secret:
        return Address(secret, extra=extra)
    url = _url(found, extra) or default_url
    return Address(url, secret, extra)


def _url(found: Any, extra: dict[str, Any]) -> str:
    host = (found.host or "").rstrip("/")
    if not host:
        return ""
    if "://" not in host:
        scheme = found.schema if found.schema in ("http", "https") else "https"
        host = f"{scheme}://{host}"
    port = f":{found.port}" if found.port else ""
    endpoint = str(extra.get("endpoint", "")).lstrip("/")
    return f"{host}{port}" + (f"/{endpoint}" if endpoint else "")
