"""An update becomes a row, and then a unit of its lane or an answer at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.inbox_writer import InboxWriter
from bot.receiving.intake import Intake
from bot.receiving.lanes import Lanes
from bot.receiving.late_notice import LateNotice
from bot.receiving.reader import UpdateReader
from bot.updates.arrivals import Unit
from storage.companion import people
from tests.support.house import MEI, OPERATORS_CHAT, Heart, update
from tests.support.waiting import until

GRAVE = "我想自杀"
ORDINARY = "今天下雨了"
SENDER = {"id": MEI, "is_bot": False, "first_name": "小雨"}


class Entrance:
    """An intake, and what came out of its lanes."""

    def __init__(self, rooms: Heart) -> None:
        self.rooms = rooms
        self.units: list[Unit] = []
        self.is_slow = asyncio.Event()
        reader = UpdateReader(rooms.context, rooms.crisis.screener, rooms.operators.chat)
        self.lanes = Lanes(self._handle, read_stored=reader.read_stored, burst_window_s=0.0)
        crisis = rooms.crisis
        fallback_reply = FallbackReply(rooms.context, crisis.responder)
        self.intake = Intake(
            rooms.context,
            reader=reader,
            writer=InboxWriter(
                crisis.context_screener,
                crisis.responder,
                fallback_reply,
                LateNotice(rooms.texts, rooms.clock()),
            ),
            fallback_reply=fallback_reply,
            lanes=self.lanes,
            grave_s=60.0,  # a slow machine is not a database that hangs
        )

    async def _handle(self, unit: Unit) -> None:
        self.units.append(unit)
        if self.is_slow.is_set():
            await asyncio.sleep(600)

    async def takes(self, raw: object) -> None:
        await self.intake.receive(raw)
        await self.rests()

    async def rests(self) -> None:
        await until(lambda: not self.intake.is_busy and not self.lanes.is_busy)


@pytest.fixture
async def entrance(rooms: Heart) -> AsyncIterator[Entrance]:
    made = Entrance(rooms)
    yield made
    await made.intake.aclose()
    await made.lanes.aclose()


async def test_words_are_stored_and_handed_to_their_lane(entrance: Entrance) -> None:
    await entrance.takes(update(ORDINARY))
    assert [unit.text for unit in entrance.units] == [ORDINARY]
    assert await entrance.rooms.ends() == [""]


async def test_a_repeat_does_nothing(entrance: Entrance) -> None:
    raw = update(ORDINARY)
    await entrance.takes(raw)
    await entrance.takes(raw)
    assert len(entrance.units) == 1
    assert await entrance.rooms.ends() == [""]


async def test_a_first_message_makes_a_person(entrance: Entrance) -> None:
    await entrance.takes(update("hello", **{"from": {**SENDER, "language_code": "en"}}))
    person = await entrance.rooms.person()
    assert person is not None
    assert (person.language, person.has_consented) == ("en", False)


async def test_words_at_risk_are_answered_at_once(entrance: Entrance) -> None:
    await entrance.takes(update(GRAVE))
    assert entrance.units == []
    assert len(await entrance.rooms.queued("crisis")) == 1
    assert await entrance.rooms.ends() == ["fixed_reply"]
    assert await entrance.rooms.case() is not None


async def test_an_edit_into_a_risk_is_answered_at_once(entrance: Entrance) -> None:
    await entrance.takes(update(ORDINARY))
    await entrance.takes(update(GRAVE, edit_date=1_700_000_000))
    assert await entrance.rooms.ends() == ["", "fixed_reply"]


async def test_a_repeat_of_words_at_risk_is_answered_once(entrance: Entrance) -> None:
    raw = update(GRAVE)
    await entrance.takes(raw)
    await entrance.takes(raw)
    assert len(await entrance.rooms.queued("crisis")) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"chat": {"id": -5, "type": "group", "title": "x"}}, "group"),
        ({"chat": {"id": OPERATORS_CHAT, "type": "supergroup", "title": "x"}}, "group"),
        ({"chat": {}, "from": {}}, "malformed"),
    ],
)
async def test_what_nobody_answers_ends_at_once(
    entrance: Entrance, fields: dict[str, Any], reason: str
) -> None:
    await entrance.takes(update(ORDINARY, **fields))
    assert entrance.units == []
    assert await entrance.rooms.ends() == [reason]


@pytest.mark.parametrize("raw", [{"message": {}}, [], None, {"update_id": "7"}])
async def test_what_has_no_number_leaves_no_row(entrance: Entrance, raw: object) -> None:
    await entrance.takes(raw)
    assert await entrance.rooms.ends() == []


async def test_a_risk_in_a_malformed_update_is_answered(entrance: Entrance) -> None:
    await entrance.takes(update(GRAVE, date="no date"))
    assert len(await entrance.rooms.queued("crisis")) == 1


async def test_who_writes_does_not_block_the_bot(entrance: Entrance) -> None:
    rooms = entrance.rooms
    await rooms.agreed()
    async with rooms.database.begin() as transaction:
        await people.set_blocked(transaction, MEI, rooms.clock())
    await entrance.takes(update(ORDINARY))
    person = await rooms.person()
    assert person is not None
    assert person.blocked_at is None


async def test_after_a_restart_open_updates_are_taken_up(entrance: Entrance) -> None:
    await entrance.takes(update(ORDINARY))
    again = Entrance(entrance.rooms)
    assert await again.intake.resume() == 1
    await again.rests()
    assert [unit.text for unit in again.units] == [ORDINARY]


async def test_a_page_is_stored_at_once_and_messages_at_risk_first(entrance: Entrance) -> None:
    page = [update(f"{ORDINARY}{number}") for number in range(5)]
    grave = update(GRAVE)
    grave["message"] |= {"from": {**SENDER, "id": 77}, "chat": {"id": 77, "type": "private"}}
    stored = await entrance.intake.receive_page([*page, grave])
    assert stored == {raw["update_id"] for raw in [*page, grave]}
    await entrance.rests()
    assert await entrance.rooms.ends() == [*[""] * 5, "fixed_reply"]
    assert "\n".join(unit.text for unit in entrance.units).count(ORDINARY) == 5


LONG = "今天有很多话想说。" * 200


async def test_a_long_text_is_stored_before_it_is_screened(entrance: Entrance) -> None:
    await entrance.intake.receive(update(LONG))
    assert entrance.units == []
    await entrance.rests()
    assert [unit.text for unit in entrance.units] == [LONG]
    async with entrance.rooms.context.database.read() as transaction:
        levels = (await transaction.execute(text("SELECT level FROM inbox"))).scalars().all()
    assert list(levels) == [0]


async def test_a_long_text_at_risk_is_answered_though_its_lane_is_busy(
    entrance: Entrance,
) -> None:
    entrance.is_slow.set()
    await entrance.intake.receive(update(ORDINARY))
    await until(lambda: len(entrance.units) == 1)
    await entrance.intake.receive(update(LONG + GRAVE))
    for _ in range(500):
        if await entrance.rooms.queued("crisis"):
            break
        await asyncio.sleep(0.01)
    assert len(await entrance.rooms.queued("crisis")) == 1
    assert "fixed_reply" in await entrance.rooms.ends()


async def test_many_long_texts_of_one_person_all_reach_their_lane(entrance: Entrance) -> None:
    texts = [f"{number}：{LONG}" for number in range(12)]
    page = [update(words) for words in texts]
    assert len(await entrance.intake.receive_page(page)) == 12
    await entrance.rests()
    said = "\n".join(unit.text for unit in entrance.units)
    assert all(words in said for words in texts)


async def test_a_long_text_that_was_not_screened_before_a_stop_is_read_after_it(
    entrance: Entrance, rooms: Heart
) -> None:
    await entrance.intake.receive(update(LONG))
    await entrance.intake.aclose()
    again = Entrance(rooms)
    assert await again.intake.resume() == 1
    await again.rests()
    assert [unit.text for unit in again.units] == [LONG]
    await again.lanes.aclose()


async def test_a_page_keeps_its_place_from_the_update_that_cannot_be_stored(
    entrance: Entrance,
) -> None:
    before, refused, after, grave = (update(words) for words in (*[ORDINARY] * 3, GRAVE))
    async with entrance.rooms.context.database.begin() as transaction:
        await transaction.execute(
            text(
                "CREATE TRIGGER refuses BEFORE INSERT ON inbox "
                f"WHEN new.update_id = {refused['update_id']} BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )
    stored = await entrance.intake.receive_page([before, refused, after, grave])
    assert stored == {before["update_id"], grave["update_id"]}
    assert await entrance.intake.receive_page([after]) == {after["update_id"]}
