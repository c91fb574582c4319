"""Buttons that are answered, or asked again below, go; what can be changed stays."""

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import answer_to
from tests.support.waiting import at_rest, until


def with_button(user: SandboxUser, data: str) -> list[int]:
    return [m.message_id for m in user.messages if m.from_bot and f"'{data}'" in str(m.buttons)]


@pytest.mark.parametrize(("language", "age"), [("zh", "我28岁"), ("en", "I'm 28")])
async def test_the_first_minutes_leave_no_button_but_the_region(
    service: Service, sandbox: Sandbox, texts: Texts, language: str, age: str
) -> None:
    user = sandbox.add_user(language_code=language)
    await user.say("/start")
    await user.wait_for("AI", timeout_s=20)
    await user.press("consent:yes")
    await user.wait_for(texts(language, "ask_age"), timeout_s=20)
    await until(lambda: not with_button(user, "consent:yes"))
    await user.say(age)
    await user.wait_for(texts(language, "ask_region"), timeout_s=20)
    await until(lambda: not with_button(user, "age:adult"))
    await user.press("region:CN")
    await user.wait_for(texts(language, "region_saved"), timeout_s=20)
    await at_rest(service, sandbox)
    assert len(with_button(user, "region:CN")) == 1


async def test_a_newer_page_of_the_plan_replaces_the_older(
    service: Service, sandbox: Sandbox, user: SandboxUser
) -> None:
    await answer_to(user, "/plan")
    await answer_to(user, "/plan")
    await until(lambda: len(with_button(user, "plan:begin")) == 1)
    assert user.last is not None
    assert with_button(user, "plan:begin") == [user.last.message_id]
    await user.press("plan:begin")
    await user.wait_for("1/6", timeout_s=20)
    last = user.last.message_id
    await user.say("下雨天")
    await user.wait_for("· 下雨天", after=last, timeout_s=20)
    await until(lambda: len(with_button(user, "plan:next")) == 1)


async def test_the_consent_page_comes_once(
    service: Service, sandbox: Sandbox, texts: Texts
) -> None:
    user = sandbox.add_user()
    await answer_to(user, "/start")
    assert await answer_to(user, "我最近总是睡不好") == texts("zh", "start_waiting")
    assert user.last is not None
    assert "consent:yes" in str(user.last.buttons)
    await user.press("consent:yes")
    await user.wait_for(texts("zh", "ask_age"), timeout_s=20)


async def test_a_failed_removal_is_not_repeated(
    service: Service, sandbox: Sandbox, user: SandboxUser, texts: Texts
) -> None:
    sandbox.faults.add("editMessageReplyMarkup", "drop", times=9)
    before = len(sandbox.method_calls("editMessageReplyMarkup"))
    await user.say("/forget")
    await user.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await user.press("forget:no")
    await user.wait_for(texts("zh", "forget_kept"), timeout_s=20)
    await at_rest(service, sandbox)
    assert len(sandbox.method_calls("editMessageReplyMarkup")) - before == 1
