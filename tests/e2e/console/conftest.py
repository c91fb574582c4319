"""The console over real HTTP, as a listed admin and a listed reviewer see it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.service.lifecycle import Service
from console.app import Console
from review.operators import roster, sign_in
from safety.screening.levels import Level
from sandbox import Sandbox
from storage import utc_now
from storage.companion import conversations, people
from storage.companion.conversations import Speaker
from storage.ids import CaseId, PersonId
from storage.review import audit, cases, operators
from storage.review.operators import Operator

REVIEWER_ID = 555_001
WORDS = "这里是一句只给看的人看的话<b>&"


@dataclass(frozen=True, slots=True)
class Seat:
    """A signed-in browser."""

    operator: Operator
    client: httpx.AsyncClient
    csrf: str

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Press something in a page of the console."""
        return await self.client.post(
            path, data=fields, headers={"X-CSRF-Token": self.csrf, "HX-Request": "true"}
        )


@pytest.fixture
def console(service: Service) -> Console:
    assert service.parts.console.console is not None
    return service.parts.console.console


@pytest.fixture
async def browser(console: Console) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """A new browser of somebody who stands before the door."""
    opened: list[httpx.AsyncClient] = []

    def fresh() -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=console.address.url,
            headers={"Origin": console.address.url, "Sec-Fetch-Site": "same-origin"},
            timeout=600,
        )
        opened.append(client)
        return client

    yield fresh
    for client in opened:
        await client.aclose()


async def link_for(
    service: Service, operator: Operator, *, way: str = "host", age: timedelta = timedelta()
) -> str:
    """The token of a link that was made so long ago."""
    async with service.parts.database.begin() as transaction:
        transaction.now -= age
        return await sign_in.offer(transaction, operator, way=way)


@pytest.fixture
async def admin(service: Service, sandbox: Sandbox) -> Operator:
    async with service.parts.database.read() as transaction:
        found = await operators.by_telegram_id(transaction, sandbox.operator.id)
    assert found is not None
    return found


@pytest.fixture
async def reviewer(service: Service, admin: Operator) -> Operator:
    async with service.parts.database.begin() as transaction:
        return await roster.add(
            transaction,
            admin,
            REVIEWER_ID,
            role=operators.OperatorRole.REVIEWER,
            name="Rui",
            language="en",
        )


@pytest.fixture
def sit(
    service: Service, console: Console, browser: Callable[[], httpx.AsyncClient]
) -> Callable[[Operator], Awaitable[Seat]]:
    """Sign somebody in."""

    async def begin(operator: Operator) -> Seat:
        client, token = browser(), await link_for(service, operator)
        answer = await client.post("/console/sign-in", data={"token": token})
        assert answer.status_code == 303, answer.text
        async with service.parts.database.read() as transaction:
            found = await sign_in.visitor(transaction, client.cookies[console.address.cookie])
        assert found is not None
        return Seat(operator, client, found.session.csrf)

    return begin


@pytest.fixture
async def case_id(service: Service) -> CaseId:
    """A case of somebody who has said something."""
    now = utc_now()
    async with service.parts.database.begin() as transaction:
        person = await people.get_or_create(transaction, 900_001, language="zh")
        await people.change(transaction, person.person_id, consent_at=now)
        await say(service, person.person_id, WORDS, transaction=transaction)
        return await cases.create(
            transaction,
            person.person_id,
            level=int(Level.ACTIVE),
            categories=("suicide",),
            script="suicide",
            lexicon="test",
        )


async def say(service: Service, person_id: PersonId, text: str, *, transaction: Any) -> None:
    """A person's turn."""
    session = await conversations.current_session(transaction, person_id)
    await conversations.append(transaction, person_id, session, Speaker.PERSON, text=text, level=3)


async def acts_of(service: Service, **filters: Any) -> list[audit.Record]:
    """The trail, newest first."""
    async with service.parts.database.read() as transaction:
        return await audit.page(transaction, limit=500, **filters)
