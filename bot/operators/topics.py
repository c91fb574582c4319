"""Topics in the operators' group: where a message about a case goes.

A case from level 3 on has a topic of its own: made with its first message, made anew where somebody
deleted it, renamed where the case becomes graver, closed with the case and deleted with the person.
Where the group has no topics, or the bot may not manage them, everything goes plainly into the
chat.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from telegram import Bot

from bot.operators.announcements import OperatorMessenger
from bot.operators.chat import OperatorsChat
from bot.transport.errors import Failure, SendError
from bot.transport.rate_limit import RateLimiter
from bot.transport.telegram_client import close_topic, delete_topic, open_topic, rename_topic
from safety.screening.levels import Level
from storage import Database
from storage.ids import CaseId
from storage.messages.body import MessageBody
from storage.review import cases
from storage.review.cases import Case

log = structlog.get_logger(__name__)
PLAIN_FOR = timedelta(hours=1)
"""For how long a group that refused a topic is not asked for one again."""
NO_TOPIC = (Failure.NO_TOPICS, Failure.REFUSED, Failure.NOT_NOW)
"""Telegram said no; all else was no answer about topics and is tried again."""
LONGEST_NAME = 128
RENAME, CLOSE, DELETE = "rename", "close", "delete"


class Topics:
    """Makes, finds and ends topics."""

    def __init__(
        self,
        *,
        database: Database,
        bot: Bot,
        limiter: RateLimiter,
        chat: OperatorsChat,
        messenger: OperatorMessenger,
    ) -> None:
        self._database = database
        self._bot = bot
        self._limiter = limiter
        self._chat = chat
        self._messenger = messenger
        self._names: dict[int, str] = {}
        """What topics of open cases are called, as far as this process named them."""
        self._plain_until = datetime.min.replace(tzinfo=UTC)
        # A topic that is being made while its person is erased must still be found and deleted.
        self._lock = asyncio.Lock()

    async def thread_of(self, body: MessageBody) -> int | None:
        """The topic that a message goes to, made where there is none yet; None: no topic.

        Raises:
            SendError: it cannot be said now; the message waits.
        """
        if body.case_id is None:
            return None
        async with self._lock:
            case = await self._case(body)
            if case is None or case.level < Level.ACTIVE:
                return None
            if case.thread_id is not None:
                return case.thread_id
            if case.person_id is None or self._database.now() < self._plain_until:
                return None
            return await self._make(case)

    async def forget(self, body: MessageBody) -> None:
        """A topic is not there any more: the next message makes a new one."""
        if body.case_id is not None:
            async with self._database.begin() as transaction:
                await cases.change(transaction, CaseId(body.case_id), thread_id=None)

    async def apply(self, body: MessageBody) -> bool:
        """Rename, close or delete the topic of a case; False where the bot may not.

        Raises:
            SendError: it did not work, and is to be tried again.
        """
        async with self._lock:
            case, chat_id = await self._case(body), self._chat.id
            if case is None or case.thread_id is None or chat_id is None:
                return True
            if body.topic == RENAME and self._names.get(case.thread_id) == self._name(case):
                return True
            await self._limiter.wait(chat_id)
            try:
                await self._change(body, case, chat_id, case.thread_id)
            except SendError as error:
                if error.failure not in NO_TOPIC:
                    raise
                log.error("topic_refused", error=error.name, wanted=body.topic)
                if body.topic == DELETE:
                    await self._ask_operators_to_delete(body, case)
                return False
            if body.topic == DELETE:
                await self.forget(body)
            return True

    async def _change(self, body: MessageBody, case: Case, chat_id: int, thread_id: int) -> None:
        if body.topic == RENAME:
            await rename_topic(self._bot, chat_id, thread_id, self._name(case))
            self._names[thread_id] = self._name(case)
            return
        self._names.pop(thread_id, None)
        end = delete_topic if body.topic == DELETE else close_topic
        await end(self._bot, chat_id, thread_id)

    async def _make(self, case: Case) -> int | None:
        assert self._chat.id is not None
        await self._limiter.wait(self._chat.id)
        try:
            thread_id = await open_topic(self._bot, self._chat.id, self._name(case))
            self._names[thread_id] = self._name(case)
        except SendError as error:
            if error.failure not in NO_TOPIC:
                raise
            log.warning("no_topics", error=error.name, advice="see Operators in operations.md")
            self._plain_until = self._database.now() + PLAIN_FOR
            return None
        async with self._database.begin() as transaction:
            await cases.change(transaction, case.case_id, thread_id=thread_id)
        return thread_id

    async def _ask_operators_to_delete(self, body: MessageBody, case: Case) -> None:
        """What was erased must not stay in a topic that the bot may not delete. Said once."""
        async with self._database.begin() as transaction:
            await self._messenger.post_text(transaction, "topic_not_deleted", case=case.case_id)
        await self.forget(body)

    def _name(self, case: Case) -> str:
        """What operators see in the list of topics; names nobody."""
        name = f"#{case.case_id} · {case.level} · {self._messenger.categories(case)}"
        return name[:LONGEST_NAME]

    async def _case(self, body: MessageBody) -> Case | None:
        assert body.case_id is not None
        async with self._database.read() as transaction:
            return await cases.get(transaction, CaseId(body.case_id))
