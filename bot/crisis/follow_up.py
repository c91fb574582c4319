"""One question on the next day, for people who wanted it.

The promise is a row; its words go out by the one delivery path, once, and never say what was
disclosed: they show on a lock screen.
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
LATER = timedelta(hours=1)


class FollowUps:
    """The buttons that promise it, and the loop's work that keeps the promise."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._answers = context.answers
        self._texts = context.texts

    async def on_follow(self, update: Update, _context: HandlerContext) -> None:
        """When to ask, or not at all."""
        choice = choice_of(update, (*HOURS, "no"))
        async with self._answers.open(update, "follow_up") as answering:
            if answering is None or choice is None or not answering.person.has_consented:
                return
            transaction, person = answering.transaction, answering.person
            if choice == "no":
                await follow_ups.cancel(transaction, person.person_id)
                key = "follow_declined"
            else:
                due_at = answering.transaction.now + timedelta(hours=int(choice))
                await follow_ups.put(transaction, person.person_id, due_at=due_at)
                key = "follow_set"
            await answering.say(MessageBody(self._texts(person.language, key)))

    async def send_due(self) -> None:
        """Ask those whose time has come."""
        async with self._database.read() as transaction:  # nothing is due as a rule
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
            return  # a human is talking with them
        await open_questions.close(transaction, person_id)
        words = self._texts(person.language, "follow_up_asks")
        session_id = await conversations.current_session(transaction, person_id)
        await conversations.append(transaction, person_id, session_id, Speaker.SCRIPT, text=words)
        await outbox.put(
            transaction, outbox.MessageKind.NOTICE, MessageBody(words), person_id=person_id
        )
        await safety_counts.add(transaction, SafetyEvent.FOLLOW_UP)
