"""Shadow review: with the person's consent, an operator reads the model's reply before it goes.

The reply has passed the guard and waits as a row. An operator sends it as it is or edits it, and
the person is told of an edit. A reply that no operator reads in time goes as it is, because the
person is waiting for it.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from review.cases.desk import Desk, checked
from review.cases.events import Event, EventType
from review.operators.access import Refusal, RefusedError
from storage import Transaction
from storage.companion import conversations, people
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.ids import CaseId, PersonId, UpdateId
from storage.review import cases, shadow_drafts
from storage.review.cases import Case
from storage.review.operators import Operator
from storage.review.shadow_drafts import ShadowDraft, ShadowState

# How long a reply waits to be read. Longer would leave the person alone with their question.
WAIT = timedelta(minutes=3)

# Queues a reply: the person, the draft, the text, whether an operator edited it.
Send = Callable[[Transaction, Person, ShadowDraft, str, bool], Awaitable[None]]


class Shadow:
    """Ask for consent, hold replies for review and release them.

    Args:
        desk: the acts on cases.
        send: queues a reply to the person.
    """

    def __init__(self, desk: Desk, *, send: Send) -> None:
        self._desk = desk
        self._send = send

    async def ask(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> Case:
        """Ask the person whether a human may read and edit the companion's replies.

        Raises:
            RefusedError: `not_yours`, `person_gone`, `case_gone`, or `shadow_agreed`.
        """
        case, person = await self._mine(transaction, actor, case_id)
        if person.shadow_consent_at is not None:
            raise RefusedError(Refusal.SHADOW_AGREED)
        return await self._desk.happened(transaction, EventType.SHADOW_ASKED, case.case_id, actor)

    async def answered(self, transaction: Transaction, person: Person, *, agrees: bool) -> None:
        """Record whether the person agrees. Without consent no reply is held."""
        await people.change(
            transaction, person.person_id, shadow_consent_at=transaction.now if agrees else None
        )
        case = await cases.open_case(transaction, person.person_id)
        if case is None:
            return
        if not agrees:
            await cases.change(transaction, case.case_id, is_shadowed=False)
        await self._desk.happened(
            transaction, EventType.SHADOW_CHANGED, case.case_id, None, detail={"agrees": agrees}
        )

    async def switch(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, *, on: bool
    ) -> Case:
        """Start or stop reviewing the model's replies in one's own case.

        Raises:
            RefusedError: `no_consent` (of the person), `not_yours`, `person_gone`, `case_gone`.
        """
        _, person = await self._mine(transaction, actor, case_id)
        if on and person.shadow_consent_at is None:
            raise RefusedError(Refusal.NO_CONSENT)
        await cases.change(transaction, case_id, is_shadowed=on)
        return await self._desk.happened(
            transaction, EventType.SHADOW_CHANGED, case_id, actor, detail={"on": on}
        )

    async def reads(self, transaction: Transaction, person: Person) -> Case | None:
        """Return the case in which an operator reviews this person's replies, or None.

        Off the record no reply is held, because holding it would store it.
        """
        if person.shadow_consent_at is None or person.is_off_record(transaction.now):
            return None
        case = await cases.open_case(transaction, person.person_id)
        return case if case is not None and case.is_shadowed and case.claimed_by else None

    async def keep_back(
        self,
        transaction: Transaction,
        person: Person,
        case: Case,
        question: Turn,
        update_id: UpdateId,
        words: str,
        below: str,
    ) -> None:
        """Hold a reply until the operator reads it."""
        draft_id = await shadow_drafts.put(
            transaction,
            person.person_id,
            case_id=case.case_id,
            question_turn_id=question.turn_id,
            update_id=update_id,
            epoch=person.epoch,
            words=words,
            below=below,
            due_at=transaction.now + WAIT,
        )
        event = Event(
            EventType.DRAFT_WAITS,
            case,
            operator=await self._desk.holder(transaction, case),
            detail={"draft": draft_id},
        )
        await self._desk.events.publish(transaction, event)

    @staticmethod
    async def waiting(transaction: Transaction, person_id: PersonId) -> list[ShadowDraft]:
        """List the held replies to a person, oldest first."""
        return await shadow_drafts.waiting(transaction, person_id=person_id)

    async def send(
        self, transaction: Transaction, actor: Operator, draft_id: int, words: str
    ) -> ShadowDraft:
        """Send a held reply, as it is or with the operator's text in its place.

        Raises:
            RefusedError: `draft_gone` (sent or too late), `not_yours`, `empty`, `too_long`.
        """
        draft = await shadow_drafts.get(transaction, draft_id)
        if draft is None or draft.case_id is None or draft.state is not ShadowState.WAITING:
            raise RefusedError(Refusal.DRAFT_GONE)
        await self._mine(transaction, actor, draft.case_id)
        words = checked(words)
        edited = words != draft.words.strip()
        if not await self._let_go(
            transaction, draft, ShadowState.EDITED if edited else ShadowState.SENT, actor, words
        ):
            raise RefusedError(Refusal.DRAFT_GONE)
        await self._desk.happened(
            transaction,
            EventType.DRAFT_SENT,
            draft.case_id,
            actor,
            words=words if edited else "",
            detail={"draft": draft_id, "edited": edited},
        )
        return draft

    async def let_go_overdue(self) -> int:
        """Send the replies that no operator read in time, and return how many."""
        async with self._desk.database.read() as transaction:  # usually nothing is due
            due = await shadow_drafts.waiting(transaction, due=transaction.now)
        for draft in due:
            async with self._desk.database.begin() as transaction:
                await self._let_go(transaction, draft, ShadowState.EXPIRED, None, draft.words)
        return len(due)

    async def _let_go(
        self,
        transaction: Transaction,
        draft: ShadowDraft,
        state: ShadowState,
        actor: Operator | None,
        words: str,
    ) -> bool:
        """Store and queue a reply once, and return whether it was still wanted."""
        person = await people.by_id(transaction, draft.person_id)
        question = await conversations.get_turn(transaction, draft.question_turn_id)
        is_late = person is None or question is None or person.epoch != draft.epoch
        decided = await shadow_drafts.decide(
            transaction,
            draft,
            ShadowState.DROPPED if is_late else state,
            operator_id=actor.operator_id if actor else None,
            edited=words if state is ShadowState.EDITED else None,
        )
        if not decided or person is None or question is None or is_late:
            return False
        turn_id = await conversations.answer(transaction, person.person_id, question, text=words)
        if turn_id is None:
            return False
        await self._send(transaction, person, draft, words, state is ShadowState.EDITED)
        return True

    async def _mine(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> tuple[Case, Person]:
        """Return the operator's own case and its person."""
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.claimed_by != actor.operator_id:
            raise RefusedError(Refusal.NOT_YOURS, await self._desk.holder(transaction, case))
        person = await people.by_id(transaction, case.person_id) if case.person_id else None
        if person is None:
            raise RefusedError(Refusal.PERSON_GONE)
        return case, person
