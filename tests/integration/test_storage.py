"""One contract for SQLite and PostgreSQL: inbox, turns, outbox, leases, switches, pilot."""

from datetime import timedelta

from storage import Database
from storage.companion import conversations, people, pilot, transcripts
from storage.database import leases, switches
from storage.ids import OutboxId, UpdateId
from storage.messages import inbox, inbox_queue, outbox, outbox_queue
from storage.messages.body import Document, MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import Audience, MessageKind
from tests.integration.cast import NOW, mei, says


async def test_an_update_is_stored_once_and_ends_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        add = {"kind": "words", "payload": "{}", "person_id": person.person_id}
        assert await inbox.add(tx, UpdateId(1), **add)
        assert not await inbox.add(tx, UpdateId(1), **add)
        assert [row.payload for row in await inbox_queue.open_rows(tx)] == ["{}"]
        assert await inbox.end(tx, [UpdateId(1)], Ended.ANSWERED) == 1
        assert await inbox.end(tx, [UpdateId(1)], Ended.DEAD) == 0
        assert await inbox_queue.open_rows(tx) == []


async def test_open_rows_come_in_pages(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        for number in range(1, 6):
            await inbox.add(tx, UpdateId(number), kind="words", payload="{}", person_id=None)
        await inbox.add(tx, UpdateId(9), kind="words", payload="{}", person_id=person.person_id)
        first = await inbox_queue.open_rows(tx, limit=4)
        rest = await inbox_queue.open_rows(tx, after=first[-1].update_id, limit=4)
        mine = await inbox_queue.open_rows_of(tx, person.person_id, limit=4)
    assert [row.update_id for row in first + rest] == [1, 2, 3, 4, 5, 9]
    assert [row.update_id for row in mine] == [9]


async def test_a_turn_is_begun_and_answered_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        first = await says(tx, person, "你好", answer=None)
        again = await conversations.open_turn(
            tx, person.person_id, [UpdateId(1)], text="你好", level=0
        )
        assert first.turn_id == again.turn_id
        assert await conversations.answer(tx, person.person_id, first, text="嗨")
        assert await conversations.answer(tx, person.person_id, first, text="嗨") is None
        rounds = await transcripts.recent_rounds(tx, person.person_id, first.session_id, limit=5)
    assert rounds == [("你好", "嗨")]


async def test_joined_words_take_the_place_of_the_first(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, "你好", answer=None)
        await inbox.add(tx, UpdateId(2), kind="words", payload="", person_id=person.person_id)
        await conversations.open_turn(
            tx, person.person_id, [UpdateId(1), UpdateId(2)], text="你好\n在吗", level=1
        )
        turns = await transcripts.history(tx, person.person_id)
    assert [(turn.text, turn.level) for turn in turns] == [("你好\n在吗", 1)]


async def test_an_old_epoch_is_fenced_off(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        late = await outbox.put(
            tx, MessageKind.REPLY, MessageBody("x"), person_id=person.person_id, epoch=person.epoch
        )
        half = await outbox.put(
            tx, MessageKind.REPLY, MessageBody("z"), person_id=person.person_id, epoch=person.epoch
        )
        assert await outbox.claim(tx, half)
        assert await outbox.still_claimed(tx, half)
        await people.raise_epoch(tx, person.person_id)
        assert not await outbox.claim(tx, late)
        assert not await outbox.still_claimed(tx, half)
        for outbox_id in (late, half):
            await outbox.cancel_if_superseded(tx, outbox_id)
        assert await outbox.count_open(tx) == 0
        free = await outbox.put(
            tx, MessageKind.CRISIS, MessageBody("y"), person_id=person.person_id
        )
        assert await outbox.claim(tx, free)
        assert not await outbox.claim(tx, free)


async def test_the_next_message_of_each_chat_is_due(database: Database) -> None:
    async with database.begin() as tx:
        one, two = await mei(tx, 1), await mei(tx, 2)

        async def put(kind: MessageKind, person: people.Person | None, text: str) -> int:
            return await outbox.put(
                tx,
                kind,
                MessageBody(text),
                person_id=person.person_id if person else None,
                audience=Audience.PERSON if person else Audience.OPERATORS,
            )

        async def due() -> list[str]:
            return [m.body.text for m in await outbox_queue.next_messages(tx, limit=10)]

        first = await put(MessageKind.REPLY, one, "1a")
        await put(MessageKind.REPLY, one, "1b")
        await put(MessageKind.REPLY, two, "2a")
        for number in range(3):
            await put(MessageKind.CASE, None, f"case {number}")
        assert await due() == ["case 0", "1a", "2a"]
        await outbox.postpone(tx, first, until=NOW + timedelta(seconds=9), reason="RetryAfter")
        assert await due() == ["case 0", "2a"]  # nothing overtakes a message that waits
        await put(MessageKind.CRISIS, one, "1!")
        assert await due() == ["1!", "case 0", "2a"]  # but a fixed reply
        await outbox.claim(tx, first)
        assert await due() == ["case 0", "2a"]  # and not while another is on its way


async def test_what_alone_cannot_go_lets_the_others_pass(database: Database) -> None:
    async with database.begin() as tx:

        async def put(text: str) -> OutboxId:
            return await outbox.put(
                tx, MessageKind.CASE, MessageBody(text), person_id=None, audience=Audience.OPERATORS
            )

        async def due(seconds: int = 0) -> list[str]:
            tx.now = NOW + timedelta(seconds=seconds)
            return [m.body.text for m in await outbox_queue.next_messages(tx, limit=10)]

        async def put_off(message: OutboxId, seconds: int, attempts: int) -> None:
            until = NOW + timedelta(seconds=seconds)
            await outbox.postpone(
                tx, message, until=until, reason=outbox.PUT_OFF, attempts=attempts
            )

        first, second, third = [await put(f"case {number}") for number in range(3)]
        await put_off(first, 9, 1)
        assert await due() == ["case 1"]
        assert await due(9) == ["case 1"]  # nor before others when its time has come
        await put_off(second, 5, 2)
        tx.now = NOW
        await outbox.end(tx, third, "sent")
        assert await due() == []
        assert await due(5) == ["case 1"]
        assert await due(9) == ["case 0"]  # the least tried
        await outbox.hold_put_off(tx, Audience.OPERATORS, until=NOW + timedelta(seconds=20))
        assert await due(19) == []
        assert await due(20) == ["case 0"]
        await outbox.claim(tx, first)
        assert await due(20) == []  # one at a time
        assert await outbox.count_stuck(tx, tries=3) == 0
        await put_off(second, 20, 3)
        assert await outbox.count_stuck(tx, tries=3) == 1


async def test_a_body_comes_back_whole(database: Database) -> None:
    body = MessageBody("文", [[("好", "a:1"), ("不", "a:2")]], Document("x.json", "{}"))
    async with database.begin() as tx:
        person = await mei(tx)
        await outbox.put(tx, MessageKind.NOTICE, body, person_id=person.person_id)
        await outbox.put(
            tx,
            MessageKind.NOTICE,
            MessageBody("再见", to_telegram_id=77),
            person_id=None,
            audience=Audience.FAREWELL,
        )
        mine, last = await outbox_queue.next_messages(tx, limit=5)
    assert mine.body == body
    assert (mine.telegram_id, last.telegram_id) == (42, 77)


async def test_a_lease_has_one_holder_and_runs_out(database: Database) -> None:
    ttl = timedelta(seconds=30)
    async with database.begin() as tx:
        assert await leases.acquire(tx, "service", "a", ttl=ttl)
        assert not await leases.acquire(tx, "service", "b", ttl=ttl)
        assert await leases.acquire(tx, "service", "a", ttl=ttl)
        tx.now = NOW + 2 * ttl
        assert await leases.acquire(tx, "service", "b", ttl=ttl)
        assert await leases.holder(tx, "service") == "b"


async def test_who_lost_the_lease_can_send_nothing(database: Database) -> None:
    ttl = timedelta(seconds=30)
    async with database.begin() as tx:
        person = await mei(tx)
        old = await leases.acquire(tx, leases.SERVICE, "a", ttl=ttl)
        tx.now = NOW + 2 * ttl
        new = await leases.acquire(tx, leases.SERVICE, "b", ttl=ttl)
        tx.now = NOW
        sent = await outbox.put(
            tx, MessageKind.CRISIS, MessageBody("y"), person_id=person.person_id
        )
        assert not await outbox.claim(tx, sent, fence=old)
        await outbox.cancel_if_superseded(tx, sent)
        assert await outbox.claim(tx, sent, fence=new)
        assert not await outbox.still_claimed(tx, sent, fence=old)
        assert await outbox.still_claimed(tx, sent, fence=new)


async def test_a_switch_says_why_and_goes_off_once(database: Database) -> None:
    async with database.begin() as tx:
        assert await switches.value(tx, "paused") is None
        await switches.turn_on(tx, "paused", "drill")
        assert await switches.every(tx) == {"paused": ("drill", NOW)}
        assert await switches.turn_off(tx, "paused")
        assert not await switches.turn_off(tx, "paused")


async def test_an_invite_admits_so_many_for_so_long(database: Database) -> None:
    async with database.begin() as tx:
        code = await pilot.invite(tx, uses=2, days=3)
        tx.now = NOW + timedelta(days=4)
        assert not await pilot.redeem(tx, code)
        tx.now = NOW
        assert not await pilot.redeem(tx, "guess")
        assert [await pilot.redeem(tx, code) for _ in range(3)] == [True, True, False]


async def test_replies_are_counted_by_day(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        for _ in range(2):
            await pilot.count_reply(tx, person.person_id)
        assert await pilot.replies_today(tx, person.person_id) == 2
        tx.now = NOW + timedelta(days=1)
        assert await pilot.replies_today(tx, person.person_id) == 0
