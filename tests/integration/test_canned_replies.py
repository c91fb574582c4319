"""One contract for SQLite and PostgreSQL: canned replies, kept by admins and sent in a takeover."""

import pytest

from review.cases import canned_replies as kept
from review.cases.canned_replies import CannedReplies
from review.cases.events import EventType
from storage import Database
from storage.ids import ReplyId
from storage.review import audit, canned_replies
from storage.review.operators import OperatorRole
from tests.integration.test_review import Room, refused
from tests.support.clock import ManualClock

ZH, EN = "今晚有人陪着你吗？", "Is someone with you tonight?"


@pytest.fixture
def room(database: Database, clock: ManualClock) -> Room:
    return Room(database, clock)


async def listed(database: Database) -> list[tuple[int, str]]:
    async with database.read() as tx:
        return [(each.reply_id, each.en) for each in await canned_replies.listed(tx)]


async def acts(database: Database) -> list[tuple[str, dict[str, object]]]:
    async with database.read() as tx:
        return [(each.act, dict(each.detail)) for each in await audit.page(tx)]


async def test_the_service_brings_replies_once(database: Database, room: Room) -> None:
    admin = await room.operator(1, OperatorRole.ADMIN)
    async with database.begin() as tx:
        brought = await kept.seed(tx)
    assert len(brought) == len(kept.brought()) >= 8
    async with database.begin() as tx:
        await kept.retire(tx, admin, brought[0])
        await kept.edit(tx, admin, brought[1], zh=ZH, en=EN)
    before = await listed(database)
    async with database.begin() as tx:
        assert await kept.seed(tx) == []
    assert await listed(database) == before
    assert [text for _, text in before].index(EN) == 0  # an edit keeps its place
    assert (await acts(database))[-1] == ("replies_seeded", {"replies": brought})


async def test_changes_are_acts_of_admins(database: Database, room: Room) -> None:
    admin, reviewer = await room.operator(1, OperatorRole.ADMIN), await room.operator(2)
    async with database.begin() as tx:
        first = await kept.add(tx, admin, zh=ZH, en=EN)
        second = await kept.edit(tx, admin, first, zh=ZH + "好吗？", en=EN)
        await kept.retire(tx, admin, second)
    assert await listed(database) == []
    assert await acts(database) == [
        ("reply_retired", {"reply": second}),
        ("reply_edited", {"reply": second, "replaces": first}),
        ("reply_added", {"reply": first}),
    ]
    async with database.begin() as tx:  # what the trail names can still be read
        old = await canned_replies.get(tx, first)
        assert old is not None and old.zh == ZH
        for work in (
            kept.add(tx, reviewer, zh=ZH, en=EN),
            kept.edit(tx, reviewer, first, zh=ZH, en=EN),
            kept.retire(tx, reviewer, first),
        ):
            assert (await refused(work)).key == "not_allowed"
        for gone in (first, second, ReplyId(99)):
            assert (await refused(kept.edit(tx, admin, gone, zh=ZH, en=EN))).key == "reply_gone"
            assert (await refused(kept.retire(tx, admin, gone))).key == "reply_gone"


@pytest.mark.parametrize(
    ("zh", "en", "why"),
    [
        ("", "", "both_languages"),
        (ZH, "  \n", "both_languages"),
        ("", EN, "both_languages"),
        (ZH, ZH, "both_languages"),
        (EN, EN, "both_languages"),
        (EN, ZH, "both_languages"),
        ("？？？", EN, "both_languages"),
        (ZH, "123", "both_languages"),
        ("长" * 501, EN, "reply_too_long"),
        (ZH, "long" * 126, "reply_too_long"),
    ],
)
async def test_a_text_is_in_both_languages(
    zh: str, en: str, why: str, database: Database, room: Room
) -> None:
    admin = await room.operator(1, OperatorRole.ADMIN)
    async with database.begin() as tx:
        assert (await refused(kept.add(tx, admin, zh=zh, en=en))).key == why
        reply = await kept.add(tx, admin, zh=ZH, en=EN)
        assert (await refused(kept.edit(tx, admin, reply, zh=zh, en=en))).key == why
    assert await listed(database) == [(reply, EN)]


async def test_the_list_has_an_end(database: Database, room: Room) -> None:
    admin = await room.operator(1, OperatorRole.ADMIN)
    async with database.begin() as tx:
        for _ in range(kept.MOST_LISTED):
            await kept.add(tx, admin, zh=ZH, en=EN)
        assert (await refused(kept.add(tx, admin, zh=ZH, en=EN))).key == "too_many_replies"


async def test_a_tap_sends_in_the_language_of_the_person(database: Database, room: Room) -> None:
    ann, canned = await room.operator(1, OperatorRole.ADMIN), CannedReplies(room.takeover)
    case_id = await room.case()
    async with database.begin() as tx:
        reply = await kept.add(tx, ann, zh=ZH, en=EN)
    assert (await refused(room.do(canned.send, ann, case_id, reply))).key == "no_takeover"
    await room.do(room.takeover.begin, ann, case_id)
    assert (await refused(room.do(canned.send, ann, case_id, ReplyId(99)))).key == "reply_gone"
    await room.do(canned.send, ann, case_id, reply)
    assert room.events[-1].words == ZH  # in the person's language
    assert room.events[-1].detail["canned"] == reply
    async with database.read() as tx:
        (said,) = await audit.page(tx, act=EventType.OPERATOR_SAID)
    assert (said.words, said.detail["canned"]) == (ZH, reply)


async def test_nothing_to_take_back(room: Room) -> None:
    ann, bo = await room.operator(1), await room.operator(2)
    case_id = await room.case()
    await room.do(room.takeover.begin, ann, case_id)
    assert (await refused(room.do(room.takeover.take_back, ann, case_id))).key == "reply_sent"
    assert (await refused(room.do(room.takeover.take_back, bo, case_id))).key == "not_yours"
