"""No text of check-ins counts days, urges, blames, or holds anybody."""

from importlib import resources

import pytest
import yaml

from bot.checkins.bait import BAIT
from bot.checkins.form import FORBIDDEN, GREETING
from bot.texts import LANGUAGES
from safety.levels import Level
from safety.screen import Screener
from storage.check_ins import SCALE


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
def test_reviewed_questions_keep_what_is_asked_of_the_model(language: str) -> None:
    """What shows on a lock screen names no feeling and no past."""
    kinds = ("checkin_words_", "checkin_soft_")
    asked = [text for key, text in texts(language).items() if key.startswith(kinds)]
    assert len(asked) == 10
    for lines in asked:
        assert len(lines.splitlines()) >= 2
        assert not FORBIDDEN.search(lines)
        assert not any(GREETING.search(line) for line in lines.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_a_face_name_no_risk(language: str) -> None:
    """They are kept as the person's, and nobody screens them in their context."""
    screener = Screener.load()
    for mood in SCALE:
        assert screener.screen(texts(language)[f"checkin_said_{mood}"]).level <= Level.DISTRESS
