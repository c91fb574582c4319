"""No text of check-ins counts days, urges, blames, or holds anybody."""

import re
from importlib import resources

import pytest
import yaml

from bot.texts import LANGUAGES
from safety.screening.levels import Level
from safety.screening.screener import Screener
from storage.checkins.occurrences import SCALE

# What no text does: count days, blame, hold, urge, reward.
BAIT = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "streaks": r"连续.{0,4}[天日次周]|坚持了|打卡|第\s*\d+\s*天|\bstreak|\bdays? in a row\b"
        r"|\bday \d+\b"
        r"|don'?t break|keep it (?:up|going)|断签|全勤|记录保持",
        "guilt": r"怎么不理|不理我|为什么不(?:回|答|来)|好久不(?:见|来)|你去哪|忘了我|让我失望"
        r"|担心你不|where (?:have|were) you|why (?:did|have)n'?t you"
        r"|you (?:have )?(?:forgot|ignored)|let (?:me )?down|haven'?t heard|long time no"
        r"|disappoint",
        "bait": r"想你|想念|舍不得|别走|不要走|留下来|离不开|等你(?:回|来)|只有(?:我|你)|没有你"
        r"|\bmiss(?:ed)? (?:you|me)\b|don'?t (?:go|leave)|please stay|waiting for you|need you"
        r"|想我|lonely without|only (?:I|you)\b|come back to me",
        "urging": r"快来|赶紧|马上回|必须|一定要(?:回|来|答)|最后(?:一次)?机会|(?<!no )\bhurry"
        r"|last chance|right away|you must|you have to|don'?t forget",
        "rewards": r"奖励|积分|勋章|解锁|\breward|\bbadge|\bpoints\b|\bunlock",
    }.items()
}
# What no question on a lock screen holds: a guess at the mood, the past, silence, a hook.
FORBIDDEN = re.compile(
    r"昨|上次|之前|以前|还记得|那天|你说|提到|好久|想你|想念|等你|一直在|消失|回来|坚持|连续|打卡"
    r"|难过|伤心|痛|哭|死|自杀|抑郁|焦虑|害怕|孤独|累|压力|失眠|吃药|分手|好些|好点|好转"
    r"|\b(?:yesterday|last|before|again|remember|told|said|mention\w*|miss\w*|wait\w*|still|back"
    r"|streak|days?\s+in\s+a\s+row|sad|cry\w*|hurt\w*|pain|die|death|suicid\w*|depress\w*|anxi\w*"
    r"|afraid|alone|lonely|tired|stress\w*|better|worse)\b",
    re.IGNORECASE,
)
# The greeting stands before a sentence already.
GREETING = re.compile(
    r"^(?:(?:早上|早晨|上午|中午|下午|傍晚|晚上|夜里|早|午|晚)好|[早午晚]安|[你您]好(?![吗么不])|嗨|嘿|哈[喽啰]"
    r"|(?:good\s+(?:morning|afternoon|evening|day|night)|hello|hi|hey|greetings)\b(?:\s+there)?)"
    r"[呀啊哦，,。.!！~～、:：\s]*",
    re.IGNORECASE,
)


def texts(language: str) -> dict[str, str]:
    source = resources.files("bot.texts").joinpath(f"checkins_{language}.yaml").read_text("utf-8")
    loaded: dict[str, str] = yaml.safe_load(source)
    return loaded


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", BAIT)
def test_no_text_baits(language: str, kind: str) -> None:
    found = {key: text for key, text in texts(language).items() if BAIT[kind].search(text)}
    assert not found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("streaks", "你已经连续 5 天了"),
        ("streaks", "Don't break your streak"),
        ("guilt", "你怎么不理我"),
        ("guilt", "Where have you been?"),
        ("bait", "别走，我会想你的"),
        ("bait", "I miss you"),
        ("urging", "快来回答"),
        ("rewards", "You earned a badge"),
    ],
)
def test_the_linter_finds_them(kind: str, text: str) -> None:
    assert BAIT[kind].search(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_neutral_on_a_lock_screen(language: str) -> None:
    """They are short, many, and name no feeling and no past."""
    kinds = ("checkin_words_", "checkin_soft_")
    asked = [text for key, text in texts(language).items() if key.startswith(kinds)]
    assert len(asked) == 10
    for lines in asked:
        assert len(set(lines.splitlines())) == 5  # a prime that no week of seven days hides
        assert all(len(line) <= (25 if language == "zh" else 60) for line in lines.splitlines())
        assert not FORBIDDEN.search(lines)
        assert not any(GREETING.search(line) for line in lines.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_a_face_name_no_risk(language: str, screener: Screener) -> None:
    """They are kept as the person's, and nobody screens them in their context."""
    for mood in SCALE:
        assert screener.screen(texts(language)[f"checkin_said_{mood}"]).level <= Level.DISTRESS
