"""The protocol that is published, the one that runs, and the yearly counts."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.crisis.screening import SafeScreener
from bot.people.safety_page import SafetyPage
from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from bot.updates.responder import Responder
from safety.response import policy
from safety.response.hotlines import Hotlines
from safety.response.legal_duties import Duties
from safety.response.output_guard import GuardResult, OutputGuard
from safety.response.policy import respond
from safety.response.protocol import steps
from safety.screening.outcome import Screening
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from storage import utc_now
from storage.review.safety_counts import SafetyEvent
from tests.duties.people import RISK, Start, agrees, roles
from tests.e2e.conftest import SECRET_KEY, answer_to, opening
from tests.support.clock import ManualClock

PASSIVE = "我最近总觉得活着没意思"
OF_LEVEL = {
    0: "今天天气很好",
    1: "我没有自杀的想法",
    2: PASSIVE,
    3: RISK,
    4: "我刚吃了一整瓶安眠药",
}


@pytest.fixture
def page(texts: Texts, screener: Screener) -> SafetyPage:
    return made(texts, screener)


def made(texts: Texts, screener: Screener, *, has_people: bool = True, **values: Any) -> SafetyPage:
    answers = Responder(database=None, texts=texts)  # type: ignore[arg-type]
    return SafetyPage(
        answers=answers,
        hotlines=Hotlines.load(),
        duties=Duties.load(),
        screener=SafeScreener(screener, on_failure=lambda: None),
        has_people=has_people,
        **values,
    )


async def test_published_protocol_shows_what_runs(
    sandbox: Sandbox, start: Start, page: SafetyPage, screener: Screener
) -> None:
    await start()
    user = await agrees(sandbox, region="US")
    shown = await answer_to(user, "/safety")
    assert shown == page.page("zh", "US")
    assert screener.screen(RISK).lexicon in shown
    assert f"{policy.HOLD_LAPSE_S // 3600} 小时" in shown
    for name in ("SB 243", "第 47 条"):
        assert name in shown


@pytest.mark.parametrize("level", OF_LEVEL)
def test_every_line_of_the_protocol_is_what_the_policy_answers(
    level: int, page: SafetyPage, screener: Screener, texts: Texts
) -> None:
    screening = screener.screen(OF_LEVEL[level])
    assert screening.level == level
    response = respond(screening)
    line = page.page("en", None).splitlines()[1 + level]
    assert line.startswith(f"{level} ")
    assert (texts("en", "safety_act_silent") in line) == bool(response and response.blocks_model)
    assert (texts("en", "safety_act_case") in line) == bool(response and response.opens_case)
    assert (texts("en", "safety_act_fixed") in line) == bool(response and response.blocks_model)
    assert (texts("en", "safety_act_resources") in line) == bool(
        response and not response.blocks_model
    )
    if response and response.emergency_first:
        assert "emergency numbers come first" in line


def test_a_policy_that_changes_changes_the_page(
    texts: Texts, screener: Screener, page: SafetyPage
) -> None:
    before = page.page("zh", None), steps()

    def milder(screening: Screening) -> policy.Response | None:
        response = respond(screening)
        return replace(response, opens_case=False, blocks_model=False) if response else None

    def stricter(screening: Screening) -> policy.Response | None:
        return respond(replace(screening, level=policy.Level(min(screening.level + 1, 4))))

    for changed in (milder, stricter):
        assert made(texts, screener, policy=changed).page("zh", None) != before[0]
        assert steps(changed) != before[1]
    assert " 7 小时" in made(texts, screener, hold_lapse_s=3600 * 7).page("zh", None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_promises_no_human_who_is_not_there(
    language: str, texts: Texts, screener: Screener
) -> None:
    alone = made(texts, screener, has_people=False).page(language, None)
    assert texts(language, "safety_no_people") in alone
    told = texts(language, "safety_act_told")
    assert told not in alone
    assert told in made(texts, screener).page(language, None)


async def test_the_page_knows_whether_there_is_an_operators_chat(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    await start(operators_chat=None)
    user = sandbox.add_user()
    assert texts("zh", "safety_no_people") in await answer_to(user, "/safety")


def test_levels_are_mapped_to_published_scales(page: SafetyPage) -> None:
    assert "C-SSRS" in page.page("en", None)
    document = Path(__file__).parents[2].joinpath("docs", "safety.md").read_text("utf-8")
    rows = [line for line in document.splitlines() if line.startswith(("| 2 ", "| 3 ", "| 4 "))]
    assert [("C-SSRS" in row or "ASQ" in row) for row in rows] == [True] * 3


async def test_risk_is_detected_and_referred(sandbox: Sandbox, start: Start, texts: Texts) -> None:
    service = await start()
    user = await agrees(sandbox, region="CN")
    reply = await answer_to(user, RISK)
    assert "12356" in reply
    assert await roles(service, user) == ["person", "script"]
    other = await agrees(sandbox, region="CN")
    reply = await answer_to(other, PASSIVE)
    assert "12356" in reply
    assert opening(texts, "resources") in reply


async def test_yearly_report_has_counts_and_no_identifiers(
    sandbox: Sandbox,
    start: Start,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    await start(clock=clock)
    user = await agrees(sandbox)
    await answer_to(user, PASSIVE)
    with monkeypatch.context() as patch:
        patch.setattr(OutputGuard, "check", lambda *_: GuardResult(allowed=False, reason="promise"))
        clock.forward(minutes=5)
        await answer_to(user, "你能保证吗")
    monkeypatch.setenv("PICA_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PICA_DATA_DIR", str(tmp_path))
    said = await asyncio.to_thread(report, "2026", "--json")
    told = json.loads(said.stdout)
    assert set(told) == {"year", "counted", "acts", "totals", "counts"}
    assert told["totals"][SafetyEvent.RESOURCES] == 1
    assert told["totals"][SafetyEvent.GUARD] == 1
    assert {"act": "resources", "level": 2, "script": "suicide", "number": 1} in told["counts"]
    for row in told["counts"]:
        assert set(row) == {"act", "level", "script", "number"}
    for leak in (str(user.id), user.first_name, PASSIVE, "2026-03", "12:00"):
        assert leak not in said.stdout
    for_people = (await asyncio.to_thread(report, "2026")).stdout
    assert "No person" in for_people
    assert "1  crisis numbers beside a reply" in for_people
    other_year = json.loads((await asyncio.to_thread(report, "2025", "--json")).stdout)
    assert not any(other_year["totals"].values())


def report(year: str, *options: str) -> Result:
    result = CliRunner().invoke(app, ["safety", "report", "--year", year, *options])
    assert result.exit_code == 0, result.output
    return result


async def test_a_reply_that_is_not_given_is_not_counted(
    service: Service, user: SandboxUser
) -> None:
    from storage.review import safety_counts

    sent = await user.say(PASSIVE)
    await user.say("/new")
    await user.wait_for(None, after=sent, timeout_s=20)
    async with service.parts.database.read() as transaction:
        assert await safety_counts.of_year(transaction, utc_now().year) == []
