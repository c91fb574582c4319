"""What is written beside a text raises the level, opens a case, and never lowers anything."""

from typing import Any

import pytest

from bot.updates.attached import attached_words
from tests.support.house import MEI, House, OpenHouse, update

GRAVE = "我真的不想活了，今晚就结束这一切"
QUIET = "活着好没意思，有时候希望自己消失"
FILE = {"file_id": "f", "file_unique_id": "u"}
OPTIONS = [{"persistent_id": "0", "text": "好", "voter_count": 0}]
POLL = {
    "id": "1",
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": False,
    "members_only": False,
}
PLACE = {"location": {"latitude": 31.2, "longitude": 121.4}}


def parts(words: str, file_words: str) -> dict[str, dict[str, Any]]:
    """Each kind of part with these words in it."""
    other = [{"persistent_id": "1", "text": words, "voter_count": 0}]
    return {
        "poll question": {"poll": {**POLL, "question": words, "options": []}},
        "poll option": {"poll": {**POLL, "question": "?", "options": [*OPTIONS, *other]}},
        "checklist title": {"checklist": {"title": words, "tasks": []}},
        "checklist task": {"checklist": {"title": "?", "tasks": [{"id": 1, "text": words}]}},
        "contact": {"contact": {"phone_number": "+1", "first_name": words}},
        "venue": {"venue": {**PLACE, "title": words, "address": "-"}, **PLACE},
        "document": {"document": {**FILE, "file_name": f"{file_words}.txt"}},
        "audio": {"audio": {**FILE, "duration": 1, "title": words}},
        "video": {
            "video": {**FILE, "width": 1, "height": 1, "duration": 1, "file_name": f"{words}.mp4"}
        },
        "quote": {"quote": {"text": words, "position": 0}, "text": "我也是"},
    }


def service_parts(words: str) -> dict[str, dict[str, Any]]:
    """Words that a person typed or chose outside of what a message says."""
    return {
        "added task": {"checklist_tasks_added": {"tasks": [{"id": 1, "text": words}]}},
        "topic": {"forum_topic_created": {"name": words, "icon_color": 1}},
        "renamed topic": {"forum_topic_edited": {"name": words}},
        "card": {"contact": {"phone_number": "+1", "first_name": "x", "vcard": f"NOTE:{words}"}},
        "game": {"game": {"title": words, "description": "x", "photo": []}},
        "link": {
            "text": "看",
            "entities": [
                {"type": "text_link", "offset": 0, "length": 1, "url": f"https://x.y/{words}"}
            ],
        },
        "story": {"story": {"chat": {"id": 1, "type": "private"}, "id": 1, "caption": words}},
        "gift": {"gift": {"gift": {}, "text": words}},
        "number": {"contact": {"phone_number": words, "first_name": "x"}},
        "ticked task": {
            "checklist_tasks_done": {
                "checklist_message": {"checklist": {"title": "?", "tasks": [{"text": words}]}}
            }
        },
    }


@pytest.mark.parametrize("kind", service_parts(""))
async def test_a09_words_outside_of_a_message_open_a_case(open_house: OpenHouse, kind: str) -> None:
    house: House = await open_house()
    await house.agreed()
    await receives(house, service_parts(GRAVE)[kind])
    case = await house.case()
    assert case is not None and case.level >= 3
    before = len(await house.ends())
    await receives(house, service_parts("周末去哪里玩")[kind])
    ends = ["not_for_us"], ["fixed_reply"], ["unreadable"]
    assert (await house.ends())[before:] in ends


async def test_a09_an_edited_checklist_is_read(open_house: OpenHouse) -> None:
    house: House = await open_house()
    await house.agreed()
    tasks = {"checklist": {"title": "?", "tasks": [{"id": 1, "text": GRAVE}]}}
    await receives(house, {**tasks, "edit_date": 1})
    case = await house.case()
    assert case is not None and case.level >= 3


@pytest.mark.parametrize(
    "quote",
    [
        {"quote": {"text": GRAVE}},
        {"quote": {"text": GRAVE, "position": "0", "entities": "x"}},
        {"quote": {"text": GRAVE, "position": 0}, "external_reply": {"origin": 3}},
    ],
)
async def test_a08_a_quote_is_heard_though_it_is_broken(
    open_house: OpenHouse, quote: dict[str, Any]
) -> None:
    house: House = await open_house()
    await house.agreed()
    await receives(house, {"text": "我也是", **quote})
    case = await house.case()
    assert case is not None and case.level >= 2


async def receives(house: House, fields: dict[str, Any]) -> None:
    rest = {name: value for name, value in fields.items() if name != "text"}
    await house.receives(fields.get("text", ""), **rest)


@pytest.mark.parametrize("kind", parts("", ""))
async def test_words_of_each_part_open_a_case(open_house: OpenHouse, kind: str) -> None:
    house: House = await open_house()
    await house.agreed()
    await receives(house, parts(GRAVE, "I_want_to_kill_myself")[kind])
    case = await house.case()
    assert case is not None, kind
    assert case.level >= 3
    assert (await house.ends())[-1] == "fixed_reply"


@pytest.mark.parametrize("kind", ["poll question", "contact", "quote"])
async def test_quiet_words_of_a_part_reach_the_model_as_words(
    open_house: OpenHouse, kind: str
) -> None:
    house = await open_house()
    await house.agreed()
    await receives(house, parts(QUIET, "")[kind])
    case = await house.case()
    assert case is not None
    assert case.level == 2
    (turn, *_) = await house.turns()
    assert QUIET in turn.text


@pytest.mark.parametrize("kind", parts("", ""))
async def test_harmless_words_change_nothing(open_house: OpenHouse, kind: str) -> None:
    house = await open_house()
    await house.agreed()
    await receives(house, parts("周末去哪里玩", "holiday_photos")[kind])
    assert await house.case() is None
    if kind == "quote":  # it stands above the words
        assert (await house.turns())[0].text == "> 周末去哪里玩\n我也是"
    else:
        assert (await house.ends())[-1] == "unreadable"


async def test_a_quote_of_the_bots_own_question_is_no_alarm(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed()
    bot = {"id": 1, "is_bot": True, "first_name": "PICA"}
    asked = update("你现在有想要结束生命的念头吗？", MEI)["message"] | {"from": bot}
    quote = {"text": "你现在有想要结束生命的念头吗？", "position": 0}
    await house.receives("什么意思", reply_to_message=asked, quote=quote)
    assert await house.case() is None


def test_odd_parts_are_passed_over() -> None:
    odd: list[object] = [
        None,
        [],
        {"message": 3},
        {"message": {"poll": [], "quote": "x", "contact": {"first_name": 7}}},
        {"message": {"poll": {"options": {"text": 3}}, "document": {"file_name": None}}},
    ]
    assert [attached_words(raw) for raw in odd] == [""] * len(odd)
    assert attached_words({"message": {"contact": {"first_name": "\ud800"}}}) == "\ufffd"
    assert len(attached_words({"message": {"poll": {"question": "x" * 9000}}})) == 4000
