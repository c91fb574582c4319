"""The console as one ASGI application."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from console.address import ROOT
from console.door import Door, ProtectedRoute
from console.guard import SecurityMiddleware
from console.pages.audit import AuditPage
from console.pages.case import CasePage
from console.pages.case_actions import CaseActions
from console.pages.change import ChangePage
from console.pages.charts import ChartsPage
from console.pages.history import HistoryPage
from console.pages.lexicon import LexiconPage
from console.pages.operators import OperatorsPage
from console.pages.profile import ProfilePage
from console.pages.queue import QueuePage
from console.pages.replies import RepliesPage
from console.site import HERE, Site

SAID = {403: "not_here", 404: "nothing_here", 405: "nothing_here", 429: "too_many"}


class Console:
    """Serve the pages of the console.

    Args:
        site: the parts that pages use.
        leads: whether this process holds the lease on the database.
    """

    def __init__(self, site: Site, *, leads: Callable[[], bool]) -> None:
        self.site = site
        self.address = site.address
        self.live = site.live
        door = Door(self.site)
        self.entries = _entries(self.site, door)
        self.routes: list[Route | Mount] = [
            Route(ROOT, _home),  # without the slash
            *door.routes(),
            *(door.route(entry) for entry in self.entries),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        said = {HTTPException: self._said, Exception: self._broke}
        app = Starlette(routes=self.routes, exception_handlers=said)
        longer = {ROOT + entry.path: entry.most_bytes for entry in self.entries if entry.most_bytes}
        self._guarded = SecurityMiddleware(
            app, self.address, leads=leads, failed=self._failed, longer=longer
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._guarded(scope, receive, send)

    def mounted(self) -> list[Route | Mount]:
        """Return the routes to add to a server."""
        return [Route(ROOT, self), Mount(ROOT, self)]

    def _said(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = SAID.get(error.status_code, "failed")
        return self.site.message(request, key, error.status_code)

    def _broke(self, request: Request, _error: Exception) -> Response:
        return self._failed(request.scope)

    def _failed(self, scope: Scope) -> Response:
        return self.site.message(Request(scope), "failed", HTTPStatus.INTERNAL_SERVER_ERROR)


def _entries(site: Site, door: Door) -> list[ProtectedRoute]:
    """List every route that needs a session."""
    return [
        *QueuePage(site, door).entries(),
        *CasePage(site).entries(),
        *CaseActions(site).entries(),
        *HistoryPage(site).entries(),
        *ChartsPage(site).entries(),
        *LexiconPage(site).entries(),
        *ChangePage(site).entries(),
        *AuditPage(site).entries(),
        *OperatorsPage(site).entries(),
        *RepliesPage(site).entries(),
        *ProfilePage(site).entries(),
    ]


async def _home(_request: Request) -> Response:
    return RedirectResponse(f"{ROOT}/", status_code=303)
