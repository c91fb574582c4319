"""An operator at the console in a real browser, and a person in the sandbox's chat."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from bot.texts import Texts
from review.operators.sign_in import offer
from sandbox import Sandbox, SandboxUser
from storage.companion import people
from storage.review import audit, audit_check, cases, operators, sign_ins
from storage.review.operators import Operator, OperatorRole

pytestmark = pytest.mark.browser
SLOW_MS = 20_000
CRISIS = "我不想活了"
REPLY = "你好，我是值守人员，我在。"


@pytest.fixture
async def operator(service: Service, sandbox: Sandbox) -> Operator:
    """The sandbox's operator, an admin who reads English."""
    async with service.parts.database.begin() as transaction:
        found = await operators.by_telegram_id(transaction, sandbox.operator.id)
        assert found is not None
        await operators.change(transaction, found.operator_id, name="Min", language="en")
    return found


async def sign_in(page: Page, sandbox: Sandbox, service: Service) -> None:
    await page.goto(await console_link(sandbox, service))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile(r"/console/$"))  # the token is gone
    await live(page)


async def live(page: Page) -> None:
    await expect(page.locator("body[data-live]")).to_have_count(1, timeout=SLOW_MS)


async def narrow(page: Page) -> bool:
    """Whether the page fits without sideways scrolling."""
    return bool(
        await page.evaluate("document.documentElement.scrollWidth <= document.body.clientWidth")
    )


