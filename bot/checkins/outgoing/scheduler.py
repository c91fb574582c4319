"""The scheduler of check-ins, which claims due appointments and asks or skips them.

A claim is one conditional UPDATE of the appointment. The occurrence, the backoff and the queued
message are written in the same transaction. So restarts, standby processes and jumps of the clock
neither double nor lose a check-in.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.checkins.outgoing.clock_repair import repair
from bot.checkins.outgoing.evaluation import (
    CheckInCounted,
    DueQuestion,
    Evaluation,
    evaluate,
    next_due,
    next_of,
)
from bot.checkins.rules.backoff import Backoff
from bot.checkins.rules.decision import SkipReason
from bot.checkins.rules.pace import MOST_UNSENT, SendPace
from bot.checkins.rules.schedule import LATEST
from storage import Database, Transaction
from storage.checkins import appointments, occurrences, queued_questions
from storage.checkins import settings as check_in_settings
from storage.checkins.appointments import Due, Stored
from storage.checkins.occurrences import CheckInState, Occasion
from storage.checkins.settings import StoppedBy
from storage.companion.people import Person
from storage.ids import CheckInId, PersonId

log = structlog.get_logger(__name__)
BATCH = 20
CORRECT_EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A question that only this transaction asks, with its id for the buttons."""

    question: DueQuestion
    check_in_id: CheckInId


Ask = Callable[[Transaction, Claimed], Awaitable[None]]


@dataclass(eq=False, slots=True)
class CheckInScheduler:
    """Claim due appointments.

    Attributes:
        monotonic_s: a clock that never goes back, for the pace.
        sleep: waits a number of seconds.
        admits: returns whether the companion talks with a person.
    """

    database: Database
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    admits: Callable[[Person], bool] = lambda _person: True
    _pace: SendPace = field(default_factory=SendPace, init=False)
    _failing: dict[tuple[PersonId, int], datetime] = field(default_factory=dict, init=False)
    _corrected_at: datetime | None = field(default=None, init=False)

    async def send_due(self, ask: Ask) -> int:
        """Ask every due check-in at a limited pace, and return how many were asked.

        It ends early while `MOST_UNSENT` messages wait to be sent. The rest are asked later, or
        skipped once they are late.

        Args:
            ask: queues the message of one check-in in the given transaction. If it fails, the
                check-in is tried again every minute until it is late.
        """
        asked = 0
        await self._repair()
        while batch := await self._due():
            for due in batch:
                await self._wait()
                if await self._try(due, ask):
                    self._pace.take(self.monotonic_s())
                    asked += 1
        return asked

    async def _due(self) -> list[Due]:
        now = self.database.now()
        self._failing = {key: at for key, at in self._failing.items() if abs(now - at) < 2 * LATEST}
        async with self.database.read() as transaction:
            unsent = await queued_questions.count_unsent(transaction, limit=MOST_UNSENT)
            most = min(BATCH, MOST_UNSENT - unsent)
            if most <= 0:  # delivery is behind, or Telegram is away
                return []
            dues = await appointments.due(transaction, limit=most + len(self._failing))
        waits = {key for key, at in self._failing.items() if now < at}
        return [due for due in dues if (due.person_id, due.minute) not in waits][:most]

    async def _repair(self) -> None:
        """Repair the effects of a wrong clock every hour, and at once if it was set back."""
        now, before = self.database.now(), self._corrected_at
        if before is None or not timedelta(0) <= now - before < CORRECT_EVERY:
            await repair(self.database)
            self._corrected_at = now

    async def _wait(self) -> None:
        while wait_s := self._pace.wait_s(self.monotonic_s()):
            await self.sleep(wait_s)

    async def _try(self, due: Due, ask: Ask) -> bool:
        key = (due.person_id, due.minute)
        try:
            async with self.database.begin() as transaction:
                asked = await self._take(transaction, due, ask)
        except Exception as error:  # go on with the others, and try this one again
            self._failing[key] = self.database.now() + RETRY_AFTER
            await self.database.events.publish([CheckInCounted("error")])
            log.error("check_in_failed", person=due.person_id, error=type(error).__name__)
            return False
        self._failing.pop(key, None)
        return asked

    async def _take(self, transaction: Transaction, due: Due, ask: Ask) -> bool:
        """Claim one appointment and ask or skip it. Returns True if it was asked."""
        seen = await evaluate(transaction, due, self.admits, lock=True)
        if seen is None:
            await appointments.move(transaction, due, None)
            return False
        if seen.outcome is None:
            stored = Stored(due.minute, due.days, 0)
            following = await next_due(transaction, seen.settings, stored)
            await appointments.move(transaction, due, following)
            return False
        question = seen.question
        if not await appointments.move(transaction, due, next_of(seen.outcome.following)):
            return False  # another process was faster, or the person changed something
        await self._note_skipped(transaction, due, seen)
        if question is None:
            return False
        return await self._put(transaction, due, question, ask)

    async def _note_skipped(self, transaction: Transaction, due: Due, seen: Evaluation) -> None:
        assert seen.outcome is not None
        has_failed = (due.person_id, due.minute) in self._failing
        for occurrence, why in seen.outcome.skipped:
            reason = SkipReason.FAILED if has_failed and why is SkipReason.LATE else why
            occasion = Occasion(due.person_id, occurrence.local_date, due.minute, occurrence.at)
            await occurrences.note_skipped(transaction, occasion, reason)
            transaction.record(CheckInCounted(reason.value))
        if any(why is SkipReason.HELD for _, why in seen.outcome.skipped):
            await check_in_settings.change(transaction, due.person_id, was_held=True)

    async def _put(
        self, transaction: Transaction, due: Due, question: DueQuestion, ask: Ask
    ) -> bool:
        day = question.occurrence.local_date
        state = CheckInState.GOODBYE if question.is_goodbye else CheckInState.ASKED
        occasion = Occasion(due.person_id, day, due.minute, question.occurrence.at)
        check_in_id = await occurrences.note_asked(transaction, occasion, state=state)
        if check_in_id is None:
            return False  # this date and time was asked before
        settings = question.settings
        backoff = Backoff(settings.unanswered, settings.asked_on).asked(day)
        await check_in_settings.change(
            transaction,
            due.person_id,
            unanswered=backoff.unanswered,
            asked_on=backoff.asked_on,
            was_held=False,
        )
        if question.is_goodbye:
            await check_in_settings.change(
                transaction, due.person_id, stopped_at=transaction.now, stopped_by=StoppedBy.GOODBYE
            )
            await appointments.suspend(transaction, due.person_id)
        await ask(transaction, Claimed(question, check_in_id))
        transaction.record(CheckInCounted(state.value))
        return True
