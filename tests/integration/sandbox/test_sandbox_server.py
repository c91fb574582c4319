"""The server itself: malformed calls, other web pages, stopping, what it keeps quiet about."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any

import httpx
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, MessageHandler, filters

from sandbox import Limits, Sandbox


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"text": "\\ud800", "chat_id": 1}'),
        ("application/json", b'{"text": NaN}'),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded", b"%ff=%zz&&&="),
        ("application/x-www-form-urlencoded", b"entities=[{}&text=x"),
        ("image/png", b"\x00"),
    ],
)
async def test_malformed_bodies(sandbox: Sandbox, content_type: str, body: bytes) -> None:
    async with httpx.AsyncClient(verify=False) as client:
        answer = await client.post(
            f"{sandbox.api_url}/bot{sandbox.token}/sendMessage",
            content=body,
            headers={"Content-Type": content_type},
        )
    assert answer.status_code == 400
    assert answer.json()["error_code"] == 400


@pytest.mark.parametrize("how", ["query", "form", "multipart", "json", "json_text"])
async def test_every_way_to_send_parameters(sandbox: Sandbox, how: str) -> None:
    user = sandbox.add_user()
    await user.say("hi")
    url = f"{sandbox.api_url}/bot{sandbox.token}/sendMessage"
    values: dict[str, Any] = {"chat_id": str(user.id), "text": "你好"}
    async with httpx.AsyncClient(verify=False) as client:
        if how == "query":
            answer = await client.get(url, params=values)
        elif how == "form":
            answer = await client.post(url, data=values)
        elif how == "multipart":
            answer = await client.post(url, data=values, files={"unused": b"x"})
        elif how == "json":
            answer = await client.post(url, json={**values, "chat_id": user.id})
        else:
            answer = await client.post(url, json=values)
    assert answer.json()["result"]["text"] == "你好"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_other_sites_are_kept_out(sandbox: Sandbox, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(verify=False, base_url=sandbox.web_url, headers=headers) as client:
        for path in ("/", f"/bot{sandbox.token}/getMe"):
            assert (await client.get(path)).status_code == 403
        assert (await client.post("/people", data={"first_name": "x"})).status_code == 403


async def test_forms_need_an_origin_and_pages_carry_the_policy(sandbox: Sandbox) -> None:
    before = len(sandbox.users)
    async with httpx.AsyncClient(verify=False, base_url=sandbox.web_url) as client:
        assert (await client.post("/people", data={"first_name": "x"})).status_code == 403
        own = {"Origin": sandbox.web_url}
        added = await client.post("/people", data={"first_name": "x"}, headers=own)
        assert added.status_code == 303
        page = await client.get(added.headers["location"])
    assert len(sandbox.users) == before + 1
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert " style=" not in page.text
    assert "<script>" not in page.text


async def test_only_real_pictures_are_shown_in_place(sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await user.send_document('x".html', b"<script>alert(1)</script>")
    await user.send_photo(content=b"<svg onload=alert(1)>")
    await user.send_photo()
    async with httpx.AsyncClient(verify=False, base_url=sandbox.web_url) as client:
        page = (await client.get(f"/people/{user.id}")).text
        links = dict.fromkeys(re.findall(r"/files/[^\"?]+", page))
        answers = [await client.get(link) for link in links]
        missing = await client.get("/files/none")
    assert [a.headers["content-type"] for a in answers] == [
        "application/octet-stream",
        "application/octet-stream",
        "image/png",
    ]
    assert answers[0].headers["content-disposition"] == 'attachment; filename="x_.html"'
    assert missing.status_code == 404


async def test_stops_at_once_with_open_polls_and_streams() -> None:
    sandbox = Sandbox(limits=Limits.off())
    await sandbox.start()
    user = sandbox.add_user()
    async with httpx.AsyncClient(verify=False, base_url=sandbox.web_url, timeout=20) as client:
        poll = asyncio.create_task(
            client.get(f"/bot{sandbox.token}/getUpdates", params={"timeout": 50})
        )
        async with client.stream("GET", f"/people/{user.id}/stream") as stream:
            await anext(stream.aiter_text())
            began = time.monotonic()
            await sandbox.stop()
            assert time.monotonic() - began < 2
        assert (await poll).json() == {"ok": True, "result": []}


async def test_nothing_private_in_the_logs(
    bot: Bot, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    user = sandbox.add_user()
    await user.say("hi, secret words")
    await bot.send_message(user.id, "more secret words")
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("bot.", "uvicorn", "asyncio"))
    ]
    assert not [line for line in ours if "secret" in line or sandbox.token in line]


async def test_a_whole_application_runs(sandbox: Sandbox) -> None:
    async def start(update: Update, _: Any) -> None:
        assert update.message is not None
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="go")]])
        await update.message.reply_text("welcome", reply_markup=keys)

    async def echo(update: Update, _: Any) -> None:
        assert update.message is not None
        await update.message.reply_text(f"you said {update.message.text}")

    async def press(update: Update, _: Any) -> None:
        assert update.callback_query is not None
        await update.callback_query.answer("gone")
        await update.callback_query.edit_message_text("went")

    app = (
        Application.builder()
        .token(sandbox.token)
        .base_url(f"{sandbox.api_url}/bot")
        .base_file_url(f"{sandbox.api_url}/file/bot")
        .build()
    )
    app.add_handler(CommandHandler("start", start))
    app.add_handler(MessageHandler(filters.TEXT, echo))
    app.add_handler(CallbackQueryHandler(press))
    alice, bo = sandbox.add_user(first_name="Alice"), sandbox.add_user(first_name="Bo")
    async with app:
        assert app.updater is not None
        await app.updater.start_polling()
        await app.start()
        await alice.say("/start")
        await alice.wait_for("welcome")
        await alice.press("Go")
        assert (await alice.wait_for("went")).edited
        said = await bo.say("好")
        assert (await bo.wait_for(lambda m: "好" in m.text, after=said)).text == "you said 好"
        assert [m.text for m in alice.messages if m.from_bot] == ["went"]
        assert alice.toasts == ["gone"]
        with pytest.raises(TimeoutError, match="no 'never'"):
            await alice.wait_for("never", timeout_s=0.05)
        await app.updater.stop()
        await app.stop()
    outcomes = {call.outcome for call in sandbox.method_calls()}
    assert outcomes <= {"ok", "hung up"}
