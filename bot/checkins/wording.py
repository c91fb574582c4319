"""The words of a check-in: by the model within a template, or reviewed ones in their place.

Knows nothing of what a person ever said: neither their talk nor a note goes into the prompt, and
the words show on lock screens. All that the model is told is the language, the part of the day
and whether to speak softly. Its sentence must have the form of `form.py`, name no risk and pass
the guard, else a reviewed one stands there; so it does where the model is busy, slow or the
demonstration model.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from bot.checkins.form import LONGEST, fits, without_greeting
from bot.checkins.rounds import Question
from bot.checkins.schedule import local_minute
from bot.texts import Texts
from inference import GenerationError, GenerationRequest, LanguageModel, Sampling
from safety.guard import Guard, strip_artefacts
from safety.levels import Level
from safety.screen import Screening
from storage.ids import PersonId

log = structlog.get_logger(__name__)
PARTS = ((5, "night"), (11, "morning"), (14, "noon"), (18, "afternoon"), (23, "evening"))
MOST_AT_ONCE = 4
"""Check-ins due at once that the model words. More of them all get reviewed words: the peak goes on
at its pace, and so do chats."""
DEADLINE_S = 8.0
SAMPLING = Sampling(min_new_tokens=2)
PROMPTS = {
    "zh": "请替一个陪伴程序写一句{tone}的问候，现在是{part}，问对方此刻怎么样。"
    "只写这一句问句，20个字以内，不要写“早上好”之类的招呼，不要猜测对方的心情，不要提以前的事。",
    "en": "Write one {tone} question in English that asks somebody how they are, in the {part}. "
    "Only the question, at most 12 words, no greeting. Do not guess their mood or name the past.",
}
TONES = {"zh": ("轻轻的、不着急", "亲切的"), "en": ("soft and unhurried", "friendly")}
ZH_PARTS = {
    "night": "深夜",
    "morning": "早上",
    "noon": "中午",
    "afternoon": "下午",
    "evening": "晚上",
}


def part_of(minute: int) -> str:
    """The part of the day of a local minute."""
    return next((name for hour, name in PARTS if minute < hour * 60), "night")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the model wrote, for this part of the day alone."""

    text: str
    part: str


class Wording:
    """Words for check-ins.

    Args:
        texts: reviewed words.
        worker: the model.
        guard: what the model may say.
        screen: the risks that words name; a question names none.
    """

    def __init__(
        self,
        texts: Texts,
        worker: LanguageModel,
        guard: Guard,
        screen: Callable[[str], Screening],
    ) -> None:
        self._texts = texts
        self._worker = worker
        self._guard = guard
        self._screen = screen

    async def prepare(
        self, questions: Sequence[Question], softly: Collection[PersonId], *, now: datetime
    ) -> Mapping[PersonId, object]:
        """The model's sentences for these, or for none of them; no transaction is open.

        Args:
            questions: what is about to be asked.
            softly: people to speak softly with.
            now: the present instant, which says the part of the day.
        """
        health = self._worker.health()
        if self._worker.is_demo or health.waiting or health.running:
            return {}
        some = [each for each in questions if not (each.is_goodbye or each.is_after_hold)]
        if len(some) > MOST_AT_ONCE:
            return {}
        written = await asyncio.gather(
            *(self._write(each, now, is_soft=each.person.person_id in softly) for each in some)
        )
        return {
            question.person.person_id: sentence
            for question, sentence in zip(some, written, strict=True)
            if sentence is not None
        }

    def words(
        self, question: Question, prepared: object | None, *, softly: bool, now: datetime
    ) -> str:
        """What is said: the model's sentence, if there is one, or a reviewed one."""
        language, day = question.person.language, question.occurrence.local_date.toordinal()
        if question.is_goodbye:
            return self._texts(language, "checkin_goodbye")
        if question.is_after_hold:
            return _one(self._texts(language, "checkin_after_hold"), day)
        part = self._part(question, now)
        opening = self._texts(language, f"checkin_opening_{part}")
        kind = "soft" if softly else "words"
        sentence = _one(
            self._texts(language, f"checkin_{kind}_{part}"), day + question.appointment.minute
        )
        if isinstance(prepared, Sentence) and prepared.part == part:
            sentence = prepared.text
        return f"{opening}{'' if language == 'zh' else ' '}{sentence}"

    @staticmethod
    def _part(question: Question, now: datetime) -> str:
        """Of the moment of asking: what was due at ten to eleven may be asked at noon."""
        return part_of(local_minute(now, ZoneInfo(question.settings.zone)))

    async def _write(self, question: Question, now: datetime, *, is_soft: bool) -> Sentence | None:
        """One sentence of the model, or nothing."""
        language, part = question.person.language, self._part(question, now)
        prompt = PROMPTS[language].format(
            tone=TONES[language][0 if is_soft else 1],
            part=ZH_PARTS[part] if language == "zh" else part,
        )
        request = GenerationRequest(
            f"check-in-{question.person.person_id}-{question.occurrence.at.timestamp():.0f}",
            tuple(self._worker.tokenizer.encode_chat(prompt, [])),
            max_new_tokens=min(LONGEST[language], self._worker.context_length // 2),
            sampling=SAMPLING,
            deadline_s=DEADLINE_S,
        )
        text = ""
        try:
            async with aclosing(self._worker.stream(request)) as deltas:  # type: ignore[type-var]
                async for delta in deltas:
                    text += delta
        except GenerationError as error:
            log.info("check_in_not_worded", reason=error.reason)
            return None
        return self._checked(text, language, part)

    def _checked(self, text: str, language: str, part: str) -> Sentence | None:
        """The sentence, where it has the form, names no risk and passes the guard."""
        sentence = without_greeting(strip_artefacts(text))
        is_fit = (
            fits(sentence, language, part)
            and self._screen(sentence).level is Level.NONE
            and self._guard.check(sentence).allowed
        )
        return Sentence(sentence, part) if is_fit else None


def _one(lines: str, number: int) -> str:
    """Another line on every day."""
    found = lines.splitlines()
    return found[number % len(found)]
