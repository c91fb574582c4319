"""The environment of a service: settings, database, texts and Telegram."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from telegram import Bot
from telegram.ext import Application

from bot.metrics import Metrics
from bot.settings import Settings
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.transport.http_client import telegram_request
from bot.transport.rate_limit import RateLimiter
from bot.updates.responder import Responder
from safety.response.hotlines import Hotlines
from storage import Clock, Database, Vault, utc_now

Telegram = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True)
class Context:
    """The environment that the rooms of one service are built from.

    Attributes:
        application: the application of python-telegram-bot.
        limiter: the limits on sending.
    """

    settings: Settings
    database: Database
    application: Telegram
    texts: Texts
    hotlines: Hotlines
    metrics: Metrics
    limiter: RateLimiter

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock, limiter: RateLimiter | None = None) -> Self:
        """Create the environment from the settings. Nothing outside the process is contacted.

        Raises:
            HotlineError: PICA_LOCAL_CONTACTS names a file that cannot be used.
            StorageError: PICA_DATABASE_URL is not the URL of a database.
            SecretKeyError: PICA_SECRET_KEY is missing or malformed.
        """
        return cls(
            settings=settings,
            database=open_database(settings, clock=clock),
            application=telegram(settings),
            texts=Texts(),
            hotlines=Hotlines.load(settings.local_contacts),
            metrics=Metrics(),
            limiter=limiter or RateLimiter(),
        )

    @property
    def bot(self) -> Bot:
        """The bot that calls Telegram."""
        bot: Bot = self.application.bot
        return bot

    @cached_property
    def help_lines(self) -> HelpLines:
        """The numbers that people can call."""
        return HelpLines(self.texts, self.hotlines)

    @cached_property
    def answers(self) -> Responder:
        """The transactions of people's commands and buttons."""
        return Responder(self.database, self.texts)


def open_database(settings: Settings, *, clock: Clock = utc_now) -> Database:
    """Return the database that the settings name, with its secret key.

    Raises:
        StorageError: PICA_DATABASE_URL is not the URL of a database.
        SecretKeyError: PICA_SECRET_KEY is missing or malformed.
    """
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return Database(settings.sql_url, Vault.parse(secret), clock=clock)


def telegram_bot(settings: Settings) -> Bot:
    """Return a bot for single calls outside the service."""
    assert settings.telegram_token is not None
    server = settings.telegram_api_url.rstrip("/")
    token = settings.telegram_token.get_secret_value()
    return Bot(token, base_url=f"{server}/bot", request=telegram_request())


def telegram(settings: Settings) -> Telegram:
    """Return the library's application without its updater, because the service has its own."""
    if settings.telegram_token is None:
        raise ValueError("PICA_TELEGRAM_TOKEN is not set")
    server = settings.telegram_api_url.rstrip("/")
    return (
        Application.builder()
        .token(settings.telegram_token.get_secret_value())
        .base_url(f"{server}/bot")
        .base_file_url(f"{server}/file/bot")
        .request(telegram_request(connection_pool_size=64, pool_timeout=30, read_timeout=15))
        .get_updates_request(telegram_request())  # unused, because the poller has its own
        .updater(None)
        .build()
    )
