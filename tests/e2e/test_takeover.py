"""A human joins: the model's words stop, words go both ways, the lease ends what falls silent.

The acts are called as every face calls them, within a transaction of the desk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from review.cases.escalation import LEASE
from review.operators.access import RefusedError
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.companion.conversations import Speaker
from storage.messages import inbox_queue
from storage.review import audit, audit_check, cases, operators
from storage.review.cases import Case, CaseState
from storage.review.operators import Operator
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.support.clock import OffsetClock
from tests.support.ear import Ear
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
RISK = "我想自杀"


class Desk:
    """An operator at the desk of a service."""

    def __init__(self, service: Service) -> None:
        self.parts = service.parts

    async def operator(self) -> Operator:
        async with self.parts.database.read() as transaction:
            return (await operators.listed(transaction))[0]

    async def case(self, user: SandboxUser, service: Service) -> Case:
        person = await person_of(service, user)
        assert person is not None
        async with self.parts.database.read() as transaction:
            found = await cases.open_case(transaction, person.person_id)
        assert found is not None
        return found

    async def do(self, act: Callable[..., Awaitable[Any]], *values: Any) -> Any:
        actor = await self.operator()
        async with self.parts.database.begin() as transaction:
            return await act(transaction, actor, *values)


async def agreed(sandbox: Sandbox) -> SandboxUser:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    return user


async def test_a_takeover_cuts_the_running_reply_and_no_late_word_comes(
    start: Start, sandbox: Sandbox, texts: Texts, slow: asyncio.Event
) -> None:
    service = await start(max_new_tokens=120)
    user, desk = await agreed(sandbox), Desk(service)
    await answer_to(user, "我妈又打我了，我身上都是伤")  # level 2: a case, and the model answers
    case = await desk.case(user, service)
    assert (case.level, case.state) == (2, CaseState.OPEN)
    slow.clear()
    sent = await user.say("今天学校里的事我想和你说说")
    await asyncio.wait_for(slow.wait(), 20)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    joined = await user.wait_for(texts("zh", "human_joined"), after=sent, timeout_s=20)
    said = await desk.do(
        desk.parts.operators.takeover.say, case.case_id, "我是值班的林老师，我在。"
    )
    assert said.lease_until_at is not None
    relayed = await user.wait_for("我是值班的林老师，我在。", after=sent, timeout_s=20)
    assert relayed.message_id > joined.message_id
    await at_rest(service, sandbox)
    later = [m.text for m in user.messages if m.from_bot and m.message_id > sent]
    assert later == [joined.text, relayed.text]


async def test_words_go_to_the_operator_and_never_into_a_prompt(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, RISK)
    desk = Desk(service)
    case = await desk.case(user, service)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    ear = Ear()
    desk.parts.operators.desk.events.add(ear)
    await user.say("你真的是人吗")
    await until(lambda: "person_said:你真的是人吗" in ear.heard)
    await desk.do(desk.parts.operators.takeover.say, case.case_id, "是的，我是人。")
    await user.wait_for("是的，我是人。", timeout_s=20)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
        session = turns[-1].session_id
        rounds = await transcripts.recent_rounds(transaction, person.person_id, session, limit=50)
    assert [t.text for t in turns if t.role is Speaker.OPERATOR] == ["是的，我是人。"]
    assert not any("是的，我是人。" in words for pair in rounds for words in pair)


async def test_what_is_no_text_is_told_to_the_operator_and_not_answered(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, RISK)
    desk = Desk(service)
    case = await desk.case(user, service)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    joined = await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    ear = Ear()
    desk.parts.operators.desk.events.add(ear)
    await user.send_sticker()
    await until(lambda: "person_said:" in ear.heard)
    await desk.do(desk.parts.operators.takeover.hand_back, case.case_id)
    await user.wait_for(texts("zh", "human_left"), timeout_s=20)
    said = [m.text for m in user.messages if m.from_bot and m.message_id > joined.message_id]
    assert said == [texts("zh", "human_left")]


async def test_a_silent_operator_loses_the_conversation(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    clock = OffsetClock()
    service = await start(clock=clock)
    user, desk = await agreed(sandbox), Desk(service)
    await answer_to(user, RISK)
    case = await desk.case(user, service)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    joined = await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    clock.ahead = LEASE - timedelta(seconds=5)
    await desk.do(desk.parts.operators.takeover.say, case.case_id, "我还在。")  # renews
    clock.ahead = LEASE + timedelta(minutes=5)
    await desk.parts.operators.desk.escalation.tick()
    assert (await desk.case(user, service)).lease_until_at is not None
    clock.ahead = 2 * LEASE
    told = await user.wait_for(
        texts("zh", "human_silent")[:20], after=joined.message_id, timeout_s=20
    )
    case = await desk.case(user, service)
    assert (case.state, case.claimed_by, case.lease_until_at) == (CaseState.OPEN, None, None)
    sent = await user.say("有人吗")
    reply = await user.wait_for(None, after=sent, timeout_s=20)  # the script goes on
    assert reply.message_id > told.message_id
    with pytest.raises(RefusedError, match="no_takeover"):
        await desk.do(desk.parts.operators.takeover.say, case.case_id, "我回来了")
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)  # claims again
    done = await desk.do(desk.parts.operators.takeover.hand_back, case.case_id, "已约好明天再谈")
    assert done.state is CaseState.CLAIMED
    await user.wait_for(texts("zh", "human_left"), after=sent, timeout_s=20)
    async with service.parts.database.read() as transaction:
        verdict = await audit_check.verify(transaction)
        acts = [record.act for record in await audit.page(transaction, case_id=case.case_id)]
    assert verdict.broken_at is None
    assert acts[:3] == ["handed_back", "taken_over", "claimed"]


async def test_a_word_after_the_lease_is_answered_at_once(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    """The person need not wait for the clock's loop."""
    clock = OffsetClock()
    service = await start(clock=clock, every_s={"escalation": 3600})
    user, desk = await agreed(sandbox), Desk(service)
    await answer_to(user, RISK)
    case = await desk.case(user, service)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    clock.ahead = LEASE + timedelta(seconds=1)
    sent = await user.say("还在吗")
    await user.wait_for(texts("zh", "human_silent")[:20], after=sent, timeout_s=20)
    assert (await desk.case(user, service)).lease_until_at is None


async def test_in_a_takeover_only_a_graver_message_gets_the_reviewed_reply(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, RISK)
    desk = Desk(service)
    case = await desk.case(user, service)
    await desk.do(desk.parts.operators.takeover.begin, case.case_id)
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    again = await user.say("我就是想死")
    grave = await user.say("我刚吞了一整瓶安眠药")
    reply = await user.wait_for("急救电话", after=grave, timeout_s=20)
    between = [m for m in user.messages if m.from_bot and again < m.message_id < reply.message_id]
    assert between == []
    after = await desk.case(user, service)
    assert after.level == 4
    assert after.lease_until_at is not None  # the human stays
    async with service.parts.database.read() as transaction:
        assert await inbox_queue.count_open(transaction) == 0
