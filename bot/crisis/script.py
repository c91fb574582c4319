"""The runner of the reviewed script, which chooses the next text and buttons.

The position in the script is a row, so that a restart continues there.
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
from safety.screening.outcome import Screening
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import open_questions, script_positions
from storage.companion.people import Person
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId
from storage.messages.body import Keyboard, MessageBody

# An older question is no longer answered by a new message.
OPEN_FOR = timedelta(seconds=HOLD_LAPSE_S)


class ScriptRunner:
    """Runs the reviewed scripts."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    def opening(self, language: str, region: str | None, response: Response) -> str:
        """Return the opening of a script. Needs no storage."""
        step = dialogue.begin(response.script, emergency_first=response.emergency_first)
        return self._text(language, region, step)

    async def answer(
        self,
        transaction: Transaction,
        person: Person,
        response: Response,
        text: str,
        screening: Screening,
        *,
        is_held: bool,
        is_opened: bool,
    ) -> MessageBody:
        """Return the answer to a message of level 3 or 4.

        It opens the script that fits or advances the running one. `is_opened` says that the person
        already has the opening, so only the position is written.
        """
        position = await script_positions.get(transaction, person.person_id)
        if position is None or is_opened or _opens(position, response, text, is_held=is_held):
            step = dialogue.begin(response.script, emergency_first=response.emergency_first)
            return await self._enter(transaction, person, step, 0)
        answer = Answer.YES if tells_of_harm(screening) else None
        return await self._advance(
            transaction, person, position, text, screening.level, answer=answer
        )

    async def advance(
        self, transaction: Transaction, person: Person, script: str, text: str, level: Level
    ) -> MessageBody:
        """Return the answer to a message in a hold, which the case's script gives."""
        position = await script_positions.get(transaction, person.person_id)
        if position is None or position.script == dialogue.GENTLE:
            position = ScriptPosition(script, 0, 1, transaction.now)
        return await self._advance(transaction, person, position, text, level)

    async def _advance(
        self,
        transaction: Transaction,
        person: Person,
        position: ScriptPosition,
        text: str,
        level: Level,
        *,
        answer: Answer | None = None,
    ) -> MessageBody:
        answer = answer or read(normalise(text).surface)
        turns = position.turns
        step = dialogue.advance(position.script, position.step, turns, answer, level)
        while step.offers and not person.has_consented:  # the offers need stored data
            following = dialogue.advance(step.script, step.step, turns, Answer.OTHER, level)
            step = replace(following, acknowledges=step.acknowledges)
        return await self._enter(transaction, person, step, turns)

    async def _enter(
        self, transaction: Transaction, person: Person, step: ScriptStep, turns: int
    ) -> MessageBody:
        await script_positions.put(
            transaction,
            person.person_id,
            step.script,
            step=step.step,
            turns=turns + 1,
            changed_at=transaction.now,
        )
        if step.waits_for_words:  # the next message answers this question, not the plan
            await open_questions.close_steps(transaction, person.person_id)
        text = self._text(person.language, person.region, step)
        return MessageBody(text, self._buttons(person.language, step))

    def _text(self, language: str, region: str | None, step: ScriptStep) -> str:
        lines = self._help_lines.text(language, region, emergency_first=step.emergency_first)
        keys = [key for key in step.acknowledges if self._texts.has(key)]
        parts = [self._texts(language, key, lines=lines) for key in (*keys[:1], step.says)]
        if step.lines and not any(lines in part for part in parts):
            parts.append(lines)
        return "\n".join(parts)

    def _buttons(self, language: str, step: ScriptStep) -> Keyboard:
        asks = self._help_lines.request_buttons(language)
        if step.offers == "plan":
            return [[(self._texts(language, "plan_begin"), "plan:begin")], *asks]
        if step.offers == "follow_up":
            times = [(self._texts(language, f"follow_at_{h}"), f"follow:{h}") for h in (10, 24)]
            return [times, [(self._texts(language, "follow_no"), "follow:no")], *asks]
        return asks


def _opens(position: ScriptPosition, response: Response, text: str, *, is_held: bool) -> bool:
    """Return whether to open a script. After a hold the same one can open again."""
    question = dialogue.asked(position.script, position.step)
    if position.script == dialogue.GENTLE:
        return question is None or dialogue.takes_precedence("suicide", response.script)
    if not is_held:
        return not (position.script == response.script and position.step == 0)
    if question is DirectQuestion.RISK and read(normalise(text).surface) is Answer.YES:
        return False
    return dialogue.takes_precedence(position.script, response.script)


async def open_position(transaction: Transaction, person_id: PersonId) -> ScriptPosition | None:
    """Return the person's position in a script whose last question is still open, or None."""
    position = await script_positions.get(transaction, person_id)
    if position is None or transaction.now - position.changed_at >= OPEN_FOR:
        return None
    return position if dialogue.asked(position.script, position.step) else None


async def open_question(transaction: Transaction, person_id: PersonId) -> str | None:
    """Return the key of the question that the script asked last, or None after the last one."""
    position = await script_positions.get(transaction, person_id)
    if position is None or position.script == dialogue.GENTLE:
        return None
    row = dialogue.questions(position.script)
    has_words = position.step < len(row) and row[position.step].offers is None
    return f"ask_{row[position.step].name}" if has_words else None
