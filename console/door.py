"""Sign-in by one-time link, and the session check before every other route.

A visitor without a session only learns how to get a link, never whether a link, a case or an
operator exists.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.address import ROOT
from console.site import Site
from console.throttle import source_of
from review.operators import sign_in
from review.operators.access import RefusedError
from review.operators.sign_in import Visitor

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
LONGEST_TOKEN = 100

PageHandler = Callable[[Request, Visitor], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ProtectedRoute:
    """A route that needs a session.

    Attributes:
        method: `GET`, or `POST` for actions. A `POST` needs the session's CSRF token.
        is_admins: if True, reviewers are refused.
        is_part: if True, a page fetches it, and an ended session gets status 401.
        is_use: if False, it is an automatic refresh and does not keep a session alive.
        most_bytes: the longest body of a long form. 0 means the limit in `guard.py`.
    """

    path: str
    handler: PageHandler
    method: str = "GET"
    is_admins: bool = False
    is_part: bool = False
    is_use: bool = True
    most_bytes: int = 0


class Door:
    """Sign operators in and check their sessions."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """List the routes that need no session."""
        return [
            Route("/sign-in", self.show_link, methods=["GET"]),
            Route("/sign-in", self.use_link, methods=["POST"]),
        ]

    def route(self, entry: ProtectedRoute) -> Route:
        """Wrap a route in the session check. A refused action becomes a notice on its page."""

        async def checked(request: Request) -> Response:
            visitor = await self._visitor(request, is_use=entry.is_use)
            if visitor is None:
                return self._outside(request, entry)
            if entry.method == "POST" and not await self._is_ours(request, visitor):
                return self._site.message(request, "forged", 403, visitor=visitor)
            if entry.is_admins and not visitor.operator.is_admin:
                return self._site.message(request, "admins_only", 403, visitor=visitor)
            try:
                return await entry.handler(request, visitor)
            except RefusedError as refused:
                key, detail = f"refused_{refused.key}", refused.detail
                return self._site.notice(visitor, key, refused.holder, detail=detail)

        return Route(entry.path, checked, methods=[entry.method])

    async def show_link(self, request: Request) -> Response:
        """Show a button, because a link preview must not use up the link."""
        token = request.query_params.get("token", "")[:LONGEST_TOKEN]
        return self._site.message(request, "sign_in" if token else "outside", 200, token=token)

    async def use_link(self, request: Request) -> Response:
        """Start a session if the link is valid, even after failed attempts."""
        site = self._site
        if not self._comes_from_us(request):
            # Not counted, because any page can make an operator's browser send this.
            return site.message(request, "bad_link", 403)
        token = field(await request.form(max_fields=10, max_files=0), "token")[:LONGEST_TOKEN]
        async with site.database.read() as transaction:  # writers do not wait for guesses
            holds = await sign_in.holds(transaction, token)
        if not holds:
            return await self._refuse(request)
        try:
            async with site.database.begin() as transaction:
                _, secret, _ = await sign_in.consume(transaction, token)
        except RefusedError:  # used by another request just now
            return await self._refuse(request)
        # A redirect keeps the token out of the address bar and the history of the next page.
        response = RedirectResponse(f"{ROOT}/?signed_in=1", status_code=303)
        response.set_cookie(
            site.address.cookie,
            secret,
            max_age=int(sign_in.SESSION_HOLDS.total_seconds()),
            path="/",
            secure=site.address.is_https,
            httponly=True,
            samesite="strict",
        )
        return response

    async def _refuse(self, request: Request) -> Response:
        """Answer an invalid link."""
        site = self._site
        source = source_of(request.client.host if request.client else "")
        if wait_s := site.failures.wait_s(source):
            answer = site.message(request, "too_many", 429)
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        if site.failures.note(source):
            async with site.database.begin() as transaction:
                await sign_in.refused(transaction, "bad_link")
        return site.message(request, "bad_link", 403)

    async def is_in(self, request: Request) -> bool:
        """Return whether the session of an open stream is still valid."""
        return await self._visitor(request, is_use=False) is not None

    async def _visitor(self, request: Request, *, is_use: bool) -> Visitor | None:
        site = self._site
        secret = request.cookies.get(site.address.cookie, "")
        if not secret:
            return None
        async with site.database.read() as transaction:
            visitor = await sign_in.visitor(transaction, secret)
        if visitor is not None and is_use and sign_in.is_stale(visitor, now=site.database.now()):
            async with site.database.begin() as transaction:
                await sign_in.touch(transaction, visitor)
        return visitor

    def _outside(self, request: Request, entry: ProtectedRoute) -> Response:
        if entry.is_part or request.headers.get("HX-Request"):
            return Response(status_code=401)
        return self._site.message(request, "outside", 401, token="")

    async def _is_ours(self, request: Request, visitor: Visitor) -> bool:
        """Return whether a page of this session sent the request."""
        given = request.headers.get(CSRF_HEADER) or field(
            await request.form(max_fields=50, max_files=0), CSRF_FIELD
        )
        return self._comes_from_us(request) and hmac.compare_digest(
            given.encode(), visitor.session.csrf.encode()
        )

    def _comes_from_us(self, request: Request) -> bool:
        """Return whether Origin is ours, or Sec-Fetch-Site if the browser withholds Origin."""
        origin = request.headers.get("origin", "null")
        fetched = request.headers.get("sec-fetch-site")
        if fetched is not None and fetched != "same-origin":
            return False
        if origin == "null":
            return fetched == "same-origin"
        return self._site.address.allows_origin(origin, request.headers.get("host", ""))


def field(form: FormData, name: str) -> str:
    """Return a form's text field, or "" if it is missing or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
