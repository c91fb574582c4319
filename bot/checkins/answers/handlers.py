"""Handlers for the buttons under a check-in: moods, sleep, energy and notes.

A tapped mood becomes a message of the person, with screening, cases and takeovers like any other.
"""

from datetime import timedelta

from telegram import Update

from bot.checkins.answers.trend import note_falling
from bot.checkins.outgoing.keyboard import face_buttons
from bot.checkins.settings import service
from bot.conversation.turn_handler import TurnHandler
from bot.operators.announcements import OperatorMessenger
from bot.updates.responder import (
    HandlerContext,
    Responder,
    UnitOfWork,
    acknowledge,
    data_of,
    message_id,
)
from storage import Transaction
from storage.checkins import occurrences, questions
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import SCALE, CheckIn, CheckInState, MoodAnswer
from storage.checkins.questions import QuestionTopic, TimesDraft
from storage.companion.people import Person
from storage.ids import CheckInId, UpdateId
from storage.messages import inbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended

# A mood tapped later is stored without a reply. A later message is not an answer.
FRESH = timedelta(days=1)
SCALES = {"s": "sleep", "e": "energy"}
# The choice in the data of the button that asks for a note.
NOTE = "note"
# A correction down to this mood or below gets a reply like a first answer.
LOW = 2


class AnswerHandlers:
    """Handle the buttons under a check-in."""

    def __init__(
        self, answers: Responder, conversation: TurnHandler, messenger: OperatorMessenger
    ) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._conversation = conversation
        self._messenger = messenger

    async def on_mood(self, update: Update, _context: HandlerContext) -> None:
        """Handle `mood:<check-in>:<1-5>`, or `s1` and `e1` for sleep and energy, or `note`."""
        number, _, choice = data_of(update).partition(":")
        is_id = number.isascii() and number.isdecimal() and len(number) < 19
        check_in_id = CheckInId(int(number)) if is_id else None
        if check_in_id is not None and choice in {str(mood) for mood in SCALE}:
            await self._on_face(update, check_in_id, int(choice))
            return
        async with self._answers.open(update, "checkin") as answering:
            if answering is None or check_in_id is None:
                return
            check_in = await _asked(answering.transaction, answering.person, check_in_id)
            if check_in is None:
                await answering.say_text("checkin_note_gone")
            elif choice == NOTE:
                await self._ask_note(answering, check_in_id)
            elif choice[:1] in SCALES and choice[1:] in {str(number) for number in SCALE}:
                scale = int(choice[1])
                said = MoodAnswer(sleep=scale) if choice[0] == "s" else MoodAnswer(energy=scale)
                await self._keep(answering, check_in_id, said, message_id(update))

    async def _on_face(self, update: Update, check_in_id: CheckInId, mood: int) -> None:
        """Store a mood, and take it as the person's next message."""
        await acknowledge(update)
        async with self._answers.reading(update) as seen:
            person = seen.person if seen else None
        if person is None:
            return
        update_id = UpdateId(update.update_id)

        async def keep(transaction: Transaction, person: Person) -> bool:
            answering = UnitOfWork(transaction, person, self._texts)
            check_in = await _asked(transaction, person, check_in_id)
            has_reply = False
            if check_in is None:
                await answering.say_text("checkin_note_gone")
            else:
                await self._keep(answering, check_in_id, MoodAnswer(mood=mood), message_id(update))
                await note_falling(transaction, person.person_id, self._messenger)
                has_reply = await _has_reply(transaction, check_in, mood, update_id)
            if not has_reply:
                await inbox.end(transaction, [update_id], Ended.ANSWERED, reason="checkin")
            return has_reply

        words = self._texts(person.language, f"checkin_said_{mood}")
        await self._conversation.answer_button(person, update, words, keep)

    async def _keep(
        self, a: UnitOfWork, check_in_id: CheckInId, said: MoodAnswer, message_id: int | None
    ) -> None:
        """Store an answer, and show it with the next question in the message with the buttons."""
        whole = await service.answer(a.transaction, a.person.person_id, check_in_id, said)
        if whole is None:
            return
        settings = await check_in_settings.get(a.transaction, a.person.person_id)
        asks = [
            (letter, name)
            for letter, name in SCALES.items()
            if settings is not None
            and getattr(settings, f"asks_{name}")
            and getattr(whole, name) is None
        ]
        face = a.text(f"checkin_face_{whole.mood}") if whole.mood else "–"
        text = a.text("checkin_noted", face=face)
        rows = [face_buttons(a.texts, a.person.language, check_in_id)]  # for a change of mind
        if asks:
            letter, name = asks[0]
            text += "\n" + a.text(f"checkin_{name}_ask")
            rows.append([(str(number), f"mood:{check_in_id}:{letter}{number}") for number in SCALE])
        if whole.note is None:
            rows.append([(a.text("checkin_note"), f"mood:{check_in_id}:{NOTE}")])
        await a.say(MessageBody(text, rows), edits=message_id)

    async def _ask_note(self, a: UnitOfWork, check_in_id: CheckInId) -> None:
        if a.person.is_off_record(a.transaction.now):
            await a.say_text("checkin_note_off_record")
            return
        draft = TimesDraft(check_in_id=int(check_in_id))
        await questions.put(a.transaction, a.person.person_id, QuestionTopic.NOTE, draft)
        await a.say_text("checkin_note_ask")


async def _asked(
    transaction: Transaction, person: Person, check_in_id: CheckInId
) -> CheckIn | None:
    check_in = await occurrences.get(transaction, person.person_id, check_in_id)
    return None if check_in is None or check_in.state is CheckInState.SKIPPED else check_in


async def _has_reply(
    transaction: Transaction, check_in: CheckIn, mood: int, update_id: UpdateId
) -> bool:
    """Return whether the companion replies to a mood: the first one, or a correction to a low one.

    It replies only soon after the question. After a crash a tap is handled again, and its turn
    exists already.
    """
    if check_in.asked_at is None or transaction.now - check_in.asked_at >= FRESH:
        return False
    before = check_in.answer.mood if check_in.answer is not None else None
    if before is None or (mood <= LOW and mood < before):
        return True
    return await inbox.linked_turn(transaction, [update_id]) is not None
