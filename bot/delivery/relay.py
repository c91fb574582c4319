"""The outbox relay, which alone sends messages to Telegram.

Each attempt is recorded before it is made. After a crash the record tells which parts may have
arrived. A reply with an unknown outcome is offered and not sent again. A crisis reply and a message
to operators are sent again.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from telegram import Bot

from bot.delivery.outcomes import AT_LEAST_ONCE, Outcomes
from bot.metrics import Metrics
from bot.operators.chat import OperatorsChat
from bot.operators.topics import Topics
from bot.transport.errors import Failure, SendError
from bot.transport.rate_limit import RateLimiter
from bot.transport.telegram_client import parts_of, remove_keyboard, send_part
from storage import Database, Transaction
from storage.database.events import MessagesQueued
from storage.ids import OutboxId
from storage.messages import deliveries, keyboards, outbox, outbox_queue
from storage.messages.deliveries import AttemptOutcome
from storage.messages.outbox import Audience, MessageKind, OutboxMessage, OutboxState

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 64
# Few enough that a reply waits only shortly behind them for the limit of all chats.
CHECK_INS_AT_ONCE = 10
POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class OutboxRelay:
    """Send the messages of the outbox, in order within a chat and in parallel across chats."""

    database: Database
    bot: Bot
    limiter: RateLimiter
    metrics: Metrics
    chat: OperatorsChat
    topics: Topics
    outcomes: Outcomes
    fence: Callable[[], int | None]
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _busy: dict[OutboxId, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _check_ins: set[OutboxId] = field(default_factory=set, init=False)  # of the busy ones
    _stranded: set[OutboxId] = field(default_factory=set, init=False)

    def wake(self, _queued: MessagesQueued | None = None) -> None:
        """Look for due messages now."""
        self._wake.set()

    async def recover(self) -> int:
        """Queue messages that were being sent before a crash, and return how many."""
        async with self.database.begin() as transaction:
            return await outbox.requeue(transaction)

    async def run(self) -> None:
        """Send until cancelled, and try again if the database is away."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._send_batch()
                except Exception as error:  # one failure must not stop the relay
                    log.error("delivery_round_failed", error=type(error).__name__)
                    await asyncio.sleep(POLL_S)
                # Not wait_for: in Python 3.11 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
        finally:
            tasks = list(self._busy.values())
            # Give running sends a moment to end with a known outcome.
            if tasks:
                await asyncio.wait(tasks, timeout=5)
            for task in tasks:
                task.cancel()

    async def _send_batch(self) -> None:
        for outbox_id in list(self._stranded):
            async with self.database.begin() as transaction:
                await outbox.requeue(transaction, outbox_id)
            self._stranded.discard(outbox_id)
        free = MOST_AT_ONCE - len(self._busy)
        if free <= 0:
            return
        async with self.database.read() as transaction:
            messages = await outbox_queue.next_messages(
                transaction, limit=free, busy=list(self._busy)
            )
        for message in messages:
            if message.kind is MessageKind.CHECK_IN:
                if len(self._check_ins) >= CHECK_INS_AT_ONCE:
                    continue
                self._check_ins.add(message.outbox_id)
            task = asyncio.create_task(self._send(message))
            self._busy[message.outbox_id] = task
            task.add_done_callback(partial(self._done, message.outbox_id))

    def _done(self, outbox_id: OutboxId, task: asyncio.Task[None]) -> None:
        del self._busy[outbox_id]
        self._check_ins.discard(outbox_id)
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery_failed", error=type(error).__name__)
            self._stranded.add(outbox_id)  # the database went away before the end was stored
            return
        self.wake()

    def _chat_of(self, message: OutboxMessage) -> int | None:
        if message.audience is Audience.OPERATORS:
            return self.chat.id
        return message.telegram_id

    async def _send(self, message: OutboxMessage) -> None:
        chat_id = self._chat_of(message)
        if chat_id is None:
            await self.outcomes.end(message, OutboxState.FAILED, "nowhere_to_send")
            return
        try:
            if message.body.topic is not None:
                await self._change_topic(message)
                return
            thread_id = await self._thread_of(message)
        except SendError as error:
            await self.outcomes.failed(chat_id, message, error)
            return
        await self._send_parts(chat_id, thread_id, message)

    async def _thread_of(self, message: OutboxMessage) -> int | None:
        """Return the topic of the operators' group or of the person's chat for a message."""
        if message.audience is not Audience.OPERATORS:
            return message.body.thread_id
        return await self.topics.thread_of(message.body)

    async def _change_topic(self, message: OutboxMessage) -> None:
        """Rename, close or delete a topic, which is safe to repeat.

        Raises:
            SendError: the call failed, and may be tried again.
        """
        async with self.database.begin() as transaction:
            if not await outbox.claim(transaction, message.outbox_id, fence=self.fence()):
                return
        done = await self.topics.apply(message.body)
        state, reason = (OutboxState.SENT, None) if done else (OutboxState.FAILED, "refused")
        await self.outcomes.end(message, state, reason)

    async def _send_parts(
        self, chat_id: int, thread_id: int | None, message: OutboxMessage
    ) -> None:
        end = OutboxState.SENT
        claimed = False
        last = len(parts_of(message.body)) - 1
        for part in range(last + 1):
            await self.limiter.wait(chat_id)
            attempt, outcome = await self._begin(message, part, claimed=claimed)
            claimed = True
            if outcome is AttemptOutcome.REFUSED:  # fenced off, or claimed by another sender
                return
            if outcome is not None:
                if outcome is not AttemptOutcome.SENT:
                    end = OutboxState.UNKNOWN
                continue
            ends_as = end if part == last else None
            try:
                await self._attempt(chat_id, thread_id, message, part, attempt, ends_as)
            except SendError as error:
                if error.failure is not Failure.UNKNOWN or message.kind in AT_LEAST_ONCE:
                    await self.outcomes.failed(chat_id, message, error)
                    return
                end = OutboxState.UNKNOWN
            else:
                if ends_as is not None:
                    return
        await self.outcomes.end(message, end, None)

    async def _begin(
        self, message: OutboxMessage, part: int, *, claimed: bool
    ) -> tuple[int, AttemptOutcome | None]:
        """Claim the message and record an attempt at a part.

        Returns:
            The attempt's id, and None to go on. `SENT` and `UNKNOWN` are the outcome of an earlier
            attempt at this part. `REFUSED` means that the message is not ours, or not wanted.
        """
        async with self.database.begin() as transaction:
            take = outbox.still_claimed if claimed else outbox.claim
            if not await take(transaction, message.outbox_id, fence=self.fence()):
                await self.outcomes.cancel_if_superseded(transaction, message)
                return 0, AttemptOutcome.REFUSED
            last = None
            if message.attempts:
                last = (await deliveries.last_outcomes(transaction, message.outbox_id)).get(part)
            if last is AttemptOutcome.SENT:
                return 0, last
            is_lost = last in (AttemptOutcome.ATTEMPTING, AttemptOutcome.UNKNOWN)
            if is_lost and message.kind not in AT_LEAST_ONCE:
                return 0, AttemptOutcome.UNKNOWN
            if not claimed and await self.outcomes.is_cancelled(transaction, message):
                return 0, AttemptOutcome.REFUSED
            return await deliveries.begin(transaction, message.outbox_id, part), None

    async def _attempt(
        self,
        chat_id: int,
        thread_id: int | None,
        message: OutboxMessage,
        part: int,
        attempt: int,
        ends_as: OutboxState | None,
    ) -> None:
        """Try to send one part, and record the outcome. `ends_as` also ends the message.

        Raises:
            SendError: the attempt failed, or may have failed.
        """
        error: SendError | None = None
        message_id = None
        outcome = AttemptOutcome.SENT
        try:
            message_id = await send_part(
                self.bot,
                chat_id,
                message.body,
                part,
                preview_message_id=message.preview_message_id,
                thread_id=thread_id,
                needs_thread=message.audience is Audience.OPERATORS,
            )
        except SendError as raised:
            error = raised
            unknown = error.failure is Failure.UNKNOWN
            outcome = AttemptOutcome.UNKNOWN if unknown else AttemptOutcome.REFUSED
        self.metrics.sends.labels(message.kind, outcome).inc()
        old: list[int] = []
        async with self.database.begin() as transaction:
            await deliveries.end(
                transaction,
                attempt,
                outcome,
                message_id=message_id,
                error=error.name if error else None,
            )
            if ends_as is not None and error is None:
                await self.outcomes.end_within(transaction, message, ends_as, None)
                old = await self._replaced(transaction, message)
        if error:
            raise error
        for replaced_id in old:
            if replaced_id != message_id:  # the same message, if it was edited in place
                await remove_keyboard(self.bot, chat_id, replaced_id)

    @staticmethod
    async def _replaced(transaction: Transaction, message: OutboxMessage) -> list[int]:
        """Return the messages whose question this one asks again."""
        asked = keyboards.asked_by(message.body)
        is_question = message.kind is MessageKind.NOTICE and message.person_id is not None
        if not is_question or asked is None:
            return []
        assert message.person_id is not None
        return await keyboards.retire(transaction, message.person_id, message.outbox_id, asked)
