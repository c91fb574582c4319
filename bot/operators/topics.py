"""The topics of cases in the operators' group.

A case of level 3 or 4 has a topic. It is made for the first message, renamed when the level rises,
closed with the case and deleted with the person. Without topics, or without the right to manage
them, all messages go into the chat itself.
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
# A group that refused a topic is not asked again for this long.
PLAIN_FOR = timedelta(hours=1)
# The refusals of Telegram. Other failures are tried again.
NO_TOPIC = (Failure.NO_TOPICS, Failure.REFUSED, Failure.NOT_NOW)
LONGEST_NAME = 128
RENAME, CLOSE, DELETE = "rename", "close", "delete"


class Topics:
    """Creates, changes and deletes topics."""

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
        self._names: dict[int, str] = {}  # the topics that this process named
        self._plain_until = datetime.min.replace(tzinfo=UTC)
        # If a person is erased while their topic is made, it must still be found and deleted.
        self._lock = asyncio.Lock()

    async def thread_of(self, body: MessageBody) -> int | None:
        """Return the topic of a message, or None if it has none. Creates it if needed.

        Raises:
            SendError: Telegram cannot create it now. The message has to wait.
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
            return await self._create(case)

    async def forget(self, body: MessageBody) -> None:
        """Forget a topic that no longer exists. The next message creates a new one."""
        if body.case_id is not None:
            async with self._database.begin() as transaction:
                await cases.change(transaction, CaseId(body.case_id), thread_id=None)

    async def apply(self, body: MessageBody) -> bool:
        """Rename, close or delete the topic of a case, and return False if the bot may not.

        Raises:
            SendError: it failed and has to be tried again.
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

    async def _create(self, case: Case) -> int | None:
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
        """Ask operators, once, to delete the topic of an erased person."""
        async with self._database.begin() as transaction:
            await self._messenger.post_text(transaction, "topic_not_deleted", case=case.case_id)
        await self.forget(body)

    def _name(self, case: Case) -> str:
        """Return the name of a case's topic, which does not identify the person."""
        name = f"#{case.case_id} · {case.level} · {self._messenger.categories(case)}"
        return name[:LONGEST_NAME]

    async def _case(self, body: MessageBody) -> Case | None:
        assert body.case_id is not None
        async with self._database.read() as transaction:
            return await cases.get(transaction, CaseId(body.case_id))
