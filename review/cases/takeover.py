"""A takeover: an operator talks with the person until the hand-back.

A takeover raises the person's epoch, so that no earlier text of the model is sent. It is a lease:
it ends when the operator falls silent (`review/cases/escalation.py`). Operators' messages are
stored as theirs and are never part of a round.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from review.cases.desk import Desk, checked
from review.cases.escalation import LEASE
from review.cases.events import Event, EventType
from review.operators.access import Refusal, RefusedError
from storage import Transaction
from storage.companion import conversations, people, transcripts
from storage.companion.conversations import Speaker, Turn
from storage.ids import CaseId, PersonId, ReplyId
from storage.messages import outbox
from storage.review import cases, notes
from storage.review.cases import Case
from storage.review.operators import Operator

# How long a canned reply waits before it goes out. One tap is easily the wrong one.
TAKE_BACK_WITHIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Takeover:
    """Carry out the acts of an operator who talks with the person."""

    desk: Desk

    async def begin(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> Case:
        """Take the conversation over, and claim the case if it is unclaimed.

        Raises:
            RefusedError: `case_taken`, `case_gone`, `person_gone`, or `takeover_runs`.

        A conversation that was handed over to the operator comes with the case.
        """
        desk = self.desk
        case = await desk.the_case(transaction, actor, case_id)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        is_handed_over = case.handed_to == actor.operator_id
        case = await desk.claim(transaction, actor, case_id)
        if is_handed_over and case.lease_until_at is not None:
            return case
        if not await cases.take_over(
            transaction, case_id, actor.operator_id, lease_until_at=transaction.now + LEASE
        ):
            raise RefusedError(Refusal.TAKEOVER_RUNS, actor)
        assert case.person_id is not None
        await people.raise_epoch(transaction, case.person_id)
        return await desk.happened(transaction, EventType.TAKEN_OVER, case_id, actor)

    async def say(
        self,
        transaction: Transaction,
        actor: Operator,
        case_id: CaseId,
        words: str,
        *,
        canned: ReplyId | None = None,
    ) -> Case:
        """Send a message to the person and renew the lease.

        Args:
            transaction: the transaction of the act.
            actor: the operator.
            case_id: the case.
            words: the message.
            canned: the canned reply that it is. It waits `TAKE_BACK_WITHIN`.

        Raises:
            RefusedError: `no_takeover` (take over first), `not_yours`, `empty`, `too_long`,
                `case_gone`, `person_gone`, `reply_waits` (another canned reply).
        """
        desk = self.desk
        case = await desk.the_case(transaction, actor, case_id)
        words = checked(words)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        if case.claimed_by not in (None, actor.operator_id):
            raise RefusedError(Refusal.NOT_YOURS, await desk.holder(transaction, case))
        if not await cases.renew(
            transaction, case_id, actor.operator_id, lease_until_at=transaction.now + LEASE
        ):
            raise RefusedError(Refusal.NO_TAKEOVER)
        # After the renewal, which makes the second of two taps wait for the first.
        if canned is not None and await outbox.has_reply_waiting(transaction, case.person_id):
            raise RefusedError(Refusal.REPLY_WAITS)
        turn = await self._keep(transaction, case.person_id, actor, words)
        return await desk.happened(
            transaction,
            EventType.OPERATOR_SAID,
            case_id,
            actor,
            words=words,
            detail={"turn": turn.turn_id if turn else None}
            | ({"canned": canned} if canned is not None else {}),
        )

    async def take_back(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> Case:
        """Take back a canned reply that has not gone out yet.

        Raises:
            RefusedError: `reply_sent` (too late), `not_yours`, `case_gone`, `person_gone`.
        """
        desk = self.desk
        case = await desk.the_case(transaction, actor, case_id)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        if case.claimed_by != actor.operator_id:
            raise RefusedError(Refusal.NOT_YOURS, await desk.holder(transaction, case))
        cancelled = await outbox.cancel_waiting_reply(transaction, case.person_id)
        if not cancelled:
            raise RefusedError(Refusal.REPLY_SENT)
        for turn_id in filter(None, cancelled):  # what was never said is no part of the talk
            await conversations.delete_unsent(transaction, turn_id)
        return await desk.happened(transaction, EventType.TAKEN_BACK, case_id, actor)

    async def hand_back(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, words: str = ""
    ) -> Case:
        """Give the conversation back, with a summary for the next reader of the case.

        The case stays claimed. The script answers while the hold lasts, the model after it.

        Raises:
            RefusedError: `no_takeover`, `not_yours`, `case_gone`, `too_long`.
        """
        desk = self.desk
        case = await desk.the_case(transaction, actor, case_id)
        if case.claimed_by != actor.operator_id and not actor.is_admin:
            raise RefusedError(Refusal.NOT_YOURS, await desk.holder(transaction, case))
        began_at = case.took_over_at
        if began_at is None or not await cases.end_takeover(transaction, case_id):
            raise RefusedError(Refusal.NO_TAKEOVER)
        summary = checked(words) if words.strip() else ""
        detail = await self._summed(transaction, case, began_at)
        if case.person_id is not None and summary:
            await notes.add(
                transaction, case_id, case.person_id, operator_id=actor.operator_id, text=summary
            )
        return await desk.happened(
            transaction, EventType.HANDED_BACK, case_id, actor, words=summary, detail=detail
        )

    async def heard(
        self, transaction: Transaction, case: Case, words: str, *, level: int, is_kept: bool
    ) -> None:
        """Tell the listeners that the person wrote to the operator who has the conversation.

        The audit trail records only what operators do, and the text is already a turn.
        """
        event = Event(
            EventType.PERSON_SAID,
            case,
            operator=await self.desk.holder(transaction, case),
            words=words,
            detail={"level": level, "is_kept": is_kept},
        )
        await self.desk.events.publish(transaction, event)

    @staticmethod
    async def running(transaction: Transaction, person_id: PersonId) -> Case | None:
        """Return the case in which an operator has this conversation, even if its lease is over."""
        case = await cases.open_case(transaction, person_id)
        return case if case is not None and case.lease_until_at is not None else None

    @staticmethod
    async def _keep(
        transaction: Transaction, person_id: PersonId, actor: Operator, words: str
    ) -> Turn | None:
        """Store an operator's message as theirs, unless the person has not consented."""
        person = await people.by_id(transaction, person_id)
        if person is None or not person.has_consented:
            return None
        session_id = await conversations.current_session(transaction, person_id)
        return await conversations.append(
            transaction,
            person_id,
            session_id,
            Speaker.OPERATOR,
            text=words,
            off_record=person.is_off_record(transaction.now),
            operator_id=actor.operator_id,
        )

    @staticmethod
    async def _summed(
        transaction: Transaction, case: Case, began_at: datetime
    ) -> dict[str, object]:
        """Count the minutes, the messages each way and the highest level of a takeover."""
        counts = {Speaker.PERSON: 0, Speaker.OPERATOR: 0}
        level = 0
        if case.person_id is not None:
            for turn in await transcripts.since(transaction, case.person_id, began_at):
                role = Speaker.PERSON if turn.role is Speaker.SENT else turn.role
                if role in counts:
                    counts[role] += 1
                level = max(level, turn.level)
        return {
            "minutes": round((transaction.now - began_at).total_seconds() / 60),
            "person_said": counts[Speaker.PERSON],
            "operator_said": counts[Speaker.OPERATOR],
            "highest_level": level,
        }
