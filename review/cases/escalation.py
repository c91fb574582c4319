"""The clocks of unclaimed cases, of unconfirmed hand-overs, and of silent takeovers.

From level 3 on, and if the person asked for a human, the clock pages the next operator on duty,
then a pager outside Telegram. If no operator comes, it tells the person honestly.
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
from storage.review import audit, case_clocks, cases, hand_overs, operators
from storage.review.cases import Case, CaseState

# How long a takeover lasts after the operator's last message.
LEASE = timedelta(minutes=10)


class Stage(IntEnum):
    """The stages of a case's clock."""

    ALL_TOLD = 0  # the operators' chat was told
    NEXT_PAGED = 1  # the next operator on duty was paged
    PAGED_OUTSIDE = 2  # by webhook or e-mail
    PERSON_TOLD = 3  # no operator came: the clock ends, the case stays open


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """The settings of the clocks.

    Attributes:
        step: how long each stage waits for an operator.
        zone: the time zone of the roster's hours.
    """

    step: timedelta
    zone: ZoneInfo


# Pages outside Telegram. Returns False if that is not set up, and raises if it fails.
Page = Callable[[Case, datetime], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Escalation:
    """Start the clocks of cases and advance those that are due.

    Attributes:
        pace: the settings of the clocks.
        page: pages outside Telegram. It is called outside of any transaction.
    """

    database: Database
    events: CaseEvents
    pace: EscalationPolicy
    page: Page

    @property
    def longest(self) -> timedelta:
        """Return how long a clock runs at most until the person is told that nobody came."""
        return Stage.PERSON_TOLD * self.pace.step

    async def start(self, transaction: Transaction, case: Case) -> None:
        """Start the clock of a case that calls operators, unless there are none.

        If no operator is on duty, the pager outside Telegram is due at once.
        """
        if not _calls_operators(case) or case.state is not CaseState.OPEN:
            return
        if not await operators.listed(transaction):
            return
        duty = await roster.on_duty(transaction, self.pace.zone)
        due_at = transaction.now + self.pace.step if duty else transaction.now
        stage = Stage.ALL_TOLD if duty else Stage.NEXT_PAGED
        await cases.change(transaction, case.case_id, clock_stage=stage, clock_due_at=due_at)

    async def restart(
        self, transaction: Transaction, case: Case, *, after: OperatorId | None = None
    ) -> None:
        """Page the next operator on duty now. The last one fell silent or released the case.

        `after` is an operator who was asked in vain. None means the one who had the case.
        """
        if _calls_operators(case):
            await cases.change(
                transaction,
                case.case_id,
                clock_stage=Stage.ALL_TOLD,
                clock_due_at=transaction.now,
                paged_operator=after if after is not None else case.claimed_by,
            )

    async def tick(self) -> int:
        """Advance all clocks that are due and return how many.

        Raises:
            Exception: one clock failed. All were tried, and the failed one stays due.
        """
        async with self.database.read() as transaction:  # usually nothing is due
            due = await case_clocks.clocks_due(transaction)
            over = await case_clocks.leases_over(transaction)
        work = [self._end_lease(case) for case in over]
        work += [self._move_on(case) for case in due]  # a slow pager delays no other case
        failed = [error for error in await asyncio.gather(*work, return_exceptions=True) if error]
        if failed:
            raise failed[0]
        return len(work)

    async def _end_lease(self, case: Case) -> None:
        async with self.database.begin() as transaction:
            await self.end_lease(transaction, case)

    async def end_lease(self, transaction: Transaction, case: Case) -> bool:
        """End a takeover whose lease ran out. Returns False if the operator wrote first.

        The case returns to the queue, the next operator on duty is paged, the script resumes.
        """
        if not await cases.end_takeover(transaction, case.case_id, expired_at=transaction.now):
            return False
        await cases.release(transaction, case.case_id)
        await self.restart(transaction, case)
        operator = await operators.get(transaction, case.claimed_by) if case.claimed_by else None
        await self._happened(transaction, EventType.LEASE_RAN_OUT, case, operator=operator)
        return True

    async def _end_hand_over(self, case: Case) -> None:
        """End a hand-over that nobody confirmed in time.

        A conversation stays with its operator, whose lease runs on. Any other case returns to the
        queue, because its operator wanted to go.
        """
        async with self.database.begin() as transaction:
            if not await hand_overs.end(transaction, case.case_id, due_at=case.clock_due_at):
                return
            present = await cases.get(transaction, case.case_id)
            if present is not None and present.lease_until_at is None:
                await cases.release(transaction, case.case_id)
                await self.restart(transaction, case, after=case.handed_to)
            giver = await operators.get(transaction, case.claimed_by) if case.claimed_by else None
            detail = {"why": "lapsed", "to": case.handed_to}
            await self._happened(
                transaction, EventType.HAND_OVER_ENDED, case, operator=giver, detail=detail
            )

    async def _move_on(self, case: Case) -> None:
        if case.handed_to is not None:
            await self._end_hand_over(case)
            return
        stage = Stage(case.clock_stage)
        if stage is Stage.ALL_TOLD and await self._page_next(case):
            return
        if stage <= Stage.NEXT_PAGED and await self._page_outside(case):
            return
        async with self.database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return
            await cases.change(
                transaction, case.case_id, clock_stage=Stage.PERSON_TOLD, clock_due_at=None
            )
            await self._happened(transaction, EventType.NOBODY_CAME, case)

    async def _page_next(self, case: Case) -> bool:
        async with self.database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return True
            duty = await roster.on_duty(transaction, self.pace.zone)
            chosen = roster.next_of(duty, case.paged_operator)
            if chosen is None:
                return False
            due_at = transaction.now + self.pace.step
            await self._set(transaction, case, Stage.NEXT_PAGED, due_at, chosen.operator_id)
            await self._happened(
                transaction, EventType.PAGED, case, detail={"operators": [chosen.operator_id]}
            )
        return True

    async def _page_outside(self, case: Case) -> bool:
        failed = None
        try:
            if not await self.page(case, self.database.now()):
                return False
        except Exception as error:  # any fault of the pager: the next stage is due
            failed = type(error).__name__
        async with self.database.begin() as transaction:
            if not await self._still_waits(transaction, case):
                return True
            due_at = transaction.now
            if not failed:  # if no operator was reached, do not wait
                due_at += self.pace.step
            await self._set(transaction, case, Stage.PAGED_OUTSIDE, due_at, case.paged_operator)
            detail = {"outside": failed is None} | ({"error": failed} if failed else {})
            await self._happened(transaction, EventType.PAGED, case, detail=detail)
        return True

    @staticmethod
    async def _still_waits(transaction: Transaction, case: Case) -> bool:
        """Return whether the clock is unchanged since it was read. A claim stops it."""
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
            transaction, case.case_id, clock_stage=stage, clock_due_at=due_at, paged_operator=paged
        )

    async def _happened(
        self,
        transaction: Transaction,
        what: EventType,
        case: Case,
        *,
        operator: operators.Operator | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        present = await cases.get(transaction, case.case_id)
        assert present is not None
        await self.events.publish(
            transaction, Event(what, present, operator=operator, detail=detail or {})
        )
        # Last: the audit trail stays locked until the commit.
        await audit.append(
            transaction, what, case_id=case.case_id, person_id=case.person_id, detail=detail
        )


def _calls_operators(case: Case) -> bool:
    return case.level >= Level.ACTIVE or case.is_asked
