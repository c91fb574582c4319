"""The connections to the database, Telegram and the model at a start."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

from pydantic import SecretStr
from telegram.error import RetryAfter

from bot.context import open_database, telegram
from bot.service.http_server import listen
from bot.setting_faults import variable
from bot.settings import Settings, SettingsError
from bot.transport import surroundings
from bot.transport.api_answers import AnswerError
from inference import InferenceWorker, ModelSource
from safety.response.hotlines import HotlineError, Hotlines
from storage import Database, SecretKeyError, StorageError, Vault, new_secret_key
from storage.companion import round_cache

# What to do if a setting that the service needs is not set.
NEEDED = {
    "telegram_token": "Ask @BotFather for one, or run `pica demo`.",
    "secret_key": (
        "It encrypts what people say. Print a key with `pica key new`, put it into .env, and keep "
        "a copy apart from the backups."
    ),
    "model": (
        "The embedded demo model is not for people in need. Set PICA_MODEL=THUDM/chatglm2-6b and "
        "PICA_PREFIX=NEUDM/PICA-V1, or PICA_ALLOW_DEMO_MODEL=1 to try the service with the demo "
        "model."
    ),
}
# Seconds between the first tries to reach Telegram.
TRIES_AFTER_S = (1, 2, 4)


def check_surroundings() -> None:
    """Check the variables of this process.

    Raises:
        SettingsError: one of them is wrong.
    """
    if found := surroundings.faults():
        raise SettingsError(*found)


def service_faults(settings: Settings) -> dict[str, str]:
    """Return what a start would find wrong in the settings, by field, without a network."""
    faults = {
        field: f"{variable(field)} is not set. {to_do}"
        for field, to_do in NEEDED.items()
        if getattr(settings, field) is None
    }
    if settings.allow_demo_model:
        faults.pop("model", None)
    checks: dict[str, Callable[[], object]] = {
        "secret_key": lambda: Vault.parse(_plain(settings.secret_key)),
        "database_url": lambda: Database(settings.sql_url, Vault.parse(new_secret_key())),
        "redis_url": lambda: round_cache.connect(_plain(settings.redis_url) or None),
        "local_contacts": lambda: Hotlines.load(settings.local_contacts),
        "http_port": lambda: listen(settings.http_host, settings.http_port).close(),
    }
    for field, check in checks.items():
        if field in faults:
            continue
        try:
            check()
        except (StorageError, SecretKeyError, HotlineError, OSError) as error:
            named = str(error).startswith("PICA_")
            faults[field] = str(error) if named else f"{variable(field)}: {error}"
    return faults | {line.split(":")[0]: line for line in surroundings.faults()}


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


async def preflight(settings: Settings) -> None:
    """Check port, database and token before the model is loaded, which takes minutes.

    Raises:
        StorageError: the database does not answer, or an address is not valid.
        SecretKeyError: PICA_SECRET_KEY is missing or malformed.
        TelegramError: the token is wrong or Telegram cannot be reached.
        OSError: the port is taken.
    """
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
