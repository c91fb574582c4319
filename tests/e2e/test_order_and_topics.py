"""The order of one person's updates, the topics of their chat, and a backlog after a downtime."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from bot.service.http_server import SECRET_HEADER, WEBHOOK_PATH
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage import utc_now
from storage.messages import inbox_queue
from tests.e2e.conftest import answer_to, newcomer_agrees, opening
from tests.e2e.operators_cast import GRAVE, told
from tests.e2e.test_broken_parts import heard, message_of
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]


class Posts:
    """Telegram's posts to the webhook, in an order of the test's choice."""

    def __init__(self, service: Service, user: SandboxUser) -> None:
        self.service = service
        self.user = user
        self.url = f"http://127.0.0.1:{service.http_port}{WEBHOOK_PATH}"

    async def post(self, *updates: tuple[int, str]) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for number, text in updates:
                update = {"update_id": number, "message": message_of(self.user, text=text)}
                headers = {SECRET_HEADER: "a-secret"}
                assert (await client.post(self.url, json=update, headers=headers)).is_success
        await self.service.idle(timeout_s=60)

    async def open_rows(self) -> int:
        async with self.service.parts.database.read() as transaction:
            return await inbox_queue.count_open(transaction)


@pytest.fixture
async def posts(start: Start, sandbox: Sandbox) -> Posts:
    service = await start()
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await at_rest(service, sandbox)
    await service.aclose()
    again = await start(webhook_url="http://127.0.0.1:9", webhook_secret=SecretStr("a-secret"))
    return Posts(again, user)


async def test_a05_words_before_the_new_that_precedes_them(posts: Posts, texts: Texts) -> None:
    await posts.post((10**9 + 2, "今天还行"), (10**9 + 1, "/new"))
    said = [m.text for m in posts.user.messages if m.from_bot]
    assert said[-2] == texts("zh", "new")
    assert await posts.open_rows() == 0
    assert await heard(posts.service, posts.user) == ["今天还行"]


async def test_a05_messages_are_merged_in_order(posts: Posts) -> None:
    await posts.post((10**9 + 3, "三"), (10**9 + 1, "一"), (10**9 + 2, "二"))
    assert await heard(posts.service, posts.user) == ["一\n二\n三"]


async def test_a05_a_command_waits_for_the_words_before_it(posts: Posts, texts: Texts) -> None:
    await posts.post((10**9 + 2, "/help"), (10**9 + 1, "今天还行"))
    said = [m.text for m in posts.user.messages if m.from_bot]
    assert said[-1] == texts("zh", "help")
    assert await heard(posts.service, posts.user) == ["今天还行"]


async def test_a05_a_new_that_comes_late_ends_no_newer_words(posts: Posts, texts: Texts) -> None:
    await posts.post((10**9 + 5, "今天还行"))
    await posts.post((10**9 + 4, "/new"), (10**9 + 3, "早"))
    assert await posts.open_rows() == 0
    assert (await heard(posts.service, posts.user))[0] == "今天还行"


async def test_a11_replies_stay_in_their_topic(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    one, other = user.open_topic("一"), user.open_topic("二")

    def said(thread_id: int | None) -> list[str]:
        return [m.text for m in user.messages_in(user.id, thread_id) if m.from_bot]

    for text in ("/help", "/privacy", "今天还行", "/nonsense", "/memory", "/checkin"):
        sent = await user.say(text, thread_id=one)
        await user.wait_for(None, after=sent, timeout_s=60)
        await at_rest(service, sandbox)
    plain = said(None)
    assert plain[-len(said(one)) :] == said(one)
    assert len(said(one)) >= 6
    await user.say("早上好", thread_id=one)
    await user.say("晚上好", thread_id=other)
    await user.say("/help", thread_id=other)
    await at_rest(service, sandbox)
    assert (await heard(service, user))[-2:] == ["早上好", "晚上好"]
    assert said(other)[-1] == texts("zh", "help")
    assert len(said(other)) == 2


@pytest.mark.usefixtures("slow")
async def test_a11_a_draft_is_in_the_topic(service: Service, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    topic = user.open_topic("一")
    sent = await user.say("今天还行", thread_id=topic)
    await user.wait_for(None, after=sent, thread_id=topic, timeout_s=60)
    calls = sandbox.method_calls("sendMessageDraft") + sandbox.method_calls("sendChatAction")
    assert {str(call.params.get("message_thread_id")) for call in calls} == {str(topic)}


async def test_a11_crisis_operator_and_buttons_stay_in_the_topic(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    topic = user.open_topic("一")
    sent = await user.say(GRAVE, thread_id=topic)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, thread_id=topic)
    await at_rest(service, sandbox)
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(told("case_opened", case=1), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), thread_id=topic, timeout_s=20)
    await at_rest(service, sandbox)
    await user.press("region:CN")
    await user.wait_for(texts("zh", "region_saved_lines")[:4], thread_id=topic, timeout_s=20)
    sent = await user.say("/forget", thread_id=topic)
    await user.wait_for(opening(texts, "forget_ask"), after=sent, thread_id=topic)
    await user.press("forget:yes")
    await user.wait_for(opening(texts, "forgotten"), thread_id=topic, timeout_s=20)


async def test_a11_a_topic_that_is_gone_costs_no_reply(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    last = user.messages[-1].message_id
    fields = {"message_thread_id": 999_999, "is_topic_message": True}
    sandbox.send_raw_update({"message": message_of(user, text=GRAVE, **fields)})
    reply = await user.wait_for(None, after=last, timeout_s=30)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])


async def test_a14_a_backlog_is_answered_with_one_honest_sentence(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    ahead = timedelta()
    service = await start(clock=lambda: utc_now() + ahead)
    people = [sandbox.add_user() for _ in range(3)]
    for person in people:
        await newcomer_agrees(person)
    await at_rest(service, sandbox)
    await service.aclose()
    calm, grave, newcomer = *people[:2], sandbox.add_user()
    for text in ("今天不太好", "/help", "还在吗"):
        await calm.say(text)
    await grave.say(GRAVE)
    await newcomer.say("/start")
    ahead = timedelta(hours=5)
    service = await start(clock=lambda: utc_now() + ahead)
    await at_rest(service, sandbox)
    late = texts("zh", "late_hours", hours=5, days=0)
    for person in (calm, grave, newcomer):
        said = [m.text for m in person.messages if m.from_bot]
        assert said.count(late) == 1
    said = [m.text for m in calm.messages if m.from_bot]
    assert said.index(late) < said.index(texts("zh", "help"))
    fresh = message_of(people[2], text="/help", date=int((utc_now() + ahead).timestamp()))
    sandbox.send_raw_update({"message": fresh})
    await at_rest(service, sandbox)
    assert late not in [m.text for m in people[2].messages]


async def test_a14_an_hour_and_a_wrong_clock_are_no_backlog(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    ahead = timedelta()
    service = await start(clock=lambda: utc_now() + ahead)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    ahead = timedelta(hours=5)  # the clock jumps while the service runs
    assert "小时前" not in await answer_to(user, "/help")
    await service.aclose()
    ahead = timedelta(hours=1)
    await user.say("/help")
    service = await start(clock=lambda: utc_now() + ahead)
    await at_rest(service, sandbox)
    assert not any("小时前" in m.text for m in user.messages if m.from_bot)
