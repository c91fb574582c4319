"""Edits: one that changes nothing says nothing, a stop word is obeyed, a command is explained."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import conversations
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import GRAVE
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]


def said(user: SandboxUser) -> list[str]:
    return [m.text for m in user.messages if m.from_bot]


@pytest.mark.parametrize("words", ["今天还行", "/help", GRAVE, "/nonsense"])
async def test_a01_an_unchanged_edit_ends_quietly(
    service: Service, user: SandboxUser, sandbox: Sandbox, words: str
) -> None:
    sent = await user.say(words)
    await user.wait_for(None, after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    before = said(user)
    for _ in range(2):
        await user.edit(sent, words)
    await at_rest(service, sandbox)
    assert said(user) == before


async def test_a01_a_restart_forgets_no_text(start: Start, sandbox: Sandbox, texts: Texts) -> None:
    service, user = await start(), sandbox.add_user()
    await newcomer_agrees(user)
    sent = await user.say("今天还行")
    await user.wait_for(None, after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    await service.aclose()
    before = said(user)
    await user.edit(sent, "今天还行")
    again = await start()
    await at_rest(again, sandbox)
    assert said(user) == before
    await user.edit(sent, "今天不太好")
    await user.wait_for(None, after=max(m.message_id for m in user.messages), timeout_s=60)


async def test_a01_an_edit_of_an_edit_and_back_is_a_change(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    sent = await user.say("今天还行")
    await user.wait_for(None, after=sent, timeout_s=60)
    for words in ("今天不好", "今天还行"):
        last = max(m.message_id for m in user.messages)
        await user.edit(sent, words)
        await user.wait_for(None, after=last, timeout_s=60)
        await at_rest(service, sandbox)


@pytest.mark.parametrize("word", ["退出", "/stop", "STOP!", "结束对话。"])
async def test_a01_a_stop_word_in_an_edit_is_obeyed(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, word: str
) -> None:
    await answer_to(user, "今天还行")
    sent = await user.say("再说一句")
    await user.wait_for(None, after=sent, timeout_s=60)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        session = await conversations.current_session(transaction, person.person_id)
    last = max(m.message_id for m in user.messages)
    await user.edit(sent, word)
    reply = await user.wait_for(None, after=last, timeout_s=30)
    assert reply.text.startswith(texts("zh", "stopped").split("\n")[0][:8])
    await at_rest(service, sandbox)
    async with service.parts.database.begin() as transaction:
        assert await conversations.current_session(transaction, person.person_id) != session


@pytest.mark.parametrize("command", ["/forget", "/new", "/nonsense", "/help now"])
async def test_a01_an_edit_to_another_command_gets_one_line(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, command: str
) -> None:
    sent = await user.say("今天还行")
    await user.wait_for(None, after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    before = said(user)
    await user.edit(sent, command)
    await user.wait_for(texts("zh", "edited_command"), timeout_s=30)
    await at_rest(service, sandbox)
    assert said(user) == [*before, texts("zh", "edited_command")]


async def test_a01_a_caption_that_is_edited_is_an_edit(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    sent = await user.send_photo("看这个")
    await user.wait_for(None, after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    before = said(user)
    await user.edit(sent, "看这个")
    await at_rest(service, sandbox)
    assert said(user) == before
    await user.edit(sent, GRAVE)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], timeout_s=30)
