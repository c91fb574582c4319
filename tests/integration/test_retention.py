"""What is past its time goes, in batches, and nothing else; on both databases."""

from datetime import timedelta

from storage import Database
from storage.companion import conversations, people, pilot, transcripts
from storage.ids import UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.inbox import Ended
from storage.messages.outbox import MessageKind, OutboxState
from storage.review import audit, audit_check, cases, notes, operators, shadow_drafts, sign_ins
from storage.upkeep import retention
from tests.integration.cast import NOW, SECRET, mei, says


async def test_old_words_and_records_go(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, SECRET)
        await inbox.end(tx, [UpdateId(1)], Ended.ANSWERED)
        sent = await outbox.put(tx, MessageKind.REPLY, MessageBody("x"), person_id=person.person_id)
        await outbox.end(tx, sent, OutboxState.SENT)
        await pilot.count_reply(tx, person.person_id)
        await pilot.invite(tx, uses=1, days=1)

        tx.now = NOW + timedelta(days=29)
        soon = await retention.sweep(tx, turns_days=180)
        assert {name for name, count in soon.items() if count} == {"invites"}
        tx.now = NOW + timedelta(days=31)
        later = await retention.sweep(tx, turns_days=180)
        assert {name for name, count in later.items() if count} == {"inbox", "outbox", "usage"}
        tx.now = NOW + timedelta(days=181)
        last = await retention.sweep(tx, turns_days=180)
        assert {name: count for name, count in last.items() if count} == {
            "turns": 2,
            "sessions": 1,
        }
        assert await people.by_id(tx, person.person_id) is not None


async def test_what_operators_wrote_goes_with_the_record_of_risk(database: Database) -> None:
    year = timedelta(days=retention.CASES_DAYS + 1)
    async with database.begin() as tx:
        person = await mei(tx)
        turn = await says(tx, person, SECRET)
        operator = await operators.add(
            tx, 7, role=operators.OperatorRole.ADMIN, name="林", language="zh"
        )
        case_id = await cases.create(
            tx, person.person_id, level=3, categories=(), script="suicide", lexicon="1"
        )
        await notes.add(tx, case_id, person.person_id, operator_id=None, text=SECRET)
        await shadow_drafts.put(
            tx,
            person.person_id,
            case_id=case_id,
            question_turn_id=turn.turn_id,
            update_id=UpdateId(1),
            epoch=0,
            words=SECRET,
            below="",
            due_at=NOW,
        )
        await audit.append(tx, "noted", case_id=case_id, person_id=person.person_id, words=SECRET)
        await sign_ins.put_link(tx, "token", operator.operator_id, way="bot", expires_at=NOW)
        await cases.resolve(tx, case_id, cases.Resolution.HELPED, operator_id=operator.operator_id)
        tx.now = NOW + timedelta(days=181)
        half = await retention.sweep(tx, turns_days=180)
        assert half["shadow_drafts"] == 1
        assert half["sign_ins"] == 1
        assert half["cases"] == half["audit_words"] == 0
        tx.now = NOW + year
        last = await retention.sweep(tx, turns_days=180)
        assert last["cases"] == last["audit_words"] == 1
        assert await notes.of_case(tx, case_id, person.person_id) == []
        verdict = await audit_check.verify(tx)
        assert (verdict.records, verdict.broken_at, verdict.erased) == (2, None, 1)


async def test_words_that_wait_for_consent_do_not_wait_for_ever(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 5, language="zh")
        await inbox.add(tx, UpdateId(1), kind="words", payload=SECRET, person_id=person.person_id)
        await inbox.await_consent(tx, [UpdateId(1)])
        tx.now = NOW + timedelta(hours=23)
        counts = await retention.sweep(tx, turns_days=180)
        assert counts["unconsented"] == 0
        tx.now = NOW + timedelta(hours=25)
        counts = await retention.sweep(tx, turns_days=180)
        assert counts["unconsented"] == 1
        assert await inbox.release_after_consent(tx, person.person_id) == 0


async def test_words_off_the_record_go_when_the_time_is_over(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        until = NOW + timedelta(hours=1)
        await people.change(tx, person.person_id, off_record_until_at=until)
        await says(tx, person, "留下", 1)
        await says(tx, person, "不留", 2, off_record=True)
        tx.now = NOW + timedelta(minutes=59)
        early = await retention.sweep(tx, turns_days=180)
        assert early["off_record"] == 0
        tx.now = NOW + timedelta(minutes=61)
        late = await retention.sweep(tx, turns_days=180)
        assert late["off_record"] == 2
        texts = [turn.text for turn in await transcripts.history(tx, person.person_id)]
        assert texts == ["留下", "我在听"]


async def test_going_back_on_the_record_deletes_and_begins_anew(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        turn = await says(tx, person, "不留", 2, off_record=True)
        assert await conversations.end_off_record(tx, person.person_id) == 2
        session = await conversations.current_session(tx, person.person_id)
        assert session != turn.session_id
        assert (await transcripts.extent(tx, person.person_id)).off_record == 0
