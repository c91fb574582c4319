"""Follow-ups: one question on the next day, for people who agreed to it.

The question shows on a lock screen, so it never mentions what the person disclosed.
"""

from datetime import timedelta

from telegram import Update

from bot.context import Context
from bot.updates.responder import HandlerContext, choice_of
from review.cases.takeover import Takeover
from storage import Transaction
from storage.companion import conversations, follow_ups, open_questions, people
from storage.companion.conversations import Speaker
from storage.ids import PersonId
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent

HOURS = ("10", "24")
# The delay of a follow-up while an operator has the conversation.
LATER = timedelta(hours=1)


class FollowUps:
    """Handles the buttons that schedule follow-ups, and sends those that are due."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._answers = context.answers
        self._texts = context.texts

    async def on_follow(self, update: Update, _context: HandlerContext) -> None:
        """Schedule a follow-up, or decline it."""
        choice = choice_of(update, (*HOURS, "no"))
        async with self._answers.open(update, "follow_up") as uow:
            if uow is None or choice is None or not uow.person.has_consented:
                return
            transaction, person = uow.transaction, uow.person
            if choice == "no":
                await follow_ups.cancel(transaction, person.person_id)
                key = "follow_declined"
            else:
                due_at = transaction.now + timedelta(hours=int(choice))
                await follow_ups.put(transaction, person.person_id, due_at=due_at)
                key = "follow_set"
            await uow.say(MessageBody(self._texts(person.language, key)))

    async def send_due(self) -> None:
        """Send the follow-ups that are due."""
        async with self._database.read() as transaction:  # usually nothing is due
            if not await follow_ups.is_any_due(transaction):
                return
        async with self._database.begin() as transaction:
            for person_id in await follow_ups.take_due(transaction):
                await self._ask(transaction, person_id)

    async def _ask(self, transaction: Transaction, person_id: PersonId) -> None:
        person = await people.by_id(transaction, person_id)
        if person is None or person.blocked_at is not None:
            return
        if await Takeover.running(transaction, person_id) is not None:
            await follow_ups.put(transaction, person_id, due_at=transaction.now + LATER)
            return
        await open_questions.close(transaction, person_id)
        text = self._texts(person.language, "follow_up_asks")
        session_id = await conversations.current_session(transaction, person_id)
        await conversations.append(transaction, person_id, session_id, Speaker.SCRIPT, text=text)
        await outbox.put(
            transaction, outbox.MessageKind.NOTICE, MessageBody(text), person_id=person_id
        )
        await safety_counts.add(transaction, SafetyEvent.FOLLOW_UP)
