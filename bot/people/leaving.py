"""The handler for `/stop` and the bare words for it, such as 退出.

China's Interim Measures for anthropomorphic AI interaction services ask for a button or a word
(read in reports only, see `safety/response/duties.yaml`). These words are screened like all others.
"""

from telegram import Update

from bot.checkins.settings import service
from bot.context import Context
from bot.crisis.contact_side import ContactSide
from bot.people.admission import Admission
from bot.updates.responder import HandlerContext, UnitOfWork
from review.cases import records as review
from safety.response.policy import THRESHOLD
from safety.screening.levels import Level
from storage.checkins import settings as check_in_settings
from storage.checkins.settings import StoppedBy
from storage.companion import conversations, follow_ups, open_questions, people
from storage.ids import UpdateId
from storage.messages import inbox, inbox_queue
from storage.messages.body import MessageBody


class StopHandler:
    """Handle `/stop` and the bare words for it."""

    def __init__(self, context: Context, gate: Admission, contacts: ContactSide) -> None:
        self._answers = context.answers
        self._texts = context.texts
        self._gate = gate
        self._contacts = contacts
        self._help_lines = context.help_lines

    async def on_stop(self, update: Update, _context: HandlerContext) -> None:
        """End the talk: cancel waiting replies, follow-ups and check-ins."""
        async with self._answers.open(update, "stop") as answering:
            if answering is None:
                return
            person, transaction = answering.person, answering.transaction
            update_id = UpdateId(update.update_id)
            level = await self._level(answering)
            await people.raise_epoch(transaction, person.person_id)
            await conversations.end_session(transaction, person.person_id)
            await follow_ups.cancel(transaction, person.person_id)
            await open_questions.close(transaction, person.person_id)
            had_check_ins = await self._stop_check_ins(answering)
            await inbox.end_before(transaction, person.person_id, update_id, reason="stop")
            if not person.has_consented and await self._contacts.leave_all(transaction, person):
                return  # a contact who is no user of the companion
            if level >= THRESHOLD or person.has_consented or self._gate.admits(person):
                await answering.say(MessageBody(self._farewell(answering, level, had_check_ins)))
            else:  # a stranger to a closed pilot, of whom nothing is kept
                await self._gate.reject(transaction, person, [update_id])

    @staticmethod
    async def _stop_check_ins(answering: UnitOfWork) -> bool:
        """Stop check-ins, and return whether there were any."""
        transaction, person_id = answering.transaction, answering.person.person_id
        settings = await check_in_settings.get(transaction, person_id)
        if settings is None or settings.stopped_by is StoppedBy.PERSON:
            return False
        await service.stop(transaction, person_id)  # also before a goodbye is sent
        return settings.stopped_at is None

    @staticmethod
    async def _level(answering: UnitOfWork) -> int:
        """Return the higher level of the case that holds the talk and of waiting messages."""
        person_id = answering.person.person_id
        case = await review.case_on_hold(answering.transaction, person_id)
        waiting = await inbox_queue.highest_open_level(answering.transaction, person_id)
        return max(case.level if case else 0, waiting)

    def _farewell(self, answering: UnitOfWork, level: int, had_check_ins: bool) -> str:
        person = answering.person
        farewell = self._texts(person.language, "stopped")
        if had_check_ins:
            farewell += "\n" + self._texts(person.language, "checkin_off_too")
        if level < THRESHOLD:
            return farewell
        lines = self._help_lines.text(
            person.language, person.region, emergency_first=level >= Level.IMMINENT
        )
        return farewell + "\n" + self._texts(person.language, "stopped_lines", lines=lines)
