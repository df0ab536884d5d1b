"""The Airflow plugin: where the pages hang. What they show is in `gatehouse_ui.pages`.

Every Airflow process loads its plugins, only the API server answers requests: the pages are
imported with the first of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

_Message = MutableMapping[str, Any]


class _Pages:
    """The ASGI application, imported when it is first needed."""

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        from gatehouse_ui.app import app

        await app(scope, receive, send)


_PREFIX = "/gatehouse"
# Where Airflow lives below a path, links need it.
_ROOT = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/") + _PREFIX
_ICON = f"{_ROOT}/static/gate.svg"
_RUN = f"{_ROOT}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}"


def _view(name: str, href: str, destination: str, route: str) -> dict[str, str]:
    return {
        "name": name,
        "href": href,
        "destination": destination,
        "url_route": route,
        "icon": _ICON,
        "icon_dark_mode": f"{_ROOT}/static/gate-dark.svg",
    }


class GatehousePlugin(AirflowPlugin):  # type: ignore[misc]
    """One page in the navigation, one on each run and task."""

    name = "gatehouse"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": _Pages(), "url_prefix": _PREFIX, "name": "Gatehouse"}
    ]
    external_views: ClassVar[list[dict[str, str]]] = [
        _view("Gatehouse", f"{_ROOT}/", "nav", "gatehouse"),
        _view("Models and checks", _RUN, "dag_run", "gatehouse-run"),
        _view("Models and checks", _RUN, "task_instance", "gatehouse-task"),
    ]
