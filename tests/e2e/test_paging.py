"""Who is called when nobody claims a case, and what the person is told at the end."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.service.lifecycle import Service
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from review.cases.escalation import LEASE
from safety.response.hotlines import Hotlines
from sandbox import Sandbox, SandboxUser
from storage.ids import CaseId, OperatorId
from storage.review import audit_check, cases, operators
from storage.review.cases import CaseState
from storage.review.operators import Shift
from tests.e2e.conftest import answer_to, newcomer_agrees
from tests.e2e.operators_cast import GRAVE, QUIET, Group, told
from tests.support.clock import ManualClock
from tests.support.mail_server import MailServer
from tests.support.waiting import at_rest
from tests.support.web_hook import Hook

Start = Callable[..., Awaitable[Service]]
STEP = timedelta(minutes=10)


NIGHT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)  # Tuesday; 2 a.m. in Shanghai


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NIGHT)


@pytest.fixture
async def begin(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> Callable[..., Awaitable[tuple[Group, SandboxUser]]]:
    """Two operators who have started the bot, and somebody who has agreed."""

    async def made(**settings: Any) -> tuple[Group, SandboxUser]:
        bo = sandbox.add_user(901, first_name="Bo")
        listed = frozenset({sandbox.operator.id, bo.id})
        quick = {"escalation": 0.1, "digest": 0.1}
        service = await start(clock=clock, every_s=quick, **{"operators": listed, **settings})
        for operator in (sandbox.operator, bo):
            await operator.say("/start")
            await operator.wait_for("AI", timeout_s=20)
        user = sandbox.add_user()
        await newcomer_agrees(user)
        await user.press("region:CN")
        await user.wait_for(Texts()("zh", "region_saved"), timeout_s=20)
        chat = sandbox.operators_chat_id
        eve = sandbox.add_user(first_name="Eve")
        return Group(sandbox, service, chat, sandbox.operator, bo, eve), user

    return made


Begin = Callable[..., Awaitable[tuple[Group, SandboxUser]]]


async def looked(group: Group) -> None:
    """Let the clocks of cases and the digest look once more."""
    await at_rest(group.service, group.sandbox, "escalation", "digest")


async def state_of(group: Group) -> cases.Case:
    async with group.service.parts.database.read() as transaction:
        found = await cases.get(transaction, CaseId(1))
    assert found is not None
    return found


async def hours(group: Group, number: int, *shifts: Shift) -> None:
    async with group.service.parts.database.begin() as transaction:
        await operators.set_shifts(transaction, OperatorId(number), list(shifts))


def pages(user: SandboxUser) -> list[str]:
    """What an operator was told in private."""
    return [m.text for m in user.messages if m.from_bot and m.text.startswith("📟")]


async def test_the_next_on_duty_then_the_pager_then_the_honest_word(
    begin: Begin, clock: ManualClock, texts: Texts
) -> None:
    async with Hook(200) as hook, MailServer() as mail:
        group, user = await begin(
            pager_webhook=SecretStr(hook.url),
            pager_email=("a@x.org",),
            smtp_url=SecretStr(f"smtp://127.0.0.1:{mail.port}"),
        )
        await answer_to(user, GRAVE)
        await group.sees(told("case_opened", case=1))
        await looked(group)
        assert pages(group.ann) == pages(group.bo) == hook.bodies == []
        clock.now += STEP
        page = await group.ann.wait_for("📟", timeout_s=20)
        assert page.text == texts(
            "zh", "page_direct", case=1, level=3, categories="自杀", minutes=10
        )
        await group.sees(told("case_paged", case=1, minutes=10), case=1)
        assert pages(group.bo) == []
        clock.now += STEP
        await group.sees(told("case_paged_outside", case=1, minutes=20), case=1)
        body = {"case": 1, "level": 3, "waiting_minutes": 20, "url": None}
        assert hook.bodies == [body]
        assert [m["Subject"] for m in mail.letters] == [
            texts("zh", "pager_subject", case=1, level=3, minutes=20)
        ]
        said = hook.bodies[0], mail.letters[0].as_string(), page.text
        assert not any(GRAVE in str(each) or user.first_name in str(each) for each in said)
        clock.now += STEP
        honest = texts(
            "zh",
            "nobody_came",
            lines=HelpLines(texts, Hotlines.load()).text("zh", "CN", emergency_first=True),
        )
        await user.wait_for(lambda m: m.text == honest, timeout_s=20)
        await group.sees(told("case_nobody_came", case=1), case=1)
        clock.now += timedelta(hours=1)
        await looked(group)
        assert (len(hook.bodies), len(pages(group.ann)), pages(group.bo)) == (1, 1, [])


async def test_a_claim_from_the_private_page_stops_the_clock(
    begin: Begin, clock: ManualClock, texts: Texts
) -> None:
    group, user = await begin()
    await answer_to(user, GRAVE)
    clock.now += STEP
    await group.ann.wait_for("📟", timeout_s=20)
    await group.ann.press("case:1:claim")
    await group.sees(told("case_claimed", operator="Operator", case=1), case=1)
    clock.now += 10 * STEP
    await looked(group)
    assert (await state_of(group)).state is CaseState.CLAIMED
    assert not any(m.text.startswith(told("nobody_came")) for m in user.messages)
    assert group.ann.toasts == [texts("zh", "done")]


async def test_nobody_on_duty_calls_the_pager_at_once(begin: Begin, clock: ManualClock) -> None:
    async with Hook(200) as hook:
        group, user = await begin(pager_webhook=SecretStr(hook.url))
        local_wednesday = 2  # 2 a.m. there
        await hours(group, 1, Shift(local_wednesday, 9 * 60, 17 * 60))
        await answer_to(user, GRAVE)
        await group.sees(told("case_paged_outside", case=1), case=1)
        assert len(hook.bodies) == 1
        assert pages(group.ann) == pages(group.bo) == []
        clock.now += STEP
        await user.wait_for(told("nobody_came"), timeout_s=20)


async def test_nobody_on_duty_and_no_pager_is_said_at_once(
    begin: Begin, clock: ManualClock
) -> None:
    group, user = await begin()
    await hours(group, 2, Shift(2, 9 * 60, 17 * 60))
    await answer_to(user, GRAVE)
    await user.wait_for(told("nobody_came"), timeout_s=20)


async def test_a_pager_that_fails_is_told_and_does_not_stop_the_clock(
    begin: Begin, clock: ManualClock
) -> None:
    async with Hook(500) as hook:
        group, user = await begin(pager_webhook=SecretStr(hook.url))
        await hours(group, 1, Shift(2, 9 * 60, 17 * 60))
        await answer_to(user, GRAVE)
        await group.sees(told("case_page_failed", case=1), case=1)
        await user.wait_for(told("nobody_came"), timeout_s=20)
        assert len(hook.bodies) == 3


async def test_an_operator_who_never_started_the_bot_does_not_stop_the_clock(
    begin: Begin, clock: ManualClock
) -> None:
    group, user = await begin()
    await group.ann.block()
    await answer_to(user, GRAVE)
    clock.now += STEP
    await group.sees(told("case_paged", case=1), case=1)
    await looked(group)
    assert pages(group.ann) == []
    clock.now += STEP
    await user.wait_for(told("nobody_came"), timeout_s=20)


async def test_without_operators_nothing_is_promised_and_no_clock_runs(
    begin: Begin, clock: ManualClock, sandbox: Sandbox, texts: Texts
) -> None:
    group, user = await begin(operators=frozenset())
    reply = await answer_to(user, GRAVE)
    assert texts("zh", "operator_note_people") not in reply
    clock.now += 10 * STEP
    await looked(group)
    assert not any(m.text.startswith(told("nobody_came")) for m in user.messages)
    assert (await state_of(group)).clock_due_at is None


async def test_a_lease_runs_out_and_the_next_is_called(
    begin: Begin, clock: ManualClock, texts: Texts
) -> None:
    group, user = await begin()
    await answer_to(user, GRAVE)
    await group.sees(told("case_opened", case=1))
    await group.presses(group.ann, "takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    clock.now += LEASE - timedelta(seconds=1)
    await group.writes(group.ann, "/reply 我在")
    await user.wait_for(lambda m: m.text == "👤 值守人员：我在", timeout_s=20)
    clock.now += LEASE - timedelta(seconds=1)
    await looked(group)
    assert (await state_of(group)).lease_until_at is not None
    clock.now += timedelta(seconds=2)
    told_person = await user.wait_for(texts("zh", "human_silent"), timeout_s=20)
    await group.sees(told("case_lease_ran_out").split("{")[0], case=1)
    await group.bo.wait_for("📟", timeout_s=20)
    assert pages(group.ann) == []  # who fell silent is not called again
    sent = await user.say("有人吗")
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.message_id > told_person.message_id
    await group.writes(group.ann, "/reply 我回来了")
    await group.sees(told("no_takeover", case=1), case=1)
    await group.bo.press("case:1:claim")
    await group.sees(told("case_claimed", operator="Bo", case=1), case=1)
    assert not any("我回来了" in m.text for m in user.messages)
    async with group.service.parts.database.read() as transaction:
        assert (await audit_check.verify(transaction)).broken_at is None


async def test_level_two_is_told_in_a_digest_without_words(
    begin: Begin, clock: ManualClock, texts: Texts
) -> None:
    group, user = await begin()
    await answer_to(user, QUIET)
    clock.now += timedelta(minutes=14)
    await looked(group)
    assert group.said() == []
    other = group.sandbox.add_user()
    await newcomer_agrees(other)
    await answer_to(other, QUIET)
    clock.now += timedelta(minutes=1)
    digest = await group.sees(told("digest"))
    assert digest.thread_id is None
    assert digest.text.splitlines()[1:] == [
        texts("zh", "digest_line", case=number, level=2, categories="自杀", since=since)
        for number, since in ((2, "11-25 02:14"), (1, "11-25 02:00"))
    ]
    assert QUIET not in digest.text
    clock.now += timedelta(hours=5)
    await looked(group)
    assert len(group.said()) == 1  # nothing new, nothing said
    await answer_to(user, QUIET)
    clock.now += timedelta(minutes=15)
    again = await group.sees(told("digest"), after=digest.message_id)
    assert [line.split(" ")[0] for line in again.text.splitlines()[1:]] == ["#1"]
    await answer_to(other, QUIET)
    clock.now += timedelta(minutes=44)
    await looked(group)
    assert len(group.said()) == 2  # an hour apart
    assert group.topics() == {}
    calls = [c for c in group.sandbox.method_calls("sendMessage") if "2 级" in str(c)]
    assert calls
    assert all("disable_notification" in str(call) for call in calls)
