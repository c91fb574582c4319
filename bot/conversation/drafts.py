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
SETTLE_S = 0.1
"""Between a sentence and its draft: what is the last sentence goes out as the reply at once."""


class Preview:
    """The place in a person's chat that shows a reply before it is delivered.

    Args:
        bot: the library's bot.
        limiter: the budget of drafts.
        mode: `draft`, `edit` or `off`.
        telegram_id: the person's chat.
        draft_id: not 0, and the same for every stage of one reply.
        message_id: in edit mode, the message that an earlier attempt left.
        on_begun: receives the id of a new message, so that it outlives a crash.

    Attributes:
        message_id: the message that stands for the reply in edit mode.
        is_sending: whether a call to Telegram is on its way.
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
        on_begun: Callable[[int], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._limiter = limiter
        self._mode = mode
        self._telegram_id = telegram_id
        self._draft_id = draft_id
        self._on_begun = on_begun
        self.message_id = message_id
        self.is_sending = False

    @property
    def is_off(self) -> bool:
        """Whether nothing of the reply is shown before it is delivered."""
        return self._mode == "off"

    @property
    def typing_every_s(self) -> float:
        """How often to show again that something is being written."""
        return self._limiter.TYPING_EVERY_S

    async def show(self, text: str) -> bool:
        """Replace what is shown. Returns False if there is no room for it."""
        if utf16_length(text) > LIMIT or not self._limiter.may_draft(self._telegram_id):
            return False
        bot, chat_id = self._bot, self._telegram_id
        if self._mode == "draft":
            await self.call(bot.send_message_draft(chat_id, draft_id=self._draft_id, text=text))
        elif self.message_id is not None:
            await self.call(
                bot.edit_message_text(text, chat_id=chat_id, message_id=self.message_id)
            )
        else:
            await self._limiter.wait(chat_id)  # it is a message like any other
            await self.call(self._begin(text))
        return True

    async def show_typing(self) -> None:
        """Show that something is being written."""
        if self._limiter.may_draft(self._telegram_id):
            await self.call(self._bot.send_chat_action(self._telegram_id, ChatAction.TYPING))

    async def call(self, call: Awaitable[object]) -> None:
        """Wait for a call that must not be cut short."""
        self.is_sending = True
        try:
            await call
        finally:
            self.is_sending = False

    async def _begin(self, text: str) -> None:
        message = await self._bot.send_message(self._telegram_id, text)
        self.message_id = message.message_id
        await self._on_begun(message.message_id)


class ReplyDraft:
    """One reply as it grows; painted by a task of its own, so that the model never waits.

    Args:
        preview: where it is shown.
        on_shown: called when a part of the reply was seen.
        waits: returns a word about the wait, or nothing if nobody waits before.
        tell: sends such a word as a message, once, if drafts are off.
    """

    def __init__(
        self,
        preview: Preview,
        *,
        on_shown: Callable[[], None],
        waits: Callable[[], str],
        tell: Callable[[str], Awaitable[None]],
    ) -> None:
        self._preview = preview
        self._on_shown = on_shown
        self._waits = waits
        self._tell = tell
        self._said = ""  # about the wait
        self._text = ""
        self._news = asyncio.Event()
        self._is_closed = False
        self._painter: asyncio.Task[None] | None = None

    @property
    def preview_message_id(self) -> int | None:
        """The message that becomes the reply by an edit."""
        return self._preview.message_id

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
        if not self._preview.is_sending:
            self._painter.cancel()
        await asyncio.wait({self._painter})

    async def _paint(self) -> None:
        preview = self._preview
        try:
            if not await self._news_within(TYPING_AFTER_S):
                await preview.show_typing()
            while not self._is_closed and not await self._news_within(preview.typing_every_s):
                if not await self._say_what_waits():
                    await preview.show_typing()
            while not preview.is_off and not self._is_closed:
                await self._news.wait()
                await asyncio.sleep(SETTLE_S)
                self._news.clear()
                if await preview.show(self._text):
                    self._on_shown()
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

    async def _say_what_waits(self) -> bool:
        """Say how many wait before, again if it has changed. Returns whether it said anything."""
        text = self._waits()
        if not text or text == self._said:
            return False
        if not self._preview.is_off:
            if not await self._preview.show(text):
                return False
        elif not self._said:
            await self._preview.call(self._tell(text))
        self._said = text
        return True
