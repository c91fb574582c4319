"""What an operator has at hand in a real browser: the reply, the badge, alerts and keys."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from sandbox import Sandbox, SandboxUser
from storage.companion import conversations, people
from storage.companion.conversations import Speaker
from storage.ids import CaseId
from storage.review import cases, operators
from storage.review.operators import Operator

pytestmark = pytest.mark.browser
SLOW_MS = 20_000
CRISIS = "我不想活了"
IN_VIEW = """() => [...document.querySelectorAll("#reply-words, #reply .primary")].every((each) => {
  const box = each.getBoundingClientRect();
  const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight && each.contains(hit);
})"""
# What lies below the last thing that one can see.
BLANK_PX = """() => {
  const seen = [...document.querySelectorAll("main *")].filter((each) => each.checkVisibility()
    && !each.closest(".hidden, .scroll > *, aside > * > *"));
  const end = Math.max(...seen.map((each) => each.getBoundingClientRect().bottom)) + scrollY;
  return document.documentElement.scrollHeight - Math.max(end, innerHeight);
}"""
SPY = """() => {
  window.told = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (Notification.permission = "granted"); }
    constructor(title, options) { window.told.push([title, options.body]); }
  };
}"""


@pytest.fixture
async def operator(service: Service, sandbox: Sandbox) -> Operator:
    async with service.parts.database.begin() as transaction:
        found = await operators.by_telegram_id(transaction, sandbox.operator.id)
        assert found is not None
        await operators.change(transaction, found.operator_id, name="Min", language="en")
    return found


async def sign_in(page: Page, sandbox: Sandbox, service: Service) -> str:
    await page.goto(await console_link(sandbox, service))
    await page.locator("button").click()
    await expect(page).to_have_url(re.compile(r"/console/$"))
    return page.url


async def live(page: Page) -> None:
    await expect(page.locator("body[data-live]")).to_have_count(1, timeout=SLOW_MS)


async def case_of(service: Service, number: int, *, level: int = 3, turns: int = 1) -> int:
    """Open a case of a person who wrote several long messages."""
    async with service.parts.database.begin() as transaction:
        person = await people.get_or_create(transaction, 910_000 + number, language="zh")
        await people.change(transaction, person.person_id, consent_at=transaction.now)
        session = await conversations.current_session(transaction, person.person_id)
        for _ in range(turns):
            await conversations.append(
                transaction, person.person_id, session, Speaker.PERSON, text="心里很难受。" * 12
            )
        return await cases.create(
            transaction,
            person.person_id,
            level=level,
            categories=("suicide",),
            script="suicide",
            lexicon="test",
        )


async def looked_at(page: Page, name: str) -> None:
    """Keep a picture if they are wanted."""
    if folder := os.environ.get("PICA_CONSOLE_ALL"):
        await page.screenshot(path=Path(folder) / f"{name}.png", caret="initial")


@pytest.mark.parametrize(
    ("width", "height"), [(1366, 768), (1366, 640), (1280, 800), (1920, 1080), (390, 844)]
)
async def test_the_reply_is_in_view_and_nothing_is_blank(
    width: int, height: int, page: Page, operator: Operator, sandbox: Sandbox, service: Service
) -> None:
    root = await sign_in(page, sandbox, service)
    await page.set_viewport_size({"width": width, "height": height})
    number = await case_of(service, 1, turns=40)
    await page.goto(f"{root}cases/{number}")
    assert await page.evaluate(BLANK_PX) <= 60
    await looked_at(page, f"hand-{width}x{height}-hidden")
    await page.keyboard.press("t")
    await expect(page.locator("#reply-words")).to_be_enabled()
    assert await page.evaluate(IN_VIEW)
    await page.locator("[data-show-words]").click()
    await expect(page.locator("#talk")).to_contain_text("心里很难受")
    for top in (0, 400, 10_000):
        await page.evaluate(f"scrollTo(0, {top})")
        assert await page.evaluate(IN_VIEW), top
    await page.locator(".canned-box summary").click()
    assert await page.evaluate(IN_VIEW)
    await looked_at(page, f"hand-{width}x{height}-canned")
    await page.reload()
    await expect(page.locator("#talk")).to_contain_text("心里很难受")  # words stay shown
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await looked_at(page, f"hand-{width}x{height}")


async def test_the_title_counts_urgent_cases_on_every_page(
    page: Page, operator: Operator, sandbox: Sandbox, service: Service, user: SandboxUser
) -> None:
    root = await sign_in(page, sandbox, service)
    await live(page)
    assert await page.title() == "Queue · PICA console"
    await user.say(CRISIS)
    await expect(page).to_have_title("(1) Queue · PICA console", timeout=SLOW_MS)
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("urgent"))
    for path, title in {"charts": "Charts", "me": "My settings", "cases/1": "Case #1"}.items():
        await page.goto(root + path)
        await expect(page).to_have_title(f"(1) {title} · PICA console")
    await live(page)
    await page.keyboard.press("c")
    await expect(page).to_have_title("Case #1 · PICA console", timeout=SLOW_MS)
    await page.goto(f"{root}audit")  # a page that never was live before
    await live(page)
    async with service.parts.database.begin() as transaction:
        await service.parts.operators.desk.release(transaction, operator, CaseId(1))
    await expect(page).to_have_title(re.compile(r"^\(1\) Audit"), timeout=SLOW_MS)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_sound_and_notification_wait_until_they_are_turned_on(
    language: str,
    page: Page,
    operator: Operator,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
) -> None:
    async with service.parts.database.begin() as transaction:
        await operators.change(transaction, operator.operator_id, language=language)
    await page.add_init_script(f"({SPY})()")
    await sign_in(page, sandbox, service)
    await live(page)
    await user.say(CRISIS)
    await expect(page).to_have_title(re.compile(r"^\(1\)"), timeout=SLOW_MS)
    assert await page.evaluate("window.told") == []
    assert await page.evaluate("document.body.dataset.sounded") is None
    for kind in ("sound", "notice"):
        button = page.locator(f"[data-turns={kind}]")
        await expect(button).to_have_attribute("aria-pressed", "false")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("document.body.dataset.sounded") == "1"  # how it sounds
    await looked_at(page, f"alerts-{language}")
    await case_of(service, 2, level=4)
    async with service.parts.database.begin() as transaction:
        await service.parts.operators.desk.claim(transaction, operator, CaseId(1))
    await expect(page.locator("body")).to_have_attribute("data-sounded", "2", timeout=SLOW_MS)
    said = "新的 4 级个案" if language == "zh" else "A new case of level 4"
    name = "PICA 值守台" if language == "zh" else "PICA console"
    assert await page.evaluate("window.told") == [[name, said]]
    await page.reload()  # the same case is told once
    await live(page)
    assert await page.evaluate("window.told") == []
    await page.locator("[data-turns=sound]").click()
    await expect(page.locator("[data-turns=sound]")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_all_keys_are_listed(
    language: str, page: Page, operator: Operator, sandbox: Sandbox, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        await operators.change(transaction, operator.operator_id, language=language)
    await sign_in(page, sandbox, service)
    await page.keyboard.press("?")
    shown = page.locator("#keys")
    await expect(shown).to_be_visible()
    listed = set(await shown.locator("kbd").all_inner_texts())
    assert listed >= set(await page.evaluate("Object.keys(KEYS)")) | {"Ctrl", "Esc"}
    await looked_at(page, f"keys-{language}")
    await page.keyboard.press("Escape")
    await expect(shown).to_be_hidden()


async def test_no_page_complains_while_a_case_comes_and_goes(
    page: Page, operator: Operator, sandbox: Sandbox, service: Service
) -> None:
    """The `page` fixture fails on every error and warning of the browser's console."""
    root = await sign_in(page, sandbox, service)
    number = await case_of(service, 1)
    desk = service.parts.operators.desk
    paths = ["", "charts", "lexicon", "audit", "operators", "replies", "me"]
    for path in [*paths, f"cases/{number}/history", f"cases/{number}"]:
        await page.goto(root + path)
        await live(page)
        for act in (desk.claim, desk.release):
            async with (
                page.expect_response(re.compile("/console/urgent")),
                service.parts.database.begin() as transaction,
            ):
                await act(transaction, operator, CaseId(number))
    async with (
        page.expect_response(re.compile(r"/live\?")),
        service.parts.database.begin() as transaction,
    ):
        await desk.claim(transaction, operator, CaseId(number))
        await desk.resolve(transaction, operator, CaseId(number), cases.Resolution.HELPED)
    await expect(page.locator("#head")).to_contain_text("resolved")
    await expect(page.locator("#shadow")).to_be_hidden()
    await page.reload()
    async with page.expect_response(re.compile(r"/live\?")):
        await page.evaluate("htmx.trigger(document.body, 'acted')")
