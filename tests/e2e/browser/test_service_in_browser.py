"""A newcomer and an operator at the web chat, with the whole service behind it.

`PICA_SCREENSHOT=docs/images/demo.png` keeps the picture for the README.
"""

import os

import pytest
from playwright.async_api import Locator, Page, expect

from bot.service.lifecycle import Service
from bot.texts import Texts
from inference import InferenceWorker, Sampling
from sandbox import Sandbox
from tests.support.seeded_model import SeededModel

pytestmark = pytest.mark.browser
SLOW_MS = 60_000


async def say(page: Page, text: str) -> None:
    box = page.get_by_label("Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


@pytest.fixture
def worker(worker: InferenceWorker) -> SeededModel:
    """The demo model, which says the same every time."""
    return SeededModel(worker, Sampling(seed=3, min_new_tokens=2))


async def sees(pane: Locator, text: str) -> None:
    await expect(pane).to_contain_text(text, timeout=SLOW_MS)


async def test_from_the_first_word_to_a_resolved_case(
    page: Page,
    sandbox: Sandbox,
    service: Service,
    texts: Texts,
) -> None:
    mei, ming = sandbox.add_user(first_name="小雨"), sandbox.add_user(first_name="阿明")
    chat, group = page.locator("#chat"), page.locator("#group")
    for person in (ming, mei):
        await page.goto(f"{sandbox.web_url}/people/{person.id}")
        await page.get_by_role("button", name="Start").click()
        await chat.get_by_role("button", name=texts("zh", "consent_yes")).click()
        await sees(chat, texts("zh", "ask_age")[:8])
        await chat.get_by_role("button", name=texts("zh", "age_adult")).click()
        await sees(chat, texts("zh", "ready"))
        if person is ming:
            await say(page, "我不想活了")
            await sees(chat, texts("zh", "crisis_suicide")[:10])
            await sees(group, "我不想活了")
    await chat.get_by_role("button", name=texts("zh", "region_CN"), exact=True).click()
    await sees(chat, texts("zh", "region_saved")[:8])
    for words in ("学习效率太低了，总是控制不住想玩", "我感觉自己就是天赋太差了"):
        before = await chat.locator(".theirs").count()
        await say(page, words)
        await expect(chat.locator(".theirs")).to_have_count(before + 1, timeout=SLOW_MS)
    if picture := os.environ.get("PICA_SCREENSHOT"):
        await page.screenshot(path=picture)
    await group.get_by_role("button", name=texts("zh", "button_resolve")).click()
    await group.get_by_role("button", name=texts("zh", "resolution_helped")).click()
    await sees(group, "☑️")
    await ming.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    assert all((await service.readiness()).values())
