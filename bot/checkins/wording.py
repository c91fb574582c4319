"""The words of a check-in: by the model within a template, or reviewed ones in their place.

Knows nothing of what a person ever said: neither their talk nor a note goes into the prompt, and
the words show on lock screens. All that the model is told is the language, the part of the day
and whether to speak softly. Its sentence must pass the guard and the form below, else a reviewed
one stands there; so it does where the model is busy, slow or the demonstration model.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from zoneinfo import ZoneInfo

import structlog

from bot.checkins.rounds import Question
from bot.checkins.schedule import local_minute
from bot.texts import Texts
from inference import GenerationError, GenerationRequest, InferenceWorker, Sampling
from safety.guard import Guard, strip_artefacts
from storage.ids import PersonId

log = structlog.get_logger(__name__)
PARTS = ((5, "night"), (11, "morning"), (14, "noon"), (18, "afternoon"), (23, "evening"))
MOST_AT_ONCE = 4
"""Check-ins due at once that the model words. More of them all get reviewed words: the peak goes on
at its pace, and so do chats."""
DEADLINE_S = 8.0
LONGEST = {"zh": 40, "en": 100}
SAMPLING = Sampling(min_new_tokens=2)
PROMPTS = {
    "zh": "请替一个陪伴程序写一句{tone}的问候，现在是{part}，问对方此刻怎么样。"
    "只写这一句问句，20个字以内，不要猜测对方的心情，不要提以前的事。",
    "en": "Write one {tone} question in English that asks somebody how they are, in the {part}. "
    "Only the question, at most 12 words. Do not guess their mood or mention the past.",
}
TONES = {"zh": ("轻轻的、不着急", "亲切的"), "en": ("soft and unhurried", "friendly")}
ZH_PARTS = {
    "night": "深夜",
    "morning": "早上",
    "noon": "中午",
    "afternoon": "下午",
    "evening": "晚上",
}

# What a question may not hold: a guess at the mood, the past, the person's silence, a hook.
FORBIDDEN = re.compile(
    r"昨|上次|之前|以前|还记得|那天|你说|提到|好久|想你|想念|等你|一直在|消失|回来|坚持|连续|打卡"
    r"|难过|伤心|痛|哭|死|自杀|抑郁|焦虑|害怕|孤独|累|压力|失眠|吃药|分手|好些|好点|好转"
    r"|\b(?:yesterday|last|before|again|remember|told|said|mention\w*|miss\w*|wait\w*|still|back"
    r"|streak|days?\s+in\s+a\s+row|sad|cry\w*|hurt\w*|pain|die|death|suicid\w*|depress\w*|anxi\w*"
    r"|afraid|alone|lonely|tired|stress\w*|better|worse)\b",
    re.IGNORECASE,
)
HAN = re.compile(r"[一-鿿]")
LATIN = re.compile(r"[A-Za-z]")


def part_of(minute: int) -> str:
    """The part of the day of a local minute."""
    return next((name for hour, name in PARTS if minute < hour * 60), "night")


def fits(words: str, language: str) -> bool:
    """Whether a sentence of the model has the form of a check-in."""
    own, other = (HAN, LATIN) if language == "zh" else (LATIN, HAN)
    return (
        len(words) <= LONGEST[language]
        and "\n" not in words
        and words.rstrip().endswith(("?", "？"))
        and sum(words.count(mark) for mark in "?？") == 1
        and own.search(words) is not None
        and other.search(words) is None
        and not re.search(r"\d", words)
        and FORBIDDEN.search(words) is None
    )


class Wording:
    """Words for check-ins.

    Args:
        texts: reviewed words.
        worker: the model.
        guard: what the model may say.
    """

    def __init__(self, texts: Texts, worker: InferenceWorker, guard: Guard) -> None:
        self._texts = texts
        self._worker = worker
        self._guard = guard

    async def prepare(
        self, questions: Sequence[Question], tones: Mapping[PersonId, int]
    ) -> Mapping[PersonId, object]:
        """The model's sentences for these, or for none of them; no transaction is open.

        Args:
            questions: what is about to be asked.
            tones: 0 for people to speak softly with, 1 for all others.
        """
        health = self._worker.health()
        if self._worker.is_demo or health.waiting or health.running:
            return {}
        some = [each for each in questions if not (each.is_goodbye or each.is_after_hold)]
        if len(some) > MOST_AT_ONCE:
            return {}
        written = await asyncio.gather(
            *(self._write(each, tones.get(each.person.person_id, 1)) for each in some)
        )
        return {
            question.person.person_id: words
            for question, words in zip(some, written, strict=True)
            if words
        }

    def words(self, question: Question, prepared: object | None) -> str:
        """What is said: the model's sentence, if there is one, or a reviewed one."""
        language, day = question.person.language, question.occurrence.local_date.toordinal()
        if question.is_goodbye:
            return self._texts(language, "checkin_goodbye")
        if question.is_after_hold:
            return _one(self._texts(language, "checkin_after_hold"), day)
        part = self._part(question)
        opening = self._texts(language, f"checkin_opening_{part}")
        reviewed = _one(
            self._texts(language, f"checkin_words_{part}"), day + question.appointment.minute
        )
        sentence = prepared if isinstance(prepared, str) else reviewed
        return f"{opening}{'' if language == 'zh' else ' '}{sentence}"

    @staticmethod
    def _part(question: Question) -> str:
        return part_of(local_minute(question.occurrence.at, ZoneInfo(question.settings.zone)))

    async def _write(self, question: Question, tone: int) -> str:
        """One sentence of the model, or nothing."""
        language, part = question.person.language, self._part(question)
        prompt = PROMPTS[language].format(
            tone=TONES[language][tone], part=ZH_PARTS[part] if language == "zh" else part
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
            return ""
        sentence = strip_artefacts(text).strip()
        return sentence if fits(sentence, language) and self._guard.check(sentence).allowed else ""


def _one(lines: str, number: int) -> str:
    """Another line on every day."""
    found = lines.splitlines()
    return found[number % len(found)]
