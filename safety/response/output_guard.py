"""The guard: the check of the model's text before a person sees it.

Naming a risk in order to help (我听到你说想死，请拨打 12356) is allowed. When in doubt the guard
refuses: a refused reply costs one reviewed answer, and a harmful one cannot be taken back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from safety import yaml_files
from safety.response.hotlines import Hotlines
from safety.screening.levels import Category, Level
from safety.screening.screener import Screener
from safety.text.characters import fold
from safety.text.phone_numbers import dialled

_COUNTRY_CODES = ("0086", "86", "001", "1", "852", "886", "65", "81", "44", "61")


@dataclass(frozen=True, slots=True)
class GuardResult:
    """Whether a text may be shown. `reason` is a fixed name for counting, never a quotation."""

    allowed: bool
    reason: str | None


_ALLOWED = GuardResult(allowed=True, reason=None)

_MEANT_UNLESS_NEGATED = frozenset({"encouragement", "claims_human", "diagnosis"})
_NEGATION_BEFORE = re.compile(
    r"(?:不|别|并非|没有|不能|无法|不会|不是|千万|not|never|n't|cannot)\s*$"
)
# To report or limit a diagnosis is not to give one: 你提到你有社交恐惧症, 并不意味着你有抑郁症.
_REPORTED_BEFORE = re.compile(
    r"(?:(?:不|没有?|无法)[^,，。!?]{0,6}(?:意味着|表示|说明|代表|确定|认为|证明|断定|是说|一定)"
    r"|你说|提到|听到|(?:医生|父母|爸妈|别人|有人|他们?|她们?)[^,，。!?]{0,6}(?:觉得|认为|说|诊断|告诉))\s*$"
)
_QUOTES = (("“", "”"), ("「", "」"), ("『", "』"), ("‘", "’"))
_MOST_QUOTED = 400  # letters before a position that may hold an opening quote
_THREAT_STARTS = ("你们", "我要", "我会", "i'll", "I'll")


@cache
def load_rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Load the guard's rules from `guard.yaml`."""
    data = yaml_files.parse(resources.files(__package__).joinpath("guard.yaml").read_text("utf-8"))
    parts = {name: "(?:" + "|".join(texts) + ")" for name, texts in data["parts"].items()}
    return tuple(
        (rule["reason"], re.compile("|".join(_filled(p, parts) for p in rule["patterns"])))
        for rule in data["rules"]
    )


def _filled(pattern: str, parts: dict[str, str]) -> str:
    for name, text in parts.items():
        pattern = pattern.replace(f"<{name}>", text)
    return pattern


class OutputGuard:
    """Checks the model's text against fixed rules and the register of numbers.

    Args:
        screener: returns the screener in use, which may change between sentences.
        hotlines: the register of numbers.
    """

    def __init__(self, screener: Callable[[], Screener], hotlines: Hotlines) -> None:
        self._screener = screener
        self._numbers = hotlines.numbers()
        self._rules = load_rules()

    def check(self, text: str) -> GuardResult:
        """Check a whole reply. Accepts any string."""
        folded = "".join(fold(char) for char in text)
        for reason, rule in self._rules:
            if any(_stands(folded, hit, reason) for hit in rule.finditer(folded)):
                return GuardResult(allowed=False, reason=reason)
        if any(not self._is_registered(*number) for number in dialled(folded)):
            return GuardResult(allowed=False, reason="unknown_phone_number")
        if self._threatens(text):
            return GuardResult(allowed=False, reason="risk_language")
        return _ALLOWED

    def _is_registered(self, digits: str, groups: tuple[str, ...]) -> bool:
        if self._is_known(digits):
            return True
        return len(groups) > 1 and all(self._is_known(group) for group in groups)

    def _is_known(self, digits: str) -> bool:
        known = self._numbers
        return digits in known or any(
            digits.startswith(code) and digits[len(code) :] in known for code in _COUNTRY_CODES
        )

    def _threatens(self, text: str) -> bool:
        """Return whether the text threatens a person. Naming the reader's risk is not a threat."""
        return any(
            m.category is Category.VIOLENCE
            and m.level >= Level.ACTIVE
            and text[m.start : m.end].startswith(_THREAT_STARTS)
            for m in self._screener().screen(text).matches
        )


def _stands(folded: str, hit: "re.Match[str]", reason: str) -> bool:
    """Return whether a hit is meant. 我不是真人 and 不要伤害自己的方法 are the opposite."""
    if reason == "claims_human" and _is_quoted(folded, hit.start()):
        return False
    before = folded[max(0, hit.start() - 16) : hit.start()]
    if reason == "diagnosis" and _REPORTED_BEFORE.search(before):
        return False
    if reason in _MEANT_UNLESS_NEGATED:
        return not _NEGATION_BEFORE.search(before[-6:])
    return True


def _is_quoted(folded: str, at: int) -> bool:
    """Return whether a position is quoted: 对自己说“我爱你” proposes words to the reader."""
    led = folded[max(0, at - _MOST_QUOTED) : at]
    led = led[max(led.rfind(end) for end in "。!?\n") + 1 :]
    return any(led.count(opened) > led.count(closed) for opened, closed in _QUOTES)


_ARTEFACT = re.compile(
    r"^\s*(?:"
    r"[嗨海害嘿晦]\s*(?:[,，]\s*)?[BbＢвВΒ8]\s*(?:[,，。.!！~、:：\s]+|$|(?=我是\s*[AaＡАΑ]))"
    r"(?:我是\s*[AaＡАΑ]\s*(?:[,，。.!！~、:：\s]+|$))?"
    r"|(?:(?:你好|您好)\s*[,，!！]\s*)?我是\s*[AaＡАΑ]\s*(?:[,，。.!！~、:：]+|$)"
    r"|[AaＡBbＢ答]\s*[:：]\s*"
    r")"
)


def strip_artefacts(text: str) -> str:
    """Remove greetings of the training data (嗨B，我是A) from the start of a reply.

    Args:
        text: A reply of the model.

    Returns:
        The reply without its artefacts.
    """
    for _ in range(3):
        shorter = _ARTEFACT.sub("", text, count=1)
        if shorter == text:
            break
        text = shorter
    return text
