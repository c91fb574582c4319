"""The life of the service: start, run, fail and stop."""

import asyncio
import gc
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from bot.jobs import run_jobs
from bot.service import own_files
from bot.service.composition import build
from bot.service.connections import reach
from bot.service.gauges import measure
from bot.service.http_server import Endpoints, Server
from bot.service.known_hosts import KnownHosts
from bot.service.parts import Parts
from bot.service.registration import Registration
from bot.settings import Settings
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from inference import LanguageModel, ModelError
from review.cases import canned_replies
from review.operators import roster
from safety.text.languages import prepare_languages
from storage import Clock, utc_now
from storage.database import keys
from storage.messages import inbox_queue, outbox, outbox_queue
from storage.review import audit_erasure

log = structlog.get_logger(__name__)
# These tasks stop last. While replies finish, a person at risk still gets the fixed reply at once.
# Other messages are stored, and answered after the next start.
STOPPED_LAST = ("http", "delivery", "lease", "poller")
# How long running replies may take to finish at a stop. With the last sends it stays within the 30
# seconds that systemd and Compose allow.
GRACE_S = 15.0
LAST_SENDS_S = 5.0
IDLE_LOOK_S = 0.01
MODEL_LOOK_S = 2.0


class Service:
    """The whole service: `start`, then `run` until cancelled, then `aclose`.

    Args:
        settings: the settings, with a token.
        worker: the model. Its loader closes it.
        clock: the clock of the database, for tests.
        limiter: the limits on sending.
        every_s: other intervals of jobs, by name, for tests.
        model_look_s: how often to check that the model is alive.
    """

    def __init__(
        self,
        settings: Settings,
        worker: LanguageModel,
        *,
        clock: Clock = utc_now,
        limiter: RateLimiter | None = None,
        every_s: Mapping[str, float] | None = None,
        model_look_s: float = MODEL_LOOK_S,
    ) -> None:
        self.parts: Parts = build(settings, worker, clock=clock, limiter=limiter, every_s=every_s)
        self._settings = settings
        self._model_look_s = model_look_s
        self._tasks: list[asyncio.Task[None]] = []
        self._http: Server | None = None
        self._receives = False

    @property
    def texts(self) -> Texts:
        """The texts that people and operators read."""
        return self.parts.context.texts

    @property
    def http_port(self) -> int:
        """The port of health, metrics and webhook."""
        assert self._http is not None
        return self._http.port

    async def start(self) -> None:
        """Wait for the lease, upgrade the schema, and resume open updates and messages.

        Raises:
            StorageError: the database cannot be used.
            SecretKeyError: the database was written with another secret key.
            TelegramError: the token is wrong or Telegram cannot be reached.
            OSError: the port is taken.
        """
        parts = self.parts
        own_files.narrow(self._settings, parts.database)
        await parts.database.create()
        await reach(parts.context.application.initialize)
        await self._start_http()
        await parts.leadership.take()
        parts.context.metrics.leads.set(1)
        await parts.database.upgrade()  # no other service uses the older schema any more
        async with parts.database.begin() as transaction:
            await keys.check(transaction)
            await audit_erasure.begin(transaction)
            await roster.seed(
                transaction, self._settings.operators, language=self._settings.operators_language
            )
            await canned_replies.seed(transaction)
        self._spawn(parts.leadership.keep(), "lease")
        self._spawn(self._watch_model(), "model")
        await parts.crisis.lexicon.live.refresh()  # before the first message is screened
        await asyncio.to_thread(prepare_languages)
        self._receives = True
        await parts.crisis.screening.check_canary()
        recovered = await parts.delivery.recover()
        self._spawn(parts.delivery.run(), "delivery")
        resumed = await parts.receiving.intake.resume()
        if recovered or resumed:
            log.info("resumed", updates=resumed, messages=recovered)
        await self._receive()
        self._spawn(run_jobs(parts.jobs.values()), "jobs")
        self._spawn(parts.upkeep.key_backup.run(), "key_backup")

    async def run(self) -> None:
        """Run until a task fails permanently, then raise its error."""
        # The model, the lexicon and the libraries live as long as the process. To search them for
        # garbage stops the whole service for half a second each time.
        gc.collect()
        gc.freeze()
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def readiness(self) -> dict[str, bool]:
        """Check each part, and return which can serve."""
        try:
            await self.parts.database.ping()
            storage_answers = True
        except Exception:  # any error of the driver means that it does not answer
            storage_answers = False
        return {
            "database": storage_answers,
            "model": self.parts.worker.health().alive,
            "tasks": all(not task.done() for task in self._tasks),
            "leading": self.parts.leadership.is_leader(),
            "screening": self.parts.crisis.screening.is_canary_found,
            "token": not self.parts.receiving.poller.token_is_refused,
        }

    async def idle(self, *, timeout_s: float = 20.0) -> None:
        """Wait until no update is open, no lane or job is running, and no message is due.

        A message that waits for a later retry is not due. An update counts once it is stored.

        Raises:
            TimeoutError: there is still work after `timeout_s`.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                if await self._is_idle():
                    return
                await asyncio.sleep(IDLE_LOOK_S)

    async def _is_idle(self) -> bool:
        # Look at memory first: lanes and jobs write rows when they are done, but rows wake no lane.
        receiving = self.parts.receiving
        if (
            receiving.intake.is_busy
            or receiving.lanes.is_busy
            or any(job.is_running for job in self.parts.jobs.values())
        ):
            return False
        async with self.parts.database.read() as transaction:
            has_due = await outbox_queue.has_due(transaction)
            return not has_due and not await inbox_queue.count_open(transaction)

    async def aclose(self, *, grace_s: float = 0.0) -> None:
        """Stop receiving, finish running replies and sends, and close everything.

        Unfinished work stays in its rows.

        Args:
            grace_s: how long replies may take, if the model is alive and this process leads.
        """
        may_go_on = self.parts.worker.health().alive and self.parts.leadership.is_leader()
        for task in self._tasks:
            if task.get_name() not in STOPPED_LAST:
                task.cancel()
        await self.parts.crisis.lexicon.replays.aclose()
        await self.parts.receiving.intake.aclose()
        await self.parts.receiving.lanes.aclose(grace_s=grace_s if may_go_on else 0.0)
        if may_go_on and grace_s > 0:
            await self._send_the_last()
        if self.parts.console.console is not None:
            self.parts.console.console.live.close()
        if self._http is not None:
            self._http.should_exit = True  # closes its socket itself
        for task in self._tasks:
            if task.get_name() != "http":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):  # if the database is away, the lease expires
            await self.parts.leadership.release()
        with suppress(Exception):  # a service that did not start has nothing to shut down
            await self.parts.context.application.shutdown()
            # The application shuts nothing down if its start failed, not even its connections.
            await self.parts.context.application.bot.shutdown()
        await self.parts.conversation.cache.aclose()
        await self.parts.database.aclose()

    async def _send_the_last(self) -> None:
        """Give delivery a moment to send the last replies. The next start sends the rest."""
        with suppress(Exception):  # without the database nothing can be sent
            async with asyncio.timeout(LAST_SENDS_S):
                while True:
                    async with self.parts.database.read() as transaction:
                        if not await outbox.count_open(transaction):
                            return
                    await asyncio.sleep(0.1)

    async def _watch_model(self) -> None:
        """Fail the service if the model has ended, so that systemd or Compose restarts it.

        People who wait for a reply are told first.
        """
        while True:
            await asyncio.sleep(self._model_look_s)
            if not self.parts.worker.health().alive:
                break
        log.critical("model_gone")
        await asyncio.sleep(self._model_look_s)
        raise ModelError(
            "The model's engine ended after repeated failures (see the log). This service ends "
            "too, so that it can be restarted."
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _start_http(self) -> None:
        settings, console = self._settings, self.parts.console.console
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
        endpoints = Endpoints(
            metrics=self.parts.context.metrics,
            is_alive=lambda: self.parts.worker.health().alive,
            readiness=self.readiness,
            receive=self.parts.receiving.intake.receive,
            receives=lambda: self._receives and self.parts.leadership.is_leader(),
            webhook_secret=secret if settings.webhook_url else None,
            before_metrics=partial(measure, self.parts),
            hosts=KnownHosts([settings.console_url, settings.webhook_url]),
            console=console.mounted() if console is not None else (),
        )
        self._http = Server(
            endpoints.app(),
            settings.http_host,
            settings.http_port,
            trusted_proxies=[str(network) for network in settings.trusted_proxies],
        )
        self._spawn(self._http.start(), "http")
        while not self._http.started:
            if self._tasks[0].done():
                raise self._tasks[0].exception() or OSError("the HTTP server ended at once")
            await asyncio.sleep(0.02)
        if console is not None:
            console.address.settle(self.http_port)

    async def _receive(self) -> None:
        """Tell Telegram where to send updates, and begin to receive them."""
        registration = Registration(
            bot=self.parts.context.application.bot, settings=self._settings, texts=self.texts
        )
        await registration.begin()
        self._spawn(registration.run(), "registration")
        if not self._settings.webhook_url:
            self._spawn(self.parts.receiving.poller.run(), "poller")
