"""The poll loop: getUpdates, stored one by one, then confirmed.

Updates are confirmed by the offset of the next call, and the offset moves only over what intake has
stored. Two pollers on one token and database never run (`leadership`); on two databases Telegram
answers 409, which is said in the log until one of them ends. No answer ends the loop: a token that
was refused may be put right, and what came meanwhile waits at Telegram.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog
from telegram import Bot
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot.metrics import Metrics
from bot.transport.errors import read
from bot.transport.http_client import telegram_request
from bot.updates import parsing

log = structlog.get_logger(__name__)
ALLOWED = ["message", "edited_message", "callback_query", "my_chat_member"]
POLL_TIMEOUT_S = 20
WAIT_S = 2.0
MOST_LETTERS = 8_192
"""Letters that are received of one page."""
LONGEST_WAIT_S = 10.0
LONGEST_ASKED_S = 60.0
SAY_AGAIN = 60
"""Of so many failures alike one is said: at the longest wait every ten minutes."""
REFUSED = 3
"""So many refusals of the token in a row are no slip of a proxy."""


class Poller:
    """Receives by polling.

    Args:
        bot: whose token and server are polled.
        receive: stores an update, or raises.
        answer_unstored: answers a message at risk that stands behind one that could not be stored.
        metrics: counts polls that fail.
        now: the present instant.

    Attributes:
        last_poll_at: when Telegram last answered.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        receive: Callable[[object], Awaitable[None]],
        answer_unstored: Callable[[object], Awaitable[None]],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._bot = bot
        self._receive = receive
        self._answer_unstored = answer_unstored
        self._metrics = metrics
        self._now = now
        self._request = telegram_request(connection_pool_size=1, read_timeout=POLL_TIMEOUT_S + 10)
        self._offset = 0
        self._stored: set[int] = set()  # beyond the offset
        self._failure = ""  # how polls fail, and how many in a row
        self._failures = 0
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
        """Whether Telegram refuses the token, and not just once."""
        return self._failure == InvalidToken.__name__ and self._failures >= REFUSED

    def _failed(self, error: TelegramError) -> float:
        """Say and count a failure; return how long to wait."""
        name = type(error).__name__
        self._metrics.poll_failures.labels(name).inc()
        if name != self._failure:
            self._failure, self._failures = name, 0
        if self._failures % SAY_AGAIN == 0:
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
        """Take what has come; False where something could not be stored."""
        data = RequestData(_parameters(self._offset))
        found = await self._request.post(
            f"{self._bot.base_url}/getUpdates", data, read_timeout=POLL_TIMEOUT_S + 10
        )
        self.last_poll_at = self._now()
        self._failure, self._failures = "", 0
        page = found if isinstance(found, list) else []
        fresh = [raw for raw in page if parsing.update_id_of(raw) not in self._stored]
        has_failed = await self._take(fewest_letters_first(fresh))
        self._offset = max(self._offset, self._next(page))
        self._stored = {each for each in self._stored if each >= self._offset}
        return not has_failed

    async def _take(self, page: Sequence[object]) -> bool:
        """Receive updates; whether storage was away for one of them.

        After so many letters the rest is fetched again: then whoever came meanwhile goes first.
        """
        letters, has_failed = 0, False
        for raw in page:
            if has_failed:
                await self._answer_unstored(raw)  # its place in line is kept by not storing it yet
                continue
            if letters > MOST_LETTERS:
                break
            letters += len(parsing.parse_leniently(raw).text)
            try:
                await self._receive(raw)
            except Exception as error:  # storage is away: nothing from here on is confirmed
                log.error("intake_failed", error=type(error).__name__)
                has_failed = True
                continue
            if (update_id := parsing.update_id_of(raw)) is not None:
                self._stored.add(update_id)
        return has_failed

    def _next(self, page: Sequence[object]) -> int:
        """Give the offset that confirms what was stored, up to the first update that was not."""
        found = [each for raw in page if (each := parsing.update_id_of(raw)) is not None]
        return min(
            (each for each in found if each not in self._stored), default=max(found, default=-1) + 1
        )


def fewest_letters_first(page: Sequence[object]) -> list[object]:
    """Order updates so that nobody waits for a person who wrote more; each person's keep theirs."""
    told = [parsing.parse_leniently(raw) for raw in page]
    letters: Counter[int | None] = Counter()
    for reading in told:
        letters[reading.telegram_id] += len(reading.text)
    order = sorted(range(len(page)), key=lambda at: letters[told[at].telegram_id])
    return [page[at] for at in order]


def _parameters(offset: int) -> list[RequestParameter]:
    values = {
        "offset": offset,
        "limit": 100,
        "timeout": POLL_TIMEOUT_S,
        "allowed_updates": ALLOWED,
    }
    return [RequestParameter.from_input(key, value) for key, value in values.items()]
