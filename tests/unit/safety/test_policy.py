"""From a screening to what must happen."""

import pytest

from safety.response.policy import HOLD_LAPSE_S, Script, respond
from safety.screening.levels import Category, Level
from safety.screening.outcome import Match, Screening
from safety.screening.screener import Screener


def _screening(*found: tuple[Level, Category]) -> Screening:
    matches = tuple(Match(0, 1, "r", level, category) for level, category in found)
    level = max((f[0] for f in found), default=Level.NONE)
    named = tuple(dict.fromkeys(f[1] for f in found))
    return Screening(level, named, matches, "test")


@pytest.mark.parametrize("level", [Level.NONE, Level.DISTRESS])
def test_below_the_threshold_nothing_is_asked_for(level: Level) -> None:
    assert respond(_screening((level, Category.SUICIDE))) is None


def test_level_2_leaves_the_model_its_turn() -> None:
    response = respond(_screening((Level.PASSIVE, Category.SUICIDE)))
    assert response is not None
    assert not response.blocks_model
    assert response.opens_case
    assert not response.emergency_first
    assert response.tells_operators


@pytest.mark.parametrize("level", [Level.ACTIVE, Level.IMMINENT])
@pytest.mark.parametrize("category", list(Category))
def test_from_level_3_the_model_is_silent(level: Level, category: Category) -> None:
    response = respond(_screening((level, category)))
    assert response is not None
    assert response.blocks_model
    assert response.opens_case
    assert response.tells_operators
    assert response.level is level


@pytest.mark.parametrize(
    ("category", "script"),
    [
        (Category.SUICIDE, Script.SUICIDE),
        (Category.SELF_HARM, Script.SELF_HARM),
        (Category.MEDICAL, Script.MEDICAL),
        (Category.VIOLENCE, Script.VIOLENCE),
        (Category.ABUSE, Script.ABUSE),
        (Category.OTHERS, Script.OTHERS),
        (Category.EATING_DISORDER, Script.EATING_DISORDER),
    ],
)
def test_each_category_has_its_script(category: Category, script: Script) -> None:
    response = respond(_screening((Level.PASSIVE, category)))
    assert response is not None
    assert response.script is script


def test_an_emergency_under_way_comes_first() -> None:
    response = respond(
        _screening((Level.IMMINENT, Category.SUICIDE), (Level.IMMINENT, Category.MEDICAL))
    )
    assert response is not None
    assert response.script is Script.MEDICAL
    assert response.emergency_first


def test_a_lesser_match_does_not_choose_the_script() -> None:
    response = respond(
        _screening((Level.PASSIVE, Category.SUICIDE), (Level.ACTIVE, Category.VIOLENCE))
    )
    assert response is not None
    assert response.script is Script.VIOLENCE


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("我想自杀", Script.SUICIDE),
        ("我吃了一瓶安眠药", Script.MEDICAL),
        ("我想杀人", Script.VIOLENCE),
        ("他又打我", Script.ABUSE),
        ("我朋友想自杀", Script.OTHERS),
        ("忍不住想自残", Script.SELF_HARM),
        ("我每天吃完就催吐", Script.EATING_DISORDER),
        ("I want to kill myself", Script.SUICIDE),
        ("I just took a whole bottle of pills", Script.MEDICAL),
        ("I'm going to shoot up the school", Script.VIOLENCE),
        ("he hit me again", Script.ABUSE),
        ("my friend wants to kill herself", Script.OTHERS),
        ("urges to self harm", Script.SELF_HARM),
        ("I make myself throw up after meals", Script.EATING_DISORDER),
    ],
)
def test_from_words_to_script(screener: Screener, text: str, script: Script) -> None:
    response = respond(screener.screen(text))
    assert response is not None
    assert response.script is script


def test_a_hold_lasts_a_day() -> None:
    assert HOLD_LAPSE_S == 86_400
