"""Whom a closed pilot admits, and what becomes of the others."""

import pytest

from storage.companion import pilot
from storage.companion.people import Person
from tests.support.house import MEI, Heart, OpenHeart

GRAVE = "我想自杀"


@pytest.fixture
async def closed(open_heart: OpenHeart) -> Heart:
    return await open_heart(pilot=True)


async def is_rejected(rooms: Heart, person: Person, text: str = "你好") -> bool:
    utterance = await rooms.heard(person, text)
    async with rooms.database.begin() as transaction:
        return await rooms.people.admission.intercept(transaction, utterance)


async def redeems(rooms: Heart, person: Person, code: str) -> bool:
    async with rooms.database.begin() as transaction:
        return await rooms.people.admission.redeem(transaction, person, code)


async def invited(rooms: Heart, *, uses: int = 1) -> str:
    async with rooms.database.begin() as transaction:
        return await pilot.invite(transaction, uses=uses, days=7)


async def test_without_a_pilot_everyone_is_admitted(rooms: Heart) -> None:
    assert not await is_rejected(rooms, await rooms.known())
    assert await rooms.queued() == []


async def test_who_is_listed_is_admitted(open_heart: OpenHeart) -> None:
    rooms = await open_heart(pilot=True, pilot_people=frozenset({MEI}))
    assert not await is_rejected(rooms, await rooms.known())


async def test_an_operator_is_admitted(open_heart: OpenHeart) -> None:
    rooms = await open_heart(pilot=True, operators=frozenset({MEI}))
    assert not await is_rejected(rooms, await rooms.known())


async def test_an_invite_admits_once(closed: Heart) -> None:
    code = await invited(closed)
    mei, other = await closed.known(), await closed.known(43)
    assert await redeems(closed, mei, code)
    assert not await redeems(closed, other, code)
    mei, other = await closed.known(), await closed.known(43)
    assert closed.people.admission.admits(mei)
    assert not closed.people.admission.admits(other)


async def test_an_invite_ends_with_its_days(closed: Heart) -> None:
    code = await invited(closed)
    closed.clock.forward(days=8)
    assert not await redeems(closed, await closed.known(), code)


async def test_of_a_stranger_nothing_is_kept(closed: Heart) -> None:
    assert await is_rejected(closed, await closed.known())
    assert await closed.person() is None
    (told,) = await closed.queued()
    assert told.startswith(closed.opening("pilot_closed"))


async def test_who_agreed_before_keeps_what_is_theirs(closed: Heart) -> None:
    assert await is_rejected(closed, await closed.agreed())
    assert await closed.person() is not None
    assert (await closed.queued("notice"))[0].startswith(closed.opening("pilot_over"))
    assert await closed.ends() == ["pilot_closed"]


async def test_a_held_stranger_hears_the_script(closed: Heart) -> None:
    person = await closed.known()
    utterance = await closed.heard(person, GRAVE)
    async with closed.database.begin() as transaction:
        await closed.crisis.responder.respond(transaction, utterance)
    assert await is_rejected(closed, person)
    assert await closed.person() is not None
    assert len(await closed.queued("crisis")) == 2
    assert await closed.queued("notice") == []
