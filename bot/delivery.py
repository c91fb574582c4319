"""Delivery: the outbox to Telegram. The only sender of messages.

Knows nothing of why something is said. Every attempt is recorded before it is made,
so that after a crash it is known which parts may have arrived. A reply whose
outcome is unknown is not sent again; a crisis reply is.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.metrics import Metrics
from bot.pacing import Pacer
from bot.splitting import split
from storage import Database, outbox, people
from storage.outbox import Kind, Message, Outcome

log = structlog.get_logger(__name__)
BATCH = 200
MOST_AT_ONCE = 64
MOST_ATTEMPTS = 8
POLL_S = 1.0


class Delivery:
    """Sends what the outbox holds: in order within a chat, side by side across chats."""

    def __init__(
        self,
        *,
        database: Database,
        bot: Bot,
        pacer: Pacer,
        metrics: Metrics,
        operators_chat: int | None,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bot = bot
        self._pacer = pacer
        self._metrics = metrics
        self._operators_chat = operators_chat
        self._now = now
        self._wake = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._wake.set()

    async def recover(self) -> int:
        """After a start: put back what was being sent; return how many."""
        async with self._database.begin() as transaction:
            return await outbox.requeue_interrupted(transaction)

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
        async with self._database.read() as transaction:
            messages = await outbox.due(transaction, now=self._now(), limit=BATCH, without=())
        chats: dict[int, list[Message]] = defaultdict(list)
        for message in messages:
            chats[self._chat(message)].append(message)
        for chat_id, queue in chats.items():
            if chat_id not in self._busy and len(self._busy) < MOST_AT_ONCE:
                task = asyncio.create_task(self._send_all(chat_id, queue))
                self._busy[chat_id] = task
                task.add_done_callback(partial(self._done, chat_id))

    def _done(self, chat_id: int, task: asyncio.Task[None]) -> None:
        del self._busy[chat_id]
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery_failed", error=type(error).__name__)
        self.wake()

    def _chat(self, message: Message) -> int:
        if message.telegram_id is not None:
            return message.telegram_id
        return self._operators_chat or 0

    async def _send_all(self, chat_id: int, queue: list[Message]) -> None:
        for message in queue:
            if not await self._send(chat_id, message):
                return

    async def _send(self, chat_id: int, message: Message) -> bool:
        """Send one message; False where the chat has to wait before the next."""
        async with self._database.begin() as transaction:
            if not await outbox.claim(transaction, message.outbox_id, now=self._now()):
                return True
            outcomes = await outbox.last_outcomes(transaction, message.outbox_id)
        if chat_id == 0:
            await self._end(message, "failed", "no_operators_chat")
            return True
        unknown = False
        for part, text in enumerate(split(message.body.text)):
            outcome = outcomes.get(part)
            if outcome is Outcome.SENT:
                continue
            lost = outcome in (Outcome.ATTEMPTING, Outcome.UNKNOWN)
            if lost and message.kind is not Kind.CRISIS:
                unknown = True
                continue
            error = await self._attempt(chat_id, message, part, text)
            if error is None:
                continue
            if self._is_unknown(error) and message.kind is not Kind.CRISIS:
                unknown = True
                continue
            return await self._failed(chat_id, message, error)
        await self._end(message, "unknown" if unknown else "sent", None)
        return True

    async def _attempt(
        self, chat_id: int, message: Message, part: int, text: str
    ) -> TelegramError | None:
        """Try one part; return Telegram's error, or None where it was accepted."""
        await self._pacer.wait(chat_id)
        async with self._database.begin() as transaction:
            attempt = await outbox.begin_attempt(
                transaction, message.outbox_id, part, now=self._now()
            )
        error: TelegramError | None = None
        message_id = None
        try:
            message_id = await self._call(chat_id, message, part, text)
            outcome = Outcome.SENT
        except TelegramError as raised:
            error = raised
            outcome = Outcome.UNKNOWN if self._is_unknown(raised) else Outcome.REFUSED
        self._metrics.sends.labels(message.kind, outcome).inc()
        async with self._database.begin() as transaction:
            await outbox.end_attempt(
                transaction,
                attempt,
                outcome,
                message_id=message_id,
                error=type(error).__name__ if error else None,
            )
        return error

    async def _call(self, chat_id: int, message: Message, part: int, text: str) -> int:
        last = part == len(split(message.body.text)) - 1
        keyboard = [
            [InlineKeyboardButton(label, callback_data=data) for label, data in row]
            for row in message.body.buttons
        ]
        markup = InlineKeyboardMarkup(keyboard) if keyboard and last else None
        entities = [MessageEntity(**entity) for entity in message.body.entities]
        if part == 0 and message.preview_message_id is not None:
            try:
                await self._bot.edit_message_text(
                    text,
                    chat_id=chat_id,
                    message_id=message.preview_message_id,
                    reply_markup=markup,
                )
            except BadRequest as error:
                if "not modified" not in str(error):
                    raise
            return message.preview_message_id
        sent = await self._bot.send_message(
            chat_id,
            text,
            entities=entities or None,
            reply_markup=markup,
            disable_notification=False,
        )
        return sent.message_id

    @staticmethod
    def _is_unknown(error: TelegramError) -> bool:
        """Whether the message may have arrived all the same."""
        if isinstance(error, BadRequest):
            return False
        if isinstance(error, TimedOut):
            return "Pool timeout" not in str(error)
        if isinstance(error, NetworkError):
            # A connection that never came about has sent nothing.
            refused = ("ConnectError", "ConnectTimeout")
            if any(name in str(error) for name in refused):
                return False
            return not any(code in str(error) for code in ("Bad Gateway", "Internal Server Error"))
        return False

    async def _failed(self, chat_id: int, message: Message, error: TelegramError) -> bool:
        if isinstance(error, Forbidden):
            async with self._database.begin() as transaction:
                await people.set_blocked(transaction, chat_id, self._now())
            await self._end(message, "failed", "blocked")
            return True
        if isinstance(error, (BadRequest, InvalidToken, ChatMigrated)):
            log.error("send_refused", error=type(error).__name__)
            await self._end(message, "failed", "refused")
            return True
        if message.attempts + 1 >= MOST_ATTEMPTS and message.kind is not Kind.CRISIS:
            await self._end(message, "failed", "gave_up")
            return True
        wait_s = 2.0 ** min(message.attempts, 6)
        if isinstance(error, RetryAfter):
            after = error.retry_after
            wait_s = after.total_seconds() if isinstance(after, timedelta) else float(after)
        async with self._database.begin() as transaction:
            await outbox.postpone(
                transaction,
                message.outbox_id,
                until=self._now() + timedelta(seconds=wait_s),
                reason=type(error).__name__,
            )
        return False

    async def _end(self, message: Message, state: str, reason: str | None) -> None:
        async with self._database.begin() as transaction:
            await outbox.end(transaction, message.outbox_id, state, reason=reason, now=self._now())