@pytest.fixture
async def second(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Another browser, with its own cookies."""
    context = await browser.new_context(locale="en-GB")
    yield context
    await context.close()


async def test_from_the_first_word_to_a_resolved_case(
    page: Page,
    operator: Operator,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
    texts: Texts,
) -> None:
    await sign_in(page, sandbox, service)
    queue = page.locator("#queue")
    await expect(queue).to_contain_text("All quiet")
    await user.say(CRISIS)
    await expect(queue.locator("tr[data-case]")).to_have_count(1, timeout=SLOW_MS)  # by itself
    await expect(queue).to_contain_text("intent or plan")
    await expect(queue).not_to_contain_text(CRISIS)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Case #1")
    await live(page)

    talk = page.locator("#talk")
    await expect(talk.locator(".turn.person").last).to_contain_text("Words are hidden")
    assert CRISIS not in await page.content()
    await expect(page.locator("#reply-words")).to_be_disabled()
    await page.get_by_role("button", name="Show words").click()
    await expect(talk.locator(".turn.person mark").first).to_be_visible()
    await expect(talk).to_contain_text(CRISIS)
    await expect(page.locator("#exposure")).to_contain_text("High-risk turns read today: 1")

    await page.keyboard.press("c")
    await expect(page.locator("#notice")).to_contain_text("The case is yours")
    await page.locator("#note-words").fill("half a note")  # lives through everything below
    await page.locator("#note-words").blur()
    await page.keyboard.press("t")
    await expect(page.locator("#reply-words")).to_be_enabled()
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await page.keyboard.press("r")
    await page.keyboard.type(REPLY)
    await page.get_by_role("button", name="Send").click()
    await user.wait_for(REPLY, timeout_s=20)
    await expect(page.locator("#reply-words")).to_have_value("")
    await expect(talk.locator(".turn.operator").last).to_contain_text(REPLY)
    await expect(talk.locator(".turn.operator").last).to_contain_text("sent", timeout=SLOW_MS)
    await user.say("有人在真好")
    await expect(talk.locator(".turn.person").last).to_contain_text("有人在真好", timeout=SLOW_MS)

    await expect(page.locator("#note-words")).to_have_value("half a note")
    await page.get_by_text("Hand back", exact=True).first.click()
    await page.get_by_label("One line for the next operator").fill("calmer now")
    await page.get_by_role("button", name="Hand back").click()
    await user.wait_for(texts("zh", "human_left"), timeout_s=20)
    await expect(page.locator("#notes")).to_contain_text("calmer now")
    await expect(page.locator("#reply-words")).to_be_disabled()
    await page.get_by_text("Resolve", exact=True).first.click()
    await page.get_by_label("Helped").check()
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.locator("#head")).to_contain_text("resolved · Helped")
    await user.wait_for(texts("zh", "hold_ended"), timeout_s=20)

    async with service.parts.database.read() as transaction:
        verdict = await audit_check.verify(transaction)
        acts = [r.act for r in await audit.page(transaction, case_id=cases.CaseId(1))]
    assert verdict.broken_at is None
    assert [act for act in reversed(acts) if act != "viewed_words"] == [
        "opened",
        "viewed_case",
        "claimed",
        "taken_over",
        "operator_said",
        "handed_back",
        "resolved",
    ]


async def test_words_are_shown_though_the_page_fetches_itself_anew_meanwhile(
    page: Page, operator: Operator, sandbox: Sandbox, service: Service, user: SandboxUser
) -> None:
    await user.say(CRISIS)
    await sign_in(page, sandbox, service)
    case = await person_case(service, user)
    fetched, shown = asyncio.Event(), asyncio.Event()

    async def later(route: Route) -> None:
        answer = await route.fetch()  # without words
        fetched.set()
        await shown.wait()
        await route.fulfill(response=answer)

    await page.route("**/live?words=0", later)
    await page.goto(f"{page.url}cases/{case}")
    await page.evaluate("htmx.trigger(document.body, 'acted')")
    await asyncio.wait_for(fetched.wait(), 20)
    await page.get_by_role("button", name="Show words").click()
    await page.evaluate("null")  # what the click began has run
    shown.set()
    await expect(page.locator("#talk")).to_contain_text(CRISIS)
    await page.evaluate("htmx.trigger(document.body, 'acted')")
    await expect(page.locator("#talk")).to_contain_text(CRISIS)


async def test_two_browsers_claim_at_once(
    page: Page,
    second: BrowserContext,
    operator: Operator,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
) -> None:
    async with service.parts.database.begin() as transaction:
        other = await operators.add(
            transaction,
            sandbox.add_user(first_name="Jo").id,
            role=OperatorRole.REVIEWER,
            name="Jo",
            language="en",
        )
        await operators.change(transaction, other.operator_id, name="Jo")
    await user.say(CRISIS)
    await sign_in(page, sandbox, service)
    theirs = await second.new_page()
    async with service.parts.database.begin() as transaction:
        token = await offer(transaction, other, way="host")
    console = service.parts.console.console
    assert console is not None
    await theirs.goto(console.address.sign_in(token))
    await theirs.get_by_role("button").click()
    await expect(theirs.get_by_role("navigation", name="Sections")).not_to_contain_text("Audit")
    for each in (page, theirs):
        await each.locator("tr[data-case] a").first.click()
        await live(each)
    # Both press before either hears of the other.
    await theirs.route("**/live**", lambda route: route.abort())
    await theirs.evaluate("document.querySelector('[sse-connect]').removeAttribute('hx-ext')")
    await page.locator("[data-key=c]").click()
    await expect(page.locator("#notice")).to_contain_text("The case is yours")
    claim = theirs.locator("[data-key=c]")
    await claim.click()
    await expect(theirs.locator("#notice")).to_contain_text("Min has already claimed this case.")
    await expect(page.locator("#head")).to_contain_text("with you")


async def test_a_session_that_ends_shows_the_way_back(
    browser: Browser, operator: Operator, sandbox: Sandbox, service: Service
) -> None:
    page = await browser.new_page()  # the reload's 401 is an error on the console
    await sign_in(page, sandbox, service)
    async with service.parts.database.begin() as transaction:
        await sign_ins.end_sessions_of(transaction, operator.operator_id)
    await expect(page.locator("h1")).to_have_text("Please sign in", timeout=SLOW_MS)
    await page.close()


async def test_by_keyboard(
    page: Page, operator: Operator, sandbox: Sandbox, service: Service
) -> None:
    await fill(service, 60)
    await sign_in(page, sandbox, service)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.evaluate("document.activeElement.blur()")
    rows = page.locator("tr[data-case]")
    await expect(rows).to_have_count(50)
    for _ in range(3):
        await page.keyboard.press("j")
    await page.keyboard.press("k")
    await expect(rows.nth(1)).to_have_class(re.compile("chosen"))
    chosen = await rows.nth(1).get_attribute("data-case")
    await page.keyboard.press("c")
    await expect(page.locator("#notice")).to_contain_text("The case is yours")
    mine = page.locator(f"tr[data-case='{chosen}']")
    await expect(mine).to_contain_text("with you")
    await expect(mine).to_have_class(re.compile("chosen"))  # though its place has changed
    await page.get_by_role("link", name="Next page").click()
    await expect(rows).to_have_count(10)
    await page.keyboard.press("q")
    await expect(rows).to_have_count(50)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_on_a_phone_and_in_the_dark(
    language: str,
    browser: Browser,
    operator: Operator,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
) -> None:
    await fill(service, 30)
    await user.say(CRISIS)
    async with service.parts.database.begin() as transaction:
        await operators.change(transaction, operator.operator_id, language=language)
    context = await browser.new_context(
        locale="en-GB", color_scheme="dark", viewport={"width": 390, "height": 800}
    )
    page = await context.new_page()
    troubles: list[str] = []
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    await sign_in(page, sandbox, service)
    await expect(page.locator("html")).to_have_attribute(
        "lang", "zh-Hans" if language == "zh" else "en"
    )
    person = await person_case(service, user)
    for path in (
        "/",
        f"/cases/{person}",
        "/charts",
        "/audit",
        "/operators",
        "/me",
        f"/cases/{person}/history",
    ):
        await page.goto(page.url.split("/console")[0] + "/console" + path)
        assert await narrow(page), path
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", background))) < 60, path
        if path.endswith(str(person)):
            await page.locator("[data-show-words]").click()
            await expect(page.locator("#talk")).to_contain_text(CRISIS)
            assert await narrow(page)
            await page.locator("[data-key=c]").click()
            await expect(page.locator(".notice.done")).to_be_visible()
    await page.goto(page.url.split("/console")[0] + "/console/me")
    await page.locator("#theme").select_option("light")
    await page.locator(".settings .primary").click()
    await expect(page.locator(".notice.done")).to_be_visible()
    await page.wait_for_function(  # its style sheet may still be on its way
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(c => c > 200)"
    )
    assert troubles == []
    await context.close()


async def test_a_refusal_takes_nothing_away(
    page: Page, operator: Operator, sandbox: Sandbox, service: Service, user: SandboxUser
) -> None:
    await user.say(CRISIS)
    await sign_in(page, sandbox, service)
    await page.locator("tr[data-case] a").first.click()
    await live(page)
    await page.keyboard.press("t")
    box = page.locator("#reply-words")
    await expect(box).to_be_enabled()
    await box.fill("typed with care")
    async with service.parts.database.begin() as transaction:  # the lease ran out meanwhile
        await cases.end_takeover(transaction, cases.CaseId(1))
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#notice")).to_contain_text("what you typed is still here")
    await expect(box).to_have_value("typed with care")


async def person_case(service: Service, user: SandboxUser) -> int:
    async with service.parts.database.read() as transaction:
        person = await people.by_telegram_id(transaction, user.id)
        assert person is not None
        case = await cases.open_case(transaction, person.person_id)
    assert case is not None
    return case.case_id


async def fill(service: Service, count: int) -> None:
    """Cases of people who said nothing."""
    async with service.parts.database.begin() as transaction:
        for number in range(count):
            person = await people.get_or_create(transaction, 800_000 + number, language="zh")
            await cases.create(
                transaction,
                person.person_id,
                level=2 + number % 3,
                categories=("suicide", "others_at_risk"),
                script="suicide",
                lexicon="test",
            )


async def test_a_reply_is_read_and_edited_before_it_goes(
    page: Page,
    operator: Operator,
    sandbox: Sandbox,
    service: Service,
    user: SandboxUser,
    texts: Texts,
) -> None:
    await user.say("我妈又打我了，我身上都是伤")  # level 2: a case, and the companion answers
    await user.wait_for(None, timeout_s=60)
    await sign_in(page, sandbox, service)
    await page.goto(f"{page.url}cases/1")
    await live(page)
    shadow = page.locator("#shadow")
    await page.keyboard.press("c")
    await shadow.get_by_role("button", name="Ask the person").click()
    await user.wait_for(texts("zh", "shadow_ask")[:10], timeout_s=20)
    await user.press("shadow:on")
    await shadow.get_by_role("button", name="Read replies first").click(timeout=SLOW_MS)
    await expect(shadow).to_contain_text("You read replies first", timeout=SLOW_MS)
    sent = await user.say("我不知道该不该告诉老师")
    await page.get_by_role("button", name="Show words").click()
    box = shadow.locator("textarea")
    await expect(box).to_be_visible(timeout=60_000)
    await box.fill("可以先告诉你信任的那位老师")
    await page.locator("#note-words").fill("x")
    await page.get_by_role("button", name="Add note").click()  # the page refreshes around it
    await expect(page.locator("#notes")).to_contain_text("x")
    await expect(box).to_have_value("可以先告诉你信任的那位老师")
    await shadow.get_by_role("button", name="Send this reply").click()
    reply = await user.wait_for("可以先告诉你信任的那位老师", after=sent, timeout_s=20)
    assert texts("zh", "shadow_edited") in reply.text
    await expect(box).to_have_count(0, timeout=SLOW_MS)
