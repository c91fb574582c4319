"""A person's own request for a human: the case of kind *asked*, and its clock."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from review.cases.desk import Desk
from review.cases.events import Event, EventType
from review.operators import roster
from storage import Transaction
from storage.ids import CaseId, PersonId
from storage.review import audit, cases
from storage.review.cases import ASKED, Case, CaseState


class HumanWait(StrEnum):
    """What a person can expect after asking for a human."""

    TOLD = "told"  # operators on duty were told just now
    WAITS = "waits"  # they were told before, and the clock runs
    CLAIMED = "claimed"  # an operator has the case
    JOINED = "joined"  # an operator has the conversation
    NOBODY = "nobody"  # nobody is on duty


@dataclass(frozen=True, slots=True)
class HumanRequests:
    """Pass requests for a human on to the operators on duty.

    The companion goes on meanwhile: a request is not a risk and silences nobody.

    Attributes:
        has_chat: whether operators have a chat. Without one nobody can be told at once.
    """

    desk: Desk
    has_chat: bool

    @property
    def longest_wait(self) -> timedelta:
        """Return after how long at most a person learns that nobody came."""
        return self.desk.escalation.longest

    async def ask(
        self, transaction: Transaction, person_id: PersonId, words: str = ""
    ) -> HumanWait:
        """Open a case of kind *asked*, or mark the person's open case.

        Without an operator on duty no case opens, because nobody would come.

        Args:
            transaction: the transaction of the request.
            person_id: the person.
            words: their message, or "" if operators may not read it.
        """
        case = await cases.open_case(transaction, person_id)
        if case is not None and case.state is CaseState.CLAIMED:
            if not case.is_asked:
                await self._mark(transaction, case, words)
            joined = case.lease_until_at is not None and transaction.now < case.lease_until_at
            return HumanWait.JOINED if joined else HumanWait.CLAIMED
        if not await self._is_on_duty(transaction):
            if case is not None and not case.is_asked:
                await self._mark(transaction, case, words)
            return HumanWait.NOBODY
        if case is not None and case.is_asked and case.clock_due_at is not None:
            return HumanWait.WAITS
        case_id = case.case_id if case is not None else await self._open(transaction, person_id)
        await self._call(transaction, case_id, words)
        return HumanWait.TOLD

    async def _is_on_duty(self, transaction: Transaction) -> bool:
        zone = self.desk.escalation.pace.zone
        return self.has_chat and bool(await roster.on_duty(transaction, zone))

    @staticmethod
    async def _open(transaction: Transaction, person_id: PersonId) -> CaseId:
        return await cases.create(
            transaction, person_id, level=0, categories=(ASKED,), script=ASKED, lexicon=""
        )

    async def _call(self, transaction: Transaction, case_id: CaseId, words: str) -> None:
        """Mark the case and start its clock, unless one runs."""
        case = await cases.get(transaction, case_id)
        assert case is not None
        asked = await self._marked(transaction, case)
        if asked.clock_due_at is None:
            await self.desk.escalation.start(transaction, asked)
        await self._publish(transaction, case_id, words)

    async def _mark(self, transaction: Transaction, case: Case, words: str) -> None:
        await self._marked(transaction, case)
        await self._publish(transaction, case.case_id, words)

    @staticmethod
    async def _marked(transaction: Transaction, case: Case) -> Case:
        if not case.is_asked:
            categories = (*case.categories, ASKED)
            await cases.change(transaction, case.case_id, categories=categories)
        marked = await cases.get(transaction, case.case_id)
        assert marked is not None
        return marked

    async def _publish(self, transaction: Transaction, case_id: CaseId, words: str) -> None:
        case = await cases.get(transaction, case_id)
        assert case is not None
        await self.desk.events.publish(transaction, Event(EventType.ASKED, case, words=words))
        # Last: the audit trail stays locked until the commit.
        await audit.append(
            transaction,
            EventType.ASKED,
            case_id=case.case_id,
            person_id=case.person_id,
            detail={"level": case.level},
        )
