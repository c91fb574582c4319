"""Work by the clock: canary, lexicon, pause, follow-ups, check-ins, unclaimed cases, sweep.

Each loop outlives every fault below it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bot.checkins.outgoing.job import CheckInJob
from bot.conversation.model_memory import SessionCacheEviction
from bot.crisis.follow_up import FollowUps
from bot.crisis.safe_mode import SafeMode, Switch
from bot.crisis.screening import SafeScreener
from bot.metrics import Metrics
from bot.operators.announcements import OperatorMessenger
from bot.operators.digest import Digest
from bot.operators.topics import DELETE
from bot.receiving.lanes import Lanes
from review.cases.escalation import Escalation
from review.cases.shadow_review import Shadow
from review.lexicon.live_lexicon import LiveLexicon
from storage import Database
from storage.review import case_clocks
from storage.upkeep import retention

log = structlog.get_logger(__name__)
CANARY_S = 60.0
LEXICON_S = 60.0
WATCH_S = 1.0
FOLLOW_UPS_S = 30.0
CHECK_INS_S = 1.0
CLOCKS_S = 2.0
DIGEST_S = 30.0
KEPT_WORDS_S = 60.0
SWEEP_S = 3600.0


class PeriodicJobs:
    """The loops that keep the service safe and tidy."""

    def __init__(
        self,
        *,
        database: Database,
        safe_mode: SafeMode,
        screens: SafeScreener,
        lanes: Lanes,
        notices: OperatorMessenger,
        follow_ups: FollowUps,
        check_ins: CheckInJob,
        clocks: Escalation,
        digest: Digest,
        shadow: Shadow,
        lexicon: LiveLexicon,
        kept_words: SessionCacheEviction,
        metrics: Metrics,
        retention_days: int,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._safe_mode = safe_mode
        self._screens = screens
        self._lanes = lanes
        self._notices = notices
        self._follow_ups = follow_ups
        self._check_ins = check_ins
        self._clocks = clocks
        self._digest = digest
        self._shadow = shadow
        self._lexicon = lexicon
        self._kept_words = kept_words
        self._metrics = metrics
        self._days = retention_days
        self._now = now
        self.canary_is_found = False

    async def check_canary(self) -> None:
        """Screen the canary; a miss turns safe mode on and raises one alarm."""
        found = await asyncio.to_thread(self._screens.canary_is_found)
        self.canary_is_found = found
        self._metrics.canary.set(int(found))
        if found:
            self._safe_mode.tripped = False
            if await self._safe_mode.turn_off(Switch.CANARY):
                log.warning("screening_works_again")
                await self._tell("safe_mode_off")
        elif await self._safe_mode.turn_on(Switch.CANARY, "screening", now=self._now()):
            await self._tell("safe_mode_on")

    async def watch_screening(self) -> None:
        """Turn safe mode on for every process where this one's screener failed on a text."""
        if self._safe_mode.tripped and await self._safe_mode.turn_on(
            Switch.CANARY, "screening", now=self._now()
        ):
            await self._tell("safe_mode_on")

    async def run_canary(self) -> None:
        """The canary, every minute."""
        await _forever(self.check_canary, CANARY_S)

    async def run_lexicon(self) -> None:
        """Take up changes of the lexicon that another process decided on."""
        await _forever(self._lexicon.refresh, LEXICON_S)

    async def run_watch(self) -> None:
        """Cut running replies short as soon as the model must be silent."""
        was_on = False

        async def look() -> None:
            nonlocal was_on
            await self.watch_screening()
            on = bool(await self._safe_mode.reasons())
            self._metrics.safe_mode.set(int(on))
            if on and not was_on:
                self._lanes.cancel_all()
            was_on = on

        await _forever(look, WATCH_S)

    async def run_follow_ups(self) -> None:
        """Ask people who wanted to be asked again."""
        await _forever(self._follow_ups.send_due, FOLLOW_UPS_S)

    async def run_check_ins(self) -> None:
        """Ask people at the times that they chose."""
        await _forever(self._check_ins.run, CHECK_INS_S)

    async def run_clocks(self) -> None:
        """Page somebody for cases that nobody claims; end takeovers that fell silent."""
        await _forever(self._clocks.tick, CLOCKS_S)

    async def run_digest(self) -> None:
        """Tell operators together of cases that need nobody at once."""
        await _forever(self._digest.tell_due, DIGEST_S)

    async def run_shadow(self) -> None:
        """Let replies go that no operator read in time."""
        await _forever(self._shadow.let_go_overdue, CLOCKS_S)

    async def run_kept_words(self) -> None:
        """Let the model forget talks that are over."""
        await _forever(self._kept_words.forget_old, KEPT_WORDS_S)

    async def run_sweep(self) -> None:
        """Delete what is past its time of keeping."""
        await _forever(self.sweep, SWEEP_S)

    async def sweep(self) -> None:
        """One sweep, in batches, until nothing is left to delete."""
        total: dict[str, int] = {}
        while True:
            async with self._database.begin() as transaction:
                counts = await retention.sweep(transaction, turns_days=self._days, now=self._now())
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
            if not retention.is_more(counts):
                break
            await asyncio.sleep(0)
        await self._end_topics()
        log.info("swept", **{name: count for name, count in total.items() if count})

    async def _end_topics(self) -> None:
        """What people said goes from the operators' group when it goes from the database."""
        days = min(self._days, retention.CASES_DAYS - 1)  # while the case still knows its topic
        now = self._now()
        async with self._database.begin() as transaction:
            before = now - timedelta(days=days)
            for case_id in await case_clocks.topics_over(transaction, resolved_before=before):
                await self._notices.say(transaction, "", now=now, case_id=case_id, topic=DELETE)

    async def _tell(self, key: str) -> None:
        async with self._database.begin() as transaction:
            await self._notices.put(transaction, key, now=self._now())


async def _forever(work: Callable[[], Awaitable[object]], every_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # done again in a while
            log.error("upkeep_failed", work=work.__name__, error=type(error).__name__)
        await asyncio.sleep(every_s)
