"""What becomes of a message: its end, or another try, and when.

Knows nothing of how a message is sent, only of how an attempt failed (`sending.py`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bot.checkins.deciding import Skip
from bot.checkins.recalling import Recall
from bot.operators_chat import OperatorsChat
from bot.sending import Failure, SendError
from bot.topics import Topics
from storage import Database, Transaction, outbox, people
from storage.outbox import Audience, Kind, Message, OutboxState

log = structlog.get_logger(__name__)
LONGEST_TRY = timedelta(hours=24)
"""For how long Telegram is asked to take a reply; older words would answer nothing any more."""
LONGEST_WAIT_S = 60.0
AT_LEAST_ONCE = (Kind.CRISIS, Kind.CASE)
AT_ONCE = (Failure.MOVED, Failure.NO_THREAD)

Relayed = Callable[[Transaction, Message, OutboxState, str | None, datetime], Awaitable[None]]
"""Told, in the transaction of the end, how an operator's words to a person ended."""


class Outcomes:
    """Ends messages, or puts them back."""

    def __init__(
        self,
        *,
        database: Database,
        chat: OperatorsChat,
        topics: Topics,
        relayed: Relayed,
        recall: Recall,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._chat = chat
        self._topics = topics
        self._relayed = relayed
        self._recall = recall
        self._now = now

    async def end(self, message: Message, state: OutboxState, reason: str | None) -> None:
        """Give a message its end."""
        async with self._database.begin() as transaction:
            await self.end_within(transaction, message, state, reason)

    async def end_within(
        self, transaction: Transaction, message: Message, state: OutboxState, reason: str | None
    ) -> None:
        """Give a message its end in a transaction; who wrote it hears of it."""
        now = self._now()
        await outbox.end(transaction, message.outbox_id, state, reason=reason, now=now)
        if message.kind is Kind.RELAY:
            await self._relayed(transaction, message, state, reason, now)
        if message.kind is Kind.CHECK_IN and state is OutboxState.FAILED:
            await self._recall.take_back(transaction, message, Skip.FAILED)

    async def is_off(self, transaction: Transaction, message: Message) -> bool:
        """Whether a message that was just claimed is not to be sent after all; it is ended."""
        now = self._now()
        why: Skip | None = None
        if message.kind is Kind.CHECK_IN:
            why = await self._recall.reason(transaction, message, now)
        if why is None and message.expires_at is not None and now > message.expires_at:
            why = Skip.LATE
        if why is None:
            return False
        state = OutboxState.EXPIRED if why is Skip.LATE else OutboxState.CANCELLED
        await outbox.end(transaction, message.outbox_id, state, reason=why, now=now)
        await self._recall.take_back(transaction, message, why)
        return True

    async def cancel_if_late(self, transaction: Transaction, message: Message) -> None:
        """End a message that could not be claimed, if it is of an older epoch."""
        now = self._now()
        cancelled = await outbox.cancel_if_late(transaction, message.outbox_id, now=now)
        if cancelled and message.kind is Kind.CHECK_IN:
            # `/stop`, or else a crisis or an operator, whose case may be resolved by now.
            why = await self._recall.reason(transaction, message, now) or Skip.HELD
            await self._recall.take_back(transaction, message, why)

    async def failed(self, chat_id: int, message: Message, error: SendError) -> None:
        """Decide what becomes of a message that was not sent."""
        to_operators = message.audience is Audience.OPERATORS
        failure = error.failure
        if to_operators and failure is Failure.NO_THREAD:
            await self._topics.forget(message.body)
        elif to_operators and failure in (Failure.MOVED, Failure.BLOCKED, Failure.UNREACHABLE):
            # Their words wait until the chat is put right: none of them may be missed.
            log.error("operators_chat_unreachable", error=error.name, moved_to=error.moved_to)
            if error.moved_to is not None:
                self._chat.move(error.moved_to)
        elif failure is Failure.BLOCKED:
            async with self._database.begin() as transaction:
                await self.end_within(transaction, message, OutboxState.FAILED, "blocked")
                await people.set_blocked(transaction, chat_id, self._now())
            return
        elif failure not in (Failure.LATER, Failure.UNKNOWN):
            log.error("send_refused", error=error.name, to_operators=to_operators)
            await self.end(message, OutboxState.FAILED, "refused")
            return
        elif self._is_old(message) and message.kind not in AT_LEAST_ONCE:
            await self.end(message, OutboxState.FAILED, "gave_up")
            return
        await self._postpone(message, error)

    def _is_old(self, message: Message) -> bool:
        return self._now() - message.created_at > LONGEST_TRY

    async def _postpone(self, message: Message, error: SendError) -> None:
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = min(2.0 ** min(message.attempts, 6), LONGEST_WAIT_S)
        if error.failure in AT_ONCE:
            wait_s = 0.0
        async with self._database.begin() as transaction:
            await outbox.postpone(
                transaction,
                message.outbox_id,
                until=self._now() + timedelta(seconds=wait_s),
                reason=error.name,
            )
