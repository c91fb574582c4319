"""A check-in's words: reviewed sentences for the hour, soft ones after a low mood, in turns."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.checkins.outgoing.evaluation import DueQuestion
from bot.checkins.outgoing.wording import words_of
from bot.checkins.rules.schedule import EVERY_DAY, Appointment, Occurrence
from bot.texts import LANGUAGES, Texts
from storage.checkins.settings import CheckInSettings
from storage.ids import PersonId

TEXTS = Texts()
AT = datetime(2026, 11, 25, 0, tzinfo=UTC)  # eight in the morning in Shanghai
DAY = timedelta(days=1)


def question(
    language: str = "zh", at: datetime = AT, minute: int = 480, **values: Any
) -> DueQuestion:
    person = SimpleNamespace(person_id=PersonId(1), language=language)
    settings = CheckInSettings(PersonId(1), AT, "Asia/Shanghai")
    occurrence = Occurrence((at + timedelta(hours=8)).date(), at)
    flags = {"is_goodbye": False, "is_after_hold": False, **values}
    return DueQuestion(person, Appointment(EVERY_DAY, minute), occurrence, settings, **flags)  # type: ignore[arg-type]


def said(
    asked: DueQuestion, *, is_soft: bool = False, last: str | None = None, now: datetime = AT
) -> str:
    return words_of(TEXTS, asked, is_soft=is_soft, last=last, now=now)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("is_soft", "kind"), [(False, "words"), (True, "soft")])
def test_words_fit_the_hour_and_the_last_mood(language: str, is_soft: bool, kind: str) -> None:
    words = said(question(language), is_soft=is_soft)
    sentence = words.removeprefix(TEXTS(language, "checkin_opening_morning")).strip()
    assert sentence in TEXTS(language, f"checkin_{kind}_morning").splitlines()


def test_the_part_of_the_day_is_that_of_the_asking() -> None:
    """What was due in the morning and is asked later does not say good morning."""
    late = said(question(), now=AT + timedelta(hours=6))
    assert late.removeprefix("下午好。") in TEXTS("zh", "checkin_words_afternoon").splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["words", "soft", "after_hold"])
@pytest.mark.parametrize("times", [(480,), (480, 540, 545), (480, 1260)])
@pytest.mark.parametrize("days", [1, 3, 5, 7])
def test_no_sentence_comes_twice_running(
    language: str, kind: str, times: tuple[int, ...], days: int
) -> None:
    last: str | None = None
    for number in range(20 * len(times)):
        minute = times[number % len(times)]
        at = AT + number // len(times) * days * DAY + timedelta(minutes=minute - 480)
        asked = question(language, at, minute, is_after_hold=kind == "after_hold")
        words = said(asked, is_soft=kind == "soft", last=last, now=at)
        assert words != last
        last = words


def test_every_sentence_has_its_turn() -> None:
    words = {said(question(at=AT + number * DAY)) for number in range(5)}
    assert len(words) == len(TEXTS("zh", "checkin_words_morning").splitlines())


def test_the_same_sentence_under_another_greeting_is_the_same() -> None:
    words = said(question())
    sentence = words.removeprefix("早上好。")
    assert said(question(), last=f"晚上好。{sentence}") != words


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_goodbye_and_the_first_one_after_a_case_have_words_of_their_own(language: str) -> None:
    assert said(question(language, is_goodbye=True)) == TEXTS(language, "checkin_goodbye")
    held = said(question(language, is_after_hold=True))
    assert held in TEXTS(language, "checkin_after_hold").splitlines()
