"""Where a message about a case goes, and what becomes of its topic."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut

from bot.operators.announcements import OperatorMessenger
from bot.operators.chat import OperatorsChat
from bot.operators.topics import CLOSE, DELETE, PLAIN_FOR, RENAME, Topics
from bot.texts import Texts
from bot.transport.errors import Failure, SendError
from bot.transport.rate_limit import RateLimiter
from storage import Database, Vault, new_secret_key
from storage.companion import people
from storage.database import keys
from storage.ids import CaseId
from storage.messages.body import MessageBody
from storage.review import cases
from storage.upkeep import erasure
from tests.integration.cast import NOW, mei
from tests.support.clock import ManualClock
from tests.support.waiting import until

CHAT = -100123
CASE = CaseId(1)


class Counting(RateLimiter):
    """Notes who was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    async def wait(self, chat_id: int) -> None:
        self.asked.append(chat_id)


class Telegram:
    """A bot whose calls end as they are told to; a number is a topic's id."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: list[int | Exception] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def create_forum_topic(self, *values: Any) -> Any:
        return await self._call("create", *values)

    async def edit_forum_topic(self, *values: Any, name: str) -> Any:
        return await self._call("edit", *values, name)

    async def close_forum_topic(self, *values: Any) -> Any:
        return await self._call("close", *values)

    async def delete_forum_topic(self, *values: Any) -> Any:
        return await self._call("delete", *values)

    async def _call(self, *values: Any) -> Any:
        self.calls.append(values)
        await self.hold.wait()
        answer = self.answers.pop(0) if self.answers else 7
        if isinstance(answer, Exception):
            raise answer
        return type("Topic", (), {"message_thread_id": answer})


class Scene:
    """Topics with a clock, in front of a bot that is none."""

    def __init__(self, database: Database, clock: ManualClock[datetime]) -> None:
        self.database = database
        self.clock = clock
        self.telegram = Telegram()
        self.limiter = Counting()
        self.topics = Topics(
            database=database,
            bot=self.telegram,
            limiter=self.limiter,  # type: ignore[arg-type]
            chat=OperatorsChat(CHAT),
            messenger=OperatorMessenger(Texts(), language="zh", has_readers=True),
        )

    async def thread_id(self) -> int | None:
        async with self.database.read() as tx:
            found = await cases.get(tx, CASE)
        assert found is not None
        return found.thread_id


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = ManualClock(NOW)
    database = Database(
        f"sqlite:///{tmp_path / 'pica.db'}", Vault.parse(new_secret_key()), clock=clock
    )
    await database.upgrade()
    async with database.begin() as tx:
        await keys.check(tx)
        person = await mei(tx)
        await cases.create(
            tx,
            person.person_id,
            level=4,
            categories=("suicide", "abuse"),
            script="suicide",
            lexicon="1",
        )
    yield Scene(database, clock)
    await database.aclose()


async def fails(work: Any) -> Failure:
    with pytest.raises(SendError) as raised:
        await work
    return raised.value.failure


async def test_a_topic_is_made_once_and_counts_as_a_message(scene: Scene) -> None:
    body = MessageBody("x", case_id=CASE)
    assert [await scene.topics.thread_of(body) for _ in range(2)] == [7, 7]
    assert scene.telegram.calls == [("create", CHAT, "#1 · 4 · 自杀, 虐待")]
    assert scene.limiter.asked == [CHAT]
    await scene.topics.forget(body)
    scene.telegram.answers = [8]
    assert await scene.topics.thread_of(body) == 8


async def test_what_is_about_no_case_or_a_quiet_one_has_none(scene: Scene) -> None:
    assert await scene.topics.thread_of(MessageBody("x")) is None
    assert await scene.topics.thread_of(MessageBody("x", case_id=99)) is None
    async with scene.database.begin() as tx:
        await cases.change(tx, CASE, level=2)
    assert await scene.topics.thread_of(MessageBody("x", case_id=CASE)) is None
    assert scene.telegram.calls == []


@pytest.mark.parametrize(
    "error", ["the chat is not a forum", "not enough rights to create a topic", "TOPIC_X"]
)
async def test_where_no_topic_can_be_made_words_go_plainly(scene: Scene, error: str) -> None:
    scene.telegram.answers = [BadRequest(error)]
    body = MessageBody("x", case_id=CASE)
    assert [await scene.topics.thread_of(body) for _ in range(3)] == [None] * 3
    assert len(scene.telegram.calls) == 1
    scene.clock.now += PLAIN_FOR - timedelta(seconds=1)
    assert await scene.topics.thread_of(body) is None
    scene.clock.now += timedelta(seconds=1)  # somebody may have turned them on
    assert await scene.topics.thread_of(body) == 7


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RetryAfter(3), Failure.LATER),
        (NetworkError("Bad Gateway"), Failure.LATER),
        (TimedOut(), Failure.UNKNOWN),
        (BadRequest("Chat not found"), Failure.UNREACHABLE),
    ],
)
async def test_what_may_pass_is_waited_for(
    scene: Scene, error: Exception, failure: Failure
) -> None:
    scene.telegram.answers = [error]
    body = MessageBody("x", case_id=CASE)
    assert await fails(scene.topics.thread_of(body)) is failure
    assert await scene.topics.thread_of(body) == 7


async def test_the_name_follows_the_level(scene: Scene) -> None:
    body = MessageBody("", case_id=CASE, topic=RENAME)
    assert await scene.topics.apply(body)  # it will have the right name when it is made
    await scene.topics.thread_of(MessageBody("x", case_id=CASE))
    assert await scene.topics.apply(body)
    assert [call[0] for call in scene.telegram.calls] == ["create"]  # it has the right name
    async with scene.database.begin() as tx:
        await cases.change(tx, CASE, level=3)
    assert await scene.topics.apply(body)
    assert await scene.topics.apply(body)
    assert scene.telegram.calls[1:] == [("edit", CHAT, 7, "#1 · 3 · 自杀, 虐待")]


async def test_a_name_that_the_topic_has_already_is_well(scene: Scene) -> None:
    await scene.topics.thread_of(MessageBody("x", case_id=CASE))
    async with scene.database.begin() as tx:
        await cases.change(tx, CASE, level=3)
    scene.telegram.answers = [BadRequest("TOPIC_NOT_MODIFIED")]
    assert await scene.topics.apply(MessageBody("", case_id=CASE, topic=RENAME))


@pytest.mark.parametrize("act", [RENAME, CLOSE, DELETE])
@pytest.mark.parametrize("error", ["message thread not found", "TOPIC_ID_INVALID"])
async def test_a_topic_that_is_gone_has_ended_well(scene: Scene, act: str, error: str) -> None:
    body = MessageBody("", case_id=CASE, topic=act)
    assert await scene.topics.apply(body)  # there was none
    assert scene.telegram.calls == []
    await scene.topics.thread_of(body)
    async with scene.database.begin() as tx:
        await cases.change(tx, CASE, level=3)
    scene.telegram.answers = [BadRequest(error)]
    assert await scene.topics.apply(body)
    assert (await scene.thread_id() is None) is (act == DELETE)


async def test_closing_twice_is_closing_once(scene: Scene) -> None:
    body = MessageBody("", case_id=CASE, topic=CLOSE)
    await scene.topics.thread_of(body)
    scene.telegram.answers = [BadRequest("TOPIC_NOT_MODIFIED")]
    assert await scene.topics.apply(body)


async def test_an_end_that_failed_is_tried_again(scene: Scene) -> None:
    body = MessageBody("", case_id=CASE, topic=DELETE)
    await scene.topics.thread_of(body)
    scene.telegram.answers = [TimedOut()]
    assert await fails(scene.topics.apply(body)) is Failure.UNKNOWN
    assert await scene.thread_id() == 7
    assert await scene.topics.apply(body)
    assert await scene.thread_id() is None


async def test_a_topic_that_is_being_made_while_its_person_is_erased_is_deleted(
    scene: Scene,
) -> None:
    body = MessageBody("x", case_id=CASE)
    scene.telegram.hold.clear()
    making = asyncio.create_task(scene.topics.thread_of(body))
    await until(lambda: bool(scene.telegram.calls))
    async with scene.database.begin() as tx:
        person = await people.by_telegram_id(tx, 42)
        assert person is not None
        await erasure.erase(tx, person.person_id)
    ending = asyncio.create_task(scene.topics.apply(MessageBody("", case_id=CASE, topic=DELETE)))
    await asyncio.sleep(0.05)
    scene.telegram.hold.set()
    await asyncio.gather(making, ending)
    assert [call[0] for call in scene.telegram.calls] == ["create", "delete"]
    assert await scene.topics.thread_of(body) is None  # and none is made anew
