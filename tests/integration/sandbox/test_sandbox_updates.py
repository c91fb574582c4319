"""Offsets, redelivery, long polls and webhooks behave as Telegram's."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sandbox_cast import BotFactory
from telegram import Bot, Update
from telegram.error import BadRequest, Conflict

from sandbox import Sandbox
from tests.support.waiting import until


async def _texts(bot: Bot, **parameters: Any) -> list[str | None]:
    return [u.message.text for u in await bot.get_updates(**parameters) if u.message]


async def test_redelivered_until_confirmed(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    for text in ("a", "b", "c"):
        await user.say(text)
    first = await bot.get_updates(limit=2)
    assert [u.message.text for u in first if u.message] == ["a", "b"]
    assert await _texts(bot) == ["a", "b", "c"]
    assert await _texts(bot, offset=first[0].update_id + 1) == ["b", "c"]
    assert await _texts(bot) == ["b", "c"]
    assert await _texts(bot, offset=-1) == ["c"]
    assert sandbox.pending_updates == 1


async def test_ids_rise_by_one(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await user.say("a")
    await user.say("b")
    one, two = await bot.get_updates()
    assert two.update_id == one.update_id + 1


async def test_long_poll_returns_on_arrival(bot: Bot, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    poll = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await user.say("hello")
    assert [u.message.text for u in await poll if u.message] == ["hello"]
    assert time.monotonic() - began < 1


async def test_long_poll_ends_empty(bot: Bot) -> None:
    began = time.monotonic()
    assert await bot.get_updates(timeout=1) == ()
    assert 0.8 < time.monotonic() - began < 2


async def test_second_poll_ends_the_first(bot: Bot, sandbox: Sandbox, make_bot: BotFactory) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    async with make_bot(sandbox) as other:
        second = asyncio.create_task(other.get_updates(timeout=10))
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await first
        await sandbox.add_user().say("for the second")
        assert len(await second) == 1


async def test_a_caller_that_hangs_up_loses_nothing(bot: Bot, sandbox: Sandbox) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    poll.cancel()
    await asyncio.sleep(0.1)
    await sandbox.add_user().say("still here")
    assert await _texts(bot) == ["still here"]
    assert [c.outcome for c in sandbox.method_calls("getUpdates")] == ["hung up", "ok"]


async def test_allowed_updates(bot: Bot, sandbox: Sandbox) -> None:
    await bot.get_updates(allowed_updates=[Update.CALLBACK_QUERY])
    user = sandbox.add_user()
    await user.say("not wanted")
    assert sandbox.pending_updates == 0
    await bot.get_updates(allowed_updates=[])
    await user.say("wanted")
    await user.block()
    kinds = [u.effective_user is not None for u in await bot.get_updates()]
    assert len(kinds) == 2


async def asked(bot: Bot, offset: int) -> list[Any]:
    """Updates as the server sends them: the library reads none that is malformed."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{bot.base_url}/getUpdates", json={"offset": offset})
    found: list[Any] = answer.json()["result"]
    return found


async def test_raw_updates_pass_through(bot: Bot, sandbox: Sandbox) -> None:
    sandbox.send_raw_update({"update_id": 5, "message": {}})
    sandbox.send_raw_update({"nonsense": [1, {"a": "half \ud800"}]})
    sandbox.send_raw_update({"update_id": "text"})
    calls = await asked(bot, 0)
    assert calls[0] == {"update_id": 5, "message": {}}
    assert calls[1]["nonsense"] == [1, {"a": "half \ud800"}]
    assert calls[2] == {"update_id": "text"}
    await asked(bot, calls[1]["update_id"] + 2)
    assert sandbox.pending_updates == 0


@dataclass
class Hook:
    """A listener that answers with the statuses it was given, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    posted: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = json.loads(await reader.readexactly(int(fields["Content-Length"])))
        self.seen.append((fields.get("X-Telegram-Bot-Api-Secret-Token", ""), body))
        self.posted.set()
        status = self.statuses.pop(0) if self.statuses else 200
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.seen) < count:
                self.posted.clear()
                await self.posted.wait()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?x=1"
    yield made
    server.close()
    await server.wait_closed()


async def test_webhook_posts_with_the_secret(bot: Bot, sandbox: Sandbox, hook: Hook) -> None:
    assert await bot.set_webhook(hook.url, secret_token="s3cret_-")
    await sandbox.add_user().say("a")
    await hook.wait(1)
    secret, body = hook.seen[0]
    assert hmac.compare_digest(secret, "s3cret_-")
    update = Update.de_json(body, bot)
    assert update.message is not None
    assert update.message.text == "a"
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    assert await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""


async def test_webhook_retries_in_order(bot: Bot, sandbox: Sandbox, hook: Hook) -> None:
    hook.statuses = [500, 404]
    await bot.set_webhook(hook.url)
    user = sandbox.add_user()
    await user.say("a")
    await user.say("b")
    await hook.wait(2)
    info = await bot.get_webhook_info()
    assert info.last_error_message is not None
    assert info.last_error_message.startswith("Wrong response from the webhook:")
    await hook.wait(4)
    assert [body["message"]["text"] for _, body in hook.seen] == ["a", "a", "a", "b"]
    await until(lambda: sandbox.pending_updates == 0)


async def test_webhook_with_nobody_there(bot: Bot, sandbox: Sandbox) -> None:
    await bot.set_webhook("http://127.0.0.1:1/x")
    await sandbox.add_user().say("a")

    async def was_refused() -> bool:
        return (await bot.get_webhook_info()).last_error_message == "Connection refused"

    await until(was_refused)
    assert sandbox.pending_updates == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert sandbox.pending_updates == 0


async def test_set_webhook_ends_a_poll(bot: Bot, hook: Hook) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=10))
    await asyncio.sleep(0.1)
    await bot.set_webhook(hook.url)
    with pytest.raises(Conflict, match="terminated by setWebhook"):
        await poll


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://example.com/hook", None),
        ("http://example.com/hook", None),
        ("http://127.0.0.1:99999/", None),
        ("http://127.0.0.1/\r\nX: y", None),
        ("http://127.0.0.1/x", "with space"),
    ],
)
async def test_webhook_refusals(bot: Bot, url: str, secret: str | None) -> None:
    with pytest.raises(BadRequest):
        await bot.set_webhook(url, secret_token=secret)
