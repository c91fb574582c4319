"""The life of the service: in which order its parts start, what fails it, how it ends."""

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
from bot.service.parts import Parts
from bot.service.registration import Registration
from bot.settings import Settings
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from inference import LanguageModel, ModelError
from review.operators import roster
from storage import Clock, utc_now
from storage.database import keys
from storage.messages import inbox, outbox, outbox_queue

log = structlog.get_logger(__name__)
STOPPED_LAST = ("http", "delivery", "lease", "poller")
"""These end last: while replies are finished, whoever is at risk still gets the fixed reply at once
(other words are stored, and answered after the next start)."""
GRACE_S = 15.0
"""How long replies that are being written may go on when the service is told to end; within what
systemd and Compose allow (30 seconds) beside the last sends."""
LAST_SENDS_S = 5.0
IDLE_LOOK_S = 0.01
MODEL_LOOK_S = 2.0


class Service:
    """The whole service: `start`, then `run` until cancelled, then `aclose`.

    Args:
        settings: with a token.
        worker: the model; whoever loaded it closes it.
        clock: the clock of the database, for tests.
        limiter: how fast Telegram lets a bot speak.
        every_s: other intervals of jobs, by name, for tests.
        model_look_s: how often the service looks whether the model is alive.
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
        """Every word that people read."""
        return self.parts.texts

    @property
    def http_port(self) -> int:
        """The port of health, metrics and webhook."""
        assert self._http is not None
        return self._http.port

    async def start(self) -> None:
        """Wait to lead, bring the schema up, ask Telegram who we are, finish what is open.

        Raises:
            StorageError: the database cannot be used.
            SecretKeyError: the database was written with another secret key.
            TelegramError: the token is wrong or Telegram cannot be reached.
            OSError: the port is taken.
        """
        parts = self.parts
        own_files.narrow(self._settings, parts.database)
        await parts.database.create()
        await reach(parts.application.initialize)
        await self._start_http()
        await parts.leadership.take()
        parts.metrics.leads.set(1)
        await parts.database.upgrade()  # nobody works on the older schema any longer
        async with parts.database.begin() as transaction:
            await keys.check(transaction)
            await roster.seed(
                transaction, self._settings.operators, language=self._settings.operators_language
            )
        self._spawn(parts.leadership.keep(), "lease")
        self._spawn(self._watch_model(), "model")
        await parts.policy.live.refresh()  # nobody is screened without the live changes
        self._receives = True
        await parts.screening.check_canary()
        recovered = await parts.delivery.recover()
        self._spawn(parts.delivery.run(), "delivery")
        resumed = await parts.intake.resume()
        if recovered or resumed:
            log.info("resumed", updates=resumed, messages=recovered)
        await self._receive()
        self._spawn(run_jobs(parts.jobs.values()), "jobs")
        self._spawn(parts.key_backup.run(), "key_backup")

    async def run(self) -> None:
        """Return only when a part has failed for good, with its error."""
        # What was made until now (model, lexicon, libraries) lives as long as the process; to look
        # through it for garbage stopped everybody for half a second each time.
        gc.collect()
        gc.freeze()
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def readiness(self) -> dict[str, bool]:
        """Whether each part can serve."""
        try:
            await self.parts.database.ping()
            storage_answers = True
        except Exception:  # whatever the driver raises: it does not answer
            storage_answers = False
        return {
            "database": storage_answers,
            "model": self.parts.worker.health().alive,
            "tasks": all(not task.done() for task in self._tasks),
            "leading": self.parts.leadership.is_leader(),
            "screening": self.parts.screening.is_canary_found,
            "token": not self.parts.poller.token_is_refused,
        }

    async def idle(self, *, timeout_s: float = 20.0) -> None:
        """Wait until everything that was received is done and sent.

        Then no update is open, no lane or job is at work, and no message is due. A message that
        waits for a later retry is not due. An update counts from the moment that it is stored.

        Raises:
            TimeoutError: something is still to do.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                if await self._is_idle():
                    return
                await asyncio.sleep(IDLE_LOOK_S)

    async def _is_idle(self) -> bool:
        # Memory before rows: lanes and jobs leave what they did in rows, and rows wake no lane.
        if self.parts.lanes.is_busy or any(job.is_running for job in self.parts.jobs.values()):
            return False
        async with self.parts.database.read() as transaction:
            has_due = await outbox_queue.has_due(transaction)
            return not has_due and not await inbox.count_open(transaction)

    async def aclose(self, *, grace_s: float = 0.0) -> None:
        """Stop receiving, stop turns, let what is being sent end; rows keep the rest.

        Args:
            grace_s: How long replies may still be written, if there is somebody to write them and
                they may still be sent.
        """
        may_go_on = self.parts.worker.health().alive and self.parts.leadership.is_leader()
        for task in self._tasks:
            if task.get_name() not in STOPPED_LAST:
                task.cancel()
        await self.parts.policy.replays.aclose()
        await self.parts.lanes.aclose(grace_s=grace_s if may_go_on else 0.0)
        if may_go_on and grace_s > 0:
            await self._send_the_last()
        if self.parts.console is not None:
            self.parts.console.live.close()
        if self._http is not None:
            self._http.should_exit = True  # closes its socket itself
        for task in self._tasks:
            if task.get_name() != "http":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Exception):  # the database may be away: the lease runs out by itself
            await self.parts.leadership.release()
        with suppress(Exception):  # a service that never came up has nothing to shut down
            await self.parts.application.shutdown()
            # The application shuts nothing down if its start failed, not even its connections.
            await self.parts.application.bot.shutdown()
        await self.parts.hot.aclose()
        await self.parts.database.aclose()

    async def _send_the_last(self) -> None:
        """Give delivery a moment for what was just written; rows keep what it does not manage."""
        with suppress(Exception):  # the database is away: nothing can be sent
            async with asyncio.timeout(LAST_SENDS_S):
                while True:
                    async with self.parts.database.read() as transaction:
                        if not await outbox.count_open(transaction):
                            return
                    await asyncio.sleep(0.1)

    async def _watch_model(self) -> None:
        """Fail the service where the model is gone for good: whoever started it starts it anew.

        A moment passes first, in which those who waited for the model are told.
        """
        while True:
            await asyncio.sleep(self._model_look_s)
            if not self.parts.worker.health().alive:
                break
        log.critical("model_gone")
        await asyncio.sleep(self._model_look_s)
        raise ModelError(
            "The model's engine has ended after repeated failures (see the log). This service ends "
            "with it, so that it is started anew."
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _start_http(self) -> None:
        settings, console = self._settings, self.parts.console
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
        endpoints = Endpoints(
            metrics=self.parts.metrics,
            is_alive=lambda: self.parts.worker.health().alive,
            readiness=self.readiness,
            receive=self.parts.intake.receive,
            receives=lambda: self._receives and self.parts.leadership.is_leader(),
            webhook_secret=secret if settings.webhook_url else None,
            before_metrics=partial(measure, self.parts),
            console=console.mounted() if console is not None else (),
        )
        self._http = Server(
            endpoints.app(),
            settings.http_host,
            settings.http_port,
            trusted_proxies=[str(each) for each in settings.trusted_proxies],
        )
        self._spawn(self._http.start(), "http")
        while not self._http.started:
            if self._tasks[0].done():
                raise self._tasks[0].exception() or OSError("the HTTP server ended at once")
            await asyncio.sleep(0.02)
        if console is not None:
            console.address.settle(self.http_port)

    async def _receive(self) -> None:
        """Tell Telegram where updates go, and take them."""
        registration = Registration(
            bot=self.parts.application.bot, settings=self._settings, texts=self.texts
        )
        await registration.begin()
        self._spawn(registration.run(), "registration")
        if not self._settings.webhook_url:
            self._spawn(self.parts.poller.run(), "poller")
