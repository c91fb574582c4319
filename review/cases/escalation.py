"""Clocks of cases that nobody claims, and of takeovers in which the operator fell silent.

At level 3 and up: after a while the next on duty is paged, then a pager outside, then the person is
told honestly that nobody is available.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from review.cases.events import CaseEvents, Event, EventType
from review.operators import roster
from safety.screening.levels import Level
from storage import Database, Transaction
from storage.ids import OperatorId
from storage.review import audit, case_clocks, cases, operators
from storage.review.cases import Case, CaseState

# How long a takeover lasts without a word from the operator.
LEASE = timedelta(minutes=10)


class Stage(IntEnum):
    """How far the clock of a case has come."""

    ALL_TOLD = 0  # the operators' chat
    NEXT_PAGED = 1  # whoever is next on duty
    PAGED_OUTSIDE = 2  # a webhook, an e-mail
    PERSON_TOLD = 3  # nobody came: the clock ends, the case waits on


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """How the clocks run.

    Attributes:
        step: how long each stage waits for somebody.
        zone: of the roster's hours.
    """

    step: timedelta
    zone: ZoneInfo


# Page outside Telegram; False where that is not set up. Raises where it failed.
Page = Callable[[Case, datetime], Awaitable[bool]]


class Escalation:
    """Starts clocks, and moves on those that are due.

    Args:
        database: where cases are.
        faces: who is told.
        pace: how the clocks run.
        page: pages outside Telegram, outside of any transaction.
        now: the clock of the service.
    """

    def __init__(
        self,
        database: Database,
        faces: CaseEvents,
        pace: EscalationPolicy,
        *,
        page: Page,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._faces = faces
        self._pace = pace
        self._page = page
        self._now = now

    async def start(self, transaction: Transaction, case: Case, *, now: datetime) -> None:
        """Start the clock of a case that became grave; none where there are no operators.

        With nobody on duty there is nobody to wait for: the pager outside is next, at once.
        """
        if case.level < Level.ACTIVE or case.state is not CaseState.OPEN:
            return
        if not await operators.listed(transaction):
            return
        duty = await roster.on_duty(transaction, self._pace.zone, now=now)
        due_at = now + self._pace.step if duty else now
        stage = Stage.ALL_TOLD if duty else Stage.NEXT_PAGED
        await cases.change(transaction, case.case_id, clock_stage=stage, clock_due_at=due_at)

    async def restart(self, transaction: Transaction, case: Case, *, now: datetime) -> None:
        """Page the next on duty now: whoever had the case fell silent or gave it back."""
        if case.level >= Level.ACTIVE:
            await cases.change(
                transaction,
                case.case_id,
                clock_stage=Stage.ALL_TOLD,
                clock_due_at=now,
                paged_operator=case.claimed_by,
            )

    async def tick(self) -> int:
        """Move on what is due; return how many.

        Raises:
            Exception: one of them failed, after all of them were tried: it is due again.
        """
        async with self._database.read() as transaction:  # nothing is due as a rule
            now = self._now()
            due = await case_clocks.clocks_due(transaction, now=now)
            over = await case_clocks.leases_over(transaction, now=now)
        work = [self._end_lease(case, now) for case in over]
        work += [self._move_on(case, now) for case in due]  # a slow pager holds up nobody else
        failed = [each for each in await asyncio.gather(*work, return_exceptions=True) if each]
        if failed:
            raise failed[0]
        return len(work)

    async def _end_lease(self, case: Case, now: datetime) -> None:
        async with self._database.begin() as transaction:
            await self.end_lease(transaction, case, now=now)

    async def end_lease(self, transaction: Transaction, case: Case, *, now: datetime) -> bool:
        """End a takeover whose lease ran out; False where a word of the operator was quicker.

        The case goes back to the queue, the next on duty is paged, the script resumes.
        """
        if not await cases.end_takeover(transaction, case.case_id, expired_at=now):
            return False
        await cases.release(transaction, case.case_id)
        await self.restart(transaction, case, now=now)
        operator = await operators.get(transaction, case.claimed_by) if case.claimed_by else None
        await self._happened(transaction, EventType.LEASE_RAN_OUT, case, now, operator=operator)
        return True

    async def _move_on(self, case: Case, now: datetime) -> None:
        stage = Stage(case.clock_stage)
        if stage is Stage.ALL_TOLD and await self._page_next(case, now):
            return
        if stage <= Stage.NEXT_PAGED and await self._page_outside(case, now):
            return
        async with self._database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return
            await cases.change(
                transaction, case.case_id, clock_stage=Stage.PERSON_TOLD, clock_due_at=None
            )
            await self._happened(transaction, EventType.NOBODY_CAME, case, now)

    async def _page_next(self, case: Case, now: datetime) -> bool:
        async with self._database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return True
            duty = await roster.on_duty(transaction, self._pace.zone, now=now)
            chosen = roster.next_of(duty, case.paged_operator)
            if chosen is None:
                return False
            due_at = now + self._pace.step
            await self._set(transaction, case, Stage.NEXT_PAGED, due_at, chosen.operator_id)
            await self._happened(
                transaction, EventType.PAGED, case, now, detail={"operators": [chosen.operator_id]}
            )
        return True

    async def _page_outside(self, case: Case, now: datetime) -> bool:
        failed = None
        try:
            if not await self._page(case, now):
                return False
        except Exception as error:  # whatever stands behind the pager: the next stage is due
            failed = type(error).__name__
        async with self._database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return True
            due_at = now if failed else now + self._pace.step  # nobody was reached: no waiting
            await self._set(transaction, case, Stage.PAGED_OUTSIDE, due_at, case.paged_operator)
            detail = {"outside": failed is None} | ({"error": failed} if failed else {})
            await self._happened(transaction, EventType.PAGED, case, now, detail=detail)
        return True

    @staticmethod
    async def _still_waits(transaction: Transaction, case: Case) -> bool:
        """Whether the clock stands where it stood when it was read: a claim stops it."""
        present = await cases.get(transaction, case.case_id)
        return (
            present is not None
            and present.clock_due_at == case.clock_due_at
            and present.state is CaseState.OPEN
        )

    @staticmethod
    async def _set(
        transaction: Transaction,
        case: Case,
        stage: Stage,
        due_at: datetime,
        paged: OperatorId | None,
    ) -> None:
        await cases.change(
            transaction,
            case.case_id,
            clock_stage=stage,
            clock_due_at=due_at,
            paged_operator=paged,
        )

    async def _happened(
        self,
        transaction: Transaction,
        what: EventType,
        case: Case,
        now: datetime,
        *,
        operator: operators.Operator | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        present = await cases.get(transaction, case.case_id)
        assert present is not None
        await self._faces.show(
            transaction, Event(what, present, now, operator=operator, detail=detail or {})
        )
        # Last: writers of the trail follow one another until the commit.
        await audit.append(
            transaction,
            what,
            now=now,
            case_id=case.case_id,
            person_id=case.person_id,
            detail=detail,
        )
