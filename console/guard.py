"""The middleware that guards every request and answer of the console.

It checks the Host header (against DNS rebinding), limits bodies, sets strict security headers and
hides the details of errors.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.address import ROOT, Address

log = structlog.get_logger(__name__)
MOST_BYTES = 64 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
HSTS = "max-age=31536000"


@dataclass(frozen=True, slots=True)
class SecurityMiddleware:
    """Guard an ASGI application.

    Attributes:
        app: the routes.
        address: the console's address.
        leads: whether this process holds the lease on the database. If not, it serves nothing.
        failed: makes the error page.
        longer: the paths that take longer bodies, with their limits in bytes.
        body_s: how long a form may take to arrive.
    """

    app: ASGIApp
    address: Address
    leads: Callable[[], bool]
    failed: Callable[[Scope], Response]
    longer: Mapping[str, int]
    body_s: float = 10.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request or pass it on, and set the headers of every answer."""
        if scope["type"] != "http":
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._dress(scope, MutableHeaders(scope=message))
            await send(message)

        refusal, receive = await self._read(scope, receive)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        try:
            await self.app(scope, receive, guarded)
        except Exception as error:  # log only its type: the message may hold people's words
            log.error("console_failed", error=type(error).__name__)
            if not begun:
                await self.failed(scope)(scope, receive, guarded)

    def _dress(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        if self.address.is_https:
            headers["Strict-Transport-Security"] = HSTS
        is_static = str(scope["path"]).startswith(f"{ROOT}/static/")
        headers["Cache-Control"] = "no-cache" if is_static else "no-store"

    async def _read(self, scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
        """Return the refusal of a bad request, or None and its body read in advance."""
        headers = Headers(scope=scope)
        if not self.address.allows_host(headers.get("host", "")):
            return PlainTextResponse("Unknown host. Use the console's own address.", 403), receive
        if not self.leads():
            text = "Another service works on this database. Use its console."
            return PlainTextResponse(text, 503, headers={"Retry-After": "30"}), receive
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse(
                "Method not allowed.", 405, headers={"Allow": "GET, POST"}
            ), receive
        if scope["method"] != "POST":
            return None, receive
        most = self.longer.get(str(scope["path"]), MOST_BYTES)
        try:
            async with asyncio.timeout(self.body_s):
                body = await _body(headers, receive, most)
        except TimeoutError:
            body = None
        if body is None:
            text = "The form is too long or too slow."
            return PlainTextResponse(text, 413, headers={"Connection": "close"}), receive
        return None, _held(body, receive)


async def _body(headers: Headers, receive: Receive, most: int) -> bytes | None:
    """Read a body, or return None if it is longer than its form can be."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > most:
        return None
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return body


def _held(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
