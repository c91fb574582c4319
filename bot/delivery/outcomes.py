"""The outcome of a message: its end, or a retry and its time."""

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.delivery.owners import Owners
from bot.operators.chat import OperatorsChat
from bot.operators.group_outage import GroupOutage
from bot.operators.topics import Topics
from bot.transport.errors import Failure, SendError
from storage import Database, Transaction
from storage.companion import people
from storage.ids import OutboxId
from storage.messages import outbox
from storage.messages.outbox import Audience, MessageKind, OutboxMessage, OutboxState

log = structlog.get_logger(__name__)
# A reply is not retried for longer. An older text answers nothing any more.
LONGEST_TRY = timedelta(hours=24)
LONGEST_WAIT_S = 60.0
# Telegram may ask for a longer wait, but it is asked again once a day.
LONGEST_ASKED_S = 86_400.0
AT_LEAST_ONCE = (MessageKind.CRISIS, MessageKind.CASE, MessageKind.CONTACT)
# After these failures a message is retried at once, a few times.
AT_ONCE = (Failure.MOVED, Failure.NO_THREAD)
MOST_AT_ONCE = 3
FINAL = (Failure.REFUSED, Failure.UNREACHABLE)
CHAT_IS_CLOSED = (Failure.MOVED, Failure.BLOCKED, Failure.UNREACHABLE, Failure.NOT_NOW)
# One topic of a chat may be closed and others open, so such a message lets others pass.
LETS_PASS = (Failure.UNREACHABLE, Failure.NOT_NOW)
# A person's message keeps its place in order for this many attempts.
KEEPS_ORDER = 2
# The pause between put-off messages in the operators' chat, however many there are.
BETWEEN_TRIES_S = 30.0
# The reason of a message that was not sent in time.
LATE = "late"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """End messages, or queue them for a retry."""

    database: Database
    chat: OperatorsChat
    topics: Topics
    owners: Owners
    outage: GroupOutage
    # The last error that was logged for each waiting message, so that it is logged only once.
    _logged: dict[OutboxId, str] = field(default_factory=dict, init=False)

    async def end(self, message: OutboxMessage, state: OutboxState, reason: str | None) -> None:
        """End a message."""
        async with self.database.begin() as transaction:
            await self.end_within(transaction, message, state, reason)

    async def end_within(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """End a message in the caller's transaction, and tell its owner."""
        self._logged.pop(message.outbox_id, None)
        self.outage.over(message.outbox_id)
        await outbox.end(transaction, message.outbox_id, state, reason=reason)
        if owner := self.owners.get(message.kind):
            await owner.on_end(transaction, message, state, reason)

    async def is_cancelled(self, transaction: Transaction, message: OutboxMessage) -> bool:
        """End a claimed message that is not wanted any more, and return whether it was ended."""
        reason = None
        if owner := self.owners.get(message.kind):
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
        owner = self.owners.get(message.kind)
        if await outbox.cancel_if_superseded(transaction, message.outbox_id) and owner:
            await owner.on_end(transaction, message, OutboxState.CANCELLED, None)

    async def failed(self, chat_id: int, message: OutboxMessage, error: SendError) -> None:
        """End a message that was not sent, or queue it for a retry."""
        to_operators = message.audience is Audience.OPERATORS
        failure = error.failure
        if to_operators and failure is Failure.NO_THREAD:
            await self.topics.forget(message.body)
        elif to_operators and failure in CHAT_IS_CLOSED:
            # Operators must miss no message, so it waits until the chat works again.
            await self.outage.note(message, error.name, error.moved_to)
            if error.moved_to is not None:
                self.chat.change_id(error.moved_to)
        elif failure is Failure.BLOCKED:
            async with self.database.begin() as transaction:
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
            self._log_once(message, error, "send_put_off")
        await self._postpone(message, error)

    def _log_once(self, message: OutboxMessage, error: SendError, event: str) -> None:
        if self._logged.get(message.outbox_id) != error.name:
            self._logged[message.outbox_id] = error.name
            log.error(event, kind=message.kind, error=error.name)

    def _is_old(self, message: OutboxMessage) -> bool:
        return self.database.now() - message.created_at > LONGEST_TRY

    async def _postpone(self, message: OutboxMessage, error: SendError) -> None:
        wait_s = min(2.0 ** min(message.attempts, 6), LONGEST_WAIT_S)
        if error.retry_after_s is not None:
            wait_s = min(error.retry_after_s, LONGEST_ASKED_S)
        if error.failure in AT_ONCE and message.attempts < MOST_AT_ONCE:
            wait_s = 0.0
        to_operators = message.audience is Audience.OPERATORS
        lets_pass = to_operators or message.attempts >= KEEPS_ORDER
        is_put_off = lets_pass and error.failure in LETS_PASS
        async with self.database.begin() as transaction:
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
