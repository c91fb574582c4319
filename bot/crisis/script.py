"""The runner of the reviewed script, which chooses the next text and buttons.

The position in the script is a row, so that a restart continues there.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from safety.response import script as dialogue
from safety.response.openings import moment_of, opening_of
from safety.response.policy import HOLD_LAPSE_S, Response
from safety.response.script import ScriptStep
from safety.screening.answers import LATER, Answer, all_questions, is_joke, read, told
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from safety.text.normalise import normalise
from storage import Transaction
from storage.companion import open_questions, script_answers, script_positions
from storage.companion.people import Person
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId
from storage.messages.body import Keyboard, MessageBody

# An older question is no longer answered by a new message.
OPEN_FOR = timedelta(seconds=HOLD_LAPSE_S)
# The answers after which a question is not asked again.
_SETTLED = frozenset({Answer.YES, Answer.NO})
_OWN_RISK = frozenset({"risk", "own_risk"})


class ScriptRunner:
    """Runs the reviewed scripts."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    def opening(self, language: str, region: str | None, response: Response, text: str) -> str:
        """Return the opening of a script for a message. Needs no storage."""
        return self._text(language, region, opening_of(response, text))

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
        answer = _answer(position, text, screening) if position else Answer.OTHER
        if position is None or is_opened or _opens(position, response, answer, is_held=is_held):
            if position is None:
                await script_answers.clear(transaction, person.person_id)
            for question, other in told(normalise(text).surface).items():
                await script_answers.record(transaction, person.person_id, question, other)
            return await self._enter(transaction, person, opening_of(response, text), 0)
        body = await self._advance(
            transaction, person, position, answer, level=screening.level, text=text
        )
        return self._with_moment(person, response, text, body)

    def _with_moment(
        self, person: Person, response: Response, text: str, body: MessageBody
    ) -> MessageBody:
        """Put what to do in the next ten seconds before a text of a running script."""
        moment = moment_of(response, text)
        if moment is None or not moment.words:
            return body
        first = self._texts(person.language, f"crisis_now_{moment.name}").splitlines()[0]
        return MessageBody(f"{first}\n{body.text}", body.buttons)

    async def advance(
        self,
        transaction: Transaction,
        person: Person,
        script: str,
        text: str,
        screening: Screening | None,
    ) -> MessageBody:
        """Return the answer to a message in a hold, which the case's script gives.

        `screening` is None if the message was answered before.
        """
        position = await script_positions.get(transaction, person.person_id)
        if position is None or position.script == dialogue.GENTLE:
            position = ScriptPosition(script, 0, 1, transaction.now)
        answer = _answer(position, text, screening) if screening else Answer.OTHER
        level = screening.level if screening else Level.NONE
        return await self._advance(transaction, person, position, answer, level=level, text=text)

    async def _advance(
        self,
        transaction: Transaction,
        person: Person,
        position: ScriptPosition,
        answer: Answer,
        *,
        level: Level,
        text: str,
    ) -> MessageBody:
        turns, at = position.turns, position.step
        known = await self._record(transaction, person, position, answer, text)
        step = dialogue.advance(position.script, at, turns, answer, level, known.questions)
        while step.offers and not person.has_consented:  # the offers need stored data
            following = dialogue.advance(
                step.script, step.step, turns, Answer.OTHER, level, known.questions
            )
            step = replace(following, acknowledges=step.acknowledges)
        if answer is Answer.FINE and is_joke(normalise(text).surface):
            joke = f"ack_joke_{turns % dialogue.VARIANTS + 1}"
            step = replace(step, acknowledges=(joke, *step.acknowledges))
        if level < Level.IMMINENT:
            step = replace(step, heard=tuple(f"{q}_{a}" for q, a in known.beside.items()))
        return await self._enter(transaction, person, step, turns)

    @staticmethod
    async def _record(
        transaction: Transaction,
        person: Person,
        position: ScriptPosition,
        answer: Answer,
        text: str,
    ) -> "_Known":
        """Record what a message answers, to the question that waits and in passing."""
        rows = await script_answers.of_person(transaction, person.person_id)
        known = {row.question for row in rows if row.answer in _SETTLED}
        question = dialogue.asked(position.script, position.step)
        heard = told(normalise(text).surface)
        beside = dialogue.told_beside(position.script, position.step, heard, known)
        answers = dict(beside)
        if question and answer is not Answer.OTHER:
            answers[question] = answer
        for name, kind in answers.items():
            await script_answers.record(transaction, person.person_id, name, kind)
        return _Known(frozenset({*known, *beside}), beside)

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
        lines = self._help_lines.text(
            language, region, emergency_first=step.emergency_first, topic=step.script
        )
        keys = [key for key in step.acknowledges if self._texts.has(key)][:1]
        keys += [key for key in step.heard if self._texts.has(key)]
        parts = [self._texts(language, key, lines=lines) for key in (*keys, step.says)]
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


@dataclass(frozen=True, slots=True)
class _Known:
    """The questions that need not be asked, and what the last message told in passing."""

    questions: frozenset[str]
    beside: dict[str, Answer]


def _answer(position: ScriptPosition, text: str, screening: Screening) -> Answer:
    """Return what a message answers, as it was screened after its question."""
    surface = normalise(text).surface
    question = dialogue.asked(position.script, position.step)
    answer = screening.answer or read(surface, question).answer
    lasting = dialogue.lasting(position.script)
    if question is None and lasting is not None and answer is Answer.OTHER:
        reading = read(surface, lasting)
        return reading.answer if reading.is_sure else Answer.OTHER
    return answer


def _opens(position: ScriptPosition, response: Response, answer: Answer, *, is_held: bool) -> bool:
    """Return whether to open a script. After a hold the same one can open again."""
    question = dialogue.asked(position.script, position.step)
    if position.script == dialogue.GENTLE:
        return question is None or dialogue.takes_precedence("suicide", response.script)
    if not is_held:
        return not (position.script == response.script and position.step == 0)
    if question in _OWN_RISK and answer is Answer.YES:
        return False
    return dialogue.takes_precedence(position.script, response.script)


async def open_position(transaction: Transaction, person_id: PersonId) -> ScriptPosition | None:
    """Return the person's position in a script whose last question is still open, or None."""
    position = await script_positions.get(transaction, person_id)
    if position is None or transaction.now - position.changed_at >= OPEN_FOR:
        return None
    return position if dialogue.asked(position.script, position.step) else None


async def awaited(transaction: Transaction, person_id: PersonId) -> str | None:
    """Return the question that a message is screened after: `LATER` after the last, or None."""
    position = await script_positions.get(transaction, person_id)
    if position is None or transaction.now - position.changed_at >= OPEN_FOR:
        return None
    question = dialogue.asked(position.script, position.step)
    if question is not None or position.script == dialogue.GENTLE:
        return question
    lasting = dialogue.lasting(position.script)
    # A question whose yes raises the level is not heard in what nobody asked.
    return LATER if lasting is None or all_questions()[lasting].raises else lasting


async def open_question(transaction: Transaction, person_id: PersonId) -> str | None:
    """Return the key of the question that the script asked last, or None after the last one."""
    position = await script_positions.get(transaction, person_id)
    if position is None or position.script == dialogue.GENTLE:
        return None
    row = dialogue.questions(position.script)
    has_words = position.step < len(row) and row[position.step].offers is None
    return f"ask_{row[position.step].name}" if has_words else None
