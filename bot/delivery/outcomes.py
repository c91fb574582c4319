"""What becomes of a message: its end, or another try, and when."""

from datetime import timedelta

import structlog

from bot.delivery.owners import Owners
from bot.operators.chat import OperatorsChat
from bot.operators.topics import Topics
from bot.transport.errors import Failure, SendError
from storage import Database, Transaction
from storage.companion import people
from storage.ids import OutboxId
from storage.messages import outbox
from storage.messages.outbox import Audience, MessageKind, OutboxMessage, OutboxState

log = structlog.get_logger(__name__)
LONGEST_TRY = timedelta(hours=24)
"""For how long Telegram is asked to take a reply; older words would answer nothing any more."""
LONGEST_WAIT_S = 60.0
LONGEST_ASKED_S = 86_400.0
"""Telegram may ask for a longer wait; once a day it is asked all the same."""
AT_LEAST_ONCE = (MessageKind.CRISIS, MessageKind.CASE)
AT_ONCE = (Failure.MOVED, Failure.NO_THREAD)
MOST_AT_ONCE = 3
"""A topic that is gone again and again is waited for like everything else."""
FINAL = (Failure.REFUSED, Failure.UNREACHABLE)
CHAT_IS_CLOSED = (Failure.MOVED, Failure.BLOCKED, Failure.UNREACHABLE, Failure.NOT_NOW)
LETS_PASS = (Failure.UNREACHABLE, Failure.NOT_NOW)
"""A chat may be closed in one place and open in others: those behind are not kept waiting."""
KEEPS_ORDER = 2
"""To a person, words that fail so often still come before those behind them."""
BETWEEN_TRIES_S = 30.0
"""So long nothing else that was put off is tried in the operators' chat, however much there is."""
# The reason of a message that was not sent in time.
LATE = "late"


class Outcomes:
    """Ends messages, or puts them back."""

    def __init__(
        self,
        *,
        database: Database,
        chat: OperatorsChat,
        topics: Topics,
        owners: Owners,
    ) -> None:
        self._database = database
        self._chat = chat
        self._topics = topics
        self._owners = owners
        self._said: dict[OutboxId, str] = {}
        """What was logged of messages that wait: once for each reason, not at every try."""

    async def end(self, message: OutboxMessage, state: OutboxState, reason: str | None) -> None:
        """Give a message its end."""
        async with self._database.begin() as transaction:
            await self.end_within(transaction, message, state, reason)

    async def end_within(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Give a message its end in a transaction, and tell its owner."""
        self._said.pop(message.outbox_id, None)
        await outbox.end(transaction, message.outbox_id, state, reason=reason)
        if owner := self._owners.get(message.kind):
            await owner.on_end(transaction, message, state, reason)

    async def is_cancelled(self, transaction: Transaction, message: OutboxMessage) -> bool:
        """End a claimed message that is not wanted any more. Returns whether it was ended."""
        reason = None
        if owner := self._owners.get(message.kind):
            reason = await owner.why_unwanted(transaction, message)
        expires_at = message.expires_at
        if reason is None and expires_at is not None and transaction.now > expires_at:
            reason = LATE
        if reason is None:
            return False
        state = OutboxState.EXPIRED if reason == LATE else OutboxState.CANCELLED
        await self.end_within(transaction, message, state, reason)
        return True

    async def cancel_if_superseded(self, transaction: Transaction, message: OutboxMessage) -> None:
        """End a message that could not be claimed, if it is of an older epoch."""
        owner = self._owners.get(message.kind)
        if await outbox.cancel_if_superseded(transaction, message.outbox_id) and owner:
            await owner.on_end(transaction, message, OutboxState.CANCELLED, None)

    async def failed(self, chat_id: int, message: OutboxMessage, error: SendError) -> None:
        """Decide what becomes of a message that was not sent."""
        to_operators = message.audience is Audience.OPERATORS
        failure = error.failure
        if to_operators and failure is Failure.NO_THREAD:
            await self._topics.forget(message.body)
        elif to_operators and failure in CHAT_IS_CLOSED:
            # Their words wait until the chat is put right: none of them may be missed.
            self._say_once(message, error, "operators_chat_unreachable")
            if error.moved_to is not None:
                self._chat.change_id(error.moved_to)
        elif failure is Failure.BLOCKED:
            async with self._database.begin() as transaction:
                await self.end_within(transaction, message, OutboxState.FAILED, "blocked")
                await people.set_blocked(transaction, chat_id, transaction.now)
            return
        elif failure in FINAL:
            log.error("send_refused", error=error.name, to_operators=to_operators)
            await self.end(message, OutboxState.FAILED, "refused")
            return
        elif self._is_old(message) and message.kind not in AT_LEAST_ONCE:
            await self.end(message, OutboxState.FAILED, "gave_up")
            return
        elif failure is Failure.NOT_NOW:
            self._say_once(message, error, "send_put_off")
        await self._postpone(message, error)

    def _say_once(self, message: OutboxMessage, error: SendError, event: str) -> None:
        if self._said.get(message.outbox_id) != error.name:
            self._said[message.outbox_id] = error.name
            log.error(event, kind=message.kind, error=error.name, moved_to=error.moved_to)

    def _is_old(self, message: OutboxMessage) -> bool:
        return self._database.now() - message.created_at > LONGEST_TRY

    async def _postpone(self, message: OutboxMessage, error: SendError) -> None:
        wait_s = min(2.0 ** min(message.attempts, 6), LONGEST_WAIT_S)
        if error.retry_after_s is not None:
            wait_s = min(error.retry_after_s, LONGEST_ASKED_S)
        if error.failure in AT_ONCE and message.attempts < MOST_AT_ONCE:
            wait_s = 0.0
        to_operators = message.audience is Audience.OPERATORS
        lets_pass = to_operators or message.attempts >= KEEPS_ORDER
        is_put_off = lets_pass and error.failure in LETS_PASS
        async with self._database.begin() as transaction:
            await outbox.postpone(
                transaction,
                message.outbox_id,
                until=transaction.now + timedelta(seconds=wait_s),
                reason=outbox.PUT_OFF if is_put_off else error.name,
                attempts=message.attempts + 1,
            )
            if is_put_off and to_operators:
                held_s = min(wait_s, BETWEEN_TRIES_S)
                await outbox.hold_put_off(
                    transaction, message.audience, until=transaction.now + timedelta(seconds=held_s)
                )
