"""Whether words that could not be read look like an answer to the question that is open.

Knows nothing of what is asked again. Only a few short words, all of them about times or places,
are an attempt: a question put again to someone who said how they are would not have listened.
"""

import re

from bot.checkins import zones
from bot.checkins.closed import is_closed, listed, words
from bot.checkins.tokens import Or, Span, fold, tokens

LONGEST = 24
A_NUMBER = re.compile(r"(?<!\d)\d{1,2}(?!\d)[a-z]{0,3}(?![^\W\d_])")
ZH_LENGTH = re.compile(r"[一二两三四五六七八九十半几]\s*个?(?:天|日|周|星期|礼拜|月)")
EN_LENGTH = re.compile(r"\b(?:day|week|month|fortnight)s?\b")
HAN_PLACE = re.compile(r"(?:我?现在)?(?:我)?(?:在|住在|住)?([⺀-鿿]{1,6}[市省县州城镇区乡村岛])")
LATIN_PLACE = re.compile(
    r"(?:I'm|I am|I live|We live|Living|We're)?\s*(?:[Ii]n|[Nn]ear)\s+((?:[A-Z][^\W\d_]+\s?){1,3})"
    r"|([A-Z][^\W\d_]*(?:ville|burgh?|town|land|stan|polis|shire|grad|abad|pur|berg|stadt|heim"
    r"|chester|bury|mouth|field| City| Island))"
)


def is_about_time(text: str) -> bool:
    """Whether a few words hold a time, a number or a length of time, and hardly anything else."""
    if len(text) > LONGEST:
        return False
    folded = fold(text)
    found, rest = tokens(folded)
    has_any = any(not isinstance(token, Span | Or) for token in found) or any(
        pattern.search(folded) for pattern in (A_NUMBER, ZH_LENGTH, EN_LENGTH)
    )
    rest = EN_LENGTH.sub(" ", A_NUMBER.sub(" ", rest))
    return has_any and is_closed([rest], words("attempt_at_times"))


def is_about_place(text: str) -> bool:
    """Whether a few words name a place in another way, or have the form of an unknown one.

    A bare word is none: 头晕 and "Nervous" would be taken for towns.
    """
    if len(text) > LONGEST:
        return False
    rest = zones.without_places(text)
    if rest is not None and is_closed([A_NUMBER.sub(" ", rest)], words("attempt_at_a_place")):
        return True
    said = text.strip(" .,!?。，！？")
    han = HAN_PLACE.fullmatch(fold(said))
    if han:
        return not set(listed("no_place", "zh")) & set(han.group(1))
    latin = LATIN_PLACE.fullmatch(said)
    return latin is not None and not set(listed("no_place", "en")) & set(said.lower().split())
