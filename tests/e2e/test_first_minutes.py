"""Consent, refusal, the two questions, and the commands."""

import re

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.messages import inbox_queue
from storage.upkeep import erasure
from tests.e2e.conftest import person_of


async def test_first_words_wait_for_consent_and_are_then_answered(
    service: Service, sandbox: Sandbox, texts: Texts
) -> None:
    newcomer = sandbox.add_user()
    await newcomer.say("我最近总是睡不好")
    await newcomer.wait_for("AI", timeout_s=20)
    person = await person_of(service, newcomer)
    assert person is not None
    assert not person.has_consented
    await newcomer.press("consent:yes")
    await newcomer.wait_for(texts("zh", "ask_age"), timeout_s=20)
    await newcomer.press("age:adult")
    asked = await newcomer.wait_for(texts("zh", "ask_region"), timeout_s=20)
    await newcomer.wait_for(None, after=asked.message_id, timeout_s=60)
    await newcomer.press("region:CN")
    await newcomer.wait_for(texts("zh", "region_saved"), timeout_s=20)
    person = await person_of(service, newcomer)
    assert person is not None
    assert (person.age_band, person.region) == ("adult", "CN")


@pytest.mark.parametrize("refusal", ["consent:no", "age:under_14"])
async def test_after_a_refusal_nothing_is_kept(
    service: Service, sandbox: Sandbox, texts: Texts, refusal: str
) -> None:
    newcomer = sandbox.add_user()
    await newcomer.say("我最近总是睡不好")
    await newcomer.wait_for("AI", timeout_s=20)
    if refusal.startswith("age"):
        await newcomer.press("consent:yes")
        await newcomer.wait_for(texts("zh", "ask_age"), timeout_s=20)
    await newcomer.press(refusal)
    await newcomer.wait_for("已经删除", timeout_s=20)
    assert await person_of(service, newcomer) is None
    async with service.parts.database.read() as transaction:
        assert await inbox_queue.open_rows(transaction) == []
    dump = service.parts.context.settings.data_dir / "pica.db"
    assert "睡不好".encode() not in dump.read_bytes()


async def test_a_crisis_is_answered_before_consent(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    newcomer = sandbox.add_user()
    await newcomer.say("我不想活了")
    reply = await newcomer.wait_for(None, timeout_s=20)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])
    chat = sandbox.operators_chat_id
    notice = await sandbox.operator.wait_for("#1", chat_id=chat, timeout_s=20)
    assert "不想活" not in notice.text


@pytest.mark.parametrize(
    ("command", "begins"),
    [
        ("/help", "直接写给我"),
        ("/privacy", "保存的内容都加密"),
        ("/safety", "每条消息"),
        ("/language", "请选择语言"),
        ("/new", "好，我们换个新话题"),
        ("/nonsense", "我不认识这个命令"),
    ],
)
async def test_commands(user: SandboxUser, command: str, begins: str) -> None:
    sent = await user.say(command)
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text.startswith(begins)


async def test_language_changes_every_word(user: SandboxUser, texts: Texts) -> None:
    sent = await user.say("/language")
    await user.wait_for(None, after=sent, timeout_s=20)
    await user.press("lang:en")
    await user.wait_for(texts("en", "language_set"), timeout_s=20)
    sent = await user.say("I want to kill myself")
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text.startswith("Thank you for telling me")


async def test_forget_erases_and_says_so(service: Service, user: SandboxUser, texts: Texts) -> None:
    await user.say("/forget")
    await user.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await user.press("forget:yes")
    last = await user.wait_for("已经全部删除", timeout_s=20)
    receipt = re.search(r"回执：(\S+)（", last.text)
    assert receipt is not None
    assert await person_of(service, user) is None
    async with service.parts.database.read() as transaction:
        assert await erasure.receipt(transaction, receipt[1]) is not None
        assert await erasure.receipt(transaction, "20260101-000000000000") is None
