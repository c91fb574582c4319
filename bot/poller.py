"""The poll loop: getUpdates, stored one by one, then confirmed.

Knows nothing of what an update means. Updates are confirmed by the offset of the
next call, and the offset moves only over what intake has stored. Two pollers on one
token and database never run (`leadership`); on two databases Telegram answers 409, which is
said in the log until one of them ends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from telegram import Bot
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot import updates
from bot.tls import telegram_request

log = structlog.get_logger(__name__)
ALLOWED = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_TIMEOUT_S = 20
WAIT_S = 2.0


class Poller:
    """Receives by polling.

    Args:
        bot: whose token and server are polled.
        receive: stores an update, or raises.
        rescue: answers a message at risk that stands behind one that could not be stored.
        now: the clock.

    Attributes:
        last_poll_at: when Telegram last answered.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        receive: Callable[[object], Awaitable[None]],
        rescue: Callable[[object], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._bot = bot
        self._receive = receive
        self._rescue = rescue
        self._now = now
        self._request = telegram_request(connection_pool_size=1, read_timeout=POLL_TIMEOUT_S + 10)
        self._offset = 0
        self.last_poll_at: datetime | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        await self._request.initialize()
        try:
            while True:
                try:
                    if not await self._poll():
                        await asyncio.sleep(WAIT_S)
                except InvalidToken:
                    raise
                except Conflict:
                    log.warning("another_poller", advice="stop the other service or webhook")
                    await asyncio.sleep(WAIT_S)
                except TelegramError as error:
                    log.warning("poll_failed", error=type(error).__name__)
                    await asyncio.sleep(WAIT_S)
        finally:
            await self._request.shutdown()

    async def _poll(self) -> bool:
        """Take what has come; False where something could not be stored."""
        data = RequestData(_parameters(self._offset))
        found = await self._request.post(
            f"{self._bot.base_url}/getUpdates", data, read_timeout=POLL_TIMEOUT_S + 10
        )
        self.last_poll_at = self._now()
        all_stored = True
        for raw in found if isinstance(found, list) else []:
            if not all_stored:
                await self._rescue(raw)  # its place in line is kept by not storing it yet
                continue
            try:
                await self._receive(raw)
            except Exception as error:  # storage is away: nothing from here on is confirmed
                log.error("intake_failed", error=type(error).__name__)
                all_stored = False
                continue
            update_id = updates.update_id_of(raw)
            if update_id is not None:
                self._offset = max(self._offset, update_id + 1)
        return all_stored


def _parameters(offset: int) -> list[RequestParameter]:
    values = {
        "offset": offset,
        "limit": 100,
        "timeout": POLL_TIMEOUT_S,
        "allowed_updates": ALLOWED,
    }
    return [RequestParameter.from_input(key, value) for key, value in values.items()]
