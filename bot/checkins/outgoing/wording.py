"""The text of a check-in, from reviewed sentences that alternate.

It shows on lock screens, so it repeats nothing that a person said or answered.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.checkins.outgoing.evaluation import DueQuestion
from bot.checkins.rules.schedule import local_minute
from bot.texts import Texts

PARTS = ((5, "night"), (11, "morning"), (14, "noon"), (18, "afternoon"), (23, "evening"))


def part_of(minute: int) -> str:
    """Return the part of the day of a local minute."""
    return next((name for hour, name in PARTS if minute < hour * 60), "night")


def words_of(
    texts: Texts, question: DueQuestion, *, is_soft: bool, last: str | None, now: datetime
) -> str:
    """Choose the text of a check-in.

    Args:
        texts: the reviewed texts.
        question: the question.
        is_soft: whether the last mood was low.
        last: the text of the previous check-in, whose sentence must not come again.
        now: the moment of asking. A question due at 10:50 may be sent at noon.
    """
    language = question.person.language
    if question.is_goodbye:
        return texts(language, "checkin_goodbye")
    if question.is_after_hold:
        return _next(texts(language, "checkin_after_hold"), question, last)
    part = part_of(local_minute(now, ZoneInfo(question.settings.zone)))
    kind = "soft" if is_soft else "words"
    opening = texts(language, f"checkin_opening_{part}")
    sentence = _next(texts(language, f"checkin_{kind}_{part}"), question, last)
    return f"{opening}{'' if language == 'zh' else ' '}{sentence}"


def _next(lines: str, question: DueQuestion, last: str | None) -> str:
    """Return the next sentence, another one every day and every half hour of a day."""
    sentences = lines.splitlines()
    day, minute = question.occurrence.local_date.toordinal(), question.appointment.minute
    start = (day + minute // 30) % len(sentences)
    turns = sentences[start:] + sentences[:start]
    return next((turn for turn in turns if not (last or "").endswith(turn)), turns[0])
