"""Falling moods in the queue: a quiet line beside the cases, seen once, by whom is written down."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.service.lifecycle import Service
from storage import utc_now
from storage.checkins import settings as check_in_settings
from storage.companion import people
from storage.ids import CaseId, PersonId
from storage.review import cases
from storage.review.cases import Resolution
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of

Sit = Callable[[Operator], Awaitable[Seat]]


@pytest.fixture
async def fallen(service: Service) -> PersonId:
    """Somebody without a case whose moods have fallen since three hours ago."""
    at = utc_now() - timedelta(hours=3)
    async with service.parts.database.begin() as transaction:
        transaction.now = at
        person = await people.get_or_create(transaction, 900_777, language="zh")
        await check_in_settings.create(transaction, person.person_id, zone="UTC")
        await check_in_settings.change(
            transaction, person.person_id, fell_on=at.date(), fell_waits_at=at
        )
    return person.person_id


def noted(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'name="person" value="(\d+)"', page)]


async def test_it_is_seen_once_and_that_is_written_down(
    sit: Sit,
    reviewer: Operator,
    admin: Operator,
    case_id: CaseId,
    service: Service,
    fallen: PersonId,
) -> None:
    seat, other = await sit(reviewer), await sit(admin)
    page = (await seat.client.get("/console/")).text
    assert noted(page) == [fallen]
    assert f"Person {fallen}" in page and "noted 3 h ago" in page
    assert "900777" not in page  # the console names nobody
    assert page.count("data-case=") == 1  # and it is no case
    assert (await acts_of(service, act="viewed_queue"))[0].detail["falling"] == 1
    done = await seat.post("/console/falling/seen", person=str(fallen))
    assert done.headers["HX-Trigger"] == "acted"
    late = await other.post("/console/falling/seen", person=str(fallen))
    assert late.headers["HX-Trigger"] == "refused"
    for client in (seat.client, other.client):
        assert noted((await client.get("/console/queue")).text) == []
    (act,) = await acts_of(service, act="saw_falling_moods")
    assert (act.operator_id, act.person_id, act.case_id) == (reviewer.operator_id, fallen, None)
    async with service.parts.database.read() as transaction:
        settings = await check_in_settings.get(transaction, fallen)
    assert settings is not None and settings.fell_on is not None  # and not again for a week


async def test_a_case_takes_its_place(
    sit: Sit, reviewer: Operator, service: Service, fallen: PersonId
) -> None:
    seat, now = await sit(reviewer), utc_now()
    async with service.parts.database.begin() as transaction:
        case = await cases.create(
            transaction, fallen, level=2, categories=(), script="suicide", lexicon="test"
        )
    assert noted((await seat.client.get("/console/queue")).text) == []
    async with service.parts.database.begin() as transaction:
        transaction.now = now - timedelta(days=1)
        await cases.resolve(transaction, case, Resolution.HELPED, operator_id=None)
    page = (await seat.client.get("/console/queue")).text  # noted after that case
    assert noted(page) == [fallen]
    assert f'href="/console/cases/{case}">last case #{case}</a>' in page


@pytest.mark.parametrize("person", ["", "0", "x", "-1", "99999", "9" * 30])
async def test_nobody_is_seen(
    person: str, sit: Sit, reviewer: Operator, service: Service, fallen: PersonId
) -> None:
    seat = await sit(reviewer)
    answer = await seat.post("/console/falling/seen", person=person)
    assert answer.headers["HX-Trigger"] == "refused"
    assert await acts_of(service, act="saw_falling_moods") == []
    assert noted((await seat.client.get("/console/queue")).text) == [fallen]
