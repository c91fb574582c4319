"""Drafts: previews of a reply while the model writes it.

A draft shows whole sentences that have passed the guard, and before them the position in the queue.
If it fails or exceeds the rate limit, it is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.transport.rate_limit import RateLimiter
from bot.transport.text_split import LIMIT, utf16_length

log = structlog.get_logger(__name__)
# A faster reply needs no "typing".
TYPING_AFTER_S = 0.3
# The delay of a draft, because the last sentence is sent as the reply at once.
SETTLE_S = 0.1


class Preview:
    """The preview of one reply in a person's chat.

    Args:
        bot: the bot that calls Telegram.
        limiter: the rate limit of drafts.
        mode: `draft`, `edit` or `off`.
        telegram_id: the person's chat.
        draft_id: the id of this reply's drafts, which is not 0.
        message_id: the preview of an earlier attempt, in edit mode.
        thread_id: the topic of the question.
        on_begun: stores the id of a new preview, so that a crash does not lose it.

    Attributes:
        message_id: the preview message in edit mode.
        is_sending: whether a call to Telegram is running.
    """

    def __init__(
        self,
        bot: Bot,
        limiter: RateLimiter,
        mode: str,
        telegram_id: int,
        *,
        draft_id: int,
        message_id: int | None,
        thread_id: int | None,
        on_begun: Callable[[int], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._limiter = limiter
        self._mode = mode
        self._telegram_id = telegram_id
        self._draft_id = draft_id
        self._thread_id = thread_id
        self._on_begun = on_begun
        self.message_id = message_id
        self.is_sending = False

    @property
    def is_off(self) -> bool:
        """Whether drafts are off."""
        return self._mode == "off"

    @property
    def typing_every_s(self) -> float:
        """How long Telegram shows "typing"."""
        return self._limiter.TYPING_EVERY_S

    async def show(self, text: str) -> bool:
        """Show a text in place of the last one. Returns False if it is too long or too soon."""
        if utf16_length(text) > LIMIT or not self._limiter.may_draft(self._telegram_id):
            return False
        bot, chat_id = self._bot, self._telegram_id
        if self._mode == "draft":
            await self.call(
                bot.send_message_draft(
                    chat_id,
                    draft_id=self._draft_id,
                    text=text,
                    message_thread_id=self._thread_id,
                )
            )
        elif self.message_id is not None:
            await self.call(
                bot.edit_message_text(text, chat_id=chat_id, message_id=self.message_id)
            )
        else:
            await self._limiter.wait(chat_id)  # a new message counts like any other
            await self.call(self._begin(text))
        return True

    async def show_typing(self) -> None:
        """Show "typing"."""
        if self._limiter.may_draft(self._telegram_id):
            await self.call(
                self._bot.send_chat_action(
                    self._telegram_id, ChatAction.TYPING, message_thread_id=self._thread_id
                )
            )

    async def call(self, request: Awaitable[object]) -> None:
        """Make a call that `ReplyDraft.aclose` does not cancel."""
        self.is_sending = True
        try:
            await request
        finally:
            self.is_sending = False

    async def _begin(self, text: str) -> None:
        message = await self._bot.send_message(
            self._telegram_id, text, message_thread_id=self._thread_id
        )
        self.message_id = message.message_id
        await self._on_begun(message.message_id)


class ReplyDraft:
    """The draft of one reply, which a separate task shows so that the model never waits.

    Args:
        preview: shows the draft.
        on_shown: called when a part of the reply was shown.
        queue_notice: returns a text about the position in the queue, or "" if there is none.
        send_message: sends that text as a message, once, if drafts are off.
    """

    def __init__(
        self,
        preview: Preview,
        *,
        on_shown: Callable[[], None],
        queue_notice: Callable[[], str],
        send_message: Callable[[str], Awaitable[None]],
    ) -> None:
        self._preview = preview
        self._on_shown = on_shown
        self._queue_notice = queue_notice
        self._send_message = send_message
        self._shown_notice = ""
        self._text = ""
        self._news = asyncio.Event()
        self._is_closed = False
        self._painter: asyncio.Task[None] | None = None

    @property
    def preview_message_id(self) -> int | None:
        """The preview that the reply replaces by an edit."""
        return self._preview.message_id

    def begin(self) -> None:
        """Start to show the draft, with "typing" until there is text."""
        self._painter = asyncio.create_task(self._paint())

    def show(self, text: str) -> None:
        """Show the reply so far in a moment, in place of a text that is not shown yet."""
        self._text = text
        self._news.set()

    async def aclose(self) -> None:
        """Stop. Waits for a running call, so that it does not arrive after the reply."""
        self._is_closed = True
        if self._painter is None:
            return
        if not self._preview.is_sending:
            self._painter.cancel()
        await asyncio.wait({self._painter})

    async def _paint(self) -> None:
        preview = self._preview
        try:
            if not await self._news_within(TYPING_AFTER_S):
                await preview.show_typing()
            while not self._is_closed and not await self._news_within(preview.typing_every_s):
                if not await self._show_queue_position():
                    await preview.show_typing()
            while not preview.is_off and not self._is_closed:
                await self._news.wait()
                await asyncio.sleep(SETTLE_S)
                self._news.clear()
                if await preview.show(self._text):
                    self._on_shown()
        except TelegramError as error:
            log.info("draft_failed", error=type(error).__name__)
        except Exception as error:  # the preview's id could not be stored
            log.error("draft_failed", error=type(error).__name__)

    async def _news_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _show_queue_position(self) -> bool:
        """Show the position in the queue if it has changed. Returns whether it was shown."""
        text = self._queue_notice()
        if not text or text == self._shown_notice:
            return False
        if not self._preview.is_off:
            if not await self._preview.show(text):
                return False
        elif not self._shown_notice:
            await self._preview.call(self._send_message(text))
        self._shown_notice = text
        return True
