"""The poll loop: getUpdates, stored one by one, then confirmed.

Knows nothing of what an update means. Updates are confirmed by the offset of the
next call, and the offset moves only over what intake has stored. One poller a
token: a lease in SQL decides, and the second waits and says so.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from telegram import Bot
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from bot import updates
from storage import Database, leases

log = structlog.get_logger(__name__)
ALLOWED = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_TIMEOUT_S = 20
LEASE = timedelta(seconds=60)
WAIT_S = 2.0


class Poller:
    """Receives by polling."""

    def __init__(
        self,
        *,
        bot: Bot,
        database: Database,
        receive: Callable[[object], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._bot = bot
        self._database = database
        self._receive = receive
        self._now = now
        self._request = HTTPXRequest(connection_pool_size=1, read_timeout=POLL_TIMEOUT_S + 10)
        self._holder = secrets.token_hex(8)
        self._lease = "poll:" + hashlib.sha256(bot.token.encode()).hexdigest()[:16]
        self._offset = 0
        self.is_leading = False
        self.last_poll_at: datetime | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        await self._request.initialize()
        try:
            while True:
                try:
                    if await self._lead():
                        await self._poll()
                    else:
                        await asyncio.sleep(WAIT_S)
                except (Conflict, RetryAfter, TelegramError) as error:
                    if isinstance(error, InvalidToken):
                        raise
                    if isinstance(error, Conflict):
                        log.warning("another_poller", advice="stop the other service or webhook")
                    else:
                        log.warning("poll_failed", error=type(error).__name__)
                    await asyncio.sleep(WAIT_S)
                except Exception as error:  # storage is away: nothing was confirmed
                    log.error("intake_failed", error=type(error).__name__)
                    await asyncio.sleep(WAIT_S)
        finally:
            await self._request.shutdown()
            if self.is_leading:
                async with self._database.begin() as transaction:
                    await leases.release(transaction, self._lease, self._holder, now=self._now())

    async def _lead(self) -> bool:
        async with self._database.begin() as transaction:
            leads = await leases.acquire(
                transaction, self._lease, self._holder, ttl=LEASE, now=self._now()
            )
        if leads != self.is_leading or (not leads and self.last_poll_at is None):
            log.info("poller_leads" if leads else "poller_waits_for_the_other")
            self.last_poll_at = self._now()
        self.is_leading = leads
        return leads

    async def _poll(self) -> None:
        data = RequestData(_parameters(self._offset))
        found = await self._request.post(
            f"{self._bot.base_url}/getUpdates", data, read_timeout=POLL_TIMEOUT_S + 10
        )
        self.last_poll_at = self._now()
        for raw in found if isinstance(found, list) else []:
            await self._receive(raw)
            update_id = updates.update_id_of(raw)
            if update_id is not None:
                self._offset = max(self._offset, update_id + 1)


def _parameters(offset: int) -> list[RequestParameter]:
    values = {
        "offset": offset,
        "limit": 100,
        "timeout": POLL_TIMEOUT_S,
        "allowed_updates": ALLOWED,
    }
    return [RequestParameter.from_input(key, value) for key, value in values.items()]
