"""The pages as a FastAPI application, all of them behind Airflow's login.

An application that a plugin mounts has no login of its own: every route asks for the user, by
the router's dependency, so that a new route cannot forget it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from gatehouse.errors import GatehouseError
from gatehouse.gate.data_docs import read_page
from gatehouse.settings import Settings
from gatehouse_ui import pages
from gatehouse_ui.form import FILTERS

_HERE = Path(__file__).parent
# File name -> type: what is here is served, and nothing else.
_STATIC = {
    "gatehouse.css": "text/css",
    "live.js": "text/javascript",
    "gate.svg": "image/svg+xml",
    "gate-dark.svg": "image/svg+xml",
}
_HEADERS = {
    # Table, model and file names come from outside. They are escaped; should that fail one
    # day, no script of theirs runs.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Its styles are in the page, and it runs no script, whoever may have got one into it.
_PAGE_OF_GX = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox allow-same-origin"
    )
}

_templates = Jinja2Templates(directory=_HERE / "templates")  # escapes every .html
_templates.env.filters.update(FILTERS)
router = APIRouter(dependencies=[Depends(get_user)])


@router.get("/", response_class=HTMLResponse)
def overview(request: Request) -> Response:
    """Tables and their certificates, detections, newest builds and loads."""
    return _page(request, "overview.html", pages.overview(Settings()))


@router.get("/run", response_class=HTMLResponse)
def run(
    request: Request,
    run_id: Annotated[str, Query(max_length=250)],
    dag_id: Annotated[str, Query(max_length=250)] = "",
) -> Response:
    """State of each model and check of one Airflow run."""
    return _page(request, "run.html", pages.airflow_run(Settings(), dag_id, run_id))


@router.get("/build/{build_id}", response_class=HTMLResponse)
def build(request: Request, build_id: str) -> Response:
    """State of each model and check of one build."""
    return _page(request, "run.html", pages.build(Settings(), build_id))


@router.get("/table/{table}", response_class=HTMLResponse)
def table(request: Request, table: str) -> Response:
    """The newest checks of one table, and its certificates so far."""
    return _page(request, "table.html", pages.table(Settings(), table))


@router.get("/alerts", response_class=HTMLResponse)
def alerts(request: Request) -> Response:
    """Incidents that are open, and those that ended last."""
    return _page(request, "alerts.html", pages.alerts(Settings()))


@router.get("/ingest", response_class=HTMLResponse)
def ingest(request: Request) -> Response:
    """The newest files of the ingest ledger."""
    return _page(request, "ingest.html", pages.ingest(Settings()))


@router.get("/docs/{name:path}", response_class=HTMLResponse)
def data_docs(name: str) -> Response:
    """A page of Great Expectations' Data Docs."""
    body = read_page(Settings(), name)
    if body is None:
        raise HTTPException(404, "no such page; the next gate writes it")
    return Response(body, media_type="text/html", headers={**_HEADERS, **_PAGE_OF_GX})


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file of the pages."""
    if name not in _STATIC:
        raise HTTPException(404, "no such file")
    body = (_HERE / "static" / name).read_bytes()
    return Response(
        body, media_type=_STATIC[name], headers={**_HEADERS, "Cache-Control": "no-cache"}
    )


def _page(request: Request, template: str, content: dict[str, Any]) -> Response:
    context = {"root": request.scope.get("root_path", "").rstrip("/"), **content}
    status = 404 if content.get("missing") else 200
    return _templates.TemplateResponse(
        request, template, context, headers=_HEADERS, status_code=status
    )


def _user_error(_request: Request, error: Exception) -> Response:
    """A `GatehouseError` as text: what is wrong and the next step, like the command line."""
    assert isinstance(error, GatehouseError)  # noqa: S101 - registered for this type
    text = f"{error.message}\nNext: {error.next_step}" if error.next_step else error.message
    return PlainTextResponse(text, status_code=503, headers=_HEADERS)


app = FastAPI(title="Gatehouse", docs_url=None, redoc_url=None, openapi_url=None)
app.include_router(router)
app.add_exception_handler(GatehouseError, _user_error)
