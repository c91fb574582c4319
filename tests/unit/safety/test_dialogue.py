"""The reviewed scripts: every text exists, none twice running, each question is reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts import LANGUAGES, Texts
from safety.response import script as dialogue
from safety.response.policy import Script
from safety.response.script import GENTLE, ScriptStep
from safety.screening.answers import Answer, read
from safety.screening.levels import Level
from safety.text.normalise import normalise

TEXTS = Texts()
LEVELS = st.sampled_from(list(Level))


def said(move: ScriptStep) -> list[str]:
    """The texts of a move in both languages."""
    return [
        TEXTS(language, key, lines="LINES")
        for language in LANGUAGES
        for key in [*[k for k in move.acknowledges if TEXTS.has(k)][:1], move.says]
    ]


@given(st.sampled_from(list(Script)), st.lists(st.tuples(st.sampled_from(list(Answer)), LEVELS)))
def test_no_text_comes_twice_running(script: Script, turns: list[tuple[Answer, Level]]) -> None:
    move, before = dialogue.begin(script, emergency_first=False), ""
    for number, (answer, level) in enumerate(turns, start=1):
        words = "\n".join(said(move))
        assert words != before
        before = words
        move = dialogue.advance(move.script, move.step, number, answer, level)
        assert move.acknowledges
        assert any(TEXTS.has(key) for key in move.acknowledges)


@pytest.mark.parametrize("script", list(Script))
def test_every_question_is_asked_and_closing_texts_take_turns(script: Script) -> None:
    asked = []
    step = 0
    for turn in range(1, 30):
        move = dialogue.advance(script, step, turn, Answer.OTHER, Level.NONE)
        asked.append(move.says)
        step = move.step
    names = [f"ask_{question.name}" for question in dialogue.questions(script)[1:]]
    assert asked[: len(names)] == names
    assert set(asked[len(names) :]) == set(dialogue.closing_texts(script))


@pytest.mark.parametrize(
    "script",
    [Script.SUICIDE, Script.SELF_HARM, Script.VIOLENCE, Script.OTHERS, Script.EATING_DISORDER],
)
def test_scripts_ask_directly_about_the_persons_own_life(script: Script) -> None:
    assert {"risk", "own_risk"} & {question.name for question in dialogue.questions(script)}


def test_own_life_covers_injury_means_company_and_plan() -> None:
    names = [question.name for question in dialogue.questions(Script.SUICIDE)]
    assert names == ["risk", "injured", "means", "company", "plan", "follow_up"]


def test_a_gentle_question_is_answered_once() -> None:
    assert dialogue.asked(GENTLE, 0) == "risk"
    assert dialogue.asked(GENTLE, 1) is None
    move = dialogue.advance(GENTLE, 0, 1, Answer.YES, Level.ACTIVE)
    assert (move.script, move.says) == ("suicide", "ask_injured")
    assert move.lines


def test_what_is_known_is_not_asked_again() -> None:
    move = dialogue.advance("suicide", 1, 2, Answer.NO, Level.NONE, {"means", "company", "plan"})
    assert move.says == "ask_plan"  # an offer is no question
    assert dialogue.advance("suicide", 1, 2, Answer.NO, Level.NONE, {"means"}).says == "ask_company"


def test_only_later_questions_are_answered_in_passing() -> None:
    told = {"means": Answer.YES, "company": Answer.YES, "beside": Answer.YES}
    assert dialogue.told_beside("suicide", 2, told, ()) == {"company": Answer.YES}
    assert dialogue.told_beside("suicide", 1, told, {"means"}) == {"company": Answer.YES}


def test_graver_words_bring_emergency_numbers_first() -> None:
    move = dialogue.advance("suicide", 2, 3, Answer.OTHER, Level.IMMINENT)
    assert move.emergency_first
    assert move.lines
    assert move.acknowledges[0].startswith("ack_emergency")


@pytest.mark.parametrize(
    ("now", "named", "switches"),
    [
        ("suicide", Script.MEDICAL, True),
        ("medical", Script.SUICIDE, False),
        ("suicide", Script.SELF_HARM, False),
        ("self_harm", Script.SUICIDE, False),
        ("suicide", Script.VIOLENCE, True),
        ("abuse", Script.SUICIDE, True),
        ("suicide", Script.ABUSE, False),
        ("others", Script.EATING_DISORDER, False),
    ],
)
def test_which_words_open_another_script(now: str, named: Script, switches: bool) -> None:
    assert dialogue.takes_precedence(now, named) is switches


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("嗯", Answer.YES),
        ("有", Answer.YES),
        ("Yes.", Answer.YES),
        ("没有", Answer.NO),
        ("沒有", Answer.NO),
        ("一个人", Answer.NO),
        ("nope", Answer.NO),
        ("不知道", Answer.UNSURE),
        ("idk", Answer.UNSURE),
        ("……", Answer.QUIET),
        ("哦", Answer.QUIET),
        ("ok", Answer.QUIET),
        ("我没事了", Answer.FINE),
        ("开玩笑的", Answer.FINE),
        ("I'm fine now", Answer.FINE),
        ("just kidding", Answer.FINE),
        ("滚", Answer.ANGRY),
        ("你根本不懂", Answer.ANGRY),
        ("leave me alone", Answer.ANGRY),
        ("今天下雨了", Answer.OTHER),
        ("", Answer.OTHER),
        ("我不想再听这些了我想说说我妈妈的事情因为她昨天又打电话来", Answer.OTHER),
    ],
)
def test_what_kind_of_answer_a_message_is(text: str, answer: Answer) -> None:
    assert read(normalise(text).surface).answer is answer


POINTS_BELOW = ("下面的电话", "这些电话", "these numbers")


@pytest.mark.parametrize("script", list(Script))
@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_that_point_to_numbers_have_them(script: Script, language: str) -> None:
    step = 0
    for turn in range(1, 25):
        move = dialogue.advance(script, step, turn, Answer.OTHER, Level.NONE)
        raw = TEXTS(language, move.says)
        assert move.lines or "{lines}" in raw or not any(p in raw for p in POINTS_BELOW), raw
        step = move.step
