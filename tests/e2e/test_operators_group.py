"""Operators work in their group: topics, buttons, commands; what is theirs stays theirs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.service.lifecycle import Service
from bot.texts import Texts
from review.cases.desk import Desk
from sandbox import Sandbox, SandboxUser
from storage import utc_now
from storage.database import schema_review
from storage.ids import CaseId
from storage.review import audit, audit_check, cases, notes, operators
from storage.review.cases import CaseState, Resolution
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees
from tests.e2e.operators_cast import GRAVE, QUIET, Group, told
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
SECRET = "这个人我上周也见过"


@pytest.fixture
async def group(sandbox: Sandbox, start: Start) -> Group:
    """The group with two operators and somebody who is none; a service is running."""
    bo = sandbox.add_user(901, first_name="Bo")
    service = await start(operators=frozenset({sandbox.operator.id, bo.id}))
    chat = sandbox.operators_chat_id
    eve = sandbox.add_user(first_name="Eve")
    return Group(sandbox, service, chat, sandbox.operator, bo, eve)


@pytest.fixture
def service(group: Group) -> Service:
    return group.service


@pytest.fixture
async def mei(group: Group, sandbox: Sandbox) -> SandboxUser:
    """Somebody who has agreed."""
    user = sandbox.add_user()
    await newcomer_agrees(user)
    return user


@pytest.fixture
async def at_risk(group: Group, mei: SandboxUser) -> SandboxUser:
    """Somebody whose case operators have been told of."""
    await answer_to(mei, GRAVE)
    await group.sees(told("case_opened", case=1))
    return mei


@pytest.fixture
async def talking(group: Group, at_risk: SandboxUser, texts: Texts) -> SandboxUser:
    """Somebody whose conversation Ann has taken over."""
    await group.presses(group.ann, "takeover")
    await at_risk.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await group.sees(told("case_taken_over", operator="Operator", case=1))
    return at_risk


async def case_of(service: Service, number: int = 1) -> cases.Case:
    async with service.parts.database.read() as transaction:
        found = await cases.get(transaction, CaseId(number))
    assert found is not None
    return found


async def test_a_grave_case_has_a_topic_that_names_nobody(
    group: Group, at_risk: SandboxUser
) -> None:
    assert list(group.topics().values()) == ["#1 · 3 · 自杀"]
    notice = await group.sees(GRAVE, case=1)
    assert [label for row in notice.buttons for label, _ in row] == ["我来", "接手对话", "了结"]
    assert "当地时间：不明 · 语言：中文 · 地区：不明" in notice.text
    await answer_to(at_risk, "我刚吞了一整瓶安眠药")
    await group.sees(told("case_raised", case=1, level=4), case=1)
    await at_rest(group.service, group.sandbox)
    assert list(group.topics().values()) == ["#1 · 4 · 自杀, 身体紧急情况"]
    other = group.sandbox.add_user()
    await newcomer_agrees(other)
    await answer_to(other, GRAVE)
    await group.sees(lambda m: "#2" in m.text and told("case_in_line", count=1) in m.text, case=2)


async def test_further_words_at_risk_are_told_once(
    group: Group, at_risk: SandboxUser, texts: Texts
) -> None:
    again, spoken = "我就是不想活了", "我真的想死"
    await answer_to(at_risk, again)
    more = await group.sees(told("case_more", case=1), case=1)
    assert more.text.endswith(again)
    await group.presses(group.ann, "takeover")
    await at_risk.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await at_risk.say(spoken)
    await group.sees(told("case_person_at_risk", case=1, level=3), case=1)
    await at_rest(group.service, group.sandbox)
    assert [m for m in group.said() if spoken in m.text and m.message_id > more.message_id] == [
        m for m in group.said() if m.text.startswith("⚠️") and spoken in m.text
    ]


async def test_two_operators_claim_at_once_and_one_is_told_who_has_it(
    group: Group, at_risk: SandboxUser, service: Service
) -> None:
    await asyncio.gather(group.presses(group.ann, "claim"), group.presses(group.bo, "claim"))
    await group.sees("认领了个案 #1", case=1)
    await at_rest(service, group.sandbox)
    case = await case_of(service)
    winner, loser = (group.ann, group.bo) if case.claimed_by == 1 else (group.bo, group.ann)
    refusal = told("case_taken", case=1, holder=winner.first_name)
    assert loser.toasts == [refusal]
    assert winner.toasts and refusal not in winner.toasts
    assert sum("认领了" in m.text for m in group.said()) == 1


async def test_a_stranger_in_the_group_gets_nothing(
    group: Group, at_risk: SandboxUser, service: Service
) -> None:
    before = [m.text for m in group.said()]
    answers = len(group.sandbox.method_calls("answerCallbackQuery"))
    for verb in ("claim", "takeover", "resolve"):
        await group.presses(group.stranger, verb)
    forged = {
        "id": "77",
        "from": {"id": group.stranger.id, "is_bot": False, "first_name": "Eve"},
        "chat_instance": "1",
        "data": "case:1:helped",
        "message": {
            "message_id": 5,
            "date": 1,
            "chat": {"id": group.chat, "type": "supergroup", "title": "x"},
        },
    }
    group.sandbox.send_raw_update({"update_id": 900_001, "callback_query": forged})
    private = {
        **forged,
        "id": "78",
        "message": {
            "message_id": 6,
            "date": 1,
            "chat": {"id": group.stranger.id, "type": "private", "first_name": "Eve"},
        },
    }
    group.sandbox.send_raw_update({"update_id": 900_002, "callback_query": private})
    for command in ("/claim", "/takeover", "/reply 你好", "/resolve helped", "/note x"):
        await group.writes(group.stranger, command)
    await group.writes(group.stranger, "/claim 1", case=None)
    await at_rest(service, group.sandbox)
    case = await case_of(service)
    assert (case.state, case.claimed_by) == (CaseState.OPEN, None)
    assert [m.text for m in group.said()] == before
    assert group.stranger.toasts == []
    assert len(group.sandbox.method_calls("answerCallbackQuery")) == answers
    async with service.parts.database.read() as transaction:
        assert await operators.by_telegram_id(transaction, group.stranger.id) is None


async def test_another_group_is_not_the_operators_chat(
    group: Group, at_risk: SandboxUser, service: Service
) -> None:
    data = {
        "id": "79",
        "from": {"id": group.ann.id, "is_bot": False, "first_name": "Ann"},
        "chat_instance": "1",
        "data": "case:1:claim",
        "message": {
            "message_id": 5,
            "date": 1,
            "chat": {"id": -1009, "type": "supergroup", "title": "x"},
        },
    }
    group.sandbox.send_raw_update({"update_id": 900_003, "callback_query": data})
    await at_rest(service, group.sandbox)
    assert (await case_of(service)).state is CaseState.OPEN


async def test_who_was_removed_can_do_nothing(
    group: Group, at_risk: SandboxUser, service: Service
) -> None:
    async with service.parts.database.begin() as transaction:
        bo = await operators.by_telegram_id(transaction, group.bo.id)
        assert bo is not None
        await operators.change(transaction, bo.operator_id, removed_at=transaction.now)
    await group.presses(group.bo, "claim")
    await group.writes(group.bo, "/claim")
    await at_rest(service, group.sandbox)
    assert (await case_of(service)).state is CaseState.OPEN
    assert group.bo.toasts == []


async def test_plain_words_of_operators_never_reach_the_person(
    group: Group, talking: SandboxUser, service: Service
) -> None:
    before = [m.text for m in talking.messages]
    bots = await group.writes(group.ann, SECRET)
    await group.writes(group.bo, SECRET, reply_to=bots)
    said = await group.sees(told("case_taken_over", operator="Operator", case=1))
    await group.writes(group.ann, SECRET, reply_to=said.message_id)  # answers the bot, not a prompt
    await group.writes(group.ann, SECRET, case=None)
    await group.writes(group.ann, f"/note {SECRET}")
    await group.sees(told("case_noted", operator="Operator", case=1) + SECRET, case=1)
    await at_rest(service, group.sandbox)
    assert [m.text for m in talking.messages] == before
    async with service.parts.database.read() as transaction:
        case = await case_of(service)
        assert case.person_id is not None
        kept = await notes.of_case(transaction, case.case_id, case.person_id)
        rows = (await transaction.execute(select(schema_review.audit.c.act))).scalars().all()
    assert [note.text for note in kept] == [SECRET]  # what was not asked to be kept is not
    assert rows.count("noted") == 1


async def test_a_reply_reaches_the_person_and_is_echoed(
    group: Group, talking: SandboxUser, texts: Texts
) -> None:
    await group.writes(group.ann, "/reply 我是值班的林老师。\n我在。")
    joined = await talking.wait_for(texts("zh", "human_joined"))
    relayed = await talking.wait_for("我是值班的林老师。\n我在。", timeout_s=20)
    assert relayed.message_id > joined.message_id
    await group.sees(told("relay_sent", case=1) + "👤 值守人员：我是值班的林老师。", case=1)
    await talking.say("今天上班了")
    await group.sees(told("case_person_said", case=1) + "今天上班了", case=1)
    await talking.say("我就是想死")
    await group.sees(told("case_person_at_risk", case=1, level=3) + "我就是想死", case=1)
    await group.writes(group.ann, "/r 我在听")
    await talking.wait_for(lambda m: m.text == "👤 值守人员：我在听", timeout_s=20)
    await group.writes(group.ann, "/reply 1 2 3", case=1)  # in a topic no number is needed
    await talking.wait_for(lambda m: m.text == "👤 值守人员：1 2 3", timeout_s=20)


async def test_a_reply_by_the_prompt(
    group: Group, talking: SandboxUser, texts: Texts, service: Service
) -> None:
    await group.presses(group.ann, "reply")
    prompt = await group.sees(texts("zh", "reply_prompt", case=1), case=1)
    words = "请告诉我你现在在哪里"
    sent = await group.writes(group.ann, words, reply_to=prompt.message_id)
    await talking.wait_for(words, timeout_s=20)
    await group.sees(told("relay_sent", case=1) + "👤 值守人员：" + words, case=1)
    await group.ann.edit(sent, "改了", chat_id=group.chat)
    await group.ann.edit(sent, "又改了", chat_id=group.chat)
    await group.sees(texts("zh", "edit_not_sent"), case=1)
    await at_rest(service, group.sandbox)
    assert sum(texts("zh", "edit_not_sent") in m.text for m in group.said()) == 1
    assert not any("改了" in m.text for m in talking.messages)


async def test_who_has_not_taken_over_cannot_reply(
    group: Group, talking: SandboxUser, texts: Texts, service: Service
) -> None:
    await group.writes(group.bo, "/reply 我来说")
    await group.sees(told("not_yours", holder="Operator", case=1), case=1)
    await group.writes(group.ann, "/handback 先这样")
    await talking.wait_for(texts("zh", "human_left"), timeout_s=20)
    await group.sees("小结：先这样", case=1)
    await group.writes(group.ann, "/reply 还有一句")
    await group.sees(told("no_takeover", case=1), case=1)
    await at_rest(service, group.sandbox)
    assert not any("我来说" in m.text or "还有一句" in m.text for m in talking.messages)


async def test_what_was_not_delivered_is_said(
    group: Group, talking: SandboxUser, service: Service
) -> None:
    group.sandbox.faults.add("sendMessage", "lost_answer")
    await group.writes(group.ann, "/reply 你听得到吗")
    await group.sees(told("relay_unknown", case=1) + "👤 值守人员：你听得到吗", case=1)
    await talking.block()
    await group.writes(group.ann, "/reply 在吗")
    await group.sees(told("relay_blocked", case=1) + "👤 值守人员：在吗", case=1)


async def test_a_deleted_topic_is_made_anew(
    group: Group, talking: SandboxUser, service: Service
) -> None:
    first = group.topic()
    group.sandbox.delete_topic(group.chat, first)
    await talking.say("还在吗")
    await group.sees("还在吗")
    assert list(group.topics()) != [first]
    await group.sees("还在吗", case=1)
    assert (await case_of(service)).thread_id == group.topic()


async def test_forget_deletes_the_topic(
    group: Group, talking: SandboxUser, texts: Texts, service: Service
) -> None:
    await talking.say("/forget")
    await talking.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await talking.press("forget:yes")
    await group.sees(told("case_erased", case=1, level=3))
    await at_rest(service, group.sandbox)
    assert group.topics() == {}
    assert not any(GRAVE in m.text for m in group.said())
    assert (await case_of(service)).thread_id is None


async def test_a_topic_is_deleted_though_telegram_was_away(
    group: Group, talking: SandboxUser, texts: Texts, service: Service
) -> None:
    group.sandbox.faults.add("deleteForumTopic", "502", times=2)
    await talking.say("/forget")
    await talking.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await talking.press("forget:yes")
    await group.sees(told("case_erased", case=1, level=3))
    await until(lambda: group.topics() == {})


async def test_a_resolved_case_closes_its_topic_and_old_buttons_say_so(
    group: Group, at_risk: SandboxUser, texts: Texts, service: Service
) -> None:
    await group.writes(group.ann, "/claim")
    await group.sees("认领了个案 #1", case=1)
    await group.presses(group.ann, "resolve")
    await group.sees(texts("zh", "resolve_ask", case=1), case=1)
    await group.presses(group.ann, "false_alarm")
    await group.sees(told("case_resolved", operator="Operator", case=1) + "误报", case=1)
    await at_risk.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    await at_rest(service, group.sandbox)
    assert group.sandbox.closed_topics(group.chat) == [group.topic()]
    case = await case_of(service)
    assert (case.state, case.resolution) == (CaseState.RESOLVED, Resolution.FALSE_ALARM)
    await group.presses(group.bo, "claim")
    await until(lambda: bool(group.bo.toasts))
    assert group.bo.toasts == [texts("zh", "case_gone", case=1)]


async def test_a_whole_case_leaves_a_whole_trail(
    group: Group, talking: SandboxUser, texts: Texts, service: Service
) -> None:
    await group.writes(group.ann, "/reply 我在")
    await talking.wait_for(lambda m: m.text == "👤 值守人员：我在", timeout_s=20)
    await group.presses(group.ann, "handback")
    await talking.wait_for(texts("zh", "human_left"), timeout_s=20)
    await group.presses(group.ann, "release")
    await group.sees(told("case_released", operator="Operator", case=1), case=1)
    await group.writes(group.bo, "/resolve referred")
    await group.sees(told("case_resolved", operator="Bo", case=1) + "已转介", case=1)
    async with service.parts.database.read() as transaction:
        verdict = await audit_check.verify(transaction)
        acts = [each.act for each in await audit.page(transaction, case_id=CaseId(1))]
    assert verdict.broken_at is None
    for act in (
        "opened",
        "claimed",
        "taken_over",
        "operator_said",
        "handed_back",
        "released",
        "resolved",
    ):
        assert act in acts


async def test_in_a_group_without_topics_the_number_says_which_case(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    operator = sandbox.operator
    chat = sandbox.add_group("plain", [operator], forum=False)
    await start(operators_chat=chat)
    users: list[Any] = [sandbox.add_user(), sandbox.add_user()]
    for number, user in enumerate(users, 1):
        await newcomer_agrees(user)
        await answer_to(user, GRAVE)
        await operator.wait_for(told("case_opened", case=number), chat_id=chat, timeout_s=20)
    assert len(sandbox.method_calls("createForumTopic")) == 1  # asked once, then no more
    await operator.say_in_group(chat, "/takeover 2")
    await users[1].wait_for(texts("zh", "human_joined"), timeout_s=20)
    await operator.say_in_group(chat, "/reply 没有编号")
    await operator.wait_for(texts("zh", "which_case"), chat_id=chat, timeout_s=20)
    await operator.say_in_group(chat, "/reply #2 我在")
    await users[1].wait_for(lambda m: m.text == "👤 值守人员：我在", timeout_s=20)
    await operator.say_in_group(chat, "/replay 2 打错了")
    await operator.wait_for(texts("zh", "commands"), chat_id=chat, timeout_s=20)
    assert not any("编号" in m.text or "打错" in m.text for u in users for m in u.messages)


async def test_the_group_became_another(
    group: Group, at_risk: SandboxUser, service: Service
) -> None:
    new = group.sandbox.add_group("moved", [group.ann, group.bo], forum=True)
    group.sandbox.send_raw_update(
        {
            "update_id": 900_009,
            "message": {
                "message_id": 9,
                "date": 1,
                "migrate_to_chat_id": new,
                "from": {"id": group.ann.id, "is_bot": False, "first_name": "Ann"},
                "chat": {"id": group.chat, "type": "supergroup", "title": "x"},
            },
        }
    )
    await group.ann.say_in_group(new, "/claim 1")
    await group.ann.wait_for("认领了个案 #1", chat_id=new, timeout_s=20)
    assert (await case_of(service)).claimed_by is not None


async def test_a_takeover_cuts_the_running_reply(
    group: Group, mei: SandboxUser, texts: Texts, service: Service, slow: asyncio.Event
) -> None:
    await answer_to(mei, QUIET)  # a case of level 2: the model goes on answering
    slow.clear()
    sent = await mei.say("今天学校里的事我想和你说说")
    await asyncio.wait_for(slow.wait(), 20)
    await group.writes(group.ann, "/takeover 1", case=None)
    joined = await mei.wait_for(texts("zh", "human_joined"), after=sent, timeout_s=20)
    await group.sees(told("case_person_said", case=1) + "今天学校里的事我想和你说说")
    await group.writes(group.ann, "/reply 1 我是林老师", case=None)
    relayed = await mei.wait_for("我是林老师", after=sent, timeout_s=20)
    await at_rest(service, group.sandbox)
    later = [m.text for m in mei.messages if m.from_bot and m.message_id > sent]
    assert later == [joined.text, relayed.text]
    assert group.topics() == {}  # level 2 has no topic


async def test_a_topic_that_the_bot_may_not_delete_is_asked_for_once(
    group: Group,
    at_risk: SandboxUser,
    texts: Texts,
    service: Service,
) -> None:
    group.sandbox.faults.add(
        "deleteForumTopic",
        "refusal",
        times=99,
        status=400,
        description="Bad Request: not enough rights to manage topics",
    )
    await at_risk.say("/forget")
    await at_risk.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await at_risk.press("forget:yes")
    await group.sees(texts("zh", "topic_not_deleted", case=1))
    await service.parts.upkeep.sweep.run()
    await at_rest(service, group.sandbox)
    asked = [m for m in group.said() if m.text == texts("zh", "topic_not_deleted", case=1)]
    assert len(asked) == 1
    assert asked[0].thread_id is None


async def test_topics_end_with_the_words_they_hold(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    ahead = timedelta()
    service = await start(clock=lambda: utc_now() + ahead, retention_days=30)
    user, chat = sandbox.add_user(), sandbox.operators_chat_id
    await newcomer_agrees(user)
    await answer_to(user, GRAVE)
    await close_case(sandbox, 1)
    await user.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    ahead = timedelta(days=29)
    await service.parts.upkeep.sweep.run()
    await at_rest(service, sandbox)
    assert len(sandbox.topics(chat)) == 1
    ahead = timedelta(days=31)
    await service.parts.upkeep.sweep.run()
    await at_rest(service, sandbox)
    assert sandbox.topics(chat) == {}


async def test_an_act_that_fails_for_good_is_said(
    group: Group,
    at_risk: SandboxUser,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Desk, "claim", breaks)
    await group.writes(group.ann, "/claim")
    await group.sees(texts("zh", "act_failed"), timeout_s=30)
