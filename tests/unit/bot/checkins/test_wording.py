"""A check-in's words: the model's where they have the form, else reviewed ones."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.checkins.rounds import Question
from bot.checkins.schedule import EVERY_DAY, Appointment, Occurrence
from bot.checkins.wording import Wording
from bot.texts import LANGUAGES, Texts
from inference import GenerationError
from safety.levels import Level
from storage.check_in_settings import Settings
from storage.ids import PersonId

TEXTS = Texts()
AT = datetime(2026, 11, 25, 0, tzinfo=UTC)


class Model:
    """Says what it is told, and keeps what it was asked."""

    def __init__(self, says: str, **health: int) -> None:
        self.is_demo = False
        self.context_length = 512
        self.asked: list[str] = []
        self.tokenizer = SimpleNamespace(encode_chat=self._encode)
        self._says = says
        self._health = SimpleNamespace(**{"running": 0, "waiting": 0, **health})

    def _encode(self, query: str, history: Any) -> list[int]:
        assert history == []
        self.asked.append(query)
        return [1]

    def health(self) -> SimpleNamespace:
        return self._health

    async def stream(self, _request: Any) -> AsyncIterator[str]:
        if not self._says:
            raise GenerationError("deadline", "too slow")
        yield self._says


class Strict:
    """A guard that stops one word."""

    def check(self, text: str) -> SimpleNamespace:
        return SimpleNamespace(allowed="阴天" not in text)


def screen(text: str) -> SimpleNamespace:
    return SimpleNamespace(level=Level.PASSIVE if "整个人" in text else Level.NONE)


def question(language: str = "zh", **values: Any) -> Question:
    person = SimpleNamespace(person_id=PersonId(1), language=language)
    settings = Settings(PersonId(1), AT, "Asia/Shanghai")
    occurrence = Occurrence(date(2026, 11, 25), AT)
    flags = {"is_goodbye": False, "is_after_hold": False, **values}
    return Question(person, Appointment(EVERY_DAY, 480), occurrence, settings, **flags)  # type: ignore[arg-type]


async def worded(model: Model, asked: Question, *, softly: bool = False, now: datetime = AT) -> str:
    wording = Wording(TEXTS, model, Strict(), screen)  # type: ignore[arg-type]
    soft = {PersonId(1)} if softly else set()
    prepared = await wording.prepare([asked], soft, now=now)
    return wording.words(asked, prepared.get(PersonId(1)), softly=softly, now=now)


async def test_the_models_sentence_stands_in_the_template() -> None:
    model = Model("早上好！此刻的你，心里是什么天气？")
    assert await worded(model, question()) == "早上好。此刻的你，心里是什么天气？"
    assert model.asked == [model.asked[0]]
    assert "早上" in model.asked[0]


@pytest.mark.parametrize(
    "model",
    [
        Model("上次你说的分手，好些了吗？"),
        Model("今天的药吃了吗？"),
        Model("How are you?"),
        Model("我一直在等你。"),
        Model(""),
        Model("你现在，心里是晴天还是阴天？"),  # the guard
        Model("现在整个人怎么样？"),  # the screener
        Model("今晚感觉怎么样？"),  # another part of the day
        Model("现在怎么样？", running=1),
        Model("现在怎么样？", waiting=1),
    ],
)
async def test_else_reviewed_words(model: Model) -> None:
    said = await worded(model, question())
    assert said.removeprefix("早上好。") in TEXTS("zh", "checkin_words_morning").splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_reviewed_words_are_soft_after_a_low_mood(language: str) -> None:
    said = await worded(Model(""), question(language), softly=True)
    opening = TEXTS(language, "checkin_opening_morning")
    assert (
        said.removeprefix(opening).strip() in TEXTS(language, "checkin_soft_morning").splitlines()
    )


async def test_the_part_of_the_day_is_that_of_the_asking() -> None:
    """What was due in the morning and is asked later does not say good morning."""
    late = AT + timedelta(hours=6)
    said = await worded(Model(""), question(), now=late)
    assert said.removeprefix("下午好。") in TEXTS("zh", "checkin_words_afternoon").splitlines()
    wording = Wording(TEXTS, Model("今早感觉怎么样？"), Strict(), screen)  # type: ignore[arg-type]
    prepared = await wording.prepare([question()], (), now=AT)
    said = wording.words(question(), prepared[PersonId(1)], softly=False, now=late)
    assert "今早" not in said
    assert said.startswith("下午好。")


async def test_words_for_special_days_are_always_reviewed() -> None:
    model = Model("现在怎么样？")
    assert await worded(model, question(is_goodbye=True)) == TEXTS("zh", "checkin_goodbye")
    held = await worded(model, question("en", is_after_hold=True))
    assert held in TEXTS("en", "checkin_after_hold").splitlines()
    assert model.asked == []
