"""The HTTP server, which can also cut a connection as a failing network would."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

STOP_WITHIN_S = 3


class _Uvicorn(uvicorn.Server):
    """Uvicorn in the caller's event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program around the sandbox."""
        yield


async def hung_up(request: Request) -> None:
    """Wait until the caller closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Connections:
    """One listening socket and the connections made to it."""

    def __init__(self, host: str, port: int) -> None:
        # Without a named protocol asyncio leaves Nagle on, and every answer takes 40 ms more.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self.port: int = self._socket.getsockname()[1]
        self._open: dict[Any, asyncio.Transport] = {}
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Start answering."""
        config = uvicorn.Config(
            app,
            http=self._protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the sandbox did not start: its web server ended")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop answering and close every connection."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._socket.close()

    def drop_all(self) -> None:
        """Cut every connection."""
        for transport in list(self._open.values()):
            transport.abort()

    async def drop(self, request: Request) -> None:
        """Cut the connection of a request without an answer."""
        client = request.scope.get("client")
        transport = self._open.get(tuple(client) if client else None)
        if transport is not None:
            transport.abort()
        await hung_up(request)

    def _protocol(self) -> type[asyncio.Protocol]:
        open_connections = self._open

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                open_connections[transport.get_extra_info("peername")] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                open_connections.pop(self.transport.get_extra_info("peername"), None)
                super().connection_lost(exc)

        return cast("type[asyncio.Protocol]", Protocol)
