"""The guard that keeps other web pages out of a server on a loopback address.

The `Host` header must name loopback, against DNS rebinding. The `Origin` header must be the
sandbox's own, against forms of other sites.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would turn a form's Origin into null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class LoopbackGuard:
    """ASGI middleware around every route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on and add the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _problem(scope)
        if problem:
            await PlainTextResponse(problem, status_code=403)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, guarded)


def _problem(scope: Scope) -> str:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not _LOOPBACK.fullmatch(host):
        return "The sandbox answers to loopback names only."
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "Another site may not use the sandbox."
    api_call = str(scope["path"]).startswith(("/bot", "/file/bot"))
    if scope["method"] == "POST" and not api_call and origin is None:
        return "A form of the sandbox sends its origin."
    return ""
