"""What is past its time goes, in batches, and nothing else; on both databases."""

from datetime import timedelta

from storage import Database, conversations, inbox, outbox, people, pilot, retention
from storage.ids import UpdateId
from storage.inbox import Ended
from storage.outbox import Body, Kind
from tests.integration.cast import NOW, SECRET, mei, says


async def test_old_words_and_records_go(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, SECRET)
        await inbox.end(tx, [UpdateId(1)], Ended.ANSWERED, now=NOW)
        sent = await outbox.put(tx, Kind.REPLY, Body("x"), person_id=person.person_id, now=NOW)
        await outbox.end(tx, sent, "sent", now=NOW)
        await pilot.count_reply(tx, person.person_id, now=NOW)
        await pilot.invite(tx, uses=1, days=1, now=NOW)

        soon = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(days=29))
        assert {name for name, count in soon.items() if count} == {"invites"}
        later = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(days=31))
        assert {name for name, count in later.items() if count} == {"inbox", "outbox", "usage"}
        last = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(days=181))
        assert {name: count for name, count in last.items() if count} == {
            "turns": 2,
            "sessions": 1,
        }
        assert await people.by_id(tx, person.person_id) is not None


async def test_words_that_wait_for_consent_do_not_wait_for_ever(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 5, language="zh", now=NOW)
        await inbox.add(
            tx, UpdateId(1), kind="words", payload=SECRET, person_id=person.person_id, now=NOW
        )
        await inbox.wait_for_consent(tx, [UpdateId(1)])
        counts = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(hours=23))
        assert counts["unconsented"] == 0
        counts = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(hours=25))
        assert counts["unconsented"] == 1
        assert await inbox.wake_after_consent(tx, person.person_id) == []


async def test_words_off_the_record_go_when_the_time_is_over(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        until = NOW + timedelta(hours=1)
        await people.change(tx, person.person_id, off_record_until_at=until)
        await says(tx, person, "留下", 1)
        await says(tx, person, "不留", 2, off_record=True)
        early = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(minutes=59))
        assert early["off_record"] == 0
        late = await retention.sweep(tx, turns_days=180, now=NOW + timedelta(minutes=61))
        assert late["off_record"] == 2
        texts = [turn.text for turn in await conversations.history(tx, person.person_id)]
        assert texts == ["留下", "我在听"]


async def test_going_back_on_the_record_deletes_and_begins_anew(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        turn = await says(tx, person, "不留", 2, off_record=True)
        assert await conversations.end_off_record(tx, person.person_id, now=NOW) == 2
        session = await conversations.current_session(tx, person.person_id, now=NOW)
        assert session != turn.session_id
        assert (await conversations.extent(tx, person.person_id)).off_record == 0
