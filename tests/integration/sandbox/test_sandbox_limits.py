"""Limits by an injected clock, and every fault on demand."""

from __future__ import annotations

import time

import pytest
from sandbox_cast import BotFactory
from telegram import Bot
from telegram.error import BadRequest, Conflict, Forbidden, NetworkError, RetryAfter, TimedOut

from sandbox import Faults, Sandbox
from tests.support.clock import ManualClock

# python-telegram-bot warns in RetryAfter's own constructor that it will hold a timedelta.
pytestmark = pytest.mark.filterwarnings("ignore:.*retry_after.*:DeprecationWarning")


async def _refused_for_s(act: object) -> int:
    with pytest.raises(RetryAfter) as caught:
        await act  # type: ignore[misc]
    assert isinstance(caught.value.retry_after, int)
    return caught.value.retry_after


async def test_burst_then_one_a_second(
    strict: Sandbox, strict_bot: Bot, clock: ManualClock
) -> None:
    user = strict.add_user()
    await user.say("hi")
    for number in range(5):
        await strict_bot.send_message(user.id, str(number))
    assert await _refused_for_s(strict_bot.send_message(user.id, "too many")) == 1
    clock.now += 1
    sent = await strict_bot.send_message(user.id, "in time")
    assert await _refused_for_s(strict_bot.edit_message_text("x", user.id, sent.id)) == 1
    clock.now += 5
    assert await strict_bot.edit_message_text("edits count too", user.id, sent.id)
    assert len([m for m in user.messages if m.from_bot]) == 6


async def test_thirty_a_second_overall(
    strict: Sandbox, strict_bot: Bot, clock: ManualClock
) -> None:
    users = [strict.add_user() for _ in range(31)]
    for user in users:
        await user.say("hi")
    for user in users[:30]:
        await strict_bot.send_message(user.id, "x")
    assert await _refused_for_s(strict_bot.send_message(users[30].id, "x")) == 1
    clock.now += 1
    await strict_bot.send_message(users[30].id, "x")


async def test_topics_of_a_group_share_twenty_a_minute(
    strict: Sandbox, strict_bot: Bot, clock: ManualClock
) -> None:
    group = strict.operators_chat_id
    topics = [
        (await strict_bot.create_forum_topic(group, f"t{n}")).message_thread_id for n in (1, 2)
    ]
    sent = 2
    while sent < 20:
        clock.now += 1
        await strict_bot.send_message(group, "x", message_thread_id=topics[sent % 2])
        sent += 1
    clock.now += 1
    wait_s = await _refused_for_s(strict_bot.send_message(group, "x"))
    assert 35 < wait_s <= 60
    assert await _refused_for_s(strict_bot.create_forum_topic(group, "t3")) == wait_s
    clock.now += wait_s
    await strict_bot.send_message(group, "x")


async def test_drafts_and_actions_share_a_budget(
    strict: Sandbox, strict_bot: Bot, clock: ManualClock
) -> None:
    user = strict.add_user()
    await user.say("hi")
    for number in range(19):
        await strict_bot.send_message_draft(user.id, 1, f"draft {number}")
    await strict_bot.send_chat_action(user.id, "typing")
    assert await _refused_for_s(strict_bot.send_message_draft(user.id, 1, "more")) == 5
    assert user.drafts == "draft 18"
    clock.now += 5
    await strict_bot.send_message_draft(user.id, 1, "more")
    clock.now += 31
    assert user.drafts is None


async def test_dates_come_from_the_clock(
    strict: Sandbox, strict_bot: Bot, clock: ManualClock
) -> None:
    user = strict.add_user()
    await user.say("hi")
    sent = await strict_bot.send_message(user.id, "x")
    assert sent.date.timestamp() == clock.now
    assert user.messages[-1].date == int(clock.now)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("403", Forbidden), ("409", Conflict), ("500", NetworkError), ("502", NetworkError)],
)
async def test_faults_with_a_status(
    bot: Bot, sandbox: Sandbox, kind: str, error: type[Exception]
) -> None:
    user = sandbox.add_user()
    await user.say("hi")
    sandbox.faults.add(method="sendMessage", kind=kind, times=2)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(error):
            await bot.send_message(user.id, "x")
    await bot.send_message(user.id, "y")
    assert [m.text for m in user.messages if m.from_bot] == ["y"]


async def test_fault_429_says_how_long(bot: Bot, sandbox: Sandbox) -> None:
    user, other = sandbox.add_user(), sandbox.add_user()
    await user.say("hi")
    await other.say("hi")
    sandbox.faults.add(method="sendMessage", kind="429", retry_after=17, chat_id=user.id)
    await bot.send_message(other.id, "not this chat")
    assert await _refused_for_s(bot.send_message(user.id, "x")) == 17
    assert sandbox.method_calls("sendMessage")[-1].error_code == 429


async def test_dropped_before_acceptance(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await user.say("hi")
    sandbox.faults.add(method="sendMessage", kind="drop")
    with pytest.raises(NetworkError):
        await bot.send_message(user.id, "x")
    assert [m for m in user.messages if m.from_bot] == []
    assert sandbox.method_calls("sendMessage")[-1].outcome == "dropped"
    await bot.send_message(user.id, "y")


async def test_answer_lost_after_acceptance(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await user.say("hi")
    sandbox.faults.add(method="sendMessage", kind="lost_answer")
    with pytest.raises(NetworkError):
        await bot.send_message(user.id, "x")
    assert [m.text for m in user.messages if m.from_bot] == ["x"]
    assert sandbox.method_calls("sendMessage")[-1].outcome == "answer lost"


async def test_slow_becomes_a_timeout(sandbox: Sandbox, make_bot: BotFactory) -> None:
    user = sandbox.add_user()
    await user.say("hi")
    async with make_bot(sandbox, read_s=0.3) as bot:
        sandbox.faults.add(method="sendMessage", kind="slow", delay_s=0.6)
        began = time.monotonic()
        with pytest.raises(TimedOut):
            await bot.send_message(user.id, "x")
        assert time.monotonic() - began < 0.6
    await user.wait_for("x")


async def test_topic_deleted_under_the_bot(bot: Bot, sandbox: Sandbox) -> None:
    group = sandbox.operators_chat_id
    topic = (await bot.create_forum_topic(group, "t")).message_thread_id
    sandbox.faults.add(method="sendMessage", kind="topic_deleted")
    for _ in range(2):
        with pytest.raises(BadRequest, match=r"(?i)message thread not found"):
            await bot.send_message(group, "x", message_thread_id=topic)
    assert sandbox.topics(group) == {}


async def test_faults_hit_polls_too_and_can_be_cleared(bot: Bot, sandbox: Sandbox) -> None:
    sandbox.faults.add(method="getUpdates", kind="409")
    with pytest.raises(Conflict):
        await bot.get_updates()
    sandbox.faults.add(method="*", kind="500", times=9)
    sandbox.faults.clear()
    assert await bot.get_updates() == ()
    with pytest.raises(ValueError, match="no such fault"):
        Faults().add("sendMessage", "418")  # type: ignore[arg-type]
