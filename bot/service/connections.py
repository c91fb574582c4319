"""The connections to the database, Telegram and the model at a start."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

from telegram.error import RetryAfter

from bot.context import open_database, telegram
from bot.service.http_server import listen
from bot.settings import Settings, SettingsError
from bot.transport import surroundings
from bot.transport.api_answers import AnswerError
from inference import InferenceWorker, ModelSource
from storage.companion import round_cache

# Seconds between the first tries to reach Telegram.
TRIES_AFTER_S = (1, 2, 4)


def check_surroundings() -> None:
    """Check the variables of this process.

    Raises:
        SettingsError: one of them is wrong.
    """
    if found := surroundings.faults():
        raise SettingsError("\n".join(found))


async def preflight(settings: Settings) -> None:
    """Check port, database and token before the model is loaded, which takes minutes.

    Raises:
        StorageError: the database does not answer, or an address is not valid.
        SecretKeyError: PICA_SECRET_KEY is missing or malformed.
        TelegramError: the token is wrong or Telegram cannot be reached.
        OSError: the port is taken.
        SettingsError: a variable that the HTTP client reads is wrong.
    """
    check_surroundings()
    listen(settings.http_host, settings.http_port).close()
    database = open_database(settings)
    try:
        await database.version()
    finally:
        await database.aclose()
    if settings.redis_url is not None:
        await round_cache.connect(settings.redis_url.get_secret_value()).aclose()
    bot = telegram(settings).bot
    try:
        await reach(bot.initialize)  # checks the token
    finally:
        await bot.shutdown()


async def reach(begin: Callable[[], Awaitable[None]]) -> None:
    """Contact Telegram, and try again after an odd answer.

    Raises:
        TelegramError: the token is wrong or Telegram cannot be reached.
    """
    for wait_s in TRIES_AFTER_S:
        try:
            await begin()
        except (AnswerError, RetryAfter):
            await asyncio.sleep(wait_s)
        else:
            return
    await begin()


async def load_model(
    settings: Settings, progress: Callable[[int, int], None] | None = None
) -> InferenceWorker:
    """Load the model that the settings name."""
    source = ModelSource(
        model=settings.model,
        prefix=settings.prefix,
        device=settings.device,
        dtype=settings.dtype,
        weights=settings.weights,
        max_running=settings.max_running,
        max_waiting=settings.max_waiting,
        resident_mib=settings.resident_mib,
        host_mib=settings.host_mib,
        threads=settings.threads,
    )
    worker = await InferenceWorker.start(source, progress=progress)
    # The model stays loaded, and the garbage collector stops every thread while it searches it.
    gc.collect()
    gc.freeze()
    return worker
