"""No text of check-ins counts days, urges, blames, or holds anybody."""

import re
from importlib import resources

import pytest
import yaml

from bot.checkins.wording import FORBIDDEN
from bot.texts import LANGUAGES

BAIT = {
    "streaks": r"连续.{0,4}[天日次周]|坚持了|打卡|第\s*\d+\s*天|\bstreak|\bdays? in a row\b"
    r"|\bday \d+\b"
    r"|don'?t break|keep it (?:up|going)|断签|全勤|记录保持",
    "guilt": r"怎么不理|不理我|为什么不(?:回|答|来)|好久不(?:见|来)|你去哪|忘了我|让我失望|担心你不"
    r"|where (?:have|were) you|why (?:did|have)n'?t you|you (?:have )?(?:forgot|ignored)"
    r"|let (?:me )?down"
    r"|haven'?t heard|long time no|disappoint",
    "bait": r"想你|想念|舍不得|别走|不要走|留下来|离不开|等你(?:回|来)|只有(?:我|你)|没有你"
    r"|\bmiss(?:ed)? you|don'?t (?:go|leave)|please stay|waiting for you|need you|lonely without"
    r"|only (?:I|you)\b|come back to me",
    "urging": r"快来|赶紧|马上回|必须|一定要(?:回|来|答)|最后(?:一次)?机会|hurry"
    r"|last chance|right away|you must|you have to|don'?t forget",
    "rewards": r"奖励|积分|勋章|解锁|\breward|\bbadge|\bpoints\b|\bunlock",
}


def texts(language: str) -> dict[str, str]:
    source = resources.files("bot.texts").joinpath(f"checkins_{language}.yaml").read_text("utf-8")
    loaded: dict[str, str] = yaml.safe_load(source)
    return loaded


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", BAIT)
def test_no_text_baits(language: str, kind: str) -> None:
    pattern = re.compile(BAIT[kind], re.IGNORECASE)
    found = {key: text for key, text in texts(language).items() if pattern.search(text)}
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
    assert re.search(BAIT[kind], text, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_reviewed_questions_keep_what_is_asked_of_the_model(language: str) -> None:
    """What shows on a lock screen names no feeling and no past."""
    asked = [text for key, text in texts(language).items() if key.startswith("checkin_words_")]
    assert len(asked) == 5
    for lines in asked:
        assert len(lines.splitlines()) >= 2
        assert not FORBIDDEN.search(lines)
