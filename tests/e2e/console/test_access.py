"""No route of the console works for anybody but a signed-in operator who may use it.

The routes are those that the console has: a new one is covered by itself.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from bot.service.lifecycle import Service
from bot.texts import Texts
from console.app import Console
from console.door import CSRF_HEADER, ProtectedRoute
from console.guard import HEADERS, MOST_BYTES
from review.operators import roster, sign_in
from sandbox import Sandbox
from storage import utc_now
from storage.ids import CaseId
from storage.review import audit, audit_check, operators
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of, link_for

Browser = Callable[[], httpx.AsyncClient]
Sit = Callable[[Operator], Awaitable[Seat]]
STREAM = "/stream"
ELSEWHERE = "您在另外 1 个浏览器里也登录着"


def path_of(entry: ProtectedRoute, case_id: int) -> str:
    path = re.sub(r"\{case_id:id\}", str(case_id), entry.path)
    return "/console" + re.sub(r"\{(operator|change|reply)_id:id\}", "1", path)


async def knock(
    client: httpx.AsyncClient, entry: ProtectedRoute, case_id: int, **headers: str
) -> httpx.Response:
    """Ask for a route as well as somebody outside can."""
    return await client.request(entry.method, path_of(entry, case_id), headers=headers)


def expect_shut(answer: httpx.Response, entry: ProtectedRoute) -> None:
    """Nothing but the way to get a link; a part of a page says nothing at all."""
    assert answer.status_code == 401, (entry.path, answer.status_code)
    if entry.is_part:
        assert answer.content == b"", entry.path
    else:
        assert "/console" in answer.text and "csrf" not in answer.text.lower()


def guarded(console: Console) -> list[ProtectedRoute]:
    assert len(console.entries) > 20
    return console.entries


def test_every_route_is_behind_the_door_or_known(console: Console) -> None:
    behind = {(entry.path, entry.method) for entry in console.entries}
    for route in console.routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, Route)
        methods = (route.methods or set()) - {"HEAD"}
        known = route.path in ("/console", "/sign-in")
        assert known or any((route.path, method) in behind for method in methods), route.path


async def test_strangers_and_forged_cookies(
    console: Console, browser: Browser, case_id: CaseId, service: Service
) -> None:
    stranger, forger = browser(), browser()
    forger.cookies.set(console.address.cookie, "x" * 43)
    before = len(await acts_of(service))
    for entry in guarded(console):
        for client in (stranger, forger):
            expect_shut(await knock(client, entry, case_id), entry)
            expect_shut(await knock(client, entry, case_id, **{CSRF_HEADER: "x" * 43}), entry)
    assert len(await acts_of(service)) == before


async def test_a_missing_case_looks_like_any_other_to_strangers(
    console: Console, browser: Browser, case_id: CaseId
) -> None:
    client = browser()
    for entry in guarded(console):
        if "case_id" in entry.path:
            real, none = [await knock(client, entry, number) for number in (case_id, 99_999)]
            assert (real.status_code, real.text) == (none.status_code, none.text)


@pytest.mark.parametrize(
    "how", ["signed_out", "everywhere", "removed", "idle", "watched", "too_long"]
)
async def test_ended_sessions(
    how: str,
    start: Callable[..., Awaitable[Service]],
    sandbox: Sandbox,
    console_of: Callable[[Service], Any],
) -> None:
    late = timedelta()
    service = await start(clock=lambda: utc_now() + late)
    async with console_of(service) as (console, sit, reviewer, admin, case):
        seat: Seat = await sit(reviewer)
        assert (await seat.client.get("/console/")).status_code == 200
        if how == "signed_out":
            secret = seat.client.cookies[console.address.cookie]
            assert (await seat.post("/console/sign-out")).status_code == 303
            assert console.address.cookie not in seat.client.cookies
            seat.client.cookies.set(console.address.cookie, secret)  # somebody kept it
        elif how == "everywhere":
            other = await sit(reviewer)
            await other.post("/console/sign-out", everywhere="1")
        elif how == "removed":
            async with service.parts.database.begin() as transaction:
                await roster.remove(transaction, admin, reviewer.operator_id)
        elif how == "idle":
            late = sign_in.IDLE + timedelta(seconds=1)
        elif how == "watched":  # a page that refreshes itself is not somebody who is there
            codes = []
            for _ in range(4):
                codes.append((await seat.client.get("/console/queue")).status_code)
                late += timedelta(minutes=10)
            assert codes[:3] == [200] * 3
        else:
            for _ in range(30):  # in use all the time
                late += timedelta(minutes=25)
                if (await seat.client.get("/console/me")).status_code != 200:
                    break
            assert timedelta(hours=11) < late < timedelta(hours=13)
        for entry in guarded(console):
            expect_shut(await knock(seat.client, entry, case, **{CSRF_HEADER: seat.csrf}), entry)


@pytest.fixture
def console_of() -> Callable[[Service], Any]:
    """The console of a service that a test started with a clock of its own."""

    @asynccontextmanager
    async def opened(service: Service) -> AsyncIterator[Any]:
        console = service.parts.console.console
        assert console is not None
        clients: list[httpx.AsyncClient] = []
        async with service.parts.database.begin() as transaction:
            (admin,) = await operators.listed(transaction)
            reviewer = await roster.add(
                transaction,
                admin,
                555_002,
                role=operators.OperatorRole.REVIEWER,
                name="Rui",
                language="zh",
            )

        async def sit(operator: Operator) -> Seat:
            client = httpx.AsyncClient(
                base_url=console.address.url, headers={"Origin": console.address.url}
            )
            clients.append(client)
            token = await link_for(service, operator)
            answer = await client.post("/console/sign-in", data={"token": token})
            assert answer.status_code == 303
            page = await client.get("/console/me")
            found = re.search(r'name="csrf" value="([^"]+)"', page.text)
            assert found is not None
            return Seat(operator, client, found[1])

        yield console, sit, reviewer, admin, CaseId(1)
        for client in clients:
            await client.aclose()

    return opened


async def test_admins_only(console: Console, sit: Sit, reviewer: Operator, case_id: CaseId) -> None:
    seat = await sit(reviewer)
    admins = [entry for entry in guarded(console) if entry.is_admins]
    assert {entry.path.split("/")[1] for entry in admins} == {
        "audit",
        "lexicon",
        "operators",
        "replies",
    }
    for entry in admins:
        answer = await knock(seat.client, entry, case_id, **{CSRF_HEADER: seat.csrf})
        assert answer.status_code == 403, entry.path
    home = await seat.client.get("/console/")
    assert "/console/audit" not in home.text and "/console/operators" not in home.text
    assert "/console/replies" not in home.text


async def test_acts_need_the_token_of_the_session(
    console: Console,
    sit: Sit,
    admin: Operator,
    reviewer: Operator,
    case_id: CaseId,
    service: Service,
) -> None:
    seat, other = await sit(admin), await sit(reviewer)
    acts = [entry for entry in guarded(console) if entry.method == "POST"]
    assert len(acts) > 10
    before = len(await acts_of(service))
    for entry in acts:
        for forged in ({}, {CSRF_HEADER: "x"}, {CSRF_HEADER: other.csrf}, {CSRF_HEADER: ""}):
            answer = await knock(seat.client, entry, case_id, **forged)
            assert answer.status_code == 403, (entry.path, forged)
        assert len(await acts_of(service)) == before, entry.path


@pytest.mark.parametrize(
    "forged",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "none"},
    ],
)
async def test_acts_come_from_our_own_pages(
    forged: dict[str, str],
    console: Console,
    sit: Sit,
    admin: Operator,
    case_id: CaseId,
    service: Service,
) -> None:
    seat = await sit(admin)
    before = len(await acts_of(service))
    for entry in guarded(console):
        if entry.method == "POST":
            headers = {CSRF_HEADER: seat.csrf, **forged}
            answer = await knock(seat.client, entry, case_id, **headers)
            assert answer.status_code == 403, entry.path
    assert len(await acts_of(service)) == before


async def test_the_host_is_ours(
    console: Console, sit: Sit, admin: Operator, case_id: CaseId
) -> None:
    seat = await sit(admin)
    for entry in guarded(console):
        for name in ("evil.example", "127.0.0.1.evil.example", "", "user@evil.example:80"):
            answer = await knock(
                seat.client, entry, case_id, **{"Host": name, CSRF_HEADER: seat.csrf}
            )
            assert answer.status_code in (400, 403), (entry.path, name)
    assert (await seat.client.get("/console/static/console.css")).status_code == 200


async def test_headers_on_every_answer(
    console: Console, browser: Browser, sit: Sit, admin: Operator, case_id: CaseId
) -> None:
    seat, stranger = await sit(admin), browser()
    answers = [
        await stranger.get("/console"),
        await stranger.get("/console/sign-in?token=x"),
        await stranger.post("/console/sign-in", data={"token": "x"}),
        await stranger.get("/console/", headers={"Host": "evil.example"}),
        await stranger.put("/console/"),
        await seat.client.get("/console/nothing/here"),
        await seat.client.get("/console/static/console.js"),
        await seat.client.get("/console/static/../app.py"),
        await seat.client.post("/console/me", content=b"x" * (MOST_BYTES + 1)),
    ]
    for entry in guarded(console):
        answers.append(await knock(stranger, entry, case_id))
        if entry.path != STREAM:
            answers.append(await knock(seat.client, entry, case_id, **{CSRF_HEADER: seat.csrf}))
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (answer.url, name)
        is_static = "/static/" in answer.url.path and answer.status_code == 200
        assert answer.headers["Cache-Control"] == ("no-cache" if is_static else "no-store")
        assert "style=" not in answer.text and "<script>" not in answer.text
    assert answers[8].status_code == 413
    assert answers[4].status_code == 405


async def test_https_binds_the_cookie(start: Callable[..., Awaitable[Service]]) -> None:
    service = await start(console_url="https://console.example.org")
    console = service.parts.console.console
    assert console is not None
    async with service.parts.database.read() as transaction:
        (admin,) = await operators.listed(transaction)
    token = await link_for(service, admin)
    assert console.address.sign_in(token).startswith("https://console.example.org/console/sign-in?")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}") as client:
        named = {"Host": "console.example.org", "Origin": "https://console.example.org"}
        answer = await client.post("/console/sign-in", data={"token": token}, headers=named)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-console=")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_a_link_works_once_and_only_when_pressed(
    service: Service, browser: Browser, admin: Operator
) -> None:
    token = await link_for(service, admin)
    client = browser()
    for _ in range(3):  # a preview fetches it, perhaps more than once
        page = await client.get(f"/console/sign-in?token={token}")
        assert page.status_code == 200 and "set-cookie" not in page.headers
    answer = await client.post("/console/sign-in", data={"token": token})
    assert answer.status_code == 303 and token not in answer.headers["location"]
    again = await browser().post("/console/sign-in", data={"token": token})
    assert again.status_code == 403 and "set-cookie" not in again.headers
    acts = [(record.act, record.detail) for record in await acts_of(service)]
    assert acts[:2] == [("sign_in_refused", {"why": "bad_link"}), ("signed_in", {"way": "host"})]
    assert all(token not in str(detail) for _, detail in acts)


async def test_links_that_do_not_hold(
    service: Service, browser: Browser, admin: Operator, reviewer: Operator
) -> None:
    old = await link_for(service, admin, age=timedelta(minutes=11))
    replaced = await link_for(service, admin)
    await link_for(service, admin)
    orphan = await link_for(service, reviewer)
    async with service.parts.database.begin() as transaction:
        await roster.remove(transaction, admin, reviewer.operator_id)
    answers = set()
    for token in (old, replaced, orphan, "never", ""):
        answer = await browser().post("/console/sign-in", data={"token": token})
        assert "set-cookie" not in answer.headers
        answers.add((answer.status_code, answer.text))
    assert len(answers) == 1 and next(iter(answers))[0] == 403  # nothing tells them apart


FOREIGN = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://other.example.org", "Sec-Fetch-Site": "same-site"},
]


async def guess(client: httpx.AsyncClient, number: int, **headers: str) -> int:
    """Try a link that nobody was given."""
    answer = await client.post(
        "/console/sign-in", data={"token": f"guess{number}".ljust(43, "x")}, headers=headers
    )
    return answer.status_code


async def refusals(service: Service) -> list[audit.Record]:
    return [each for each in await acts_of(service) if each.act == "sign_in_refused"]


async def test_a_foreign_page_cannot_sign_anybody_in(
    service: Service, browser: Browser, admin: Operator
) -> None:
    token = await link_for(service, admin)
    for headers in FOREIGN:
        answer = await browser().post("/console/sign-in", data={"token": token}, headers=headers)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers


async def test_a_foreign_page_cannot_lock_anybody_out(
    service: Service, browser: Browser, admin: Operator
) -> None:
    client, before = browser(), await acts_of(service)
    for number in range(20):
        for headers in FOREIGN:
            assert await guess(client, number, **headers) == 403
    assert await acts_of(service) == before  # nor fill the trail
    assert await guess(client, 1) == 403  # nothing was counted
    token = await link_for(service, admin)
    assert (await client.post("/console/sign-in", data={"token": token})).status_code == 303


async def test_who_guesses_waits_and_a_link_that_holds_signs_in(
    service: Service, browser: Browser, admin: Operator
) -> None:
    client = browser()
    assert [await guess(client, n) for n in range(12)] == [403] * 10 + [429] * 2
    refused = await client.post("/console/sign-in", data={"token": "guess"})
    assert 0 < int(refused.headers["Retry-After"]) <= 600 and "set-cookie" not in refused.headers
    assert len(await refusals(service)) == 10  # what has to wait is not written down
    token = await link_for(service, admin)
    assert (await client.post("/console/sign-in", data={"token": token})).status_code == 303
    again = await client.post("/console/sign-in", data={"token": token})
    assert again.status_code == 429  # used: a guess like any other


async def test_many_strangers_lock_nobody_out_and_do_not_fill_the_trail(
    start: Callable[..., Awaitable[Service]],
) -> None:
    service = await start(trusted_proxies="127.0.0.1, 10.0.0.0/8")
    console = service.parts.console.console
    assert console is not None
    async with service.parts.database.read() as transaction:
        (admin,) = await operators.listed(transaction)
    url = console.address.url
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=20) as client:
        for stranger in range(22):
            named = {"X-Forwarded-For": f"198.51.100.{stranger}"}
            codes = [await guess(client, n, **named) for n in range(11)]
            assert codes == [403] * 10 + [429]
        assert len(await refusals(service)) == 200
        new = {"X-Forwarded-For": "203.0.113.7"}
        assert await guess(client, 1, **new) == 403
        token = await link_for(service, admin)
        stranger_too = {"X-Forwarded-For": "198.51.100.1"}
        answer = await client.post("/console/sign-in", data={"token": token}, headers=stranger_too)
        assert answer.status_code == 303


@pytest.mark.parametrize(
    ("trusted", "claimed", "are_one"),
    [
        ("", "198.51.100.{n}", True),  # no proxy is trusted: what a browser says counts for nothing
        ("10.0.0.0/8", "198.51.100.{n}", True),  # the peer is another
        ("127.0.0.1", "198.51.100.{n}, 203.0.113.5", True),  # the proxy adds at the right
        ("127.0.0.1,10.0.0.0/8", "198.51.100.{n}, 203.0.113.5, 10.1.2.3", True),
        ("127.0.0.1", "2001:db8:0:1::{n}", True),  # one site
        ("127.0.0.1", "whatever{n}", True),
        ("127.0.0.1", "203.0.113.5, 198.51.100.{n}", False),
        ("127.0.0.1,10.0.0.0/8", "203.0.113.5, 198.51.100.{n}, 10.1.2.3", False),
        ("127.0.0.1", "2001:db8:0:{n}::1", False),
    ],
)
async def test_a_source_is_what_a_trusted_proxy_says(
    trusted: str,
    claimed: str,
    are_one: bool,
    start: Callable[..., Awaitable[Service]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own setting is not read
    service = await start(trusted_proxies=trusted)
    console = service.parts.console.console
    assert console is not None
    url = console.address.url
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=20) as client:
        codes = [
            await guess(client, n, **{"X-Forwarded-For": claimed.format(n=n)}) for n in range(12)
        ]
    assert codes == ([403] * 10 + [429] * 2 if are_one else [403] * 12)


async def test_links_and_sessions_cannot_be_guessed(service: Service, admin: Operator) -> None:
    tokens = {await link_for(service, admin) for _ in range(2)}
    token = await link_for(service, admin)
    async with service.parts.database.begin() as transaction:
        _, secret, csrf = await sign_in.consume(transaction, token)
    made = {*tokens, token, secret, csrf}
    assert len(made) == 5
    for each in made:
        assert len(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4))) * 8 >= 128


async def test_too_many_links(service: Service, admin: Operator) -> None:
    for _ in range(sign_in.MOST_LINKS):
        await link_for(service, admin)
    with pytest.raises(sign_in.RefusedError, match="too_many_links"):
        await link_for(service, admin)


@pytest.mark.parametrize("how", ["signed_out", "removed"])
async def test_the_stream_closes_with_the_session(
    how: str, sit: Sit, admin: Operator, reviewer: Operator, service: Service
) -> None:
    seat = await sit(reviewer)
    async with asyncio.timeout(15), seat.client.stream("GET", "/console/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        while await anext(lines) != "event: opened":
            pass
        async with service.parts.database.begin() as transaction:
            if how == "removed":
                await roster.remove(transaction, admin, reviewer.operator_id)
            else:
                found = await sign_in.visitor(transaction, next(iter(seat.client.cookies.values())))
                assert found is not None
                await sign_in.leave(transaction, found)
        rest = [line async for line in lines]
    assert "event: ended" in rest


def is_in_clear(text: str, folder: Path) -> bool:
    """Whether the database's files hold a text."""
    files = list(folder.glob("pica.db*"))
    assert files
    return any(text.encode() in file.read_bytes() for file in files)


