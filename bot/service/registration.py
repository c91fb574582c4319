"""What Telegram is told at a start: where updates go, and the menu of commands.

Nothing of it is worth ending a service for: what Telegram does not take is told again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from telegram import Bot, BotCommand
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot.receiving.poller import ALLOWED
from bot.service.http_server import WEBHOOK_PATH
from bot.service.routes import COMMANDS
from bot.settings import Settings
from bot.texts import LANGUAGES, Texts
from bot.transport.errors import SendError, read

log = structlog.get_logger(__name__)
LONGEST_WAIT_S = 60.0
RegistrationStep = Callable[[], Awaitable[None]]


class Registration:
    """Tells it once at the start, and what failed in the background."""

    def __init__(self, *, bot: Bot, settings: Settings, texts: Texts) -> None:
        self._bot = bot
        self._settings = settings
        self._texts = texts
        self._open: dict[str, tuple[RegistrationStep, SendError]] = {}

    async def begin(self) -> None:
        """Tell everything once.

        Raises:
            TelegramError: the address of the webhook is none, or the token is wrong.
        """
        for name, step in (("updates", self._direct), ("menu", self._introduce)):
            try:
                await step()
            except TelegramError as error:
                is_wrong = isinstance(error, BadRequest | InvalidToken)
                if name == "updates" and self._settings.webhook_url and is_wrong:
                    raise
                self._open[name] = step, read(error)
                log.warning("registration_failed", step=name, error=self._open[name][1].name)

    async def run(self) -> None:
        """Tell what is left until it is told; ends only by being cancelled."""
        async with asyncio.TaskGroup() as left:
            for name, (step, error) in self._open.items():
                left.create_task(self._insist(name, step, error))
        await asyncio.Event().wait()  # the service ends with the first of its tasks that does

    async def _insist(self, name: str, step: RegistrationStep, error: SendError) -> None:
        tries = 0
        while True:
            wait_s = min(2.0**tries, LONGEST_WAIT_S)
            await asyncio.sleep(max(wait_s, error.retry_after_s or 0.0))
            tries = min(tries + 1, 6)
            try:
                await step()
            except TelegramError as failed:
                error = read(failed)
            else:
                log.info("registration_done", step=name)
                return

    async def _direct(self) -> None:
        """Say where updates go."""
        url, secret = self._settings.webhook_url, self._settings.webhook_secret
        if not url:
            await self._bot.delete_webhook()
            return
        await self._bot.set_webhook(
            url.rstrip("/") + WEBHOOK_PATH,
            secret_token=secret.get_secret_value() if secret else None,
            allowed_updates=ALLOWED,
        )

    async def _introduce(self) -> None:
        """Give the menu of commands."""
        for code, language in ((None, "zh"), *((language, language) for language in LANGUAGES)):
            await self._bot.set_my_commands(
                [BotCommand(name, self._texts(language, f"command_{name}")) for name in COMMANDS],
                language_code=code,
            )
