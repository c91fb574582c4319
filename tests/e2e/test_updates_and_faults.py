"""Odd updates, faults of Telegram, restarts: nothing stops, nothing is lost or doubled."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr

from bot.cli.trace import trace
from bot.service.http_server import SECRET_HEADER, WEBHOOK_PATH
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.messages import inbox_queue
from tests.e2e.conftest import person_of
from tests.support.waiting import at_rest, until


@pytest.mark.parametrize("kind", ["sticker", "voice", "photo", "location", "contact"])
async def test_what_cannot_be_read_is_said_so(user: SandboxUser, texts: Texts, kind: str) -> None:
    sent = await getattr(user, f"send_{kind}")()
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text == texts("zh", "unreadable")


async def test_a_caption_is_read(user: SandboxUser, texts: Texts) -> None:
    sent = await user.send_photo(caption="我想自杀")
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])


async def test_an_edit_into_danger_is_noticed(user: SandboxUser, texts: Texts) -> None:
    sent = await user.say("今天还行")
    reply = await user.wait_for(None, after=sent, timeout_s=60)
    await user.edit(sent, "我想自杀")
    reply = await user.wait_for(None, after=reply.message_id, timeout_s=20)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 900_001},
        {"update_id": 900_002, "message": "not a message"},
        {"update_id": 900_003, "message": {"message_id": 1, "date": 0, "chat": {}}},
        {"update_id": 900_004, "poll_answer": {"poll_id": 5}},
        {"update_id": 900_005, "message": {"text": "\ud800"}},
        {"update_id": "900006"},
        {"message": {}},
        [],
    ],
)
async def test_malformed_updates_do_not_stop_the_loop(
    service: Service, user: SandboxUser, texts: Texts, update: dict[str, object]
) -> None:
    await service.parts.receiving.intake.receive(update)
    sent = await user.say("/help")
    await user.wait_for(texts("zh", "help")[:6], after=sent, timeout_s=20)
    async with service.parts.database.read() as transaction:
        assert await inbox_queue.count_open(transaction) == 0


async def test_a_repeated_update_is_a_no_op(
    service: Service, sandbox: Sandbox, user: SandboxUser, texts: Texts
) -> None:
    update = {
        "update_id": 77_000_000,
        "message": {
            "message_id": 5000,
            "date": 1_700_000_000,
            "chat": {"id": user.id, "type": "private", "first_name": "x"},
            "from": {"id": user.id, "is_bot": False, "first_name": "x"},
            "text": "/help",
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
        },
    }
    await service.parts.receiving.intake.receive(update)
    await user.wait_for(texts("zh", "help")[:6], timeout_s=20)
    for _ in range(3):
        await service.parts.receiving.intake.receive(update)
    sent = await user.say("/privacy")
    await user.wait_for("保存", after=sent, timeout_s=20)
    assert sum(m.text == texts("zh", "help") for m in user.messages) == 1


@pytest.mark.parametrize("kind", ["429", "500", "502", "drop"])
async def test_a_send_that_fails_is_made_again(
    user: SandboxUser, sandbox: Sandbox, texts: Texts, kind: str
) -> None:
    sandbox.faults.add(method="sendMessage", kind=kind, times=1)
    sent = await user.say("我想死")
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=30)


async def test_a_lost_answer_doubles_no_reply(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    sandbox.faults.add(method="sendMessage", kind="lost_answer", times=1)
    sent = await user.say("你好")
    await user.wait_for(None, after=sent, timeout_s=60)
    await at_rest(service, sandbox)
    reply, offer = [m for m in user.messages if m.from_bot and m.message_id > sent]
    assert offer.text == texts("zh", "reply_lost")
    assert reply.text != offer.text
    hops = await trace(service.parts.database, user.id)
    assert hops[-1]["sent"][0]["state"] == "unknown"


async def test_a_restart_finishes_what_was_open(
    sandbox: Sandbox, start: Callable[..., Awaitable[Service]], user: SandboxUser, service: Service
) -> None:
    await (
        service.parts.receiving.lanes.aclose()
    )  # words are stored, and no lane takes them: as in a crash
    sent = await user.say("今天有点难过")
    person = await person_of(service, user)
    assert person is not None
    await until(lambda: sandbox.pending_updates == 0)
    await service.aclose()
    again = await start()
    await user.wait_for(None, after=sent, timeout_s=60)
    hops = await trace(again.parts.database, user.id)
    assert hops[-1]["ended_as"] == "answered"
    async with again.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [turn.text for turn in turns if turn.role == "person"] == ["今天有点难过"]


async def test_new_cuts_a_reply_short(service: Service, user: SandboxUser, texts: Texts) -> None:
    await user.say("你好")
    sent = await user.say("/new")
    reply = await user.wait_for(None, after=sent, timeout_s=30)
    assert reply.text == texts("zh", "new")
    async with service.parts.database.read() as transaction:
        assert await inbox_queue.count_open(transaction) == 0


async def test_a_blocked_person_is_noticed(service: Service, user: SandboxUser) -> None:
    await user.block()

    async def is_blocked() -> bool:
        person = await person_of(service, user)
        return person is not None and person.blocked_at is not None

    await until(is_blocked)


async def test_the_webhook_wants_its_secret(
    sandbox: Sandbox, start: Callable[..., Awaitable[Service]]
) -> None:
    service = await start(webhook_url="http://127.0.0.1:9", webhook_secret=SecretStr("a-secret"))
    url = f"http://127.0.0.1:{service.http_port}"
    update = {"update_id": 5, "poll": {}}
    async with httpx.AsyncClient() as client:
        wrong = await client.post(url + WEBHOOK_PATH, json=update, headers={SECRET_HEADER: "no"})
        right = await client.post(
            url + WEBHOOK_PATH, json=update, headers={SECRET_HEADER: "a-secret"}
        )
        ready = await client.get(url + "/readyz")
        page = await client.get(url + "/metrics")
    assert (wrong.status_code, right.status_code, ready.status_code) == (403, 200, 200)
    assert "pica_inbox_open" in page.text
