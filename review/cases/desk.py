"""The acts of operators on a case: claim, release, note, resolve.

Each act runs in one transaction, which also writes the audit trail and tells all listeners.
Telegram and the console call the same functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from review.cases import records as review
from review.cases.escalation import LEASE, Escalation
from review.cases.events import CaseEvents, Event, EventType
from review.operators.access import Refusal, RefusedError, require_active
from storage import Database, Transaction
from storage.companion import script_answers
from storage.ids import CaseId
from storage.messages.sent import SentObject
from storage.review import audit, cases, hand_overs, notes, operators
from storage.review.cases import Case, CaseState, Resolution
from storage.review.operators import Operator

MOST_WORDS = 4000


@dataclass(frozen=True, slots=True)
class Desk:
    """Carry out operators' acts on cases, with an escalation of unclaimed ones."""

    database: Database
    events: CaseEvents
    escalation: Escalation

    async def opened(
        self,
        transaction: Transaction,
        opened: review.OpenedCase,
        words: str,
        *,
        hidden: bool,
        language: str | None = None,
    ) -> None:
        """Record that a message at risk opened or raised a case, and tell the listeners.

        Args:
            transaction: the message's transaction.
            opened: the case after the message.
            words: the message text, which never enters the audit trail.
            hidden: whether operators may not read it (no consent yet, or off the record).
            language: the code of its language if the companion does not speak it.
        """
        case = await cases.get(transaction, opened.case_id)
        assert case is not None
        what = EventType.OPENED if opened.is_new else EventType.RAISED
        is_graver = opened.is_new or opened.level_rose
        if is_graver:
            await self.escalation.start(transaction, case)
        detail = {"rose": opened.level_rose, "hidden": hidden, "language": language}
        await self.events.publish(transaction, Event(what, case, words=words, detail=detail))
        if is_graver:  # last: the audit trail stays locked until the commit
            await audit.append(
                transaction,
                what,
                case_id=case.case_id,
                person_id=case.person_id,
                detail={"level": case.level},
            )

    async def person_sent(self, transaction: Transaction, case: Case, sent: SentObject) -> None:
        """Tell the listeners that the person sent an attachment, in a hold or a takeover.

        The audit trail records only what operators do, so it gets no entry.
        """
        event = Event(
            EventType.PERSON_SAID,
            case,
            operator=await self.holder(transaction, case),
            detail={"sent": sent},
        )
        await self.events.publish(transaction, event)

    async def answered(self, transaction: Transaction, case_id: CaseId) -> None:
        """Tell the listeners what the person has answered to the script, if anything is new.

        The audit trail records only what operators do, so it gets no entry.
        """
        case = await cases.get(transaction, case_id)
        if case is None or case.person_id is None:
            return
        answers = await script_answers.of_person(transaction, case.person_id)
        if any(row.answered_at == transaction.now for row in answers):
            event = Event(EventType.ANSWERED, case, detail={"answers": answers})
            await self.events.publish(transaction, event)

    @staticmethod
    async def is_staffed(transaction: Transaction) -> bool:
        """Return whether there are operators. If not, no text may promise one."""
        return bool(await operators.listed(transaction))

    async def claim(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> Case:
        """Claim an unclaimed case and stop its clock, or confirm a hand-over.

        Who hands a case over and claims it after all keeps it.

        Raises:
            RefusedError: `case_taken` by another operator (see `holder`), or `case_gone`.
        """
        case = await self.the_case(transaction, actor, case_id)
        if case.handed_to == actor.operator_id and await hand_overs.confirm(
            transaction, case_id, actor.operator_id, lease_until_at=transaction.now + LEASE
        ):
            detail: Mapping[str, object] = {"giver": case.claimed_by}
            return await self.happened(
                transaction, EventType.HANDED_OVER, case_id, actor, detail=detail
            )
        if case.claimed_by == actor.operator_id and case.state is CaseState.CLAIMED:
            if case.handed_to is None or not await hand_overs.end(transaction, case_id):
                return case
            detail = {"why": "kept", "to": case.handed_to}
            return await self.happened(
                transaction, EventType.HAND_OVER_ENDED, case_id, actor, detail=detail
            )
        if not await cases.claim(transaction, case_id, actor.operator_id):
            raise await self.taken(transaction, case)
        return await self.happened(transaction, EventType.CLAIMED, case_id, actor)

    async def release(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> Case:
        """Give a case back to the queue: one's own, or any case for an admin.

        Raises:
            RefusedError: `not_yours`, `case_gone`, or `takeover_runs` (hand back first).
        """
        case = await self.the_case(transaction, actor, case_id)
        if case.claimed_by != actor.operator_id and not actor.is_admin:
            raise RefusedError(Refusal.NOT_YOURS, await self.holder(transaction, case))
        if case.lease_until_at is not None:
            raise RefusedError(Refusal.TAKEOVER_RUNS, await self.holder(transaction, case))
        if await cases.release(transaction, case_id):
            await self.escalation.restart(transaction, case)
            return await self.happened(transaction, EventType.RELEASED, case_id, actor)
        return case

    async def note(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, words: str
    ) -> Case:
        """Add a note for other operators, which the person never sees.

        Raises:
            RefusedError: `empty`, `too_long`, `case_gone`, or `person_gone` (erased).
        """
        case = await self.the_case(transaction, actor, case_id, open_only=False)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        words = checked(words)
        await notes.add(
            transaction, case_id, case.person_id, operator_id=actor.operator_id, text=words
        )
        return await self.happened(transaction, EventType.NOTED, case_id, actor, words=words)

    async def resolve(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, resolution: Resolution
    ) -> Case:
        """Close a case and end its hold and script.

        Raises:
            RefusedError: `case_taken` by another operator, or `case_gone`.
        """
        case = await self.the_case(transaction, actor, case_id)
        if case.claimed_by not in (None, actor.operator_id) and not actor.is_admin:
            raise await self.taken(transaction, case)
        if not await cases.resolve(transaction, case_id, resolution, operator_id=actor.operator_id):
            raise RefusedError(Refusal.CASE_GONE)
        await review.end_script(transaction, case)
        return await self.happened(
            transaction,
            EventType.RESOLVED,
            case_id,
            actor,
            detail={
                "resolution": str(resolution),
                "was_held": review.holds(case, transaction.now),
                "was_taken_over": case.lease_until_at is not None,
            },
        )

    async def the_case(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, *, open_only: bool = True
    ) -> Case:
        """Return the case that an operator acts on.

        Raises:
            RefusedError: `not_allowed` or `case_gone`.
        """
        require_active(actor)
        case = await cases.get(transaction, case_id)
        if case is None or (open_only and case.state is CaseState.RESOLVED):
            raise RefusedError(Refusal.CASE_GONE)
        return case

    async def holder(self, transaction: Transaction, case: Case) -> Operator | None:
        """Return the operator who has a case, or None."""
        if case.claimed_by is None:
            return None
        return await operators.get(transaction, case.claimed_by)

    async def taken(self, transaction: Transaction, case: Case) -> RefusedError:
        """Return the refusal that names the operator who has a case."""
        present = await cases.get(transaction, case.case_id)
        if present is None or present.state is CaseState.RESOLVED:
            return RefusedError(Refusal.CASE_GONE)
        return RefusedError(Refusal.CASE_TAKEN, await self.holder(transaction, present))

    async def happened(
        self,
        transaction: Transaction,
        what: EventType,
        case_id: CaseId,
        actor: Operator | None,
        *,
        words: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> Case:
        """Write an act to the audit trail, tell all listeners, and return the case after it."""
        case = await cases.get(transaction, case_id)
        assert case is not None
        event = Event(what, case, operator=actor, words=words, detail=detail or {})
        await self.events.publish(transaction, event)
        # Last: the audit trail stays locked until the commit.
        await audit.append(
            transaction,
            what,
            operator_id=actor.operator_id if actor else None,
            case_id=case_id,
            person_id=case.person_id,
            detail=detail,
            words=words if words and case.person_id is not None else None,
        )
        return case


def checked(words: str) -> str:
    """Return a text in the form in which it may be stored or sent.

    Raises:
        RefusedError: `empty` or `too_long`.
    """
    words = words.replace("\r\n", "\n").strip()
    if not words:
        raise RefusedError(Refusal.EMPTY)
    if len(words) > MOST_WORDS:
        raise RefusedError(Refusal.TOO_LONG)
    return words
