"""Words that answer a check-in, taken before the companion answers them."""

from dataclasses import dataclass
from datetime import datetime

from bot.checkins.answers.handlers import FRESH
from bot.checkins.settings import service
from bot.checkins.settings.changes import STAYS_OPEN
from bot.checkins.settings.handlers import CheckInHandlers
from bot.crisis.fixed_reply import FixedReply
from bot.texts import Texts
from bot.updates.responder import UnitOfWork
from bot.updates.utterance import Utterance
from safety.screening.levels import Level
from storage import Transaction
from storage.checkins import occurrences, questions
from storage.checkins.occurrences import MoodAnswer
from storage.checkins.questions import QuestionTopic
from storage.companion.people import Person
from storage.ids import CheckInId
from storage.messages import inbox
from storage.messages.inbox import Ended


@dataclass(frozen=True, slots=True)
class CheckInInterceptor:
    """Takes words that answer a check-in or a question about the settings."""

    setup: CheckInHandlers
    texts: Texts
    fixed_reply: FixedReply

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Count words as an answer, store a note, or take them as an answer about check-ins.

        Words at risk are never taken, and the companion hears a note as well. An edit may correct
        settings, but is no answer to a check-in and no note.

        Returns:
            True if they were taken, and are answered.
        """
        if not utterance.is_typed or not utterance.is_new:
            return False
        person, text = utterance.person, utterance.text
        waiting = None if utterance.is_edit else await self._heard(transaction, person)
        if utterance.screening.level >= Level.PASSIVE:
            await questions.close_note(transaction, person.person_id)
            return False
        answering = UnitOfWork(transaction, person, self.texts)
        if not utterance.is_edit and await self._is_note(answering, text):
            return False
        taken = await self.setup.take(answering, text) or (
            waiting is not None
            and transaction.now - waiting < STAYS_OPEN
            and await self.setup.wish(answering, text)
        )
        if taken:  # the words stay the person's, for their export and for later screening
            await self.fixed_reply.keep(transaction, utterance)
            await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="checkin")
        return taken

    @staticmethod
    async def _heard(transaction: Transaction, person: Person) -> datetime | None:
        """Count words as an answer. Returns when the question was asked, if one waited."""
        person_id = person.person_id
        found = await occurrences.unanswered(transaction, person_id, since=transaction.now - FRESH)
        if found is None:
            return None
        asked = await occurrences.get(transaction, person_id, found)
        await service.answer(transaction, person_id, found, MoodAnswer())
        return asked.asked_at if asked else None

    async def _is_note(self, a: UnitOfWork, text: str) -> bool:
        """Store words as a note if one was asked for. Off the record, say that none is kept."""
        person_id = a.person.person_id
        found = await questions.get(a.transaction, person_id, since=a.transaction.now - STAYS_OPEN)
        if (
            found is None
            or found.topic is not QuestionTopic.NOTE
            or found.draft.check_in_id is None
        ):
            return False
        await questions.close(a.transaction, person_id)
        if a.person.is_off_record(a.transaction.now):
            await a.say_text("checkin_note_off_record")
        else:
            check_in_id = CheckInId(found.draft.check_in_id)
            await service.answer(a.transaction, person_id, check_in_id, MoodAnswer(note=text))
        return True
