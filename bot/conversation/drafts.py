"""Showing a reply while it is written: a help for the eye, never the delivery.

Only whole sentences that the guard has passed come here, and before them a word about how many wait
before; a draft that fails or finds no room in the budget is dropped.
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
TYPING_AFTER_S = 0.3
"""A reply that is there sooner needs no "typing"."""
TYPING_EVERY_S = 4.5
"""Telegram shows it for five seconds."""
SETTLE_S = 0.1
"""Between a sentence and its draft: what is the last sentence goes out as the reply at once."""


class ReplyDraft:
    """One reply as it grows; painted by a task of its own, so that the model never waits.

    Args:
        bot: the library's bot.
        pacer: the budget of drafts.
        mode: `draft`, `edit` or `off`.
        telegram_id: the person's chat.
        draft_id: not 0; the same for every stage of one reply.
        preview_message_id: in edit mode, the message that an earlier attempt left.
        on_preview: told the id of a new preview, so that it outlives a crash.
        on_shown: called when a part of the reply was seen.
        waits: a word about the wait, or nothing where there is none to speak of.
        tell: sends such a word as a message, once, where drafts are off.

    Attributes:
        preview_message_id: the message that stands for the reply in edit mode.
    """

    def __init__(
        self,
        bot: Bot,
        pacer: RateLimiter,
        mode: str,
        telegram_id: int,
        *,
        draft_id: int,
        preview_message_id: int | None,
        on_preview: Callable[[int], Awaitable[None]],
        on_shown: Callable[[], None],
        waits: Callable[[], str],
        tell: Callable[[str], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._pacer = pacer
        self._mode = mode
        self._telegram_id = telegram_id
        self._draft_id = draft_id
        self._on_preview = on_preview
        self._on_shown = on_shown
        self._waits = waits
        self._tell = tell
        self._said = ""  # about the wait
        self._text = ""
        self._news = asyncio.Event()
        self._is_sending = False
        self._is_closed = False
        self._painter: asyncio.Task[None] | None = None
        self.preview_message_id = preview_message_id

    def begin(self) -> None:
        """Show that something is being written, unless it is there in a moment."""
        self._painter = asyncio.create_task(self._paint())

    def show(self, text: str) -> None:
        """Show the reply so far, soon; a newer text takes the place of one still waiting."""
        self._text = text
        self._news.set()

    async def aclose(self) -> None:
        """Show nothing more. What is on its way ends first: it must not come after the reply."""
        self._is_closed = True
        if self._painter is None:
            return
        if not self._is_sending:
            self._painter.cancel()
        await asyncio.wait({self._painter})

    async def _paint(self) -> None:
        try:
            if not await self._news_within(TYPING_AFTER_S):
                await self._type()
            while not self._is_closed and not await self._news_within(TYPING_EVERY_S):
                if not await self._say_what_waits():
                    await self._type()
            while self._mode != "off" and not self._is_closed:
                await self._news.wait()
                await asyncio.sleep(SETTLE_S)
                self._news.clear()
                await self._show()
        except TelegramError as error:
            log.info("draft_failed", error=type(error).__name__)
        except Exception as error:  # a preview whose id could not be kept
            log.error("draft_failed", error=type(error).__name__)

    async def _news_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _type(self) -> None:
        if self._pacer.may_draft(self._telegram_id):
            await self._call(self._bot.send_chat_action(self._telegram_id, ChatAction.TYPING))

    async def _say_what_waits(self) -> bool:
        """Say how many wait before, anew where it has changed; whether anything was said."""
        text = self._waits()
        if not text or text == self._said:
            return False
        if self._mode != "off":
            if not await self._put(text):
                return False
        elif not self._said:
            await self._call(self._tell(text))
        self._said = text
        return True

    async def _show(self) -> None:
        if await self._put(self._text):
            self._on_shown()

    async def _put(self, text: str) -> bool:
        """Show a text in the place of the one before; False where there is no room for it."""
        if utf16_length(text) > LIMIT or not self._pacer.may_draft(self._telegram_id):
            return False
        bot, chat_id = self._bot, self._telegram_id
        if self._mode == "draft":
            await self._call(bot.send_message_draft(chat_id, draft_id=self._draft_id, text=text))
        elif self.preview_message_id is not None:
            await self._call(
                bot.edit_message_text(text, chat_id=chat_id, message_id=self.preview_message_id)
            )
        else:
            await self._pacer.wait(chat_id)  # it is a message like any other
            await self._call(self._begin_preview(text))
        return True

    async def _begin_preview(self, text: str) -> None:
        message = await self._bot.send_message(self._telegram_id, text)
        self.preview_message_id = message.message_id
        await self._on_preview(message.message_id)

    async def _call(self, call: Awaitable[object]) -> None:
        self._is_sending = True
        try:
            await call
        finally:
            self._is_sending = False
