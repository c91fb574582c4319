"""Operators read answers to the script as short lines, and urgent ones come first in the queue."""

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.review import case_queue
from storage.review.case_queue import Filters
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.support.waiting import at_rest


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
    chat = sandbox.operators_chat_id
    lines = [m.text for m in sandbox.operator.messages_in(chat) if m.text.startswith("个案 #2：")]
    assert [line.removeprefix("个案 #2：") for line in lines] == [
        "想过死: 是",
        "想过死: 是 · 已受伤或服药: 否",
        "想过死: 是 · 已受伤或服药: 否 · 手边有东西: 是",
        "想过死: 是 · 已受伤或服药: 否 · 手边有东西: 是 · 有人陪: 否",
    ]
    at_risk = await person_of(service, user)
    assert at_risk is not None
    async with service.parts.database.read() as transaction:
        queue = await case_queue.page(transaction, Filters())
    assert [case.person_id == at_risk.person_id for case in queue] == [True, False]
