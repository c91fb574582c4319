"""The admission to a closed pilot, which turns strangers away.

Nothing is kept of a rejected person, unless they agreed before or have an open case. A message at
risk is always answered first.
"""

from collections.abc import Collection

from telegram import Update
from telegram.ext import ApplicationHandlerStop

from bot.context import Context
from bot.crisis.response import CrisisResponder
from bot.people.erasure import Erasure
from bot.updates.parsing import is_case, is_request, is_stop, is_wordless
from bot.updates.responder import HandlerContext, acknowledge
from bot.updates.utterance import Utterance
from review.cases import records as review
from review.cases.takeover import Takeover
from storage import Transaction
from storage.companion import people, pilot
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.review import cases, operators


class Admission:
    """Admit people by the rules of a closed pilot, or everyone if the pilot is not closed.

    In a closed pilot (`PICA_PILOT`), only listed people and people with an invite are admitted.

    Args:
        context: the environment.
        crisis: answers a person at risk.
        erasure: erases rejected people.
    """

    def __init__(self, context: Context, crisis: CrisisResponder, erasure: Erasure) -> None:
        settings = context.settings
        self._database = context.database
        self._texts = context.texts
        self._crisis = crisis
        self._erasure = erasure
        self._is_closed = settings.pilot
        self._listed = settings.pilot_people | settings.operators

    def admits(self, person: Person) -> bool:
        """Return whether the companion talks with this person."""
        return (
            not self._is_closed
            or person.admitted_at is not None
            or person.telegram_id in self._listed
        )

    async def redeem(self, transaction: Transaction, person: Person, code: str) -> bool:
        """Admit a person by the code of their invite link. Returns False if it is invalid."""
        if not await pilot.redeem(transaction, code):
            return False
        await people.change(transaction, person.person_id, admitted_at=transaction.now)
        return True

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Reject a person whom the closed pilot does not admit."""
        if self.admits(utterance.person):
            return False
        await self.reject(transaction, utterance.person, utterance.update_ids)
        return True

    async def reject(
        self, transaction: Transaction, person: Person, update_ids: Collection[UpdateId]
    ) -> None:
        """Say that the pilot is closed to this person, and end what they sent."""
        case = await review.case_on_hold(transaction, person.person_id)
        if case is not None:
            await self._crisis.repeat_step(transaction, person, case, update_ids)
            return
        if person.has_consented:  # what they agreed to keep is theirs to delete
            await self._say(transaction, person, "pilot_over")
        elif await cases.open_case(transaction, person.person_id) is not None:
            await self._say(transaction, person, "pilot_closed")  # operators see to them
        else:
            await self._erasure.refuse(transaction, person, "pilot_closed")
        await inbox.end(transaction, update_ids, Ended.ANSWERED, reason="pilot_closed")

    async def on_update(self, update: Update, _context: HandlerContext) -> None:
        """Reject the commands, buttons and pictures of strangers before any other handler.

        Some updates pass: `/start`, which may carry an invite, a word to leave
        (`bot/people/leaving.py` asks here again) and changes of membership. People who agreed
        before keep their rights (`/export`, `/forget`). Groups and case buttons are for operators.

        Raises:
            ApplicationHandlerStop: the update is answered.
        """
        user, message = update.effective_user, update.effective_message
        if not self._is_closed or user is None or update.my_chat_member is not None:
            return
        if (
            update.effective_chat is None
            or update.effective_chat.type != "private"
            or is_case(update)
        ):
            return
        text = (message.text or "") if message is not None else ""
        if is_stop(text) or text.split("@")[0].split(" ")[0] == "/start":
            return
        async with self._database.begin() as transaction:
            person = await people.by_telegram_id(transaction, user.id)
            if person is None or person.has_consented or self.admits(person):
                return
            if await operators.by_telegram_id(transaction, user.id) is not None:
                return  # listed by an admin, not in the settings
            has_answer = is_wordless(update) or is_request(update)
            if has_answer and await self._is_seen_to(transaction, person):
                return  # `bot/crisis/unreadable.py` or `bot/requests/` answers
            await self.reject(transaction, person, [UpdateId(update.update_id)])
        await acknowledge(update)
        raise ApplicationHandlerStop

    @staticmethod
    async def _is_seen_to(transaction: Transaction, person: Person) -> bool:
        """Return whether a case holds this person, or an operator talks with them."""
        return (
            await review.case_on_hold(transaction, person.person_id) is not None
            or await Takeover.running(transaction, person.person_id) is not None
        )

    async def _say(self, transaction: Transaction, person: Person, key: str) -> None:
        text = self._texts(person.language, key, lines=self._crisis.lines(person))
        await outbox.put(
            transaction, outbox.MessageKind.NOTICE, MessageBody(text), person_id=person.person_id
        )
