"""The interceptor that takes a message as an answer to a check-in or about its settings."""

from dataclasses import dataclass
from datetime import datetime

from bot.checkins.answers.handlers import FRESH
from bot.checkins.settings import service
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
from storage.companion.open_questions import STAYS_OPEN
from storage.companion.people import Person
from storage.ids import CheckInId
from storage.messages import inbox
from storage.messages.inbox import Ended


@dataclass(frozen=True, slots=True)
class CheckInInterceptor:
    """Take messages that answer a check-in or a question about the settings."""

    setup: CheckInHandlers
    texts: Texts
    fixed_reply: FixedReply

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Count a message as an answer, store a note, or carry out a change of the settings.

        A message at risk is never taken. The companion also answers a note. An edit may correct
        settings, but it is not a note or an answer to a check-in.

        Returns:
            True if the message was taken and answered.
        """
        if not utterance.is_typed or not utterance.is_new:
            return False
        person, text = utterance.person, utterance.text
        waiting = None if utterance.is_edit else await self._count_answer(transaction, person)
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
        if taken:  # keep the text for the person's export and for later screening
            await self.fixed_reply.keep(transaction, utterance)
            await inbox.end(transaction, utterance.update_ids, Ended.ANSWERED, reason="checkin")
        return taken

    @staticmethod
    async def _count_answer(transaction: Transaction, person: Person) -> datetime | None:
        """Count a message as an answer. Returns when the question was asked, if one waited."""
        person_id, since = person.person_id, transaction.now - FRESH
        check_in_id = await occurrences.unanswered(transaction, person_id, since=since)
        if check_in_id is None:
            return None
        check_in = await occurrences.get(transaction, person_id, check_in_id)
        await service.answer(transaction, person_id, check_in_id, MoodAnswer())
        return check_in.asked_at if check_in else None

    async def _is_note(self, a: UnitOfWork, text: str) -> bool:
        """Store a message as a note if one was asked for. Off the record, refuse to store it."""
        person_id, since = a.person.person_id, a.transaction.now - STAYS_OPEN
        question = await questions.get(a.transaction, person_id, since=since)
        if question is None or question.topic is not QuestionTopic.NOTE:
            return False
        if question.draft.check_in_id is None:
            return False
        await questions.close(a.transaction, person_id)
        if a.person.is_off_record(a.transaction.now):
            await a.say_text("checkin_note_off_record")
        else:
            check_in_id = CheckInId(question.draft.check_in_id)
            await service.answer(a.transaction, person_id, check_in_id, MoodAnswer(note=text))
        return True
