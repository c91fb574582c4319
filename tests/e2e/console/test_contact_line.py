"""The head of a case says whether a trusted contact was told, and never who it is."""

from collections.abc import Awaitable, Callable

from bot.service.lifecycle import Service
from storage.companion import contact_links, people, trusted_contacts
from storage.ids import CaseId
from storage.review import cases
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat

Sit = Callable[[Operator], Awaitable[Seat]]


async def test_the_head_says_whether_the_contact_was_told(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    seat, path = await sit(reviewer), f"/console/cases/{case_id}"
    assert "Trusted contact" not in (await seat.client.get(path)).text
    async with service.parts.database.begin() as tx:
        case = await cases.get(tx, case_id)
        assert case is not None and case.person_id is not None
        friend = await people.get_or_create(tx, 900_002, language="zh")
        await contact_links.begin(tx, case.person_id)
        for name in ("表姐", "小美"):
            contact = await trusted_contacts.of_person(tx, case.person_id)
            assert contact is not None
            await contact_links.name(tx, contact, name)
        await contact_links.invite(tx, contact.contact_id)
        await contact_links.take_link(tx, contact.contact_id, friend.person_id)
        await contact_links.agree(tx, contact.contact_id, friend.person_id)
    page = (await seat.client.get(path)).text
    assert "yes, not told" in page
    assert "表姐" not in page
    assert "小美" not in page
    async with service.parts.database.begin() as tx:
        await trusted_contacts.change(tx, contact.contact_id, told_at=tx.now)
    assert "yes, told at" in (await seat.client.get(path)).text
