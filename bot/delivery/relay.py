"""Delivery: the outbox to Telegram. The only sender of messages.

Every attempt is recorded before it is made, so that after a crash it is known which parts may have
arrived. A reply whose outcome is unknown is not sent again; a crisis reply and a word to operators
are.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

import structlog
from telegram import Bot

from bot.delivery.outcomes import AT_LEAST_ONCE, Outcomes
from bot.metrics import Metrics
from bot.operators.chat import OperatorsChat
from bot.operators.topics import Topics
from bot.transport.errors import Failure, SendError
from bot.transport.rate_limit import RateLimiter
from bot.transport.telegram_client import parts_of, send_part
from storage import Database
from storage.database.events import MessagesQueued
from storage.ids import OutboxId
from storage.messages import deliveries, outbox, outbox_queue
from storage.messages.deliveries import AttemptOutcome
from storage.messages.outbox import Audience, MessageKind, OutboxMessage, OutboxState

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 64
CHECK_INS_AT_ONCE = 10
"""So few of them take a place in the pace of all chats before a reply that comes after them."""
POLL_S = 1.0


class OutboxRelay:
    """Sends what the outbox holds: in order within a chat, side by side across chats."""

    def __init__(
        self,
        *,
        database: Database,
        bot: Bot,
        limiter: RateLimiter,
        metrics: Metrics,
        chat: OperatorsChat,
        topics: Topics,
        outcomes: Outcomes,
        fence: Callable[[], int | None],
    ) -> None:
        self._database = database
        self._bot = bot
        self._limiter = limiter
        self._metrics = metrics
        self._operators_chat = chat
        self._topics = topics
        self._outcomes = outcomes
        self._fence = fence
        self._wake = asyncio.Event()
        self._busy: dict[OutboxId, asyncio.Task[None]] = {}
        self._check_ins: set[OutboxId] = set()  # of the busy ones
        self._stranded: set[OutboxId] = set()

    def wake(self, _queued: MessagesQueued | None = None) -> None:
        """Look for something to send now."""
        self._wake.set()

    async def recover(self) -> int:
        """After a start: put back what was being sent; return how many."""
        async with self._database.begin() as transaction:
            return await outbox.requeue(transaction)

    async def run(self) -> None:
        """Send until cancelled; a database that is down is asked again."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._round()
                except Exception as error:  # the loop must outlive every fault below it
                    log.error("delivery_round_failed", error=type(error).__name__)
                    await asyncio.sleep(POLL_S)
                # Not wait_for: in Python 3.11 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
        finally:
            tasks = list(self._busy.values())
            # What is on its way to Telegram gets a moment to end with a known outcome.
            if tasks:
                await asyncio.wait(tasks, timeout=5)
            for task in tasks:
                task.cancel()

    async def _round(self) -> None:
        for outbox_id in list(self._stranded):
            async with self._database.begin() as transaction:
                await outbox.requeue(transaction, outbox_id)
            self._stranded.discard(outbox_id)
        free = MOST_AT_ONCE - len(self._busy)
        if free <= 0:
            return
        async with self._database.read() as transaction:
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
            self._stranded.add(outbox_id)  # the database was away half-way
            return
        self.wake()

    def _chat_of(self, message: OutboxMessage) -> int | None:
        if message.audience is Audience.OPERATORS:
            return self._operators_chat.id
        return message.telegram_id

    async def _send(self, message: OutboxMessage) -> None:
        chat_id = self._chat_of(message)
        if chat_id is None:
            await self._outcomes.end(message, OutboxState.FAILED, "nowhere_to_send")
            return
        try:
            if message.body.topic is not None:
                await self._settle(message)
                return
            thread_id = await self._thread_of(message)
        except SendError as error:
            await self._outcomes.failed(chat_id, message, error)
            return
        await self._send_parts(chat_id, thread_id, message)

    async def _thread_of(self, message: OutboxMessage) -> int | None:
        """The topic of the operators' group that a message goes to."""
        if message.audience is not Audience.OPERATORS:
            return None
        return await self._topics.thread_of(message.body)

    async def _settle(self, message: OutboxMessage) -> None:
        """Rename, close or delete a topic: done twice it is done once.

        Raises:
            SendError: it did not work, and is to be tried again.
        """
        async with self._database.begin() as transaction:
            if not await outbox.claim(transaction, message.outbox_id, fence=self._fence()):
                return
        done = await self._topics.apply(message.body)
        state, reason = (OutboxState.SENT, None) if done else (OutboxState.FAILED, "refused")
        await self._outcomes.end(message, state, reason)

    async def _send_parts(
        self, chat_id: int, thread_id: int | None, message: OutboxMessage
    ) -> None:
        end = OutboxState.SENT
        claimed = False
        last = len(parts_of(message.body)) - 1
        for part in range(last + 1):
            await self._limiter.wait(chat_id)
            attempt, outcome = await self._begin(message, part, claimed=claimed)
            claimed = True
            if outcome is AttemptOutcome.REFUSED:  # fenced off, or taken by another sender
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
                    await self._outcomes.failed(chat_id, message, error)
                    return
                end = OutboxState.UNKNOWN
            else:
                if ends_as is not None:
                    return
        await self._outcomes.end(message, end, None)

    async def _begin(
        self, message: OutboxMessage, part: int, *, claimed: bool
    ) -> tuple[int, AttemptOutcome | None]:
        """Claim and record an attempt; an outcome where there is nothing to try.

        `SENT` and `UNKNOWN` tell of an earlier attempt at this part, `REFUSED` that the
        message is no longer ours to send, or no longer wanted.
        """
        async with self._database.begin() as transaction:
            take = outbox.still_claimed if claimed else outbox.claim
            if not await take(transaction, message.outbox_id, fence=self._fence()):
                await self._outcomes.cancel_if_superseded(transaction, message)
                return 0, AttemptOutcome.REFUSED
            last = None
            if message.attempts:  # it was begun before
                last = (await deliveries.last_outcomes(transaction, message.outbox_id)).get(part)
            if last is AttemptOutcome.SENT:
                return 0, last
            lost = last in (AttemptOutcome.ATTEMPTING, AttemptOutcome.UNKNOWN)
            if lost and message.kind not in AT_LEAST_ONCE:
                return 0, AttemptOutcome.UNKNOWN
            if not claimed and await self._outcomes.is_cancelled(transaction, message):
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
        """Try one part and record how it ended; with the last one ends the message.

        Raises:
            SendError: it failed, or may have.
        """
        error: SendError | None = None
        message_id = None
        outcome = AttemptOutcome.SENT
        try:
            message_id = await send_part(
                self._bot,
                chat_id,
                message.body,
                part,
                preview_message_id=message.preview_message_id,
                thread_id=thread_id,
            )
        except SendError as raised:
            error = raised
            unknown = error.failure is Failure.UNKNOWN
            outcome = AttemptOutcome.UNKNOWN if unknown else AttemptOutcome.REFUSED
        self._metrics.sends.labels(message.kind, outcome).inc()
        async with self._database.begin() as transaction:
            await deliveries.end(
                transaction,
                attempt,
                outcome,
                message_id=message_id,
                error=error.name if error else None,
            )
            if ends_as is not None and error is None:
                await self._outcomes.end_within(transaction, message, ends_as, None)
        if error:
            raise error
