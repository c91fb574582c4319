"""A case is handed over and confirmed in the console."""

from collections.abc import Awaitable, Callable

from bot.service.lifecycle import Service
from storage.ids import CaseId
from storage.review import cases
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of

Sit = Callable[[Operator], Awaitable[Seat]]


async def test_one_operator_hands_a_case_to_another(
    sit: Sit, admin: Operator, reviewer: Operator, case_id: CaseId, service: Service
) -> None:
    giver, receiver = await sit(admin), await sit(reviewer)
    url, to = f"/console/cases/{case_id}", str(reviewer.operator_id)
    for form in ({"to": to}, {"to": ""}, {}):
        answer = await giver.post(f"{url}/hand-over", **form)
        assert answer.headers["HX-Trigger"] == "refused"
    await giver.post(f"{url}/claim")
    for form in ({"to": ""}, {"to": "99"}, {"to": str(admin.operator_id)}):
        answer = await giver.post(f"{url}/hand-over", **form)
        assert answer.headers["HX-Trigger"] == "refused"
    assert (await receiver.post(f"{url}/hand-over", to=to)).headers["HX-Trigger"] == "refused"
    page = await giver.client.get(url)
    assert f'<option value="{to}">Rui' in page.text
    assert f'<option value="{admin.operator_id}">' not in page.text
    assert (await giver.post(f"{url}/hand-over", to=to)).headers["HX-Trigger"] == "acted"
    assert "asks you to take this case over" in (await receiver.client.get(url)).text
    assert f"/cases/{case_id}" in (await receiver.client.get("/console/?state=mine")).text
    assert "→ Rui" in (await giver.client.get("/console/")).text
    assert (await receiver.post(f"{url}/claim")).headers["HX-Trigger"] == "acted"
    async with service.parts.database.read() as transaction:
        case = await cases.get(transaction, case_id)
    assert case is not None and (case.claimed_by, case.handed_to) == (reviewer.operator_id, None)
    acts = [each for each in await acts_of(service, case_id=case_id) if "hand" in each.act]
    assert [(each.act, each.operator_id) for each in acts] == [
        ("handed_over", reviewer.operator_id),
        ("hand_over_offered", admin.operator_id),
    ]
