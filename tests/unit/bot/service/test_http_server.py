"""E10: what a stranger can send to the HTTP server costs little and breaks nothing."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.metrics import Metrics
from bot.service.http_server import MOST_BYTES, SECRET_HEADER, WEBHOOK_PATH, Endpoints, Server
from bot.service.known_hosts import KnownHosts
from bot.service.patience import ImpatientProtocol

SECRET = "not-a-secret"
OURS = {SECRET_HEADER: SECRET}
BODY_S = 0.3
CUT_OFF = 0


class Received(list[object]):
    async def receive(self, raw: object) -> None:
        self.append(raw)


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
async def server(received: Received) -> AsyncIterator[Server]:
    async def ready() -> dict[str, bool]:
        return {"all": True}

    async def nothing() -> None:
        pass

    endpoints = Endpoints(
        metrics=Metrics(),
        is_alive=lambda: True,
        readiness=ready,
        receive=received.receive,
        receives=lambda: True,
        webhook_secret=SECRET,
        before_metrics=nothing,
        hosts=KnownHosts(["https://console.example.org"]),
        body_s=BODY_S,
    )
    server = Server(endpoints.app(), "127.0.0.1", 0)
    serving = asyncio.create_task(server.start())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await serving


async def post(server: Server, body: bytes | AsyncIterator[bytes], **headers: str) -> int:
    async with httpx.AsyncClient(timeout=20) as client:
        url = f"http://127.0.0.1:{server.port}{WEBHOOK_PATH}"
        try:
            return (await client.post(url, content=body, headers={**OURS, **headers})).status_code
        except httpx.TransportError:  # the server closed before it had read all
            return CUT_OFF


def deep(mark: str) -> bytes:
    return mark.encode() * 100_000


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", deep("["), deep('{"a":'), b"[" * 5_000 + b"]" * 5_000]
)
async def test_e10_a_post_that_is_no_json_is_a_bad_request(
    server: Server, received: Received, body: bytes
) -> None:
    assert await post(server, body) == 400
    assert received == []


async def test_e10_a_body_is_refused_by_its_length_and_while_it_comes(
    server: Server, received: Received
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 100_000
            await asyncio.sleep(0)

    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n{SECRET_HEADER}: {SECRET}\r\n"
    writer.write(f"{head}Content-Length: 150000000\r\n\r\n".encode())
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)  # none of it was sent
    writer.close()
    async with asyncio.timeout(10):  # the connection ends, however long the body goes on
        assert await post(server, endless()) in (413, CUT_OFF)
    assert await post(server, b" " * (MOST_BYTES + 1)) in (413, CUT_OFF)
    assert received == []


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "x", "1e3"])
async def test_e10_a_strange_length_breaks_nothing(server: Server, length: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n{SECRET_HEADER}: {SECRET}\r\n"
    writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode())
    status = (await asyncio.wait_for(reader.readline(), 5)).split()[1]
    assert status in (b"400", b"413")
    writer.close()
    assert await post(server, b"{}") == 200


async def test_e10_half_a_body_is_not_waited_for(server: Server, received: Received) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b'{"update_id":'
        await asyncio.sleep(20)
        yield b"1}"

    assert await post(server, half()) in (408, CUT_OFF)
    assert received == []


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: "]
)
async def test_e10_half_a_request_is_closed(
    server: Server, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientProtocol, "headers_s", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begun)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_e10_half_a_second_request_is_closed_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientProtocol, "headers_s", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b'{"ok":true}'), 5)
    writer.write(b"GET /healthz HTTP/1.1\r\nHo")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_slow_answer_is_not_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientProtocol, "headers_s", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.15)
        yield b"}"

    assert await post(server, slow()) == 200


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_e10_other_hosts_learn_nothing(server: Server, path: str) -> None:
    async with httpx.AsyncClient() as client:

        async def ask(host: str) -> int:
            url = f"http://127.0.0.1:{server.port}{path}"
            return (await client.get(url, headers={"Host": host})).status_code

        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "a@b.example",
            "[::1",
            "127.1.nip.io",
        ):
            assert await ask(host) == 403, host
        for host in ("127.0.0.1:8080", "[::1]", "localhost", "bot:8080", "console.example.org"):
            assert await ask(host) == 200, host
        assert (await client.get(f"http://127.0.0.1:{server.port}/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("10.0.0.7:8080", True),
        ("pica.monitoring.svc.cluster.local", True),
        ("pica.internal", True),
        ("CONSOLE.example.org.", True),
        ("console.example.org.evil.net", False),
        ("local.evil.net", False),
        ("", False),
    ],
)
def test_known_hosts(host: str, is_known: bool) -> None:
    assert KnownHosts(["https://console.example.org:8443", None]).allows(host) is is_known
