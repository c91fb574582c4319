"""Canned replies and hand-overs in a real browser, wide and on a phone."""

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from bot.texts import Texts
from review.cases import canned_replies as kept
from review.cases.takeover import TAKE_BACK_WITHIN
from sandbox import Sandbox, SandboxUser
from storage.ids import CaseId
from storage.review import operators
from storage.review.operators import OperatorRole
from tests.e2e.conftest import newcomer_agrees
from tests.support.clock import OffsetClock
from tests.support.waiting import until

pytestmark = pytest.mark.browser
SLOW_MS = 20_000
CRISIS = "我不想活了"


@pytest.fixture
def clock() -> OffsetClock:
    return OffsetClock()


@pytest.fixture
async def service(
    start: Callable[..., Awaitable[Service]], sandbox: Sandbox, clock: OffsetClock
) -> Service:
    """A service whose operator, an admin, reads English."""
    service = await start(clock=clock)
    async with service.parts.database.begin() as transaction:
        operator = await operators.by_telegram_id(transaction, sandbox.operator.id)
        assert operator is not None
        await operators.change(transaction, operator.operator_id, name="Min", language="en")
    return service


@pytest.fixture
async def user(sandbox: Sandbox, service: Service) -> SandboxUser:
    person = sandbox.add_user()
    await newcomer_agrees(person)
    return person


async def sign_in(page: Page, sandbox: Sandbox, service: Service) -> str:
    """Sign in, and return the console's address."""
    await page.goto(await console_link(sandbox, service))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile(r"/console/$"))
    return page.url


async def keep(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants them."""
    if folder := os.environ.get("PICA_CONSOLE_ALL"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, caret="initial")


async def fits(page: Page) -> bool:
    """Whether the page fits without sideways scrolling."""
    return bool(
        await page.evaluate("document.documentElement.scrollWidth <= document.body.clientWidth")
    )


@pytest.mark.parametrize("width", [1280, 390])
async def test_one_tap_sends_and_a_wrong_one_is_taken_back(
    width: int,
    page: Page,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
    clock: OffsetClock,
    texts: Texts,
) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    root = await sign_in(page, sandbox, service)
    sent = await user.say(CRISIS)
    await user.wait_for(None, after=sent, timeout_s=20)
    await page.goto(f"{root}cases/1")
    box = page.locator(".canned-box")
    await expect(box).to_be_hidden()
    await page.keyboard.press("t")
    await expect(box).to_be_visible()
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await page.locator("#reply-words").fill("half a line")
    await box.locator("summary").click()
    await expect(box.locator("li")).to_have_count(len(kept.brought()))
    assert await fits(page)
    clock.stop()
    await box.get_by_role("button", name="Let's stop here").click()
    await expect(box.locator("#canned-notice")).to_contain_text("On its way in five seconds")
    await keep(page, f"canned-{width}")
    await box.get_by_role("button", name="Take it back").click()
    await expect(box.locator("#canned-notice")).to_contain_text("Taken back")
    await box.get_by_role("button", name="I'm here").click()
    await expect(box.locator("#canned-notice")).to_contain_text("On its way")
    clock.ahead = TAKE_BACK_WITHIN
    said = await user.wait_for(kept.brought()["here"]["zh"], timeout_s=20)
    assert said.text.startswith("👤")
    assert not any(kept.brought()["end_of_talk"]["zh"] in m.text for m in user.messages)
    await expect(page.locator("#reply-words")).to_have_value("half a line")
    # The real time of the browser passes, and the offer to take it back goes.
    await expect(box.get_by_role("button", name="Take it back")).to_have_count(0, timeout=SLOW_MS)
    assert await fits(page)


@pytest.mark.parametrize("width", [1280, 390])
async def test_an_admin_edits_the_list(
    width: int, page: Page, sandbox: Sandbox, service: Service
) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    root = await sign_in(page, sandbox, service)
    await page.get_by_role("link", name="Replies").click()
    await expect(page).to_have_url(f"{root}replies")
    first, second = page.locator("[data-reply]").nth(0), page.locator("[data-reply]").nth(1)
    await second.locator("textarea[lang=en]").fill("half a change")  # lives through the next
    await first.locator("textarea[lang=en]").fill("我在")
    await first.get_by_role("button", name="Save").click()
    await expect(page.locator("#notice")).to_contain_text("in Chinese and in English")
    await first.locator("textarea[lang=en]").fill("I'm with you.")
    await first.get_by_role("button", name="Save").click()
    await expect(page.locator("#notice")).to_contain_text("Saved")
    await expect(page.locator("[data-reply]").nth(0)).to_have_attribute("data-reply", "10")
    await expect(first.locator("textarea[lang=en]")).to_have_value("I'm with you.")
    await expect(second.locator("textarea[lang=en]")).to_have_value("half a change")
    await keep(page, f"replies-{width}")
    page.once("dialog", lambda dialog: dialog.accept())
    await first.get_by_role("button", name="Retire").click()
    await expect(page.locator("[data-reply]")).to_have_count(len(kept.brought()) - 1)
    assert await fits(page)


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_case_is_handed_over(
    width: int, page: Page, sandbox: Sandbox, service: Service, user: SandboxUser, texts: Texts
) -> None:
    async with service.parts.database.begin() as transaction:
        min_ = await operators.by_telegram_id(transaction, sandbox.operator.id)
        bo = await operators.add(
            transaction, 5550, role=OperatorRole.ADMIN, name="Bo", language="en"
        )
        assert min_ is not None
    await page.set_viewport_size({"width": width, "height": 844})
    root = await sign_in(page, sandbox, service)
    sent = await user.say(CRISIS)
    await user.wait_for(None, after=sent, timeout_s=20)
    await page.goto(f"{root}cases/1")
    await page.keyboard.press("t")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await page.locator("summary", has_text="Hand over").click()
    await page.get_by_label("To whom?").select_option("Bo · on duty now")
    await page.get_by_role("button", name="Hand over").click()
    await expect(page.locator("#notice")).to_contain_text("They were asked")
    await expect(page.locator("#acts")).to_contain_text("Bo is asked to take it over")
    await keep(page, f"offered-{width}")
    await page.get_by_role("button", name="Keep it").click()
    await expect(page.locator("#acts")).not_to_contain_text("Bo is asked")
    async with service.parts.database.begin() as transaction:  # Bo asks Min, the other way round
        assert bo is not None
        parts = service.parts.operators
        await parts.hand_over.offer(transaction, min_, CaseId(1), bo.operator_id)
        await parts.desk.claim(transaction, bo, CaseId(1))
        await parts.hand_over.offer(transaction, bo, CaseId(1), min_.operator_id)
    await expect(page.locator("#acts")).to_contain_text("Bo asks you to take this case over")
    await expect(page.locator("#reply-words")).to_be_disabled()
    await keep(page, f"asked-{width}")
    assert await fits(page)
    await page.get_by_role("button", name="Accept").click()
    await expect(page.locator("#reply-words")).to_be_enabled()
    line = texts("zh", "human_changed")
    await until(lambda: [m.text for m in user.messages].count(line) == 2)
    await page.goto(root)
    await keep(page, f"queue-{width}")
