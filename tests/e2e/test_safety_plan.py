"""A safety plan made by buttons and words: kept, shown, exported, deleted."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bot.service import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage import plans
from tests.e2e.conftest import answer_to, newcomer_agrees, opening, person_of

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
    first = await start(now=lambda: clock[0])
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, "/plan")
    await pressed(user, "plan:begin")
    await first.aclose()
    await start(now=lambda: clock[0])
    assert "· 一个人待太久的时候" in await answer_to(user, "一个人待太久的时候")
    clock[0] += timedelta(minutes=31)
    assert "· " not in await answer_to(user, "今天下雨了")


async def test_without_consent_there_is_no_plan(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    stranger = sandbox.add_user()
    assert await answer_to(stranger, "/plan") == texts("zh", "plan_needs_consent")