async def test_the_bot_sends_links_to_listed_operators_alone(
    sandbox: Sandbox, service: Service, texts: Texts, browser: Browser, tmp_path: Path
) -> None:
    stranger = sandbox.add_user()
    sent = await stranger.say("/console")
    answer = await stranger.wait_for(None, after=sent, timeout_s=20)
    sent = await stranger.say("/nosuchcommand")
    other = await stranger.wait_for(None, after=sent, timeout_s=20)
    assert answer.text == other.text == texts("zh", "unknown_command")
    sent = await sandbox.operator.say("/console")
    reply = await sandbox.operator.wait_for("sign-in?token=", after=sent, timeout_s=20)
    found = re.search(r"token=([\w-]+)", reply.text)
    assert found is not None
    signed_in = await browser().post("/console/sign-in", data={"token": found[1]})
    assert signed_in.status_code == 303
    assert not is_in_clear(found[1], tmp_path)  # sealed while it waited, erased when sent
    acts = [record.act for record in await acts_of(service)]
    assert acts.count("link_made") == 1 and acts[0] == "signed_in"


async def test_a_service_that_waits_serves_nothing(
    start: Callable[..., Awaitable[Service]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start()
    monkeypatch.setattr(service.parts.leadership, "_fence", None)  # until it is renewed
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}") as client:
        answer = await client.get("/console/")
        assert answer.status_code == 503 and answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_no_console_where_it_is_switched_off(
    start: Callable[..., Awaitable[Service]], sandbox: Sandbox, texts: Texts
) -> None:
    service = await start(console=False)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}") as client:
        assert (await client.get("/console/")).status_code == 404
    sent = await sandbox.operator.say("/console")
    answer = await sandbox.operator.wait_for(None, after=sent, timeout_s=20)
    assert "token" not in answer.text


