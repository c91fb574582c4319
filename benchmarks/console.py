"""How quick the console's queue is while cases change all the time.

    python -m benchmarks.console [--seconds 60] [--rate 50] [--clients 5] [--postgres URL]

A thousand open cases; a process of its own serves the console and makes real acts at the desk
(claims, releases, further messages at risk), so many a second. Signed-in clients with open streams
fetch the queue page every half second, and its table whenever their stream says so, as a browser
does. The same is measured without any acts. Without --postgres: SQLite in a folder of its own;
a PostgreSQL named here should be empty.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import uvloop
from starlette.applications import Starlette

from bot import logs
from bot.crisis.screening import SafeScreener
from bot.service.http_server import Server
from console.address import Address
from console.app import Console
from console.site import Site
from review.cases.canned_replies import CannedReplies
from review.cases.desk import Desk
from review.cases.escalation import Escalation, EscalationPolicy
from review.cases.events import CaseEvents
from review.cases.hand_over import HandOver
from review.cases.records import OpenedCase
from review.cases.shadow_review import Shadow
from review.cases.takeover import Takeover
from review.lexicon.change_control import LexiconChangeControl
from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.replays import Replays
from review.operators import sign_in
from review.operators.access import RefusedError
from safety.screening.screener import Screener
from storage import Database, Transaction, Vault, new_secret_key
from storage.companion import people
from storage.database import keys
from storage.database.events import CaseChanged
from storage.ids import CaseId
from storage.review import cases, operators
from storage.review.cases import Case
from storage.review.operators import Operator, OperatorRole

chance = random.Random()  # noqa: S311 - not secret
CASES = 1000
FETCH_EVERY_S = 0.5
WARM_S = 3
KINDS = ("suicide", "self_harm", "violence", "abuse", "eating_disorder", "others_at_risk")


async def no_page(_case: Case, _now: datetime) -> bool:
    return False


def shadow_of(desk: Desk) -> Shadow:
    """For the part of the page that reads replies first, which nobody uses here."""

    async def nothing(*_values: object) -> None:
        pass

    return Shadow(desk, send=nothing)


async def no_words(_transaction: Transaction, _numbers: list[int]) -> None:
    pass


def policy_of(database: Database) -> LexiconChangeControl:
    """For the pages of the lexicon, which nobody opens here."""
    screens = SafeScreener(Screener.load(), on_failure=lambda: None)
    live = LiveLexicon(database, screens, tell=no_words)
    return LexiconChangeControl(database, live, Replays(database, live, folder=None))


async def fill(database: Database, clients: int) -> tuple[list[CaseId], list[Operator], list[str]]:
    """Open cases, operators, and a link for each client."""
    await database.upgrade()
    made: list[CaseId] = []
    async with database.begin() as tx:
        await keys.check(tx)
        listed = [
            await operators.add(
                tx, 100 + n, role=OperatorRole.ADMIN, name=f"Operator {n}", language="zh"
            )
            for n in range(clients)
        ]
        for n in range(CASES):
            person = await people.get_or_create(tx, 10_000 + n, language="zh")
            case_id = await cases.create(
                tx,
                person.person_id,
                level=chance.choice((2, 2, 2, 3, 3, 4)),
                categories=tuple(chance.sample(KINDS, 2)),
                script="suicide",
                lexicon="bench",
            )
            last_risk_at = tx.now - timedelta(minutes=chance.randrange(600))
            await cases.change(tx, case_id, last_risk_at=last_risk_at)
            made.append(case_id)
        tokens = [await sign_in.offer(tx, each, way="host") for each in listed]
    return made, listed, tokens


async def act(desk: Desk, operator: Operator, case_id: CaseId) -> None:
    """Claim a case or give it back, or let its person say something at risk again."""
    async with desk.database.begin() as tx:
        case = await cases.get(tx, case_id)
        assert case is not None
        if chance.random() < 0.5:
            await cases.change(tx, case_id, last_risk_at=tx.now)
            opened = OpenedCase(case_id, is_new=False, level_rose=chance.random() < 0.2)
            await desk.opened(tx, opened, "…", hidden=False)
        elif case.claimed_by is None:
            await desk.claim(tx, operator, case_id)
        else:
            await desk.release(tx, operator, case_id)


async def serve(url: str, rate: float, clients: int) -> None:
    """The process that serves: console, desk, acts; ends when its input does."""
    logs.configure("error")
    database = Database(url, Vault.parse(new_secret_key()))
    made, listed, tokens = await fill(database, clients)
    events = CaseEvents()
    pace = EscalationPolicy(timedelta(minutes=10), ZoneInfo("Asia/Shanghai"))
    escalation = Escalation(database, events, pace, page=no_page)
    desk = Desk(database, events, escalation)
    takeover = Takeover(desk)
    site = Site(
        database=database,
        desk=desk,
        takeover=takeover,
        canned=CannedReplies(takeover),
        hand_over=HandOver(desk),
        shadow=shadow_of(desk),
        policy=policy_of(database),
        address=Address("http://127.0.0.1:0"),
        zone=pace.zone,
    )
    console = Console(site, leads=lambda: True)
    database.events.subscribe(CaseChanged, console.live.wake)
    server = Server(Starlette(routes=console.mounted()), "127.0.0.1", 0)
    serving = asyncio.create_task(server.start())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    console.address.settle(server.port)
    print(json.dumps({"url": console.address.url, "tokens": tokens}), flush=True)
    done = itertools.count()
    acting = asyncio.create_task(_act_on(desk, listed, made, rate, done))
    await asyncio.to_thread(sys.stdin.read)
    acting.cancel()
    print(json.dumps({"acts": next(done)}), flush=True)
    console.live.close()
    server.should_exit = True
    await serving
    await database.aclose()


async def _act_on(
    desk: Desk,
    listed: list[Operator],
    made: list[CaseId],
    rate: float,
    done: "itertools.count[int]",
) -> None:
    if not rate:
        return
    running: set[asyncio.Task[None]] = set()
    started = time.perf_counter()

    async def one() -> None:
        with contextlib.suppress(RefusedError):  # two at once, as operators are
            await act(desk, chance.choice(listed), chance.choice(made))
        next(done)

    for number in itertools.count(1):
        task = asyncio.create_task(one())
        running.add(task)
        task.add_done_callback(running.discard)
        await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))


class Client:
    """A signed-in browser with an open stream."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30)
        self.pages: list[float] = []
        self.tables: list[float] = []
        self.events = 0

    async def run(self, token: str, ends_at: float) -> None:
        """Sign in, listen, fetch, until the end."""
        answer = await self._http.post("/console/sign-in", data={"token": token})
        assert answer.status_code == 303, answer.status_code
        listening = asyncio.create_task(self._listen())
        await asyncio.sleep(chance.random() * FETCH_EVERY_S)
        warm_at = time.perf_counter() + WARM_S
        while time.perf_counter() < ends_at:
            took = await self._get("/console/")
            if time.perf_counter() > warm_at:
                self.pages.append(took)
            await asyncio.sleep(FETCH_EVERY_S)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await self._http.aclose()

    async def _listen(self) -> None:
        async with self._http.stream("GET", "/console/stream", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line == "event: queue":
                    self.events += 1
                    self.tables.append(await self._get("/console/queue"))

    async def _get(self, path: str) -> float:
        started = time.perf_counter()
        answer = await self._http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        assert answer.text.count("data-case=") == 50
        return (time.perf_counter() - started) * 1000


@asynccontextmanager
async def server_of(
    url: str, rate: float, clients: int
) -> AsyncIterator[tuple[dict[str, list[str] | str], asyncio.subprocess.Process]]:
    """Start the serving process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.console",
        "--serve",
        url,
        "--rate",
        str(rate),
        "--clients",
        str(clients),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    yield json.loads(await process.stdout.readline()), process
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def measure(url: str, rate: float, options: argparse.Namespace) -> tuple[list[str], float]:
    """One row of the table, and the page's p95."""
    async with server_of(url, rate, options.clients) as (told, process):
        ends_at = time.perf_counter() + options.seconds
        clients = [Client(str(told["url"])) for _ in told["tokens"]]
        async with asyncio.TaskGroup() as group:
            for client, token in zip(clients, told["tokens"], strict=True):
                group.create_task(client.run(token, ends_at))
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        acts = json.loads(await process.stdout.readline())["acts"]
        await process.wait()
    pages = [took for client in clients for took in client.pages]
    tables = [took for client in clients for took in client.tables]
    events = sum(client.events for client in clients) / options.clients / options.seconds
    row = [f"{acts / options.seconds:.1f}", *_row(pages), *_row(tables), f"{events:.2f}"]
    return row, statistics.quantiles(pages, n=100)[94]


def _row(times: list[float]) -> list[str]:
    if len(times) < 2:
        return ["–"] * 3
    cuts = statistics.quantiles(times, n=100)
    return [f"{cuts[place]:.1f}" for place in (49, 94, 98)]


async def run(name: str, urls: tuple[str, str], options: argparse.Namespace) -> None:
    """Without acts, then with."""
    quiet, base = await measure(urls[0], 0, options)
    busy, loaded = await measure(urls[1], options.rate, options)
    for row, ratio in ((quiet, "1.0"), (busy, f"{loaded / base:.1f}")):
        print("| " + " | ".join([name, *row, ratio]) + " |", flush=True)


async def main(options: argparse.Namespace) -> None:
    """Print the table."""
    print(f"\n{CASES} open cases, {options.clients} clients, {options.seconds} s each; ms\n")
    print("| | acts/s | page p50 | p95 | p99 | table p50 | p95 | p99 | events/s | p95 ÷ quiet |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="pica-console-") as folder:
        files = [f"sqlite:///{Path(folder) / name}.db" for name in ("quiet", "busy")]
        await run("SQLite", (files[0], files[1]), options)
    if options.postgres:
        urls = options.postgres.split(",")
        await run("PostgreSQL", (urls[0], urls[-1]), options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--postgres", help="an empty database, or two with a comma between")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        uvloop.run(serve(chosen.serve, chosen.rate, chosen.clients))
    else:
        uvloop.run(main(chosen))
