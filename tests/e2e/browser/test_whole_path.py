"""The whole way of a case: two operators, one in the group and one in the browser, one person."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from bot.service.lifecycle import Service
from bot.texts import Texts
from review.cases.escalation import LEASE
from review.operators.sign_in import offer
from safety.response.policy import HOLD_LAPSE_S
from sandbox import Sandbox
from storage.ids import CaseId
from storage.review import audit_check, cases, operators
from storage.review.cases import Resolution
from tests.e2e.conftest import newcomer_agrees
from tests.e2e.operators_cast import GRAVE, Group, told
from tests.support.clock import OffsetClock

pytestmark = pytest.mark.browser
Start = Callable[..., Awaitable[Service]]
SLOW_MS = 20_000


async def test_from_a_crisis_to_a_trail_that_verifies(
    page: Page, sandbox: Sandbox, start: Start, texts: Texts, slow: asyncio.Event
) -> None:
    clock = OffsetClock()
    bo = sandbox.add_user(901, first_name="Bo")
    service = await start(
        clock=clock, operators=frozenset({sandbox.operator.id, bo.id}), max_new_tokens=120
    )
    ann = sandbox.operator
    group = Group(sandbox, service, sandbox.operators_chat_id, ann, bo, bo)
    async with service.parts.database.begin() as transaction:
        found = await operators.by_telegram_id(transaction, ann.id)
        assert found is not None
        await operators.change(transaction, found.operator_id, name="Ann", language="en")
    await bo.say("/start")  # an operator who can be paged
    mei = sandbox.add_user()
    await newcomer_agrees(mei)

    # The fixed reply first, then the case, then the page.
    sent = await mei.say(GRAVE)
    await mei.wait_for(texts("zh", "crisis_suicide")[:10], after=sent, timeout_s=20)
    opened = await group.sees(told("case_opened", case=1))
    clock.ahead += timedelta(minutes=11)
    await group.sees(told("case_paged", case=1, minutes=11), after=opened.message_id)

    # Ann claims in the group; on the next day the hold has lapsed, and the model answers again.
    await group.presses(ann, "claim")
    await group.sees(told("case_claimed", operator="Ann", case=1))
    clock.ahead += timedelta(seconds=HOLD_LAPSE_S)

    # She takes over in the browser, while the model writes: nothing of it comes.
    async with service.parts.database.begin() as transaction:
        token = await offer(transaction, found, way="host")
    assert service.parts.console.console is not None
    await page.goto(service.parts.console.console.address.sign_in(token))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile(r"/console/$"))
    await page.goto(f"{page.url}cases/1")
    await expect(page.locator("body[data-live]")).to_have_count(1, timeout=SLOW_MS)
    slow.clear()
    sent = await mei.say("昨天的事我想再和你说说")
    await asyncio.wait_for(slow.wait(), 30)
    await page.keyboard.press("t")
    joined = await mei.wait_for(texts("zh", "human_joined"), after=sent, timeout_s=20)
    await page.locator("#reply-words").fill("我是安，我在。")
    await page.get_by_role("button", name="Send").click()
    relayed = await mei.wait_for("我是安，我在。", after=joined.message_id, timeout_s=20)
    await group.sees(told("relay_sent", case=1, words="👤 值守人员：我是安，我在。"))
    said = [m for m in mei.messages if m.from_bot and m.message_id > sent]
    assert [m.message_id for m in said] == [joined.message_id, relayed.message_id]

    # Words go both ways, through both faces.
    await mei.say("真的是人吗")
    await group.sees("真的是人吗")
    await page.get_by_role("button", name="Show words").click()
    await expect(page.locator("#talk")).to_contain_text("真的是人吗", timeout=SLOW_MS)
    await group.writes(ann, "/reply 是的，慢慢说。")
    await mei.wait_for("是的，慢慢说。", timeout_s=20)
    await group.writes(ann, "她说得很少")  # among operators
    await expect(page.locator("#talk")).to_contain_text("是的，慢慢说。", timeout=SLOW_MS)

    # Ann falls silent: the lease runs out, the person is told, Bo is called and has it.
    clock.ahead += LEASE + timedelta(seconds=5)
    await mei.wait_for(texts("zh", "human_silent")[:12], after=relayed.message_id, timeout_s=20)
    await bo.wait_for("#1", timeout_s=20)
    await group.presses(bo, "takeover")
    await group.sees(told("case_taken_over", operator="Bo", case=1))
    await page.keyboard.press("c")  # Ann is too late, and told who has it
    await expect(page.locator("#state")).to_contain_text("Bo", timeout=SLOW_MS)
    await group.writes(bo, "/reply 我是Bo，接着陪你。")
    await mei.wait_for("我是Bo，接着陪你。", timeout_s=20)
    await group.writes(bo, "/handback 她今晚在家人身边")
    await mei.wait_for(texts("zh", "human_left"), timeout_s=20)
    await group.sees("她今晚在家人身边")
    await group.writes(bo, "/resolve helped")
    await group.sees(told("case_resolved", operator="Bo", case=1))
    await expect(page.locator("#head")).to_contain_text("Helped", timeout=SLOW_MS)

    # Nothing but replies reached the person, and the trail is whole.
    assert not any("她说得很少" in m.text for m in mei.messages)
    await page.get_by_role("link", name="Audit").click()
    await page.get_by_role("button", name=re.compile("Verify", re.I)).click()
    await expect(page.locator(".verify")).to_contain_text("whole", timeout=SLOW_MS)
    async with service.parts.database.read() as transaction:
        case = await cases.get(transaction, CaseId(1))
        verdict = await audit_check.verify(transaction)
    assert case is not None
    assert case.resolution is Resolution.HELPED
    assert verdict.broken_at is None
