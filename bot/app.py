"""The composition root: builds every part from the settings, starts and closes it.

The only place where parts learn of one another. Knows nothing of the environment.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from telegram import BotCommand
from telegram.ext import Application
from telegram.request import HTTPXRequest

from bot.commands import COMMANDS, Commands
from bot.conversation import Conversation
from bot.crisis import Crisis
from bot.delivery import Delivery
from bot.dispatch import Dispatch
from bot.http import WEBHOOK_PATH, Server, build
from bot.intake import Intake
from bot.lanes import Lanes, Unit
from bot.metrics import Metrics
from bot.onboarding import Onboarding
from bot.operators import Operators
from bot.pacing import Pacer
from bot.poller import ALLOWED, Poller
from bot.settings import Settings
from bot.texts import LANGUAGES, Texts
from inference import InferenceWorker, ModelSource
from safety.guard import Guard
from safety.hotlines import Hotlines
from safety.screen import Screener
from storage import Database, conversations, hot, inbox, outbox
from storage.ids import PersonId

log = structlog.get_logger(__name__)
SWEEP_S = 3600
UNCONSENTED_KEPT = timedelta(hours=24)


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class Service:
    """The whole service: `start`, then `run` until cancelled, then `aclose`."""

    def __init__(
        self,
        settings: Settings,
        worker: InferenceWorker,
        *,
        now: Callable[[], datetime] = utc_now,
        pacer: Pacer | None = None,
    ) -> None:
        if settings.telegram_token is None:
            raise ValueError("a token is needed")
        self.settings = settings
        self.worker = worker
        self._now = now
        self._pacer = pacer or Pacer()
        self.metrics = Metrics()
        self.database = Database(settings.sql_url)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        self.hot = hot.connect(redis_url)
        token = settings.telegram_token.get_secret_value()
        self.application: Application[Any, Any, Any, Any, Any, Any] = (
            Application.builder()
            .token(token)
            .base_url(f"{settings.telegram_api_url.rstrip('/')}/bot")
            .base_file_url(f"{settings.telegram_api_url.rstrip('/')}/file/bot")
            .request(HTTPXRequest(connection_pool_size=64, pool_timeout=30, read_timeout=15))
            .updater(None)
            .build()
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._build()

    def _build(self) -> None:
        settings, bot, now = self.settings, self.application.bot, self._now
        self.texts = texts = Texts()
        hotlines = Hotlines.load()
        screener = Screener.load()
        pacer = self._pacer
        self.delivery = Delivery(
            database=self.database, bot=bot, pacer=pacer, metrics=self.metrics,
            operators_chat=settings.operators_chat, now=now,
        )  # fmt: skip
        self.lanes = Lanes(self._handle, burst_window_s=settings.burst_window_s)
        crisis = Crisis(
            texts=texts, hotlines=hotlines, has_operators=settings.operators_chat is not None,
            after=self._after_crisis,
        )  # fmt: skip
        onboarding = Onboarding(
            database=self.database, texts=texts, hotlines=hotlines,
            retention_days=settings.retention_days, warns_of_demo=self.worker.is_demo, now=now,
        )  # fmt: skip
        conversation = Conversation(
            database=self.database, hot=self.hot, worker=self.worker, bot=bot, pacer=pacer,
            screener=screener, guard=Guard(screener, hotlines), crisis=crisis,
            onboarding=onboarding, texts=texts, metrics=self.metrics,
            streaming=settings.streaming, persona=settings.persona,
            max_new_tokens=settings.max_new_tokens, wake=self.delivery.wake, now=now,
        )  # fmt: skip
        self.intake = Intake(
            database=self.database, bot=bot, screener=screener, crisis=crisis, lanes=self.lanes,
            metrics=self.metrics, now=now,
        )  # fmt: skip
        operators = Operators(
            database=self.database, texts=texts, operators=settings.operators,
            chat_id=settings.operators_chat, wake=self.delivery.wake, now=now,
        )  # fmt: skip
        Commands(
            database=self.database, texts=texts, onboarding=onboarding,
            conversation=conversation, operators=operators,
            retention_days=settings.retention_days, wake=self.delivery.wake,
            readmit=self.intake.readmit, now=now,
        ).register(self.application)  # fmt: skip
        self._dispatch = Dispatch(
            application=self.application, database=self.database, texts=texts,
            metrics=self.metrics, wake=self.delivery.wake, now=now,
        )  # fmt: skip
        self.poller = Poller(bot=bot, database=self.database, receive=self.intake.receive, now=now)

    async def _handle(self, unit: Unit) -> None:
        await self._dispatch.handle(unit)

    def _after_crisis(self, person_id: PersonId) -> None:
        self.lanes.cancel(person_id)
        self.delivery.wake()

    async def start(self) -> None:
        """Bring the schema up, ask Telegram who we are, finish what a crash left open.

        Raises:
            StorageError: the database cannot be used.
            TelegramError: the token is wrong or Telegram cannot be reached.
        """
        settings = self.settings
        await self.database.upgrade()
        await self.application.initialize()
        await self._introduce()
        app = build(
            metrics=self.metrics,
            readiness=self.readiness,
            receive=self.intake.receive,
            webhook_secret=(
                settings.webhook_secret.get_secret_value()
                if settings.webhook_url and settings.webhook_secret
                else None
            ),
            before_metrics=self._measure,
        )
        self.http = Server(app, settings.http_host, settings.http_port)
        recovered = await self.delivery.recover()
        self._spawn(self.http.serve(), "http")
        self._spawn(self.delivery.run(), "delivery")
        resumed = await self.intake.resume()
        if recovered or resumed:
            log.info("resumed", updates=resumed, messages=recovered)
        if settings.webhook_url:
            await self._set_webhook(settings.webhook_url)
        else:
            await self.application.bot.delete_webhook()
            self._spawn(self.poller.run(), "poller")
        self._spawn(self._sweep(), "sweep")
        while not self.http.started:
            if self._tasks[0].done():
                raise OSError(f"port {settings.http_port} cannot be used; set PICA_HTTP_PORT")
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Return only when a part has failed for good, with its error."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def readiness(self) -> dict[str, bool]:
        """Whether each part can serve."""
        try:
            await self.database.ping()
            storage_answers = True
        except Exception:  # whatever the driver raises: it does not answer
            storage_answers = False
        running = all(not task.done() for task in self._tasks)
        return {
            "database": storage_answers,
            "model": self.worker.health().alive,
            "tasks": running,
            "hot_store": await self.hot.ping(),
        }

    async def aclose(self) -> None:
        """Stop receiving, stop turns, let what is being sent end; rows keep the rest."""
        for task in self._tasks:
            if task.get_name() in ("http", "delivery"):
                continue
            task.cancel()
        await self.lanes.aclose()
        for task in self._tasks:
            if task.get_name() == "http":
                self.http.should_exit = True  # closes its socket itself
            else:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):  # a service that never came up has nothing to shut down
            await self.application.shutdown()
        await self.hot.aclose()
        await self.database.aclose()

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _introduce(self) -> None:
        for language in LANGUAGES:
            commands = [
                BotCommand(name, self.texts(language, f"command_{name}")) for name in COMMANDS
            ]
            await self.application.bot.set_my_commands(commands, language_code=language)
        await self.application.bot.set_my_commands(
            [BotCommand(name, self.texts("zh", f"command_{name}")) for name in COMMANDS]
        )

    async def _set_webhook(self, url: str) -> None:
        secret = self.settings.webhook_secret
        await self.application.bot.set_webhook(
            url.rstrip("/") + WEBHOOK_PATH,
            secret_token=secret.get_secret_value() if secret else None,
            allowed_updates=ALLOWED,
        )

    async def _measure(self) -> None:
        async with self.database.read() as transaction:
            self.metrics.inbox_open.set(await inbox.count_open(transaction))
            self.metrics.outbox_open.set(await outbox.count_open(transaction))
        health = self.worker.health()
        self.metrics.model_queue.labels("running").set(health.running)
        self.metrics.model_queue.labels("waiting").set(health.waiting)

    async def _sweep(self) -> None:
        """Delete what is past its time of keeping, every hour."""
        while True:
            now = self._now()
            try:
                async with self.database.begin() as transaction:
                    keep = timedelta(days=self.settings.retention_days)
                    turns = await conversations.delete_turns_before(transaction, now - keep)
                    words = await inbox.expire_unconsented(
                        transaction, before=now - UNCONSENTED_KEPT, now=now
                    )
                log.info("swept", turns=turns, unconsented=words)
            except Exception as error:  # tried again within the hour
                log.error("sweep_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_S)


async def load_model(
    settings: Settings, progress: Callable[[int, int], None] | None = None
) -> InferenceWorker:
    """Load the model that the settings name."""
    source = ModelSource(
        model=settings.model,
        prefix=settings.prefix,
        device=settings.device,
        dtype=settings.dtype,
    )
    return await InferenceWorker.start(source, progress=progress)
