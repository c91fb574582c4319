"""A reply whose sending was cut off: it is not sent twice, but its person can ask for it."""

from dataclasses import dataclass

from telegram import Update

from bot.conversation.turn_handler import TurnHandler
from bot.texts import Texts
from bot.updates.responder import HandlerContext, Responder, data_of
from storage import Transaction
from storage.companion import conversations, people
from storage.ids import TurnId
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind, OutboxMessage, OutboxState

BUTTON = "again"
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class LostReplies:
    """The owner of replies. It offers a reply again if nobody knows whether it arrived."""

    texts: Texts
    turns: TurnHandler
    answers: Responder

    async def why_unwanted(self, transaction: Transaction, message: OutboxMessage) -> str | None:
        """Return None: a reply that is queued is wanted until the epoch rises."""
        del transaction, message
        return None

    async def on_end(
        self,
        transaction: Transaction,
        message: OutboxMessage,
        state: OutboxState,
        reason: str | None,
    ) -> None:
        """Offer a reply whose outcome is unknown. The offer is a notice, so it makes no other."""
        del reason
        if state is not OutboxState.UNKNOWN or message.turn_id is None:
            return
        assert message.person_id is not None  # a reply is a person's
        person = await people.by_id(transaction, message.person_id)
        if person is None:
            return
        button = (self.texts(person.language, "again"), f"{BUTTON}:{message.turn_id}")
        await outbox.put(
            transaction,
            MessageKind.NOTICE,
            MessageBody(self.texts(person.language, "reply_lost"), [[button]]),
            person_id=person.person_id,
            epoch=person.epoch,
        )

    async def on_button(self, update: Update, context: HandlerContext) -> None:
        """Show the answer to a turn again, or write it if there is none yet."""
        number = data_of(update)
        turn_id = TurnId(int(number)) if number.isdecimal() and len(number) <= MOST_DIGITS else None
        async with self.answers.reading(update) as uow:
            answer = None
            if uow is not None and turn_id is not None:
                transaction, person_id = uow.transaction, uow.person.person_id
                if await conversations.owner(transaction, turn_id) == person_id:
                    answer = await conversations.answer_to(transaction, turn_id)
        if answer is None:
            await self.turns.on_retry(update, context)
            return
        async with self.answers.open(update, "shown_again") as answering:
            if answering is not None:
                await answering.say(MessageBody(answer.text))