async def test_the_trail_verifies_after_all_of_it(
    console: Console, sit: Sit, admin: Operator, case_id: CaseId, service: Service
) -> None:
    seat = await sit(admin)
    for entry in guarded(console):
        if entry.path not in (STREAM, "/sign-out"):
            await knock(seat.client, entry, case_id, **{CSRF_HEADER: seat.csrf})
    async with service.parts.database.read() as transaction:
        verdict = await audit_check.verify(transaction)
    assert verdict.broken_at is None and verdict.records > 5


async def test_e10_long_numbers_are_no_page(sit: Sit, admin: Operator) -> None:
    seat = await sit(admin)
    for digits in (16, 20, 5_000):
        number = "9" * digits
        for path in (
            f"/console/cases/{number}",
            f"/console/cases/{number}/history",
            f"/console/operators/{number}/remove",
            f"/console/lexicon/changes/{number}",
        ):
            assert (await seat.client.get(path)).status_code in (404, 405), path[:40]
        for query in (f"/console/?page={number}", f"/console/audit?case={number}&before={number}"):
            assert (await seat.client.get(query)).status_code == 200, query[:40]
    assert (await seat.client.get("/console/cases/" + "9" * 15)).status_code == 404
    async with seat.client.stream("GET", "/console/stream?case=" + "9" * 5_000) as stream:
        assert stream.status_code == 200


async def test_e10_a_second_sign_in_says_that_the_first_stands(sit: Sit, admin: Operator) -> None:
    first = await sit(admin)
    assert ELSEWHERE not in (await first.client.get("/console/?signed_in=1")).text
    second = await sit(admin)
    page = (await second.client.get("/console/?signed_in=1")).text
    assert ELSEWHERE in page
    assert ELSEWHERE not in (await second.client.get("/console/")).text
    assert (await first.client.get("/console/")).status_code == 200
