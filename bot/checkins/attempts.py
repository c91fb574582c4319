"""Whether words that could not be read look like an answer to the question that is open.

Knows nothing of what is asked again. Only a few short words, all of them about times or places,
are an attempt: a question put again to someone who said how they are would not have listened.
"""

import re

from bot.checkins import zones
from bot.checkins.closed import UNIT, Words, is_closed, listed, words
from bot.checkins.tokens import fold, tokens

LONGEST = 24
A_NUMBER = re.compile(r"\d+[a-z]{0,3}(?![^\W\d_])")
ZH_LENGTH = re.compile(r"[一二两三四五六七八九十半几]\s*个?(?:天|日|周|星期|礼拜|月|年)")
EN_LENGTH = re.compile(r"\b(?:day|week|month|year|fortnight)s?\b")
OF_A_PLACE = re.compile(
    r"^(?:我现在|我人)?(?:我)?(?:在|住在|住)|(?:那边|这边|附近|市|这里)$"
    r"|^(?:i'm|i am|i live|we live|living)?\s*(?:in|near|from)\s+"
)


def is_about_time(text: str) -> bool:
    """Whether a few words hold a time, a number or a length of time, and hardly anything else."""
    if len(text) > LONGEST:
        return False
    folded = fold(text)
    found, rest = tokens(folded)
    has_any = found or A_NUMBER.search(folded) or ZH_LENGTH.search(folded)
    if not has_any and not EN_LENGTH.search(folded):
        return False
    return is_closed([EN_LENGTH.sub(" ", A_NUMBER.sub(" ", rest))], _about_times())


def is_about_place(text: str) -> bool:
    """Whether a few words name a place in another way, or may be the name of an unknown one."""
    if len(text) > LONGEST:
        return False
    rest = zones.without_places(text)
    if rest is not None and is_closed([A_NUMBER.sub(" ", rest)], words("attempt_at_a_place")):
        return True
    word = OF_A_PLACE.sub("", fold(text).strip(" .,!?。，！？"))
    if re.fullmatch(r"[⺀-鿿]{2,6}", word):
        return not set(listed("no_place", "zh")) & set(word)
    units = UNIT.findall(word)
    is_name = re.search(r"(?:^|\s)[A-Z][^\W\d_]+[\s.,!?]*$", text) is not None
    return (
        is_name
        and 0 < len(units) <= 3
        and len(word) > 2
        and not set(listed("no_place", "en")) & set(units)
    )


def _about_times() -> Words:
    return words("asking", "polite", "joining", "attempt_at_times")
