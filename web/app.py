"""All pages and `/api` together, behind the guard; errors as pages in plain words."""

from collections.abc import Collection

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from registry import __version__
from registry.errors import RegistryError
from registry.views.charts.page import ASSETS
from web import asked_pages, json_api, pages
from web.asked_pages import status_of
from web.guard import Guard
from web.questions import CHARTS, Desk, problems_of
from web.rendering import HERE, page, pages_of

ABOUT = """What a registry knows, as JSON: the same objects as the commands of `fute` print with `--json`.

Only GET and HEAD are answered, nothing is written, no model is asked."""
TITLES = {
    400: "That cannot be asked",
    404: "Nothing is here",
    422: "That cannot be asked",
    500: "Something is wrong",
}


def app_of(desk: Desk, *, hosts: Collection[str]) -> ASGIApp:
    """Return the pages of a registry.

    Args:
        desk: asks it; of a registry that is only looked at, see `web.opening`.
        hosts: `NAME:PORT` under which they may be asked for; see `web.guard.hosts_of`.
    """
    templates = pages_of(str(desk.registry.catalog.database.location))
    app = FastAPI(
        title="FUTE registry",
        version=__version__,
        description=ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(json_api.routes(desk))
    app.include_router(pages.routes(desk, templates))
    app.include_router(asked_pages.routes(desk, templates))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.mount(CHARTS, StaticFiles(directory=ASSETS), name="charts")
    _tell_errors(app, templates)
    return Guard(app, hosts=hosts)


def _tell_errors(app: FastAPI, templates: Environment) -> None:
    def told(request: Request, status: int, message: str) -> Response:
        if request.url.path.startswith("/api"):
            return json_api.as_json({"error": message}, status)
        title = TITLES.get(status, "That did not work")
        return HTMLResponse(page(templates, "error.html", title=title, message=message, status=status), status)

    @app.exception_handler(RegistryError)
    def of_registry(request: Request, error: RegistryError) -> Response:
        return told(request, status_of(error), " ".join(str(error).split()))

    @app.exception_handler(RequestValidationError)
    def of_fields(request: Request, error: RequestValidationError) -> Response:
        return told(request, 422, problems_of(error.errors()))

    @app.exception_handler(HTTPException)
    def of_address(request: Request, error: HTTPException) -> Response:
        known = {404: "There is no such page.", 405: "These pages are to be read: only GET and HEAD are answered."}
        return told(request, error.status_code, known.get(error.status_code, str(error.detail)))

    @app.exception_handler(Exception)  # which the server writes into its log
    def of_anything(request: Request, _error: Exception) -> Response:
        return told(request, 500, "This page failed, which is a fault of the program; its log says more.")
