"""Quoted words reach the model and operators as somebody's words, bounded, never off the record."""

from datetime import timedelta
from typing import Any

import pytest

from bot.updates.quotes import LONGEST, Quote, own_words, quote_lines, quote_of
from storage.companion import conversations
from tests.support.house import MEI, House, OpenHouse, update

SAID = "昨天和妈妈吵了一架"
GRAVE = "我真的不想活了，今晚就结束这一切"
BOT = {"id": 1, "is_bot": True, "first_name": "PICA"}


def earlier(words: str, *, by_bot: bool = False, **fields: Any) -> dict[str, Any]:
    """Another message of the chat."""
    message: dict[str, Any] = update(words)["message"]
    return message | ({"from": BOT} if by_bot else {}) | fields


def ways(words: str) -> dict[str, dict[str, Any]]:
    """Each way in which a message can carry another one's words."""
    elsewhere = {"origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}}
    return {
        "a part": {"quote": {"text": words, "position": 0}},
        "a part of a message": {
            "quote": {"text": words, "position": 1},
            "reply_to_message": earlier(f"嗯{words}"),
        },
        "a reply": {"reply_to_message": earlier(words)},
        "a reply to a caption": {"reply_to_message": earlier(words) | {"text": None}}
        | {"reply_to_message": {**earlier(""), "text": None, "caption": words}},
        "a reply to the bot": {"reply_to_message": earlier(words, by_bot=True)},
        "another chat": {"quote": {"text": words, "position": 0}, "external_reply": elsewhere},
        "a broken reply": {"reply_to_message": {"text": words}},
    }


@pytest.mark.parametrize("way", ways(""))
async def test_a08_the_model_reads_what_was_quoted(open_house: OpenHouse, way: str) -> None:
    house: House = await open_house()
    await house.agreed()
    await house.receives("现在想起来还是难受", **ways(SAID)[way])
    assert f"（引用的话：“{SAID}”）\n现在想起来还是难受" in house.model.prompts()[-1]
    await house.receives("你觉得呢")
    assert SAID in house.model.prompts()[-1]


@pytest.mark.parametrize("way", ways(""))
async def test_a08_quoted_words_raise_to_a_gentle_question(open_house: OpenHouse, way: str) -> None:
    house: House = await open_house()
    await house.agreed()
    await house.receives("我也是", **ways(GRAVE)[way])
    case = await house.case()
    if way == "a reply to the bot":
        assert case is None
        return
    assert case is not None
    assert case.level >= 2
    assert (await house.turns())[0].text == f"> {GRAVE}\n我也是"


async def test_a08_operators_see_what_was_quoted(open_house: OpenHouse) -> None:
    house: House = await open_house()
    await house.agreed()
    await house.receives(GRAVE)
    actor, case = await house.operator(), await house.case()
    assert case is not None
    async with house.database.begin() as transaction:
        await house.parts.operators.takeover.begin(transaction, actor, case.case_id)
    await house.receives("就是这句", reply_to_message=earlier(SAID, by_bot=True))
    assert any(f"> {SAID}\n就是这句" in text for text in await house.queued())
    assert (await house.turns())[-1].text == f"> {SAID}\n就是这句"


async def test_a08_a_crisis_tells_operators_the_quote(open_house: OpenHouse) -> None:
    house: House = await open_house()
    await house.agreed()
    await house.receives(GRAVE, reply_to_message=earlier(SAID))
    assert any(f"> {SAID}\n{GRAVE}" in text for text in await house.queued())


async def test_a08_nothing_off_the_record_comes_back(open_house: OpenHouse) -> None:
    house: House = await open_house()
    person = await house.agreed()
    until = house.clock() + timedelta(hours=1)
    await house.agreed(off_record_until_at=until)
    said = update(SAID)
    await house.parts.receiving.intake.receive(said)
    await house.receives()
    for _ in range(2):  # while its turn is stored, and when it is erased
        await house.receives("想起来还是难受", reply_to_message=said["message"])
        assert "引用的话" not in house.model.prompts()[-1]
        async with house.database.begin() as transaction:
            await conversations.end_off_record(transaction, person.person_id)
    assert all(SAID not in turn.text for turn in await house.turns())


async def test_a08_what_is_quoted_answers_nothing(open_house: OpenHouse) -> None:
    house: House = await open_house()
    await house.agreed()
    said = earlier("能和真人说话吗")
    assert await house.who_answers("哈哈") == "model"
    await house.receives("开个玩笑", reply_to_message=said)
    assert "开个玩笑" in house.model.prompts()[-1]


def test_a08_a_quote_is_one_line_of_bounded_length() -> None:
    assert Quote("早\n> 上\r\n\u2028好").line == "> 早 > 上 好"
    assert len(Quote("x" * 9_000).line) == LONGEST + 3
    assert len(quote_lines([Quote(str(n) * 9_000) for n in range(9)])) < 3 * (LONGEST + 5)
    assert quote_lines([Quote("早"), Quote("早")]) == "> 早"
    assert own_words("> 早\n我也是\n> 晚") == "我也是"


@pytest.mark.parametrize(
    "message",
    [
        {"quote": "x"},
        {"quote": {"text": 5}},
        {"quote": {"text": " \n"}, "reply_to_message": []},
        {"reply_to_message": {"text": None, "caption": {}}},
    ],
)
def test_a08_odd_quotes_are_passed_over(message: dict[str, Any]) -> None:
    assert quote_of({"message": {"chat": {"id": MEI}, **message}}) is None
    assert quote_of({"message": {"quote": {"text": "\ud800"}}}) == Quote("\ufffd")
