"""The completion of a turn: the reply with its footer, or what replaces the reply.

One transaction checks the epoch, safe mode and shadow review again and queues the result.
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
from safety.screening.outcome import Screening
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
    """The end of a turn."""

    REPLY = "reply"
    SHADOW = "shadow"  # an operator reviews the reply first
    PAUSED = "paused"
    SUPERSEDED = "superseded"  # the person's epoch has risen, so nothing is sent


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A stored question that the model has to answer.

    Attributes:
        burst: the messages of the question, or None if a button asks again.
        notes: texts for the footer of the reply.
    """

    person: Person
    question: Turn
    update_ids: Sequence[UpdateId]
    screening: Screening
    burst: Burst | None = None
    notes: tuple[str, ...] = ()


class TurnCompleter:
    """Completes turns."""

    def __init__(
        self,
        *,
        crisis: CrisisResponder,
        safe_mode: SafeMode,
        quota: Quota,
        resource_footer: ResourceFooter,
        legal_notices: LegalNotices,
        shadow: Shadow,
        texts: Texts,
    ) -> None:
        self._crisis = crisis
        self._safe_mode = safe_mode
        self._quota = quota
        self._resource_footer = resource_footer
        self._legal_notices = legal_notices
        self._shadow = shadow
        self._texts = texts

    async def needs_review(self, transaction: Transaction, person: Person) -> bool:
        """Return whether an operator reviews this person's replies before they are sent."""
        return await self._shadow.reads(transaction, person) is not None

    async def complete(
        self,
        transaction: Transaction,
        pending: PendingTurn,
        reply: str,
        *,
        preview_message_id: int | None,
        is_blocked: bool,
    ) -> Completion:
        """Answer a question with the model's reply, or with what replaces it.

        Args:
            transaction: the transaction in which the caller also ends the inbox rows.
            pending: the question.
            reply: the reply, which has passed the guard.
            preview_message_id: the preview to replace by an edit.
            is_blocked: whether the guard blocked the model's text.
        """
        person = await people.by_id(transaction, pending.person.person_id)
        if person is None or person.epoch != pending.person.epoch:
            return Completion.SUPERSEDED
        if await self._safe_mode.is_on(transaction):  # since the model began
            lines = self._crisis.lines(pending.person)
            text = self._texts(person.language, "paused", lines=lines)
            await self.enqueue(transaction, pending, text, preview_message_id=preview_message_id)
            return Completion.PAUSED
        if is_blocked:
            await safety_counts.add(transaction, SafetyEvent.GUARD)
        case = await self._shadow.reads(transaction, person)
        if case is not None and preview_message_id is None:
            footer = await self._footer(transaction, pending, person)
            await self._shadow.keep_back(
                transaction,
                person,
                case,
                pending.question,
                pending.update_ids[-1],
                reply,
                "\n\n".join(footer),
            )
            return Completion.SHADOW
        turn_id = await conversations.answer(
            transaction, person.person_id, pending.question, text=reply
        )
        if turn_id is not None:
            footer = await self._footer(transaction, pending, person)
            text = "\n\n".join([reply, *footer])
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
        """Say that there is no reply. A person at level 2 still gets help lines."""
        footer = await self._resource_footer.lines_for(
            transaction, pending.person, pending.screening
        )
        text = "\n\n".join([text, *footer])
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
        """Queue an answer that is cancelled if the person's epoch rises."""
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
        """Return the footer of a reply, and count the reply against the quota."""
        await self._quota.count(transaction, pending.person)
        resources = await self._resource_footer.lines_for(
            transaction, pending.person, pending.screening
        )
        notices = await self._legal_notices.due_for(transaction, person)
        return [*resources, *notices, *pending.notes]
