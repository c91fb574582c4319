"""The lexicon's pages in a real browser: a text tried, a change proposed, replayed and decided.

`PICA_CONSOLE_PICTURES=docs/images` keeps the picture of the documentation.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from sandbox import Sandbox
from storage import utc_now
from storage.companion import conversations, people
from storage.companion.conversations import Speaker
from storage.review import operators

pytestmark = pytest.mark.browser
SLOW_MS = 60_000
CHANGE = """why: 这里的人说“去星星上”，还没有规则认得
add:
  - id: zh.suicide.stars
    level: 3
    category: suicide
    patterns: ["<WISH> ..2 去星星上"]
    match: [我只想去星星上]
    no_match: [我在看星星]
"""
SAID = ("我只想去星星上，再也不回来", "今天上班好累", "想去星星上看看妈妈")
LABELLED = (
    ("我想去星星上了，别找我", "suicidal_ideation"),
    ("小时候想去星星上当宇航员", "unrelated"),
    ("我不想活了", "suicidal_ideation"),
    ("今天吃了火锅", "unrelated"),
)


@pytest.fixture
async def service(start: Callable[..., Awaitable[Service]], tmp_path: Path) -> Service:
    """With labelled messages, and words of somebody who allows their use."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    rows = [json.dumps({"text": text, "label": label}) for text, label in LABELLED]
    (folder / "messages.jsonl").write_text("\n".join(rows), "utf-8")
    service, now = await start(replay_data=folder), utc_now()
    async with service.parts.database.begin() as transaction:
        person = await people.get_or_create(transaction, 900_002, language="zh")
        await people.change(transaction, person.person_id, consent_at=now, training_consent_at=now)
        session = await conversations.current_session(transaction, person.person_id)
        for text in SAID:
            await conversations.append(
                transaction, person.person_id, session, Speaker.PERSON, text=text
            )
    return service


async def keep(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants them."""
    if folder := os.environ.get("PICA_CONSOLE_ALL"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    if name == "lexicon" and (folder := os.environ.get("PICA_CONSOLE_PICTURES")):
        await page.screenshot(path=Path(folder) / "console-lexicon.png", full_page=True)


async def fits(page: Page, number: str) -> None:
    """Both pages, in both languages: narrow and dark, wide and light."""
    for language, scheme, width in (
        ("zh", "dark", 390),
        ("en", "light", 1280),
    ):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 844})
        root = page.url.split("/console")[0] + "/console"
        await page.goto(f"{root}/me")
        await page.locator("#language").select_option(language)
        await page.locator(".settings .primary").click()
        await expect(page.locator(".notice.done")).to_be_visible()
        for where in ("lexicon", f"lexicon/changes/{number}"):
            await page.goto(f"{root}/{where}")
            name = f"{language}-{scheme}-{width}-{'change' if number in where else 'lexicon'}"
            if number in where:
                await page.locator("[data-show=gained]").click()
                await expect(page.locator("article mark").first).to_be_visible()
            else:
                await page.locator("#text").fill(SAID[0])
                await page.locator("#typed").fill(CHANGE)
                await page.locator(".playground .primary").click()
                await expect(page.locator(".side")).to_have_count(2, timeout=SLOW_MS)
            assert await page.evaluate(
                "document.documentElement.scrollWidth <= document.body.clientWidth"
            ), name
            background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            shade = max(map(int, re.findall(r"\d+", background)))
            assert shade < 60 if scheme == "dark" else shade > 200, name
            await keep(page, name)


async def test_a_change_from_the_playground_to_its_end(
    page: Page, sandbox: Sandbox, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        found = await operators.by_telegram_id(transaction, sandbox.operator.id)
        assert found is not None
        await operators.change(transaction, found.operator_id, name="Min", language="en")
    await page.goto(await console_link(sandbox, service))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("link", name="Lexicon").click()
    typed, notice = page.locator("#typed"), page.locator("#notice")
    await page.get_by_text("How a change is written").click()
    await page.get_by_role("button", name="Put the example into the field").click()
    await expect(typed).to_have_value(re.compile("zh.suicide.stars"))
    await page.locator("#text").fill("我只想去星星上")
    await page.keyboard.press("Control+Enter")
    sides = page.locator(".side")
    await expect(sides).to_have_count(2, timeout=SLOW_MS)  # so the example is a change that fits
    await expect(sides.nth(0)).to_contain_text("no sign")
    await expect(sides.nth(1)).to_contain_text("intent or plan")
    await expect(sides.nth(1).locator("mark")).to_have_text(re.compile("想去星星上$"))

    broken = CHANGE.replace("level: 3", "level: 33")
    await typed.fill(broken)
    await page.get_by_role("button", name="Propose the change").click()
    await expect(notice).to_contain_text("line 3: add, entry 1", timeout=SLOW_MS)
    await expect(typed).to_have_value(broken)
    await expect(page.locator("#text")).to_have_value("我只想去星星上")
    await typed.fill(CHANGE)
    await page.get_by_role("button", name="Propose the change").click()
    await expect(page.locator("h1")).to_have_text("Change #1", timeout=SLOW_MS)

    standing = page.locator("#standing")
    await page.get_by_role("button", name="Replay").click()
    await expect(page.locator("progress")).to_be_visible()
    await expect(standing.locator("table")).to_be_visible(timeout=SLOW_MS)  # by itself
    await expect(page.locator("progress")).to_have_count(0)
    await expect(notice).to_contain_text("The replay is over")
    stored = standing.get_by_role("row", name="Stored talks")
    await expect(stored).to_contain_text("+2")
    assert SAID[0] not in await page.content()
    show = page.get_by_role("button", name="Show gained")
    await show.click()
    await expect(page.locator("article", has_text="再也不回来").locator("mark")).to_have_text(
        re.compile("想去星星上$")
    )
    await expect(page.locator("#exposure")).not_to_contain_text("read today: 0")
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)  # one's own
    await page.set_viewport_size({"width": 1280, "height": 800})
    await keep(page, "lexicon")
    await fits(page, "1")
    await page.goto(page.url)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.locator("#act-withdraw").click()
    await expect(notice).to_contain_text("withdrawn")
    await expect(page.locator("#standing .standing")).to_have_text("withdrawn")  # by itself
    await expect(page.locator("#act-withdraw")).to_have_count(0)
