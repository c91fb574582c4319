"""The opening fits the moment: a roof, a bridge, a knife in the hand."""

import pytest

from bot.texts import LANGUAGES, Texts
from safety.response.openings import moment_of, moments, opening_of
from safety.response.policy import respond
from safety.response.script import questions
from safety.screening.screener import Screener

MOMENTS = [
    ("我在楼顶，不想活了", "roof"),
    ("I am on the roof and I want to jump", "roof"),
    ("我现在在桥上，想跳", "bridge"),
    ("im standing on a bridge and i want to die", "bridge"),
    ("我站在马路中间，想死", "road"),
    ("on the train tracks, i want to die", "road"),
    ("刀在手上，我想割腕", "blade"),
    ("knife in my hand i want to kill myself", "blade"),
    ("安眠药都准备好了，想自杀", "pills"),
    ("我刚吞了一整瓶安眠药", "poison"),
    ("I just swallowed a whole bottle of pills", "poison"),
    ("我割腕了血止不住", "bleeding"),
    ("I turned on the gas and want to die", "gas"),
    ("我今晚就自杀", "danger"),
    ("我想自杀", None),
    ("明天想去楼顶跳下去", None),
]


@pytest.mark.parametrize(("text", "name"), MOMENTS)
def test_the_moment_is_read(screener: Screener, text: str, name: str | None) -> None:
    response = respond(screener.screen(text))
    assert response is not None
    moment = moment_of(response, text)
    assert (moment.name if moment else None) == name
    step = opening_of(response, text)
    assert step.lines
    if name:
        assert step.says == f"crisis_now_{name}"
        assert step.emergency_first


def test_every_moment_has_its_words_and_its_question() -> None:
    texts = Texts()
    for moment in moments():
        for language in LANGUAGES:
            said = texts(language, f"crisis_now_{moment.name}")
            assert "{lines}" in said
            assert said.rstrip().endswith(("?", "？"))
        for script in moment.scripts:
            assert moment.question in [q.name for q in questions(script)] or script == "medical"
