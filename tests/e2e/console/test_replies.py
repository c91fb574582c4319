"""The page of canned replies, and the list on the page of a case."""

import re
from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from review.cases import canned_replies as kept
from storage.ids import CaseId
from storage.review import canned_replies
from storage.review.operators import Operator
from tests.e2e.console.conftest import Seat, acts_of
from tests.support.clock import OffsetClock

Sit = Callable[[Operator], Awaitable[Seat]]
ZH, EN = "今晚有人陪着你吗？<b>", "Is someone with you tonight? <b>"


@pytest.fixture
def clock() -> OffsetClock:
    return OffsetClock()


@pytest.fixture
async def service(start: Callable[..., Awaitable[Service]], clock: OffsetClock) -> Service:
    return await start(clock=clock)


async def listed(service: Service) -> list[canned_replies.CannedReply]:
    async with service.parts.database.read() as transaction:
        return await canned_replies.listed(transaction)


async def test_an_admin_adds_edits_and_retires(sit: Sit, admin: Operator, service: Service) -> None:
    seat = await sit(admin)
    page = await seat.client.get("/console/replies")
    for texts in kept.brought().values():
        assert texts["zh"] in page.text
    answer = await seat.post("/console/replies/add", zh=ZH, en=EN)
    assert answer.headers["HX-Trigger"] == "acted"
    added = (await listed(service))[-1]
    assert (added.zh, added.en) == (ZH, EN)
    await seat.post(f"/console/replies/{added.reply_id}/edit", zh=ZH, en="Is anyone there? <b>")
    edited = (await listed(service))[-1]
    part = await seat.client.get("/console/replies/list")
    assert "Is anyone there? &lt;b&gt;" in part.text and EN not in part.text
    await seat.post(f"/console/replies/{edited.reply_id}/retire")
    assert [each.name for each in await listed(service)] == list(kept.brought())
    acts = [(each.act, each.operator_id, each.detail) for each in await acts_of(service)]
    assert [act for act in acts if act[0].startswith("reply_")] == [
        ("reply_retired", admin.operator_id, {"reply": edited.reply_id}),
        (
            "reply_edited",
            admin.operator_id,
            {"reply": edited.reply_id, "replaces": added.reply_id},
        ),
        ("reply_added", admin.operator_id, {"reply": added.reply_id}),
    ]


@pytest.mark.parametrize(("zh", "en"), [("", ""), (ZH, ""), ("", EN), (EN, EN), (ZH, ZH)])
async def test_a_text_in_one_language_is_refused(
    zh: str, en: str, sit: Sit, admin: Operator, service: Service
) -> None:
    seat, before = await sit(admin), await listed(service)
    for path in ("/console/replies/add", f"/console/replies/{before[0].reply_id}/edit"):
        answer = await seat.post(path, zh=zh, en=en)
        assert answer.headers["HX-Trigger"] == "refused"
        assert "中文和英文" in answer.text or "Chinese and in English" in answer.text
    assert await listed(service) == before


async def test_the_list_of_a_case_sends_and_takes_back(
    sit: Sit, reviewer: Operator, case_id: CaseId, service: Service, clock: OffsetClock
) -> None:
    seat, url = await sit(reviewer), f"/console/cases/{case_id}"
    first = (await listed(service))[0]
    refused = await seat.post(f"{url}/canned", reply=str(first.reply_id))
    assert "Take over first" in refused.text
    await seat.post(f"{url}/take-over")
    page = await seat.client.get(url)
    assert first.en.replace("'", "&#39;") in page.text  # in the language of the operator
    for number, why in (("99", "changed or retired"), ("", "changed or retired")):
        assert why in (await seat.post(f"{url}/canned", reply=number)).text
    clock.stop()
    sent = await seat.post(f"{url}/canned", reply=str(first.reply_id))
    assert sent.headers["HX-Trigger"] == "acted"
    undo = re.search(r'hx-post="([^"]+take-back)"', sent.text)
    assert undo is not None and "data-until" in sent.text
    twice = await seat.post(f"{url}/canned", reply=str(first.reply_id))
    assert "Another canned reply" in twice.text
    assert "Taken back" in (await seat.post(undo[1])).text
    assert "Too late" in (await seat.post(undo[1])).text
    acts = [each.act for each in await acts_of(service, case_id=case_id)]
    assert acts[:2] == ["taken_back", "operator_said"]
