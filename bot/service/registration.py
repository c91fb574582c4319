"""The registration with Telegram at a start: where updates go, and the menu of commands.

A failed step does not end the service. It is tried again in the background.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True)
class Registration:
    """Register at the start, and retry failed steps in the background."""

    bot: Bot
    settings: Settings
    texts: Texts
    _open: dict[str, tuple[RegistrationStep, SendError]] = field(default_factory=dict, init=False)

    async def begin(self) -> None:
        """Run every step once.

        Raises:
            TelegramError: the webhook's URL is not valid, or the token is wrong.
        """
        for name, step in (("updates", self._set_webhook), ("menu", self._set_commands)):
            try:
                await step()
            except TelegramError as error:
                is_wrong = isinstance(error, BadRequest | InvalidToken)
                if name == "updates" and self.settings.webhook_url and is_wrong:
                    raise
                self._open[name] = step, read(error)
                log.warning("registration_failed", step=name, error=self._open[name][1].name)

    async def run(self) -> None:
        """Retry failed steps, then wait until cancelled."""
        async with asyncio.TaskGroup() as retries:
            for name, (step, error) in self._open.items():
                retries.create_task(self._retry(name, step, error))
        await asyncio.Event().wait()  # the service would end with this task

    async def _retry(self, name: str, step: RegistrationStep, error: SendError) -> None:
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

    async def _set_webhook(self) -> None:
        """Set the webhook, or delete it if updates are polled."""
        url, secret = self.settings.webhook_url, self.settings.webhook_secret
        if not url:
            await self.bot.delete_webhook()
            return
        await self.bot.set_webhook(
            url.rstrip("/") + WEBHOOK_PATH,
            secret_token=secret.get_secret_value() if secret else None,
            allowed_updates=ALLOWED,
        )

    async def _set_commands(self) -> None:
        """Set the menu of commands."""
        for code, language in ((None, "zh"), *((language, language) for language in LANGUAGES)):
            await self.bot.set_my_commands(
                [BotCommand(name, self.texts(language, f"command_{name}")) for name in COMMANDS],
                language_code=code,
            )
