"""The form of a question that the model may write for a check-in: an allow-list, not a filter.

Knows nothing of the model or of people. A sentence passes if every piece of it stands in
`form.yaml`, in an order that asks how somebody is; what no list holds (a risk, a medicine, a
person, the past, the companion itself) cannot be said. The words show on lock screens, and a
sentence that is refused costs no more than a reviewed one in its place.
"""

import re
from importlib import resources

import yaml

from bot.checkins.bait import is_bait

LONGEST = {"zh": 40, "en": 100}
FORBIDDEN = re.compile(
    r"昨|上次|之前|以前|还记得|那天|你说|提到|好久|想你|想念|等你|一直在|消失|回来|坚持|连续|打卡"
    r"|难过|伤心|痛|哭|死|自杀|抑郁|焦虑|害怕|孤独|累|压力|失眠|吃药|分手|好些|好点|好转"
    r"|\b(?:yesterday|last|before|again|remember|told|said|mention\w*|miss\w*|wait\w*|still|back"
    r"|streak|days?\s+in\s+a\s+row|sad|cry\w*|hurt\w*|pain|die|death|suicid\w*|depress\w*|anxi\w*"
    r"|afraid|alone|lonely|tired|stress\w*|better|worse)\b",
    re.IGNORECASE,
)
"""What no question may hold, reviewed or not: a guess at the mood, the past, silence, a hook. The
allow-list has none of it; this is for whoever changes the list."""
GREETING = re.compile(
    r"^(?:(?:早上|早晨|上午|中午|下午|傍晚|晚上|夜里|早|午|晚)好|[早午晚]安|[你您]好(?![吗么不])|嗨|嘿|哈[喽啰]"
    r"|(?:good\s+(?:morning|afternoon|evening|day|night)|hello|hi|hey|greetings)\b(?:\s+there)?)"
    r"[呀啊哦，,。.!！~～、:：\s]*",
    re.IGNORECASE,
)
# Words of a part of the day: a sentence that names another part does not fit the hour.
PARTS = {
    "morning": r"早|清晨|上午|醒来|起床|新的一天|morning|begins?|starts?",
    "noon": r"中午|午后|一天过半|上午|noon|midday|morning",
    "afternoon": r"下午|午后|一天过半|afternoon",
    "evening": r"晚|傍晚|天下来|evening|tonight|night|ends|winds down|settles",
    "night": r"夜|晚|天下来|evening|tonight|night|ends|winds down|settles",
}
ANY_PART = re.compile(
    r"早|清晨|中午|午后|上午|下午|傍晚|晚|夜|醒来|起床|新的一天|天下来|一天过半"
    r"|\b(?:morning|noon|midday|afternoon|evening|tonight|night|begins?|starts?|ends|winds down"
    r"|settles)\b"
)


def _load(language: str) -> re.Pattern[str]:
    source = resources.files("bot.checkins").joinpath("form.yaml").read_text("utf-8")
    lists: dict[str, list[str]] = yaml.safe_load(source)[language]
    pieces: dict[str, str] = {}
    for name, texts in lists.items():
        piece = "(?:" + "|".join(texts) + ")"
        for before, filled in pieces.items():
            piece = piece.replace(f"<{before}>", filled)
        pieces[name] = piece
    return re.compile(pieces["sentence"])


FORMS = {language: _load(language) for language in LONGEST}


def without_greeting(words: str) -> str:
    """A sentence without the greeting before it: the template says one already."""
    return GREETING.sub("", words.strip(), count=1)


def fits(words: str, language: str, part: str | None = None) -> bool:
    """Whether a sentence is a question of the allowed form.

    Args:
        words: the sentence.
        language: which it must be in.
        part: the part of the day that it may name; None: any.
    """
    plain = words.replace("’", "'")
    if language == "en":
        plain = plain.lower()
    if len(plain) > LONGEST[language] or not FORMS[language].fullmatch(plain):
        return False
    if GREETING.search(plain) or FORBIDDEN.search(plain) or is_bait(plain):
        return False
    return part is None or all(
        re.fullmatch(PARTS[part], named) for named in ANY_PART.findall(plain)
    )
