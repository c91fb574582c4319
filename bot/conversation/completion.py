"""The end of a question that the model answered: what goes out, with what below, or not yet.

Everything here happens in one transaction, in which the person's epoch, the switches and an
operator's wish to read first are looked at once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.legal_notices import LegalNotices
from bot.conversation.quota import Quota
from bot.crisis.resource_footer import ResourceFooter
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.texts import Texts
from bot.updates.arrivals import Burst
from review.cases.shadow_review import Shadow
from safety.screening.screener import Screening
from storage import Transaction
from storage.companion import conversations, people
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import outbox
from storage.messages.body import Keyboard, MessageBody
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent


class Completion(StrEnum):
    """How a question ended."""

    REPLY = "reply"
    SHADOW = "shadow"  # an operator reads the reply first
    PAUSED = "paused"
    SUPERSEDED = "superseded"  # the person's epoch has moved on, and nothing was said


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A stored question that the model is to answer.

    Attributes:
        burst: the words as they came; None where a button asks again.
        notes: texts to add under the reply.
    """

    person: Person
    question: Turn
    update_ids: Sequence[UpdateId]
    screening: Screening
    burst: Burst | None = None
    notes: tuple[str, ...] = ()


class TurnCompleter:
    """Ends questions."""

    def __init__(
        self,
        *,
        crisis: CrisisResponder,
        safe_mode: SafeMode,
        quota: Quota,
        resources: ResourceFooter,
        duties: LegalNotices,
        shadow: Shadow,
        texts: Texts,
    ) -> None:
        self._crisis = crisis
        self._safe_mode = safe_mode
        self._quota = quota
        self._resources = resources
        self._duties = duties
        self._shadow = shadow
        self._texts = texts

    async def needs_review(self, transaction: Transaction, person: Person) -> bool:
        """Whether an operator reads this person's replies before they go."""
        return await self._shadow.reads(transaction, person) is not None

    async def complete(
        self,
        transaction: Transaction,
        pending: PendingTurn,
        words: str,
        *,
        preview_message_id: int | None,
        is_kept_back: bool,
    ) -> Completion:
        """Answer a question with the model's words, or with what must stand in their place.

        Args:
            transaction: of the answer; the caller ends the inbox rows in it.
            pending: the question.
            words: the reply, past the guard.
            preview_message_id: a message that becomes the reply by an edit.
            is_kept_back: the guard stopped the model's own words.
        """
        person = await people.by_id(transaction, pending.person.person_id)
        if person is None or person.epoch != pending.person.epoch:
            return Completion.SUPERSEDED
        if await self._safe_mode.is_on(transaction):  # switched on while the model wrote
            lines = self._crisis.lines(pending.person)
            words = self._texts(person.language, "paused", lines=lines)
            await self.enqueue(transaction, pending, words, preview_message_id=preview_message_id)
            return Completion.PAUSED
        if is_kept_back:
            await safety_counts.add(transaction, SafetyEvent.GUARD)
        case = await self._shadow.reads(transaction, person)
        if case is not None and preview_message_id is None:
            below = await self._footer(transaction, pending, person)
            await self._shadow.keep_back(
                transaction,
                person,
                case,
                pending.question,
                pending.update_ids[-1],
                words,
                "\n\n".join(below),
            )
            return Completion.SHADOW
        turn_id = await conversations.answer(
            transaction, person.person_id, pending.question, text=words
        )
        if turn_id is not None:
            below = await self._footer(transaction, pending, person)
            text = "\n\n".join([words, *below])
            await self.enqueue(transaction, pending, text, preview_message_id=preview_message_id)
        return Completion.REPLY

    async def complete_with_failure(
        self,
        transaction: Transaction,
        pending: PendingTurn,
        text: str,
        buttons: Keyboard,
        *,
        preview_message_id: int | None,
    ) -> None:
        """Say that there is no answer; whoever may be at risk gets numbers to call all the same."""
        below = await self._resources.lines_for(transaction, pending.person, pending.screening)
        text = "\n\n".join([text, *below])
        await self.enqueue(
            transaction, pending, text, buttons, preview_message_id=preview_message_id
        )

    async def enqueue(
        self,
        transaction: Transaction,
        pending: PendingTurn,
        text: str,
        buttons: Keyboard | None = None,
        *,
        preview_message_id: int | None,
    ) -> None:
        """Queue an answer, fenced by the epoch of the question."""
        await outbox.put(
            transaction,
            outbox.MessageKind.REPLY,
            MessageBody(text, buttons or []),
            person_id=pending.person.person_id,
            epoch=pending.person.epoch,
            update_id=pending.update_ids[-1],
            turn_id=pending.question.turn_id,
            preview_message_id=preview_message_id,
        )

    async def _footer(
        self, transaction: Transaction, pending: PendingTurn, person: Person
    ) -> list[str]:
        """What stands under the reply; a reply is counted against the quota here, once."""
        await self._quota.count(transaction, pending.person)
        resources = await self._resources.lines_for(transaction, pending.person, pending.screening)
        told = await self._duties.due_for(transaction, person)
        return [*resources, *told, *pending.notes]
