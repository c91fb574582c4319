"""Answers to a check-in: a face, sleep, energy, a note, or simply words.

A tapped mood becomes words of the person and goes the way of all words, with cases, takeovers and
screening.
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

# A face tapped later is stored and not talked about. Words later are not an answer.
FRESH = timedelta(days=1)
SCALES = {"s": "sleep", "e": "energy"}
# What follows the number in the data of the button that asks for a note.
NOTE = "note"
# A correction down to this mood or below is talked about like a first answer.
LOW = 2


class AnswerHandlers:
    """Handlers for the buttons under a check-in."""

    def __init__(
        self, answers: Responder, conversation: TurnHandler, messenger: OperatorMessenger
    ) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._conversation = conversation
        self._messenger = messenger

    async def on_mood(self, update: Update, _context: HandlerContext) -> None:
        """`mood:<check-in>:<1-5>`, or `s1`, `e1` for sleep and energy, or `note`."""
        number, _, choice = data_of(update).partition(":")
        is_id = number.isascii() and number.isdecimal() and len(number) < 19
        check_in_id = CheckInId(int(number)) if is_id else None
        if check_in_id is not None and choice in {str(mood) for mood in SCALE}:
            await self._on_face(update, check_in_id, int(choice))
            return
        async with self._answers.open(update, "checkin") as answering:
            if answering is None or check_in_id is None:
                return
            found = await _asked(answering.transaction, answering.person, check_in_id)
            if found is None:
                text = self._texts(answering.person.language, "checkin_note_gone")
                await answering.say(MessageBody(text))
            elif choice == NOTE:
                await self._ask_note(answering, check_in_id)
            elif choice[:1] in SCALES and choice[1:] in {str(each) for each in SCALE}:
                scale = int(choice[1])
                said = MoodAnswer(sleep=scale) if choice[0] == "s" else MoodAnswer(energy=scale)
                await self._keep(answering, check_in_id, said, message_id(update))

    async def _on_face(self, update: Update, check_in_id: CheckInId, mood: int) -> None:
        """Store a mood, and let it be the person's next words."""
        await acknowledge(update)
        async with self._answers.reading(update) as seen:
            person = seen.person if seen else None
        if person is None:
            return
        update_id = UpdateId(update.update_id)

        async def keep(transaction: Transaction, person: Person) -> bool:
            answering = UnitOfWork(transaction, person)
            found = await _asked(transaction, person, check_in_id)
            flows = False
            if found is None:
                text = self._texts(person.language, "checkin_note_gone")
                await answering.say(MessageBody(text))
            else:
                await self._keep(answering, check_in_id, MoodAnswer(mood=mood), message_id(update))
                await note_falling(transaction, person.person_id, self._messenger)
                flows = await _flows(transaction, found, mood, update_id)
            if not flows:
                await inbox.end(transaction, [update_id], Ended.ANSWERED, reason="checkin")
            return flows

        words = self._texts(person.language, f"checkin_said_{mood}")
        await self._conversation.answer_button(person, update, words, keep)

    async def _keep(
        self, a: UnitOfWork, check_in_id: CheckInId, said: MoodAnswer, message_id: int | None
    ) -> None:
        """Store an answer. The message with the buttons shows it and asks on."""
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
        await a.say(self._kept(a.person.language, check_in_id, whole, asks), edits=message_id)

    def _kept(
        self,
        language: str,
        check_in_id: CheckInId,
        whole: MoodAnswer,
        asks: list[tuple[str, str]],
    ) -> MessageBody:
        face = self._texts(language, f"checkin_face_{whole.mood}") if whole.mood else "–"
        text = self._texts(language, "checkin_noted", face=face)
        rows = [face_buttons(self._texts, language, check_in_id)]  # for a change of mind
        if asks:
            letter, name = asks[0]
            text += "\n" + self._texts(language, f"checkin_{name}_ask")
            rows.append([(str(each), f"mood:{check_in_id}:{letter}{each}") for each in SCALE])
        if whole.note is None:
            rows.append([(self._texts(language, "checkin_note"), f"mood:{check_in_id}:{NOTE}")])
        return MessageBody(text, rows)

    async def _ask_note(self, a: UnitOfWork, check_in_id: CheckInId) -> None:
        if a.person.is_off_record(a.transaction.now):
            await a.say(MessageBody(self._texts(a.person.language, "checkin_note_off_record")))
            return
        draft = TimesDraft(check_in_id=int(check_in_id))
        await questions.put(a.transaction, a.person.person_id, QuestionTopic.NOTE, draft)
        await a.say(MessageBody(self._texts(a.person.language, "checkin_note_ask")))


async def _asked(
    transaction: Transaction, person: Person, check_in_id: CheckInId
) -> CheckIn | None:
    found = await occurrences.get(transaction, person.person_id, check_in_id)
    return found if found is not None and found.state is not CheckInState.SKIPPED else None


async def _flows(transaction: Transaction, found: CheckIn, mood: int, update_id: UpdateId) -> bool:
    """Whether the companion talks about a face: the first one, or a correction to a low mood.

    Only soon after the question. A tap whose reply was cut short by a crash is handled again,
    and its turn is there already.
    """
    if found.asked_at is None or transaction.now - found.asked_at >= FRESH:
        return False
    before = found.answer.mood if found.answer is not None else None
    if before is None or (mood <= LOW and mood < before):
        return True
    return await inbox.linked_turn(transaction, [update_id]) is not None
