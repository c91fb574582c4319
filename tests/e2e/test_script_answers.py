"""Operators read answers to the script as short lines, and urgent ones come first in the queue."""

from collections.abc import Awaitable, Callable

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import script_positions
from storage.review import case_queue
from storage.review.case_queue import Filters
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.support.waiting import at_rest


def lines_of(sandbox: Sandbox, case: int) -> list[str]:
    """The lines of answers in the group, as they stand now."""
    start = f"个案 #{case}："
    texts = [m.text for m in sandbox.operator.messages_in(sandbox.operators_chat_id)]
    return [text.removeprefix(start) for text in texts if text.startswith(start)]


async def test_answers_reach_the_group_and_sort_the_queue(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    calm = sandbox.add_user()
    await newcomer_agrees(calm)
    await answer_to(calm, "我想死")
    await answer_to(calm, "没有")
    for words in ("我想死", "想过", "没受伤", "有，家里有安眠药", "没有人，我一个人住"):
        await answer_to(user, words)
        await at_rest(service, sandbox)
    assert lines_of(sandbox, 2) == [  # one line, edited in place
        "想过死: 是 · 已受伤或服药: 否 · 手边有东西: 是 · 有人陪: 否",
    ]
    at_risk = await person_of(service, user)
    assert at_risk is not None
    async with service.parts.database.read() as transaction:
        queue = await case_queue.page(transaction, Filters())
    assert [case.person_id == at_risk.person_id for case in queue] == [True, False]


async def test_a_line_is_posted_again_where_it_cannot_be_edited(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    for words in ("我想死", "想过"):
        await answer_to(user, words)
        await at_rest(service, sandbox)
    assert lines_of(sandbox, 1) == ["想过死: 是"]
    (thread,) = sandbox.topics(sandbox.operators_chat_id)
    sandbox.delete_topic(sandbox.operators_chat_id, thread)  # and the line with it
    await answer_to(user, "没受伤")
    await at_rest(service, sandbox)
    assert lines_of(sandbox, 1) == ["想过死: 是 · 已受伤或服药: 否"]
    (again,) = sandbox.topics(sandbox.operators_chat_id)
    assert again != thread
    (line,) = [
        m
        for m in sandbox.operator.messages_in(sandbox.operators_chat_id, again)
        if m.text.startswith("个案 #1：")
    ]
    await answer_to(user, "有，家里有安眠药")
    await at_rest(service, sandbox)
    assert lines_of(sandbox, 1) == ["想过死: 是 · 已受伤或服药: 否 · 手边有东西: 是"]
    (same,) = [
        m
        for m in sandbox.operator.messages_in(sandbox.operators_chat_id, again)
        if m.text.startswith("个案 #1：")
    ]
    assert same.message_id == line.message_id


async def test_another_script_begins_another_line(
    start: Callable[..., Awaitable[Service]], sandbox: Sandbox
) -> None:
    service, user = await start(), sandbox.add_user()
    await newcomer_agrees(user)
    for words in ("我想死", "想过"):
        await answer_to(user, words)
        await at_rest(service, sandbox)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.begin() as transaction:
        await script_positions.end(transaction, person.person_id)
    for words in ("我想死", "没有"):
        await answer_to(user, words)
        await at_rest(service, sandbox)
    assert lines_of(sandbox, 1) == ["想过死: 是", "想过死: 否"]
