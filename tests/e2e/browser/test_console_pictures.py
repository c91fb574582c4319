"""The console with a month of made-up cases: every page fits, in both languages and themes.

`PICA_CONSOLE_PICTURES=docs/images` keeps the pictures of the documentation.
"""

import os
import random
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from safety.screening.levels import Level
from sandbox import Sandbox, SandboxUser
from storage import Transaction, utc_now
from storage.checkins import settings
from storage.companion import people
from storage.review import cases, evidence, operators
from storage.review.cases import Resolution
from storage.review.evidence import EvidenceSpan

pytestmark = pytest.mark.browser
MONTH = 200
SHOW_A_MARK = """() => {
  const pane = document.querySelector(".scroll");
  const turn = document.querySelector(".turn:has(mark)");
  const top = (element) => element.getBoundingClientRect().top;
  if (turn) pane.scrollTop += top(turn) - top(pane) - 10;
}"""
KINDS = ("suicide", "self_harm", "violence", "abuse", "eating_disorder", "others_at_risk")
RULES = (
    "zh.suicide.no_will_to_live",
    "zh.suicide.passive",
    "zh.method.pills",
    "en.suicide.end_it",
    "zh.harm.cut",
    "zh.aggression.threat",
)
VERDICTS = (Resolution.HELPED, Resolution.FALSE_ALARM, Resolution.REFERRED, Resolution.UNREACHABLE)


async def one_case(
    transaction: Transaction, number: int, chance: random.Random, names: list[Any], now: datetime
) -> None:
    """A case of the last month; those of the last hours wait or are looked after."""
    is_fresh = number < 24
    at = now - timedelta(hours=chance.uniform(0.1, 9) if is_fresh else chance.uniform(12, 650))
    level = chance.choices((2, 3, 4), (6, 3, 1))[0]
    transaction.now = at
    person = await people.get_or_create(transaction, 800_000 + number, language="zh")
    case_id = await cases.create(
        transaction,
        person.person_id,
        level=level,
        script="suicide",
        lexicon="made up",
        categories=tuple(chance.sample(KINDS, chance.choice((1, 1, 2)))),
    )
    span = EvidenceSpan(chance.choice(RULES), "suicide", level, 0, 3)
    await evidence.add(transaction, case_id, [span], turn_id=None, lexicon="made up")
    operator = chance.choice(names).operator_id
    if not is_fresh or number % 4 == 0:
        waited = timedelta(minutes=chance.expovariate(1 / 6))
        transaction.now = at + waited
        await cases.claim(transaction, case_id, operator)
    elif level >= Level.ACTIVE:
        due_at = now + timedelta(minutes=chance.randrange(2, 9))
        await cases.change(
            transaction, case_id, clock_stage=chance.randrange(3), clock_due_at=due_at
        )
    if not is_fresh:
        verdict = chance.choices(VERDICTS, (5, 3, 2, 1))[0]
        transaction.now = at
        await cases.resolve(transaction, case_id, verdict, operator_id=operator)


async def a_month(service: Service) -> None:
    chance, now = random.Random(5), utc_now()
    async with service.parts.database.begin() as transaction:
        names = [
            await operators.add(
                transaction,
                5550 + number,
                role=operators.OperatorRole.REVIEWER,
                name=name,
                language="zh",
            )
            for number, name in enumerate(("林晓", "Jonas"))
        ]
        for number in range(MONTH):
            await one_case(transaction, number, chance, names, now)
        for number in (100, MONTH):  # one of them had a case before
            at = transaction.now = now - timedelta(days=number / 100)
            person = await people.get_or_create(transaction, 800_000 + number, language="zh")
            await settings.create(transaction, person.person_id, zone="UTC")
            await settings.change(transaction, person.person_id, fell_waits_at=at)


async def keep(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants them; of a case with what a rule was found in."""
    if folder := os.environ.get("PICA_CONSOLE_PICTURES"):
        await page.evaluate(SHOW_A_MARK)
        await page.screenshot(path=Path(folder) / f"console-{name}.png", full_page=name == "charts")


async def test_every_page_fits(
    browser: Browser, sandbox: Sandbox, service: Service, user: SandboxUser
) -> None:
    await a_month(service)
    for words in ("今天又被骂了，好累", "我不想活了，药都准备好了"):
        sent = await user.say(words)
        await user.wait_for(None, after=sent, timeout_s=60)
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    troubles: list[str] = []
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    await page.goto(await console_link(sandbox, service))
    await page.locator("button").click()
    await expect(page).to_have_url(re.compile(r"/console/$"))
    root = page.url
    async with service.parts.database.read() as transaction:
        operator = await operators.by_telegram_id(transaction, sandbox.operator.id)
        person = await people.by_telegram_id(transaction, user.id)
        assert operator is not None and person is not None
        case = await cases.open_case(transaction, person.person_id)
        assert case is not None

    await page.goto(f"{root}cases/{case.case_id}")
    await page.keyboard.press("t")
    await expect(page.locator("#reply-words")).to_be_enabled()
    await page.locator("#reply-words").fill("你好，我是值守人员。我在这里，你现在安全吗？")
    await page.keyboard.press("Control+Enter")
    await user.wait_for("我在这里", timeout_s=20)
    await user.say("我在家里，有点害怕")
    await page.locator("[data-show-words]").click()
    await expect(page.locator("#talk")).to_contain_text("有点害怕", timeout=20_000)
    await page.locator("#note-words").fill("家人今晚都在。")
    await page.locator("#note-words + .line button").click()
    await expect(page.locator("#notes")).to_contain_text("家人今晚都在")

    for language, scheme, width in (
        ("en", "light", 1280),
        ("zh", "dark", 1280),
        ("zh", "light", 390),
        ("en", "dark", 390),
        ("zh", "dark", 390),
    ):
        async with service.parts.database.begin() as transaction:
            name = "周敏" if language == "zh" else "Min Zhou"
            await operators.change(
                transaction, operator.operator_id, language=language, name=name, shows_words=True
            )
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 800 if width > 390 else 844})
        for where, path in {
            "queue": "",
            "case": f"cases/{case.case_id}",
            "charts": "charts",
            "audit": "audit",
            "operators": "operators",
            "replies": "replies",
            "me": "me",
            "history": f"cases/{case.case_id}/history",
        }.items():
            await page.goto(root + path)
            assert await page.evaluate(
                "document.documentElement.scrollWidth <= document.body.clientWidth"
            ), (language, width, where)
            if where == "charts":
                await expect(page.locator("svg.chart rect.bar").first).to_be_visible()
            if (language, scheme, width) == ("en", "light", 1280) and where in (
                "queue",
                "case",
                "charts",
            ):
                await keep(page, where)
            if (language, scheme, width, where) == ("zh", "dark", 390, "case"):
                await keep(page, "phone")
            if folder := os.environ.get("PICA_CONSOLE_ALL"):
                await page.screenshot(
                    path=Path(folder) / f"{language}-{scheme}-{width}-{where}.png", full_page=True
                )
    assert troubles == []
    await context.close()
