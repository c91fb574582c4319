"""The web chat in a real browser, with a small bot of the test's own behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Dialog, Page, expect
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

from sandbox import Limits, Sandbox, SandboxUser

pytestmark = pytest.mark.browser

KEYS = InlineKeyboardMarkup(
    [
        [InlineKeyboardButton("Claim", callback_data="claim")],
        [InlineKeyboardButton("No", callback_data="no")],
    ]
)


class EchoBot:
    """Drafts, then echoes; buttons answer with a toast and edit their message."""

    def __init__(self, sandbox: Sandbox) -> None:
        builder = Application.builder().token(sandbox.token)
        self.app = builder.base_url(f"{sandbox.api_url}/bot").build()
        self.finish = asyncio.Event()
        self.finish.set()
        self.app.add_handler(MessageHandler(filters.ALL & filters.UpdateType.MESSAGE, self.echo))
        self.app.add_handler(MessageHandler(filters.UpdateType.EDITED, self.edited))
        self.app.add_handler(CallbackQueryHandler(self.press))

    async def echo(self, update: Update, _: Any) -> None:
        message = update.effective_message
        assert message is not None
        said = message.text or message.caption or "something else"
        if message.chat.type == "private":
            await self.app.bot.send_message_draft(message.chat_id, 1, f"thinking of {said}")
            await self.finish.wait()
        await message.reply_text(f"echo: {said}", reply_markup=KEYS)

    async def edited(self, update: Update, _: Any) -> None:
        message = update.effective_message
        assert message is not None
        await message.reply_text(f"you changed it to {message.text}")

    async def press(self, update: Update, _: Any) -> None:
        query = update.callback_query
        assert query is not None
        await query.answer(f"pressed {query.data}")
        await query.edit_message_text(f"done: {query.data}")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(limits=Limits.off()) as started:
        yield started


@pytest.fixture
async def echo(sandbox: Sandbox) -> AsyncIterator[EchoBot]:
    made = EchoBot(sandbox)
    async with made.app:
        assert made.app.updater is not None
        await made.app.updater.start_polling()
        await made.app.start()
        yield made
        made.finish.set()
        await made.app.updater.stop()
        await made.app.stop()


@pytest.fixture
def alice(sandbox: Sandbox) -> SandboxUser:
    return sandbox.add_user(first_name="Alice", language_code="en")


async def _open(page: Page, sandbox: Sandbox, person: SandboxUser, query: str = "") -> None:
    await page.goto(f"{sandbox.web_url}/people/{person.id}{query}")


async def _say(page: Page, text: str) -> None:
    box = page.get_by_label("Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


async def test_draft_then_final(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await _open(page, sandbox, alice)
    await expect(page.get_by_role("note")).to_contain_text("nothing leaves this machine")
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("#chat")).to_contain_text("echo: /start")
    echo.finish.clear()
    await _say(page, "hello 😀")
    await expect(page.locator("#chat .mine").last).to_contain_text("hello 😀")
    await expect(page.locator("#draft")).to_contain_text("thinking of hello 😀")
    await expect(page.locator("#presence")).to_have_text("typing…")
    echo.finish.set()
    await expect(page.locator("#chat .theirs").last).to_contain_text("echo: hello 😀")
    await expect(page.locator("#draft .msg")).to_have_count(0)
    await expect(page.get_by_label("Message", exact=True)).to_have_value("")


async def test_button_and_toast(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("hi")
    await alice.wait_for("echo: hi")
    await _open(page, sandbox, alice)
    await expect(page.locator("body[data-live]")).to_have_count(1)
    await page.locator("#chat").get_by_role("button", name="Claim").click()
    await expect(page.locator("#toasts")).to_contain_text("pressed claim")
    await expect(page.locator("#chat")).to_contain_text("done: claim")
    await expect(page.locator("#chat")).to_contain_text("edited")
    await expect(page.locator("#chat").get_by_role("button")).to_have_count(0)


async def test_shift_enter_and_editing(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("hi")
    await _open(page, sandbox, alice)
    box = page.get_by_label("Message", exact=True)
    await box.fill("one")
    await box.press("Shift+Enter")
    await box.type("two")
    await box.press("Enter")
    await alice.wait_for("echo: one\ntwo")
    await page.locator(".chat .menu summary").click()
    await page.get_by_role("button", name="Edit my last message").click()
    await expect(box).to_have_value("one\ntwo")
    await box.fill("three")
    await box.press("Enter")
    await expect(page.locator("#chat .mine").last).to_contain_text("three")
    await expect(page.locator("#chat")).to_contain_text("you changed it to three")


async def test_other_kinds(page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser) -> None:
    await alice.say("hi")
    await _open(page, sandbox, alice)
    await expect(page.locator("body[data-live]")).to_have_count(1)
    kinds = ("photo", "sticker", "voice message", "location", "document")
    for count, kind in enumerate(kinds, start=2):
        await page.locator(".chat .menu summary").click()
        await page.get_by_role("button", name=f"Send a {kind}").click()
        await expect(page.locator("#chat .mine")).to_have_count(count)
        await expect(page.locator("#chat .theirs")).to_have_count(count)
    assert await page.locator("#chat .picture img").evaluate("image => image.naturalWidth") == 360


async def test_people_are_apart(
    page: Page, browser: Browser, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("only alice's")
    await alice.wait_for("echo")
    await page.goto(sandbox.web_url)
    await page.get_by_placeholder("Name").fill("Bo")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator(".as")).to_contain_text("Bo")
    await expect(page.locator("#chat")).not_to_contain_text("only alice's")
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("#chat")).to_contain_text("echo: /start")
    await alice.say("still only hers")
    await alice.wait_for("echo: still only hers")
    await expect(page.locator("#chat")).not_to_contain_text("hers")
    await page.get_by_role("link", name=re.compile("Alice")).click()
    await expect(page.locator("#chat")).to_contain_text("still only hers")


async def test_operators_group(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("hi")
    await _open(page, sandbox, alice)
    group = sandbox.operators_chat_id
    topic = (await echo.app.bot.create_forum_topic(group, "Case 1")).message_thread_id
    await echo.app.bot.send_message(group, "look", message_thread_id=topic, reply_markup=KEYS)
    pane = page.locator("#group")
    await expect(pane).to_contain_text("Topic opened: Case 1")
    await pane.get_by_role("button", name="Claim").click()
    await expect(pane).to_contain_text("done: claim")
    assert sandbox.operator.toasts == ["pressed claim"]
    await page.locator("#topics").get_by_role("link", name="Case 1").click()
    box = page.get_by_label("Message as the operator")
    await box.fill("I am on it")
    await box.press("Enter")
    await expect(pane).to_contain_text("I am on it")
    said = next(m for m in sandbox.operator.messages_in(group) if m.text == "I am on it")
    assert said.thread_id == topic
    await echo.app.bot.delete_forum_topic(group, topic)
    await expect(pane).not_to_contain_text("I am on it")


async def test_block_and_unblock(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("hi")
    await _open(page, sandbox, alice)
    await page.get_by_role("switch", name="Block the bot").click()
    await expect(page.locator("#presence")).to_have_text("blocked the bot")
    await expect(page.get_by_label("Message", exact=True)).to_be_hidden()
    await page.get_by_role("button", name="Unblock the bot").click()
    await expect(page.get_by_label("Message", exact=True)).to_be_visible()


async def test_hostile_text_is_inert(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    dialogs: list[Dialog] = []

    def keep(dialog: Dialog) -> None:
        dialogs.append(dialog)

    page.on("dialog", keep)
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><b hx-get=/x hx-trigger=load>"
    mallory = sandbox.add_user(first_name=f"{evil[:40]}")
    await mallory.say(evil)
    await mallory.wait_for("echo")
    await mallory.say('javascript:alert(3) https://a.example/"onclick=alert(4)')
    await mallory.send_document(f"{evil}.html", b"<script>alert(5)</script>", evil)
    keys = InlineKeyboardMarkup([[InlineKeyboardButton(evil, callback_data="'\"}<x")]])
    await echo.app.bot.send_message(mallory.id, "press", reply_markup=keys)
    topic = await echo.app.bot.create_forum_topic(sandbox.operators_chat_id, evil)
    await echo.app.bot.send_message(
        sandbox.operators_chat_id, evil, message_thread_id=topic.message_thread_id
    )
    await _open(page, sandbox, mallory)
    await expect(page.locator("#chat .mine").first).to_contain_text("<script>alert(2)</script>")
    await _say(page, evil)
    await expect(page.locator("#chat")).to_contain_text(f"echo: {evil}")
    await page.locator("#chat").get_by_role("button", name="<img").last.click()
    await expect(page.locator("#toasts")).to_contain_text("pressed '\"}<x")
    assert await page.locator("#chat script, #group script, img[src=x], [hx-get]").count() == 0
    assert dialogs == []


async def test_a_page_that_lost_its_stream_catches_up(
    browser: Browser, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    page = await browser.new_page()  # the cut connection is an error on the console
    await alice.say("hi")
    await alice.wait_for("echo: hi")
    await _open(page, sandbox, alice)
    await expect(page.locator("body[data-live]")).to_have_count(1)
    await page.evaluate("document.querySelector('#chat').replaceChildren()")
    sandbox.drop_connections()
    await alice.say("said in the dark")
    await expect(page.locator("#chat .mine")).to_have_text(
        [re.compile("hi"), re.compile("said in the dark")]
    )
    await page.close()


async def test_phone(browser: Browser, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser) -> None:
    context = await browser.new_context(
        locale="zh-CN", color_scheme="dark", viewport={"width": 390, "height": 780}
    )
    page = await context.new_page()
    await alice.say("hi")
    await echo.app.bot.send_message(sandbox.operators_chat_id, "for operators")
    await _open(page, sandbox, alice)
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await expect(page.get_by_role("note")).to_contain_text("任何内容都不会离开这台电脑")
    await expect(page.locator("#group")).to_be_hidden()
    await page.get_by_role("button", name="值班组").click()
    await expect(page.locator("#group")).to_contain_text("for operators")
    await expect(page.locator("#chat")).to_be_hidden()
    await page.get_by_role("button", name="用户").click()
    await expect(page.get_by_role("link", name=re.compile("Alice"))).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_role("button", name="Switch to English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await context.close()


async def test_keyboard_alone(
    page: Page, sandbox: Sandbox, echo: EchoBot, alice: SandboxUser
) -> None:
    await alice.say("hi")
    await alice.wait_for("echo: hi")
    await _open(page, sandbox, alice)
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    await page.locator("#chat").get_by_role("button", name="Claim").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#chat")).to_contain_text("done: claim")
    log = page.get_by_role("log", name="Messages")
    await expect(log).to_have_attribute("aria-live", "polite")
