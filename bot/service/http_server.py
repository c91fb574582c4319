"""The HTTP server: health, metrics, Telegram's webhook and the operators' console."""

import asyncio
import contextlib
import errno
import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.metrics import Metrics
from bot.service.known_hosts import KnownHosts
from bot.service.patience import ImpatientProtocol

log = structlog.get_logger(__name__)
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
WEBHOOK_PATH = "/telegram/webhook"
MOST_BYTES = 1_000_000
# After these answers the rest of a body is not read, so the connection ends.
CLOSE = {"Connection": "close"}
UNKNOWN_HOST = "Unknown host. Use the address of this service, or its IP address."

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The routes of the service, with the webhook only if a secret is set.

    Attributes:
        metrics: the metrics that `/metrics` shows.
        is_alive: the health that `/healthz` shows. If it is false, only a restart helps.
        readiness: the checks that `/readyz` shows, with status 503 if one fails.
        receive: stores an update, or raises an error.
        receives: whether this process holds the lease on the database.
        webhook_secret: the secret that Telegram sends in its header.
        before_metrics: updates the gauges.
        hosts: the names under which `/readyz` and `/metrics` answer.
        console: the routes of the operators' console.
        body_s: how long a post may take. Telegram sends it at once.
    """

    metrics: Metrics
    is_alive: Callable[[], bool]
    readiness: Callable[[], Awaitable[dict[str, bool]]]
    receive: Callable[[object], Awaitable[None]]
    receives: Callable[[], bool]
    webhook_secret: str | None
    before_metrics: Callable[[], Awaitable[None]]
    hosts: KnownHosts
    console: Sequence[BaseRoute] = ()
    body_s: float = 10.0

    def app(self) -> Starlette:
        """Return the application that serves them."""
        routes = [
            Route("/healthz", self._healthz),
            Route("/readyz", self._guarded(self._readyz)),
            Route("/metrics", self._guarded(self._metrics)),
            *self.console,
        ]
        if self.webhook_secret:
            routes.append(Route(WEBHOOK_PATH, self._webhook, methods=["POST"]))
        return Starlette(routes=routes)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Refuse a request under a public name that is not ours, as in DNS rebinding."""

        async def checked(request: Request) -> Response:
            if not self.hosts.allows(request.headers.get("host", "")):
                return PlainTextResponse(UNKNOWN_HOST, 403)
            return await endpoint(request)

        return checked

    async def _healthz(self, _request: Request) -> Response:
        alive = self.is_alive()
        return JSONResponse({"ok": alive}, status_code=200 if alive else 503)

    async def _readyz(self, _request: Request) -> Response:
        checks = await self.readiness()
        return JSONResponse(checks, status_code=200 if all(checks.values()) else 503)

    async def _metrics(self, _request: Request) -> Response:
        await self.before_metrics()
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _webhook(self, request: Request) -> Response:
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, (self.webhook_secret or "").encode()):
            return Response(status_code=403)
        if not self.receives():
            return Response(status_code=503)  # Telegram asks again
        raw = await _json(request, self.body_s)
        try:
            await self.receive(raw)
        except Exception as error:  # not stored: Telegram sends it again
            log.error("intake_failed", error=type(error).__name__)
            return Response(status_code=503)
        return Response()


async def _json(request: Request, limit_s: float) -> object:
    """Return the body of a post.

    Raises:
        HTTPException: it is too long, comes too slowly or is not JSON.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BYTES:
        raise HTTPException(413, headers=CLOSE)
    body = b""
    try:
        async with asyncio.timeout(limit_s):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, headers=CLOSE)
        return json.loads(body)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, headers=CLOSE) from None
    except (ValueError, RecursionError):
        raise HTTPException(400) from None


def listen(host: str, port: int, *, source: str = "PICA_HTTP_PORT") -> socket.socket:
    """Listen on a port until the socket is closed. An error names the source of the port.

    Raises:
        OSError: the port is taken, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(_why_not(error, host, port, source)) from error
    # asyncio turns Nagle's algorithm off only if the protocol is named. It costs 40 ms an answer.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _why_not(error: OSError, host: str, port: int, source: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{source}: port {port} of {host} is taken by another program. "
            "Stop it, or set another port."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{source}: port {port} needs rights of root. "
            "Use one above 1023 behind a reverse proxy."
        )
    return (
        f"PICA_HTTP_HOST: {host} is not an address of this machine. "
        "Use 127.0.0.1, or 0.0.0.0 for all of them."
    )


class Server(uvicorn.Server):
    """Uvicorn inside our event loop, without its own signal handlers.

    Args:
        app: the routes.
        host: the address to listen on.
        port: the port to listen on. 0 takes a free one.
        trusted_proxies: the networks whose `X-Forwarded-For` is trusted, from the right.
    """

    def __init__(
        self, app: Starlette, host: str, port: int, *, trusted_proxies: Sequence[str] = ()
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=ImpatientProtocol,
            proxy_headers=bool(trusted_proxies),  # else a caller could claim any address
            forwarded_allow_ips=[*trusted_proxies],
            timeout_graceful_shutdown=3,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the service."""
        yield

    async def start(self) -> None:
        """Serve until told to exit.

        Raises:
            OSError: the port is taken. Uvicorn itself would end the process.
        """
        with listen(self.config.host, self.config.port) as listening:
            await self.serve(sockets=[listening])

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self.servers[0].sockets[0].getsockname()[1])
