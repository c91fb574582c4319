"""A safety plan made by buttons and words: kept, shown, exported, deleted."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.checkins import questions
from storage.companion import plans, script_positions
from storage.companion.plans import Plan
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees, opening, person_of
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]


async def pressed(user: SandboxUser, button: str) -> str:
    """Press a button and read what comes back."""
    last = user.last
    assert last is not None
    await user.press(button)
    return (await user.wait_for(None, after=last.message_id, timeout_s=20)).text


async def test_a_plan_is_made_kept_exported_and_deleted(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await user.press("region:CN")
    await user.wait_for(texts("zh", "region_saved"), timeout_s=20)
    assert await answer_to(user, "/plan") == texts("zh", "plan_none")
    assert (await pressed(user, "plan:begin")).startswith("1/6")
    assert "· 睡不着" in await pressed(user, "睡不着")
    reply = await answer_to(user, "听到电话响就心慌")
    assert "· 睡不着\n· 听到电话响就心慌" in reply
    for step in range(2, 6):
        assert (await pressed(user, "plan:next")).startswith(f"{step}/6")
    assert user.last is not None
    assert "12356" in str(user.last.buttons)
    await pressed(user, "学校的心理中心")
    assert (await pressed(user, "plan:next")).startswith("6/6")
    whole = await pressed(user, texts("zh", "plan_finish"))
    assert texts("zh", "plan_head") in whole
    assert "学校的心理中心" in whole
    await user.say("/export")
    caption = await user.wait_for(opening(texts, "export_caption"), timeout_s=20)
    assert caption.document is not None
    exported = json.loads(caption.document[1])
    assert exported["safety_plan"][texts("zh", "plan_signs")] == ["睡不着", "听到电话响就心慌"]
    await answer_to(user, "/plan")
    assert await pressed(user, "plan:delete") == texts("zh", "plan_delete_ask")
    assert await pressed(user, "plan:delete_yes") == texts("zh", "plan_deleted")
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        assert await plans.get(transaction, person.person_id) is None


async def test_words_of_risk_never_end_in_a_plan(user: SandboxUser, texts: Texts) -> None:
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    reply = await answer_to(user, "我想自杀")
    assert reply.startswith(opening(texts, "crisis_suicide"))


async def test_an_older_message_in_other_words_is_put_into_no_plan(user: SandboxUser) -> None:
    older = await user.say("今天下雨了")
    await user.wait_for(None, after=older, timeout_s=60)
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    last = user.last
    assert last is not None
    await user.edit(older, "今天下大雨了")
    reply = await user.wait_for(None, after=last.message_id, timeout_s=60)
    assert "下大雨" not in reply.text
    assert "· 睡不着" in await answer_to(user, "睡不着")


async def test_a_step_waits_half_an_hour_and_outlives_a_restart(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    clock = [datetime(2026, 11, 24, 12, tzinfo=UTC)]
    first = await start(clock=lambda: clock[0])
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    await first.aclose()
    await start(clock=lambda: clock[0])
    assert "· 一个人待太久的时候" in await answer_to(user, "一个人待太久的时候")
    clock[0] += timedelta(minutes=31)
    assert "· " not in await answer_to(user, "今天下雨了")


async def test_without_consent_there_is_no_plan(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    stranger = sandbox.add_user()
    assert await answer_to(stranger, "/plan") == texts("zh", "plan_needs_consent")


RISK = {"zh": "我想自杀", "en": "I want to kill myself"}
LINE = {"zh": "听到电话响就心慌", "en": "my heart races when the phone rings"}
ANSWERS = {
    "zh": ("家里的抽屉里放着几盒", "我妈妈就在隔壁房间"),
    "en": ("a few boxes in the drawer at home", "my mother is in the next room"),
}


async def agreed(sandbox: Sandbox, language: str) -> SandboxUser:
    """A person who has agreed and said where they are, so that it is not asked."""
    user = sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await user.press("region:CN" if language == "zh" else "region:GB")
    await user.wait_for(Texts()(language, "region_saved"), timeout_s=20)
    return user


async def begun(user: SandboxUser, line: str) -> None:
    """Begin a plan and put one line down."""
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    assert f"· {line}" in await answer_to(user, line)


async def plan_of(service: Service, user: SandboxUser) -> Plan:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        plan = await plans.get(transaction, person.person_id)
    assert plan is not None
    return plan


async def step_of(service: Service, user: SandboxUser) -> int:
    """How far the person is in the script."""
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        place = await script_positions.get(transaction, person.person_id)
    return place.step if place else -1


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_words_at_risk_close_a_step_and_the_answers_reach_the_script(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = await agreed(sandbox, language)
    await begun(user, LINE[language])
    await answer_to(user, RISK[language])
    for step, answer in enumerate(ANSWERS[language], 1):
        assert "1/6" not in await answer_to(user, answer)
        assert await step_of(service, user) == step
    plan = await plan_of(service, user)
    assert (plan.open_step, plan.items) == (None, {"signs": [LINE[language]]})
    shown = await pressed(user, "plan:next")  # an old button shows the plan, and no silence
    assert LINE[language] in shown and texts(language, "plan_head") in shown


@pytest.mark.parametrize("way", ["burst", "edit", "restart"])
async def test_a_hold_that_begins_in_another_way_closes_a_step_too(
    sandbox: Sandbox, start: Start, way: str
) -> None:
    service = await start()
    user = await agreed(sandbox, "zh")
    older = await user.say("今天下雨了")
    await user.wait_for(None, after=older, timeout_s=60)
    await begun(user, LINE["zh"])
    last = user.last
    assert last is not None
    if way == "burst":
        await user.say("我想自")
        await user.say("杀")
    elif way == "edit":
        await user.edit(older, RISK["zh"])
    else:
        await user.say(RISK["zh"])
    await user.wait_for(opening(Texts(), "crisis_suicide"), after=last.message_id, timeout_s=30)
    if way == "restart":
        await service.aclose()
        service = await start()
    assert "1/6" not in await answer_to(user, ANSWERS["zh"][0])
    assert (await plan_of(service, user)).items == {"signs": [LINE["zh"]]}


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_scripts_own_offer_takes_lines_until_words_at_risk(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = await agreed(sandbox, language)
    await answer_to(user, RISK[language])
    no = "没有" if language == "zh" else "no"
    for _ in range(4):
        last = await answer_to(user, no)
    assert texts(language, "ask_plan") in last
    assert (await pressed(user, "plan:begin")).startswith("1/6")
    assert f"· {LINE[language]}" in await answer_to(user, LINE[language])
    assert (await pressed(user, "plan:next")).startswith("2/6")
    assert "· tea" in await answer_to(user, "tea")
    assert "2/6" not in await answer_to(user, RISK[language])
    assert "2/6" not in await answer_to(user, ANSWERS[language][1])
    plan = await plan_of(service, user)
    assert (plan.open_step, plan.items) == (None, {"signs": [LINE[language]], "alone": ["tea"]})


async def test_a_question_of_the_script_closes_a_step_that_was_begun_beside_it(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, RISK["zh"])
    await begun(user, LINE["zh"])
    assert texts("zh", "ask_injured") in await answer_to(user, "没有")
    assert texts("zh", "ask_means") in await answer_to(user, "手上只有一点旧的印子")
    assert (await plan_of(service, user)).items == {"signs": [LINE["zh"]]}


async def test_a_press_before_words_at_risk_opens_no_step_after_them(
    sandbox: Sandbox, start: Start, texts: Texts, slow: asyncio.Event
) -> None:
    service = await start(max_new_tokens=120)
    user = await agreed(sandbox, "zh")
    await answer_to(user, "/plan")
    slow.clear()
    await user.say("今天学校里的事我想和你说说")
    await asyncio.wait_for(slow.wait(), 20)
    await user.press("plan:begin")  # it waits behind the reply
    sent = await user.say(RISK["zh"])
    await user.wait_for(opening(texts, "crisis_suicide"), after=sent, timeout_s=30)
    await at_rest(service, sandbox)
    assert "1/6" not in await answer_to(user, ANSWERS["zh"][0])
    assert (await pressed(user, "plan:begin")).startswith("1/6")


async def test_the_gentle_question_closes_a_step(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await begun(user, LINE["zh"])
    assert texts("zh", "gentle_suicide") in await answer_to(
        user, "活着好没意思，有时候希望自己消失"
    )
    assert "1/6" not in await answer_to(user, "今天下雨了，我一直待在家里")
    assert (await plan_of(service, user)).items == {"signs": [LINE["zh"]]}


async def test_a_takeover_closes_a_step(sandbox: Sandbox, service: Service, texts: Texts) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, RISK["zh"])
    await begun(user, LINE["zh"])
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for("#1 ", chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")  # in the takeover, beside the operator's words
    await operator.press_in_group(chat, "case:1:handback")
    await user.wait_for(texts("zh", "human_left"), timeout_s=20)
    assert "1/6" not in await answer_to(user, ANSWERS["zh"][1])
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    await close_case(sandbox, 1)
    await user.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    assert "1/6" not in await answer_to(user, "比昨天晚上好一些，刚刚睡了一觉起来")
    assert (await plan_of(service, user)).items == {"signs": [LINE["zh"]]}


async def test_words_at_risk_close_a_question_about_times(
    sandbox: Sandbox, service: Service
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, "/checkin")
    await answer_to(user, RISK["zh"])
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        assert await questions.get(transaction, person.person_id) is None
    await close_case(sandbox, 1)
    await user.wait_for(Texts()("zh", "hold_ended"), timeout_s=20)
    assert "20:00" not in await answer_to(user, "晚上八点")
