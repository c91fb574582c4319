"""Showing a reply while it is written: a help for the eye, never the delivery.

Knows nothing of the model. Only whole sentences that the guard has passed come
here; a draft that fails or finds no room in the budget is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.pacing import Pacer
from bot.splitting import LIMIT, utf16_length

log = structlog.get_logger(__name__)


class Draft:
    """One reply as it grows.

    Args:
        bot: the library's bot.
        pacer: the budget of drafts.
        mode: `draft`, `edit` or `off`.
        telegram_id: the person's chat.
        draft_id: not 0; the same for every stage of one reply.
        preview_message_id: in edit mode, the message that an earlier attempt left.
        on_preview: told the id of a new preview, so that it outlives a crash.

    Attributes:
        preview_message_id: the message that stands for the reply in edit mode.
    """

    def __init__(
        self,
        bot: Bot,
        pacer: Pacer,
        mode: str,
        telegram_id: int,
        *,
        draft_id: int,
        preview_message_id: int | None,
        on_preview: Callable[[int], Awaitable[None]],
    ) -> None:
        self._bot = bot
        self._pacer = pacer
        self._mode = mode
        self._telegram_id = telegram_id
        self._draft_id = draft_id
        self._on_preview = on_preview
        self._broken = mode == "off"
        self._typing: asyncio.Task[bool] | None = None  # held, so that it is not collected
        self.preview_message_id = preview_message_id

    def begin_typing(self) -> None:
        """Show that something is being written; the model does not wait for it."""
        if self._pacer.may_draft(self._telegram_id):
            work = self._try(self._bot.send_chat_action, action=ChatAction.TYPING)
            self._typing = asyncio.create_task(work)

    async def show(self, text: str) -> bool:
        """Show the reply so far; whether anything was shown."""
        if self._broken or utf16_length(text) > LIMIT:
            return False
        if not self._pacer.may_draft(self._telegram_id):
            return False
        if self._mode == "draft":
            return await self._try(self._bot.send_message_draft, draft_id=self._draft_id, text=text)
        if self.preview_message_id is not None:
            return await self._try(
                self._bot.edit_message_text, message_id=self.preview_message_id, text=text
            )
        preview = asyncio.ensure_future(self._begin_preview(text))
        try:
            return await asyncio.shield(preview)
        except asyncio.CancelledError:
            # Its id must be known, or half a reply would stand beside the whole one for good.
            await asyncio.wait({preview})
            raise

    async def _begin_preview(self, text: str) -> bool:
        await self._pacer.wait(self._telegram_id)
        try:
            message = await self._bot.send_message(self._telegram_id, text)
        except TelegramError as error:
            self._give_up(error)
            return False
        self.preview_message_id = message.message_id
        await self._on_preview(message.message_id)
        return True

    async def _try(self, call: Callable[..., Awaitable[object]], **values: object) -> bool:
        try:
            await call(chat_id=self._telegram_id, **values)
        except TelegramError as error:
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: TelegramError) -> None:
        self._broken = True
        log.info("draft_failed", error=type(error).__name__)
