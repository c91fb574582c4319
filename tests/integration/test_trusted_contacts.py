"""One contract for SQLite and PostgreSQL: trusted contacts, their link, and one message a day."""

import asyncio
from datetime import timedelta

from sqlalchemy import select

from storage import Database, Transaction
from storage.companion import contact_links, people, trusted_contacts
from storage.companion.people import Person
from storage.companion.trusted_contacts import ContactState, NameAsked, TrustedContact
from storage.database.schema_contacts import trusted_contacts as table
from storage.ids import OutboxId
from storage.upkeep import erasure, retention
from tests.integration.cast import NOW, mei

FRIEND, OTHER = 77, 78


async def stranger(tx: Transaction, telegram_id: int = FRIEND) -> Person:
    return await people.get_or_create(tx, telegram_id, language="en")


async def of(tx: Transaction, person: Person) -> TrustedContact:
    contact = await trusted_contacts.of_person(tx, person.person_id)
    assert contact is not None
    return contact


async def invited(tx: Transaction, person: Person) -> str:
    assert await contact_links.begin(tx, person.person_id)
    asked = await contact_links.name(tx, await of(tx, person), "表姐")
    assert asked is NameAsked.SHOWN
    assert await contact_links.name(tx, await of(tx, person), "小美") is None
    token = await contact_links.invite(tx, (await of(tx, person)).contact_id)
    assert token is not None
    return token


async def agreed(tx: Transaction, person: Person, friend: Person) -> TrustedContact:
    await invited(tx, person)
    contact = await of(tx, person)
    assert await contact_links.take_link(tx, contact.contact_id, friend.person_id)
    assert await contact_links.agree(tx, contact.contact_id, friend.person_id)
    return await of(tx, person)


async def test_names_are_sealed_and_the_token_is_a_hash(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        token = await invited(tx, person)
        row = (await tx.execute(select(table))).one()
        assert "表姐".encode() not in row.called
        assert "小美".encode() not in row.shown_name
        assert token not in row.token_hash
        contact = await of(tx, person)
        assert (contact.called, contact.shown_name, contact.asks) == ("表姐", "小美", None)
        assert contact.state is ContactState.INVITED


async def test_a_link_works_for_one_other_person_within_seven_days(database: Database) -> None:
    async with database.begin() as tx:
        person, friend, other = await mei(tx), await stranger(tx), await stranger(tx, OTHER)
        token = await invited(tx, person)
        found = await contact_links.by_token(tx, token)
        assert found is not None
        assert await contact_links.by_token(tx, token + "x") is None
        assert not await contact_links.take_link(tx, found.contact_id, person.person_id)
        assert await contact_links.take_link(tx, found.contact_id, friend.person_id)
        assert not await contact_links.take_link(tx, found.contact_id, other.person_id)
        assert await contact_links.take_link(tx, found.contact_id, friend.person_id)
        assert not await contact_links.agree(tx, found.contact_id, other.person_id)
        tx.now = NOW + timedelta(days=7)
        assert await contact_links.by_token(tx, token) is None
        assert not await contact_links.agree(tx, found.contact_id, friend.person_id)
        tx.now = NOW
        assert await contact_links.agree(tx, found.contact_id, friend.person_id)
        assert await contact_links.by_token(tx, token) is None
        assert not await contact_links.begin(tx, person.person_id)
        assert await contact_links.invite(tx, found.contact_id) is None


async def test_two_who_open_the_link_at_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await invited(tx, person)
        contact_id = (await of(tx, person)).contact_id
        friends = [await stranger(tx, number) for number in range(80, 86)]

    async def opens(friend: Person) -> bool:
        async with database.begin() as tx:
            return await contact_links.take_link(tx, contact_id, friend.person_id)

    assert sum(await asyncio.gather(*map(opens, friends))) == 1


async def test_one_message_a_day_however_many_ask_for_it(database: Database) -> None:
    async with database.begin() as tx:
        person, friend = await mei(tx), await stranger(tx)
        contact_id = (await agreed(tx, person, friend)).contact_id

    async def tells() -> bool:
        async with database.begin() as tx:
            return await trusted_contacts.may_tell(tx, contact_id)

    assert sum(await asyncio.gather(*(tells() for _ in range(5)))) == 1
    async with database.begin() as tx:
        tx.now = NOW + timedelta(hours=23)
        assert not await trusted_contacts.may_tell(tx, contact_id)
        tx.now = NOW + timedelta(days=1)
        assert await trusted_contacts.may_tell(tx, contact_id)
        await trusted_contacts.change(tx, contact_id, telling_at=None)  # it failed
        assert await trusted_contacts.may_tell(tx, contact_id)


async def test_a_message_belongs_to_a_contact_until_it_ends(database: Database) -> None:
    async with database.begin() as tx:
        person, friend = await mei(tx), await stranger(tx)
        contact_id = (await agreed(tx, person, friend)).contact_id
        await trusted_contacts.change(tx, contact_id, outbox_id=OutboxId(5))
        found = await trusted_contacts.of_message(tx, OutboxId(5))
        assert found is not None
        assert found.contact_id == contact_id
        assert await trusted_contacts.end(tx, contact_id)
        assert await trusted_contacts.of_message(tx, OutboxId(5)) is None
        assert not await trusted_contacts.may_tell(tx, contact_id)
        assert not await trusted_contacts.end(tx, contact_id)


async def test_a_block_is_told_once_a_day(database: Database) -> None:
    async with database.begin() as tx:
        person, friend = await mei(tx), await stranger(tx)
        await agreed(tx, person, friend)
        assert len(await trusted_contacts.note_unreachable(tx, friend.person_id)) == 1
        assert await trusted_contacts.note_unreachable(tx, friend.person_id) == []
        tx.now = NOW + timedelta(days=1)
        assert len(await trusted_contacts.note_unreachable(tx, friend.person_id)) == 1


async def test_the_erasure_of_either_side_ends_it(database: Database) -> None:
    async with database.begin() as tx:
        person, friend = await mei(tx), await stranger(tx)
        await agreed(tx, person, friend)
        await erasure.erase(tx, friend.person_id)
        assert await trusted_contacts.of_person(tx, person.person_id) is None
        friend = await stranger(tx)
        await agreed(tx, person, friend)
        await erasure.erase(tx, person.person_id)
        assert await trusted_contacts.of_contact(tx, friend.person_id) == []


async def test_a_contact_who_never_consented_is_kept_and_an_old_link_is_not(
    database: Database,
) -> None:
    async with database.begin() as tx:
        await stranger(tx, OTHER)
        person, friend = await mei(tx), await stranger(tx)
        await agreed(tx, person, friend)
        second = await mei(tx, 43)
        await invited(tx, second)
        tx.now = NOW + timedelta(days=8)
        counts = await retention.sweep(tx, turns_days=90)
        assert (counts["strangers"], counts["contacts"]) == (1, 1)
        assert await people.by_telegram_id(tx, FRIEND) is not None
        assert await trusted_contacts.of_person(tx, person.person_id) is not None
        assert await trusted_contacts.of_person(tx, second.person_id) is None
