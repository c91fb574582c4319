"""What the reviewed script says next to a person at risk, as words and buttons.

The place in the script is a row, so that a restart goes on where it stood.
"""

from dataclasses import replace
from datetime import timedelta

from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from safety.response import script as dialogue
from safety.response.policy import HOLD_LAPSE_S, Response
from safety.response.script import ScriptStep
from safety.screening.answer_rules import tells_of_harm
from safety.screening.answers import Answer, read
from safety.screening.context import DirectQuestion
from safety.screening.levels import Level
from safety.screening.screener import Screening
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import plans, script_positions
from storage.companion.people import Person
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId
from storage.messages.body import Keyboard, MessageBody

# A question that was asked longer ago is not what a message of today answers.
OPEN_FOR = timedelta(seconds=HOLD_LAPSE_S)


class ScriptRunner:
    """Tells the reviewed scripts."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    def opening(self, language: str, region: str | None, response: Response) -> str:
        """The reviewed words that answer a first message at risk; needs no storage."""
        move = dialogue.begin(response.script, emergency_first=response.emergency_first)
        return self._words(language, region, move)

    async def answer(
        self,
        transaction: Transaction,
        person: Person,
        response: Response,
        text: str,
        screening: Screening,
        *,
        is_held: bool,
        is_open: bool,
    ) -> MessageBody:
        """Answer words of level 3 or 4: open the script that fits, or go on in it.

        With `is_open` the person has the opening already: its question is what they answer next.
        """
        place = await script_positions.get(transaction, person.person_id)
        if place is None or is_open or _begins(place, response, text, is_held=is_held):
            move = dialogue.begin(response.script, emergency_first=response.emergency_first)
            return await self._say(transaction, person, move, 0)
        answer = Answer.YES if tells_of_harm(screening) else None
        return await self._go_on(transaction, person, place, text, screening.level, answer=answer)

    async def go_on(
        self, transaction: Transaction, person: Person, script: str, text: str, level: Level
    ) -> MessageBody:
        """Answer words of a person whom a case of this script holds."""
        place = await script_positions.get(transaction, person.person_id)
        if place is None or place.script == dialogue.GENTLE:
            place = ScriptPosition(script, 0, 1, transaction.now)
        return await self._go_on(transaction, person, place, text, level)

    async def _go_on(
        self,
        transaction: Transaction,
        person: Person,
        place: ScriptPosition,
        text: str,
        level: Level,
        *,
        answer: Answer | None = None,
    ) -> MessageBody:
        answer = answer or read(normalise(text).surface)
        move = dialogue.advance(place.script, place.step, place.turns, answer, level)
        while move.offers and not person.has_consented:  # nothing could be kept of it
            onward = dialogue.advance(move.script, move.step, place.turns, Answer.OTHER, level)
            move = replace(onward, acknowledges=move.acknowledges)
        return await self._say(transaction, person, move, place.turns)

    async def _say(
        self, transaction: Transaction, person: Person, move: ScriptStep, turns: int
    ) -> MessageBody:
        await script_positions.put(
            transaction,
            person.person_id,
            move.script,
            step=move.step,
            turns=turns + 1,
            changed_at=transaction.now,
        )
        if move.waits_for_words:  # the next words answer this question, and not a plan's step
            await plans.close_step(transaction, person.person_id)
        words = self._words(person.language, person.region, move)
        return MessageBody(words, self._buttons(person.language, move))

    def _words(self, language: str, region: str | None, move: ScriptStep) -> str:
        lines = self._help_lines.text(language, region, emergency_first=move.emergency_first)
        keys = [key for key in move.acknowledges if self._texts.has(key)]
        parts = [self._texts(language, key, lines=lines) for key in (*keys[:1], move.says)]
        if move.lines and not any(lines in part for part in parts):
            parts.append(lines)
        return "\n".join(parts)

    def _buttons(self, language: str, move: ScriptStep) -> Keyboard:
        if move.offers == "plan":
            return [[(self._texts(language, "plan_begin"), "plan:begin")]]
        if move.offers == "follow_up":
            times = [(self._texts(language, f"follow_at_{h}"), f"follow:{h}") for h in (10, 24)]
            return [times, [(self._texts(language, "follow_no"), "follow:no")]]
        return []


def _begins(place: ScriptPosition, response: Response, text: str, *, is_held: bool) -> bool:
    """Whether another script opens, or the same anew after a hold that is over."""
    if place.script == dialogue.GENTLE:
        waits = dialogue.asked(place.script, place.step) is not None
        return not waits or dialogue.takes_precedence("suicide", response.script)
    if not is_held:
        return not (place.script == response.script and place.step == 0)
    answers_a_question = dialogue.asked(place.script, place.step) is DirectQuestion.RISK
    if answers_a_question and read(normalise(text).surface) is Answer.YES:
        return False
    return dialogue.takes_precedence(place.script, response.script)


async def open_position(transaction: Transaction, person_id: PersonId) -> ScriptPosition | None:
    """The person's position in a script whose last question still waits for an answer."""
    position = await script_positions.get(transaction, person_id)
    if position is None or transaction.now - position.changed_at >= OPEN_FOR:
        return None
    return position if dialogue.asked(position.script, position.step) else None
