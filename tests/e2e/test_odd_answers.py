"""Something else answers in Telegram's place, or Telegram says something new: all arrives."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, event, select
from structlog.testing import capture_logs
from telegram.error import InvalidToken

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage import utc_now
from storage.companion import people
from storage.database.schema import outbox
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import GRAVE, told
from tests.e2e.test_outages import (
    emergency_was_used,
    everything_is_answered,
    fixed_replies,
)
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
BLOCKED = "Forbidden: bot was blocked by the user"
ODD: list[dict[str, Any]] = [
    *({"kind": "page", "status": status} for status in (400, 401, 403, 404, 407, 429, 520)),
    # Three more of this kind.
    {"kind": "page", "status": 302},
    {"kind": "json", "status": 403, "answer": {"ok": False, "error_code": 403}},
    {
        "kind": "json",
        "status": 400,
        "answer": {"ok": False, "error_code": 403, "description": BLOCKED},
    },
    {"kind": "empty", "status": 403},
    {"kind": "page", "status": 200},
    {"kind": "json", "status": 403, "answer": {"error": "forbidden"}},
    {"kind": "json", "status": 200, "answer": {"result": {}}},
    {"kind": "refusal", "status": 401, "description": "Unauthorized"},
    {"kind": "refusal", "status": 404, "description": "Not Found"},
    {"kind": "refusal", "status": 429, "description": "Too Many Requests"},
    {"kind": "refusal", "status": 400, "description": "Bad Request: SOMETHING_NEW"},
    {"kind": "refusal", "status": 403, "description": "Forbidden: something new"},
]
NAMES = ["-".join(str(value) for value in fault.values()) for fault in ODD]


def said_after(user: SandboxUser, message_id: int) -> list[str]:
    return [m.text for m in user.messages if m.from_bot and m.message_id > message_id]


async def is_sent(service: Service) -> bool:
    async with service.parts.database.read() as transaction:
        found = (await transaction.execute(select(outbox.c.state))).scalars()
        return set(found) <= {"sent"}


@pytest.mark.parametrize("fault", ODD, ids=NAMES)
async def test_a_fixed_reply_arrives_once(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, fault: dict[str, Any]
) -> None:
    planned = sandbox.faults.add("sendMessage", times=2, chat_id=user.id, **fault)
    sent = await user.say(GRAVE)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=30)
    assert planned.times == 0
    await until(lambda: is_sent(service))
    begins = [text[:8] for text in said_after(user, sent)]
    assert begins[0] == texts("zh", "crisis_suicide")[:8]
    assert begins.count(begins[0]) == 1
    person = await person_of(service, user)
    assert person is not None
    assert person.blocked_at is None


@pytest.mark.parametrize("fault", ODD[::4], ids=NAMES[::4])  # the same path as above
async def test_an_ordinary_reply_arrives_once(
    service: Service, user: SandboxUser, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    sandbox.faults.add("sendMessage", chat_id=user.id, **fault)
    sent = await user.say("你好")
    await user.wait_for(None, after=sent, timeout_s=60)
    await until(lambda: is_sent(service))
    assert len(said_after(user, sent)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "page", "status": 403},
        {"kind": "refusal", "status": 400, "description": "Bad Request: something new"},
    ],
)
async def test_the_emergency_sender_tries_again(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, fault: dict[str, Any]
) -> None:
    is_full = True

    def limit(connection: Connection) -> None:
        # SQLite raises the limit to the present size where it is lower.
        connection.exec_driver_sql(f"PRAGMA max_page_count={1 if is_full else 2**30}")

    event.listen(service.parts.database.engine.sync_engine, "begin", limit)
    words = [f"第{number}句" * 300 for number in range(12)]
    for text in words:
        await user.say(text)
    planned = sandbox.faults.add("sendMessage", times=2, chat_id=user.id, **fault)
    grave = f"{GRAVE}，{'真的好累' * 900}"  # too long for the pages that are left
    sent = await user.say(grave)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=60)
    assert planned.times == 0
    await emergency_was_used(service)
    is_full = False
    await everything_is_answered(service, user, [*words, grave])
    assert len(fixed_replies(user, texts)) == 1


async def test_an_ordinary_reply_is_given_up_after_a_day(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    ahead = timedelta()
    service = await start(clock=lambda: utc_now() + ahead)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    sandbox.faults.add("sendMessage", "page", times=999, status=404, chat_id=user.id)
    await user.say("/help")

    async def fails(state: str) -> bool:
        async with service.parts.database.read() as transaction:
            rows = (await transaction.execute(select(outbox).order_by(outbox.c.outbox_id))).all()
        return rows[-1].attempts > 0 and rows[-1].state == state

    await until(lambda: fails("queued"))
    ahead = timedelta(hours=25)
    service.parts.delivery.wake()
    await until(lambda: fails("failed"))


async def test_a_known_refusal_is_final(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    sandbox.faults.add("sendMessage", "refusal", status=403, description=BLOCKED, chat_id=user.id)
    await user.say("/help")

    async def is_blocked() -> bool:
        person = await person_of(service, user)
        return person is not None and person.blocked_at is not None

    await until(is_blocked)


@pytest.mark.parametrize("act", ["say", "command", "sticker", "edit"])
async def test_whatever_they_send_says_that_they_do_not_block(
    service: Service, user: SandboxUser, act: str
) -> None:
    first = await user.say("/help")
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.begin() as transaction:
        await people.set_blocked(transaction, user.id, utc_now())
    acts: dict[str, Callable[[], Awaitable[Any]]] = {
        "say": lambda: user.say("我回来了"),
        "command": lambda: user.say("/privacy"),
        "sticker": user.send_sticker,
        "edit": lambda: user.edit(first, "你好"),
    }
    await acts[act]()

    async def is_free() -> bool:
        found = await person_of(service, user)
        return found is not None and found.blocked_at is None

    await until(is_free)


async def test_words_of_another_chat_unblock_nobody(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    await user.block()

    async def is_blocked() -> bool:
        person = await person_of(service, user)
        return person is not None and person.blocked_at is not None

    await until(is_blocked)
    await at_rest(service, sandbox)
    assert await is_blocked()  # the block itself is nothing that they send


@pytest.mark.parametrize(
    "description", ["Bad Request: CHAT_RESTRICTED", "Bad Request: something new"]
)
async def test_a_notice_of_a_case_is_tried_again(
    service: Service, user: SandboxUser, sandbox: Sandbox, description: str
) -> None:
    chat = sandbox.operators_chat_id
    with capture_logs() as logs:
        sandbox.faults.add(
            "sendMessage", "refusal", times=3, status=400, description=description, chat_id=chat
        )
        await user.say(GRAVE)
        await sandbox.operator.wait_for(GRAVE, chat_id=chat, timeout_s=40)
    said = [log for log in logs if log["event"] == "operators_chat_unreachable"]
    assert len(said) == 1


async def test_a_group_whose_general_topic_is_closed(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    """What stands behind goes its way; the notice waits, is tried seldom and is said once."""
    chat, other = sandbox.operators_chat_id, sandbox.add_user()
    await answer_to(user, GRAVE)
    await sandbox.operator.wait_for(GRAVE, chat_id=chat, timeout_s=30)
    await newcomer_agrees(other)
    sandbox.close_general(chat)
    with capture_logs() as logs:
        await answer_to(other, GRAVE)

        def refused() -> list[float]:
            calls = sandbox.method_calls()
            return [call.at for call in calls if call.outcome.endswith("TOPIC_CLOSED")]

        await until(lambda: bool(refused()))
        again = "我就是不想活了"
        await user.say(again)  # its topic is open
        more = await sandbox.operator.wait_for(again, chat_id=chat, timeout_s=20)
        assert more.text.startswith(told("case_more", case=1))
        await until(lambda: len(refused()) >= 3)
        first, second, third = refused()[:3]
        assert third - second > second - first  # it is tried less and less often
        url = f"http://127.0.0.1:{service.http_port}/metrics"
        async with httpx.AsyncClient(trust_env=False) as client:
            page = (await client.get(url)).text
        assert "pica_outbox_stuck 1.0" in page
        sandbox.close_general(chat, closed=False)
        await sandbox.operator.wait_for("#2", chat_id=chat, timeout_s=60)
    assert [log["event"] for log in logs].count("operators_chat_unreachable") == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "page", "status": 404},
        {"kind": "page", "status": 200},
        {"kind": "json", "status": 200, "answer": []},
        {"kind": "empty", "status": 401},
        {"kind": "refusal", "status": 401, "description": "Unauthorized"},
        {"kind": "refusal", "status": 404, "description": "Not Found"},
        {"kind": "refusal", "status": 429, "description": "Too Many Requests"},
    ],
)
async def test_an_odd_answer_to_a_poll_ends_nothing(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts, fault: dict[str, Any]
) -> None:
    with capture_logs() as logs:
        planned = sandbox.faults.add("getUpdates", times=2, **fault)
        await user.say("/privacy")  # ends the poll that waits

        async def is_hit() -> bool:
            return planned.times == 0

        await until(is_hit)
        sent = await user.say("/help")
        await user.wait_for(texts("zh", "help")[:6], after=sent, timeout_s=30)
    events = [log["event"] for log in logs]
    assert events.count("poll_failed") + events.count("token_refused") == 1
    assert all((await service.readiness()).values())


async def test_a_token_that_is_refused_for_long_is_no_secret(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    sandbox.faults.add("getUpdates", "refusal", times=3, status=401, description="Unauthorized")
    await user.say("/privacy")

    async def is_ready() -> bool:
        return all((await service.readiness()).values())

    async def is_known() -> bool:
        return not (await service.readiness())["token"]

    await until(is_known)
    sent = await user.say("/help")
    await user.wait_for(texts("zh", "help")[:6], after=sent, timeout_s=40)
    assert await is_ready()


@pytest.mark.parametrize("method", ["setMyCommands", "deleteWebhook"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429", "retry_after": 1},
        {"kind": "page", "status": 404},
        {"kind": "refusal", "status": 401, "description": "Unauthorized"},
        {"kind": "refusal", "status": 400, "description": "Bad Request: something new"},
        {"kind": "drop"},
        {"kind": "page", "status": 200},
        {"kind": "502"},
        {"kind": "json", "status": 200, "answer": {"ok": True}},
    ],
)
async def test_what_is_only_nice_to_have_stops_no_start(
    start: Start, sandbox: Sandbox, texts: Texts, method: str, fault: dict[str, Any]
) -> None:
    sandbox.faults.add(method, **fault)
    service = await start()
    user = sandbox.add_user()
    sent = await user.say("/help")
    await user.wait_for(None, after=sent, timeout_s=30)
    assert all((await service.readiness()).values())

    async def is_told() -> bool:
        return any(call.outcome == "ok" for call in sandbox.method_calls(method))

    await until(is_told)


async def test_a_webhook_is_set_though_telegram_was_odd(start: Start, sandbox: Sandbox) -> None:
    sandbox.faults.add("setWebhook", "429", retry_after=1)
    await start(webhook_url="http://127.0.0.1:9", webhook_secret=SecretStr("a-secret"))

    async def is_told() -> bool:
        return any(call.outcome == "ok" for call in sandbox.method_calls("setWebhook"))

    await until(is_told)


async def test_a_start_outlives_an_odd_answer_and_not_a_wrong_token(
    start: Start, sandbox: Sandbox
) -> None:
    sandbox.faults.add("getMe", "page", status=404)
    service = await start()
    await service.aclose()
    sandbox.faults.add("getMe", "refusal", status=401, description="Unauthorized")
    with pytest.raises(InvalidToken):
        await start()
