"""The poll loop, which receives updates with `getUpdates`.

The offset of the next call confirms updates to Telegram, so it moves only past stored ones. No
failure ends the loop, not even a refused token, which the owner may repair.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from urllib.parse import urlencode

import structlog
from telegram import Bot
from telegram.error import Conflict, InvalidToken, TelegramError

from bot.metrics import Metrics
from bot.transport.errors import read
from bot.transport.http_client import telegram_request
from bot.updates import parsing

log = structlog.get_logger(__name__)
ALLOWED = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_TIMEOUT_S = 20
WAIT_S = 2.0
LONGEST_WAIT_S = 10.0
LONGEST_ASKED_S = 60.0
# The log gets one of this many equal failures, which is one in ten minutes at the longest wait.
LOG_EVERY = 60
# After this many refusals in a row the token is wrong. One may be the slip of a proxy.
REFUSED = 3


class Poller:
    """Receives updates by polling.

    Args:
        bot: the bot, for its token and server.
        receive_page: stores updates, and returns the ids of those that are stored.
        metrics: counts failed polls.
        now: the clock.

    Attributes:
        last_poll_at: when Telegram last answered.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        receive_page: Callable[[Sequence[object]], Awaitable[Collection[int]]],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._bot = bot
        self._receive_page = receive_page
        self._metrics = metrics
        self._now = now
        self._request = telegram_request(connection_pool_size=1, read_timeout=POLL_TIMEOUT_S + 10)
        self._offset = 0
        self._stored: set[int] = set()  # stored updates beyond the offset
        self._failure = ""  # the name of the last failure
        self._failures = 0  # in a row
        self.last_poll_at: datetime | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        await self._request.initialize()
        try:
            while True:
                try:
                    if not await self._poll():
                        await asyncio.sleep(WAIT_S)
                except TelegramError as error:
                    await asyncio.sleep(self._failed(error))
        finally:
            await self._request.shutdown()

    @property
    def token_is_refused(self) -> bool:
        """Whether Telegram keeps refusing the token."""
        return self._failure == InvalidToken.__name__ and self._failures >= REFUSED

    def _failed(self, error: TelegramError) -> float:
        """Log and count a failure, and return how long to wait."""
        name = type(error).__name__
        self._metrics.poll_failures.labels(name).inc()
        if name != self._failure:
            self._failure, self._failures = name, 0
        if self._failures % LOG_EVERY == 0:
            if isinstance(error, Conflict):
                log.warning("another_poller", advice="stop the other service or webhook")
            elif isinstance(error, InvalidToken):
                log.critical("token_refused", advice="check PICA_TELEGRAM_TOKEN with @BotFather")
            else:
                log.warning("poll_failed", error=name)
        asked_s = min(read(error).retry_after_s or 0.0, LONGEST_ASKED_S)
        wait_s = min(WAIT_S * 2.0 ** min(self._failures, 8), LONGEST_WAIT_S)
        self._failures += 1
        return max(wait_s, asked_s)

    async def _poll(self) -> bool:
        """Receive a page of updates, and return False if one could not be stored."""
        url = f"{self._bot.base_url}/getUpdates?{_query(self._offset)}"
        result = await self._request.post(url, read_timeout=POLL_TIMEOUT_S + 10)
        self.last_poll_at = self._now()
        self._failure, self._failures = "", 0
        page = result if isinstance(result, list) else []
        new = [raw for raw in page if parsing.update_id_of(raw) not in self._stored]
        stored = await self._receive_page(new)
        self._stored.update(stored)
        self._offset = max(self._offset, self._next(page))
        self._stored = {number for number in self._stored if number >= self._offset}
        return {parsing.update_id_of(raw) for raw in new} - {None} <= set(stored)

    def _next(self, page: Sequence[object]) -> int:
        """Return the offset that confirms all updates before the first unstored one."""
        ids = [number for raw in page if (number := parsing.update_id_of(raw)) is not None]
        unstored = (number for number in ids if number not in self._stored)
        return min(unstored, default=max(ids, default=-1) + 1)


def _query(offset: int) -> str:
    values = {
        "offset": offset,
        "limit": 100,
        "timeout": POLL_TIMEOUT_S,
        "allowed_updates": json.dumps(ALLOWED),
    }
    return urlencode(values)
